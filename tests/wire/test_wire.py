"""Golden wire captures: each .http file is requests and the replies they must get, in order.

A file: lines of `# comment` (the source of the reply stands there), a request (method and target, headers, blank
line, body), a line `---`, the reply (status, headers that must be there, blank line, body), a line `===` before the
next exchange. In a reply a JSON object may have more members than the file names; `"{{any}}"` stands for any value,
`"{{list}}"` for any list, `"{{ended}}"` for the state of a job that is over,
`"{{absent}}"` for a member that must not be there, `"{{name}}"` remembers a value or a part
of one, in bodies and headers, for later requests; `{{x*500}}` is 500 times x. A reply body that is no JSON is text
that must be in the reply. `{{WS}}`, `{{RG}}`, `{{SUBSCRIPTION}}`, `{{HOST}}`, `{{TOKEN}}`, `{{ACCOUNT}}`,
`{{STORAGE}}` and `{{CONTAINER}}` are given. `!plain` after the target sends it to the plain listener, `!anonymous`
without the token; `!until` asks again until the reply is the one expected. Each file of captures/ has a workspace of
its own. A target may be a whole URL, as links of replies are: its host is then sent as `Host`. A GET that is
answered 202 where something else is expected is asked again, since an operation goes on.
"""
import http.client
import json
import pathlib
import re
import ssl
import time
import urllib.parse

import pytest

HERE = pathlib.Path(__file__).resolve().parent
FILES = sorted(HERE.glob("*/*.http"))


@pytest.fixture(scope="module")
def known(server):
    connect = server.connect()
    subscription = f"/subscriptions/{connect['subscription']}"
    group = f"{subscription}/resourceGroups/{connect['resourceGroup']}"
    known = {"SUBSCRIPTION": subscription, "RG": group,
             "WS": f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{connect['workspace']}",
             "HOST": urllib.parse.urlsplit(connect["endpoint"]).netloc, "TOKEN": connect["token"],
             "CA": connect["caFile"], "PLAIN": urllib.parse.urlsplit(connect["mlflowTrackingUri"]).netloc}
    return with_storage(known)


def with_storage(known):
    """What a file may say of the workspace and of its own storage."""
    for name, container in (("workspaceblobstore", "CONTAINER"), ("workspaceartifactstore", "ARTIFACTS")):
        _, _, text = send(f"GET {{{{WS}}}}/datastores/{name}?api-version=2024-10-01-preview", known)
        store = json.loads(text)["properties"]
        known.update({"ACCOUNT": store["accountName"], "STORAGE": store["endpoint"], container: store["containerName"]})
    known.update(WORKSPACE=known["WS"].rsplit("/", 1)[1], GROUP=known["RG"].rsplit("/", 1)[1])
    return known


def follow(request, answer, known):
    """Waits for the end of an operation that a write began, as clients do, and asserts that it ended well."""
    headers = {k.lower(): v for k, v in answer[1].items()}
    where = headers.get("azure-asyncoperation") or (headers.get("location") if answer[0] == 202 else None)
    until = time.monotonic() + 60
    while where and not request.strip().startswith("GET"):
        status, _, text = send(f"GET {where}", known)
        state = json.loads(text).get("status") if text[:1] == "{" and "azure-asyncoperation" in headers else None
        if status != 202 and (state is None or state in ("Succeeded", "Failed", "Canceled")):
            assert status in (200, 204) and state in (None, "Succeeded"), (request, text)
            return
        assert time.monotonic() < until, (request, text)
        time.sleep(0.1)


