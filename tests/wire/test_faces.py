"""Every row of the joined route table, asked by nobody and by impostors, on both listeners.

The rows are read from the sources, so that a new one is asked about too: what is public has to be written down
here a second time.
"""
import base64
import collections
import http.client
import json
import pathlib
import re
import ssl
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = "GET|HEAD|PUT|POST|PATCH|DELETE"
# What may answer anybody, by decision 22 of the design: probes, the cloud's metadata, and the places that give or
# explain tokens. A failed grant is theirs to refuse.
PUBLIC = {
    "/healthz", "/health", "/version", "/metadata/endpoints", "/discovery",
    "/mlflow/v1.0{WS}/health", "/mlflow/v1.0{WS}/version", "/mlflow/v2.0{WS}/health", "/mlflow/v2.0{WS}/version",
    "/{tenant}/v2.0/.well-known/openid-configuration", "/{tenant}/.well-known/openid-configuration",
    "/{tenant}/discovery/v2.0/keys", "/{tenant}/oauth2/v2.0/token", "/{tenant}/oauth2/token",
    "/{tenant}/oauth2/v2.0/devicecode", "/{tenant}/oauth2/v2.0/authorize", "/{tenant}/oauth2/v2.0/signin",
    "/{tenant}/oauth2/v2.0/logout", "/{tenant}/oauth2/logout",
    "/{tenant}/oauth2/deviceauth", "/{tenant}/discovery/keys", "/common/discovery/instance",
    "/oauth2/signin.js", "/oauth2/signin.css",
}
REFUSED = {400, 401, 403, 404, 405, 415, 421, 429}

Row = collections.namedtuple("Row", "method path mlflow")


def strings(text, macros):
    """The value of C string pieces: literals and names of macros side by side."""
    value = ""
    for literal, name in re.findall(r'"((?:[^"\\]|\\.)*)"|(\w+)', text):
        value += literal if not name else strings(macros[name], macros)
    return value


SHORT = {"HOT": "POST", "PUT_ROW": "PUT", "OPEN": "GET"}    # macros of rows that have their method in them
PIECES = r'(?:"[^"\n]*"|[A-Z]\w*)(?: *(?:"[^"\n]*"|[A-Z]\w*))*'
ROW = re.compile(rf'(?:\b({"|".join(SHORT)})\((?!"[A-Z])|[({{]"({METHODS})", *\n? *)(?:(BASE_\w+), )?({PIECES}) *[,)]')
NO_ROUTES = {"gateway", "cli", "runner", "scoring", "http", "route"}


def definitions(file):
    """Macros that are texts, of the file and of all headers."""
    text = "".join(f.read_text() for f in [*ROOT.glob("src/*/*.h"), file]).replace("\\\n", " ")
    found = dict(re.findall(rf"#define (\w+) +({PIECES}) *(?:/\*.*)?$", text, re.M))
    return {**found, "WORKSPACE_PATH": '"{WS}"'}


def rows():
    """All of src: {"GET", PATH, …}, ROW("GET", PATH, …), HOT(PATH, …), OPEN(PATH, …)."""
    found = set()
    for file in sorted(ROOT.glob("src/*/*.c")):
        text = file.read_text().replace("\\\n", " ")
        if file.stem.endswith("_test") or file.parent.name in NO_ROUTES or "struct route" not in text:
            continue
        macros = definitions(file)
        prefixes = {name: re.findall(r'"([^"]*)"', pieces)
                    for name, pieces in re.findall(r"\[(BASE_\w+)\] = \{([^}]*)\}", text)}
        for shorthand, method, base, path in ROW.findall(re.sub(r"#define .*", "", text)):
            value = strings(path, macros)
            if not value.startswith("/"):
                continue
            method = method or SHORT[shorthand]
            for start in prefixes.get(base or "BASE_2", [""]):
                for root in ("", "/mlflow/v1.0{WS}", "/mlflow/v2.0{WS}") if prefixes else ("",):
                    found.add(Row(method, root + start + value, bool(prefixes)))
    return sorted(found)


ROWS = rows()


def unsigned(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


CREDENTIALS = {
    "none": {},
    "empty": {"Authorization": ""},
    "garbage": {"Authorization": "Bearer garbage"},
    "unsigned": {"Authorization": f"Bearer {unsigned({'alg': 'none'})}.{unsigned({'sub': 'admin', 'exp': 9999999999})}."},
    "basic": {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()},
    "key": {"Authorization": "SharedKey lz0:" + base64.b64encode(bytes(32)).decode()},
    "cookie": {"Cookie": "token=admin", "x-ms-client-principal": "admin", "X-Forwarded-For": "127.0.0.1"},
}


@pytest.fixture(scope="module")
def places(server):
    connect = server.connect()
    group = f"/subscriptions/{connect['subscription']}/resourceGroups/{connect['resourceGroup']}"
    workspace = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{connect['workspace']}"
    trust = ssl.create_default_context(cafile=connect["caFile"])
    tls = urllib.parse.urlsplit(connect["endpoint"]).netloc
    plain = urllib.parse.urlsplit(connect["mlflowTrackingUri"]).netloc
    return {"WS": workspace, "connect": connect,
            "tls": lambda: http.client.HTTPSConnection(tls, timeout=30, context=trust),
            "plain": lambda: http.client.HTTPConnection(plain, timeout=30)}


def target(path, places):
    connect = places["connect"]
    known = {"WS": places["WS"], "subscription": connect["subscription"], "group": connect["resourceGroup"],
             "resourceGroup": connect["resourceGroup"], "workspace": connect["workspace"], "type": "jobs",
             "account": "lz0", "suffix": "core.test", "tenant": connect["tenant"]}
    return re.sub(r"\{(\w+)\*?\}", lambda m: known.get(m.group(1), "x"), path)


def ask(connection, row, places, headers):
    body = b"{}" if row.method in ("PUT", "POST", "PATCH", "DELETE") else None
    given = {"Content-Type": "application/json", **headers}
    try:
        connection.request(row.method, target(row.path, places), body, given)
        reply = connection.getresponse()
    except (http.client.HTTPException, ConnectionError):     # closed after a refusal: once more on a new one
        connection.close()
        connection.request(row.method, target(row.path, places), body, given)
        reply = connection.getresponse()
    text = reply.read()
    return reply.status, dict(reply.getheaders()), text


def test_table_is_read():
    """The rows of each face are among those found, so that the other tests do not pass on nothing."""
    paths = {row.path for row in ROWS}
    assert {"/healthz", "/lazurite/v1/stop", "/api/2.0/mlflow/runs/create",
            "/mlflow/v2.0{WS}/api/2.0/mlflow/runs/log-batch", "/api/2.0/mlflow-artifacts/artifacts/{path*}",
            "/{account}.blob.{suffix}/{container}/{blob*}", "/{tenant}/oauth2/v2.0/token",
            "/metadata/endpoints", "/lazurite/v1/attempts/{attempt}/events"} <= paths
    assert any("providers" in path and "{type}" in path for path in paths)
    assert len(ROWS) > 300


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_tls_listener_answers_nobody(places, credential):
    """Neither without a credential nor with one that is false."""
    connection = places["tls"]()
    answered = []
    for row in ROWS:
        if row.path in PUBLIC:
            continue
        status, headers, text = ask(connection, row, places, CREDENTIALS[credential])
        if status not in REFUSED:
            answered.append((status, row.method, row.path, text[:80]))
        if status == 401 and not row.path.startswith("/{account}"):
            assert "www-authenticate" in {name.lower() for name in headers}, row
    connection.close()
    assert not answered


@pytest.mark.parametrize("credential", [name for name in CREDENTIALS if name not in ("none", "cookie")])
def test_plain_listener_takes_no_false_credential(places, credential):
    """A credential that is shown is checked, also where the user of this machine may do without."""
    connection = places["plain"]()
    answered = []
    for row in ROWS:
        if row.path in PUBLIC or credential == "empty" and row.mlflow:
            continue
        status, _, text = ask(connection, row, places, CREDENTIALS[credential])
        if status not in REFUSED:
            answered.append((status, row.method, row.path, text[:80]))
    connection.close()
    assert not answered


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Host": "evil.example"}], ids=lambda h: next(iter(h)))
def test_plain_listener_knows_pages_of_others(places, headers):
    """A page of another site in the user's browser reaches loopback; it must not get what the user gets."""
    connection = places["plain"]()
    answered = []
    for row in ROWS:
        if row.path in PUBLIC:
            continue
        status, _, text = ask(connection, row, places, headers)
        if status not in REFUSED:
            answered.append((status, row.method, row.path, text[:80]))
    connection.close()
    assert not answered


def test_plain_listener_does_not_carry_all(places):
    """Bytes of blobs, what stops the server and what runners say never go unencrypted, whoever asks."""
    connection = places["plain"]()
    bearer = {"Authorization": "Bearer " + places["connect"]["token"]}
    kept = [row for row in ROWS if row.path.startswith(("/{account}.blob", "/azureml-", "/lazurite/v1/attempts/"))
            or row.path.startswith("/lazurite/v1/") and "{" not in row.path]
    assert len(kept) > 15
    for row in kept:
        status, _, text = ask(connection, row, places, bearer)
        assert status in (404, 421), (status, row, text[:200])
    connection.close()


def test_public_rows_exist_and_nothing_else_is(places):
    """The written list holds no row that is gone, and each row of it does answer anybody."""
    paths = {row.path for row in ROWS}
    assert PUBLIC <= paths
    connection = places["tls"]()
    for row in ROWS:
        if row.path in PUBLIC:
            status, _, _ = ask(connection, row, places, {})
            assert status not in (401, 403, 404), row
    connection.close()