def in_workspace_of_its_own(path, known):
    """Recorded clients were alone with their names."""
    made = {**known, "WS": known["WS"].rsplit("/", 1)[0] + "/captured-" + path.stem[:24]}
    body = {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": {}}
    status, _, text = send("PUT {{WS}}?api-version=2024-10-01\n\n" + json.dumps(body), made)
    assert status == 200, text
    return with_storage(made)


def filled(text, known):
    text = re.sub(r"\{\{(\w)\*(\d+)\}\}", lambda m: m.group(1) * int(m.group(2)), text)
    return re.sub(r"\{\{(\w+)\}\}", lambda m: known.get(m.group(1), m.group(0)), text)


def split_message(text):
    head, _, body = text.strip("\n").partition("\n\n")
    first, *headers = head.split("\n")
    return first, dict(h.split(": ", 1) for h in headers), body.strip()


def exchanges(path, known):
    text = "\n".join(l for l in path.read_text().split("\n") if not l.startswith("# "))
    for part in re.split(r"(?m)^===$", text):
        request, reply = re.split(r"(?m)^---$", part, maxsplit=1)
        yield request, reply


def send(request, known):
    first, headers, body = split_message(filled(request, known))
    method, target, *flags = first.split(" ")
    if "!plain" in flags:
        connection = http.client.HTTPConnection(known["PLAIN"], timeout=30)
    else:
        trust = ssl.create_default_context(cafile=known["CA"])
        connection = http.client.HTTPSConnection(known["HOST"], timeout=30, context=trust)
        if "!anonymous" not in flags:
            headers.setdefault("Authorization", "Bearer " + known["TOKEN"])
    if body and method in ("PUT", "POST", "PATCH", "DELETE"):
        headers.setdefault("Content-Type", "application/json")
    if "://" in target:
        url = urllib.parse.urlsplit(target)
        headers.setdefault("Host", url.netloc)
        target = url.path + ("?" + url.query if url.query else "")
    connection.request(method, target, body.encode() if body else None, headers)
    reply = connection.getresponse()
    answer = reply.status, dict(reply.getheaders()), reply.read().decode()
    connection.close()
    return answer


def learn(want, have, known, where):
    """Asserts that a text is what `want` says; names in it that are new are remembered."""
    if want in ("{{any}}", "{{list}}"):
        assert want == "{{any}}" or isinstance(have, list), f"{where}: {have}"
        return
    if want == "{{ended}}":
        assert have in ("Completed", "Failed", "Canceled"), f"{where}: {have}"
        return
    want = filled(want, known)
    if not re.search(r"\{\{\w+\}\}", want):
        assert want == have, where
        return
    if re.fullmatch(r"\{\{\w+\}\}", want):
        known[want.strip("{}")] = str(have)
        return
    pieces = re.split(r"\{\{(\w+)\}\}", want)
    pattern = "".join(re.escape(x) if i % 2 == 0 else f"(?P<{x}>.+?)" for i, x in enumerate(pieces))
    found = re.fullmatch(pattern, have)
    assert found, f"{where}: {have} is not like {want}"
    known.update(found.groupdict())


def matches(want, have, known, where="$"):
    """Asserts that `have` is what `want` says; objects may have more."""
    if isinstance(want, dict):
        assert isinstance(have, dict), where
        for key, value in want.items():
            key = filled(key, known)
            if value == "{{absent}}":
                assert key not in have, f"{where}.{key} is there"
                continue
            assert key in have, f"{where}.{key} is missing"
            matches(value, have[key], known, f"{where}.{key}")
    elif isinstance(want, list):
        assert isinstance(have, list) and len(want) == len(have), f"{where}: {have}"
        for i, value in enumerate(want):
            matches(value, have[i], known, f"{where}[{i}]")
    elif isinstance(want, str):
        learn(want, have, known, where)
    else:
        assert want == have, where


def ask(request, wanted, known):
    """send(), again and again for a GET that is still 202 where an end is expected."""
    answer = send(request, known)
    until = time.monotonic() + 30
    while answer[0] == 202 and wanted != 202 and request.strip().startswith("GET") and time.monotonic() < until:
        time.sleep(0.2)
        answer = send(request, known)
    return answer


def first_line(request):
    return request.strip().split("\n")[0]


def compare(reply, answer, request, names):
    """Asserts that an answer is the reply of a file; its names are known then."""
    first, headers, body = split_message(reply)
    status, have_headers, have_body = answer
    assert status == int(first), (request, have_body)
    lower = {k.lower(): v for k, v in have_headers.items()}
    for name, value in headers.items():
        assert name.lower() in lower, (name, have_headers)
        if re.search(r"\{\{\w+\}\}", filled(value, names)):
            matches(value, lower[name.lower()], names, name)
        else:
            assert filled(value, names) in lower[name.lower()], (request, name)
    if body and body[0] in "{[":
        matches(json.loads(body), json.loads(have_body), names, first_line(request))
    elif body:
        assert filled(body, names) in have_body, request


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HERE)))
def test_capture(path, known):
    names = in_workspace_of_its_own(path, known) if path.parent.name == "captures" else dict(known)
    for request, reply in exchanges(path, names):
        until = time.monotonic() + (60 if " !until" in first_line(request) else 0)
        while True:
            answer = ask(request, int(reply.split()[0]), names)
            try:
                compare(reply, answer, request, names)
                if path.parent.name == "captures":
                    follow(request, answer, names)
                break
            except AssertionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
