#!/usr/bin/env python3
"""captures.py - turns recorded exchanges of real clients into golden files for tests/wire.

    captures.py RECORDED_FOLDER tests/wire/captures

A recording is JSON: {"scenario", "client", "exchanges": [{"request": {method, host, path, headers, body}, "response":
{status, headers, body}}]}. Its replies are a mock's: what a golden file asks of ours is the status, the members that
are there and their JSON types, and every value that the client sent and got back. Values of a reply that a later
request holds get a name; hosts, workspace and storage account become {{…}} of test_wire.py. Repeated reads without a
write between them are kept once. What is expected otherwise than recorded, and why, stands in OTHERWISE.
"""
import json
import pathlib
import re
import sys
import urllib.parse

ARM, STORAGE = "arm.aml.test:10443", "amlstore.blob.core.aml.test:10443"
DATA_PLANE, LOCAL, LOGIN = "dp.aml.test:10443", "localhost:10443", "login.aml.test:10443"
WS = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/" \
     "Microsoft.MachineLearningServices/workspaces/ws"
KEPT_HEADERS = {"content-type", "if-match", "if-none-match", "x-ms-blob-type", "x-ms-range", "x-ms-version",
                "content-md5", "x-azureml-token"}
SHORTEST_NAME = 8      # shorter values are words, not identities
# Members whose values come and go with the state of a job or the taste of a server.
LOOSE = {"services", "status", "properties", "warnings", "logFiles", "error"}

# A rule is for exchanges of a scenario, method, part of the path and of the body, and says why. `status`: what is
# expected instead, null when the exchange is left out. `without`: members that are not asked for. For a scenario as a
# whole, `after`: what other scenarios did before, as "name" or "name part-of-path"; `prelude`: requests of our own.
OTHERWISE = json.loads((pathlib.Path(__file__).parent / "captures-otherwise.json").read_text())


def rules(scenario, request):
    """What is expected otherwise of one exchange: rules without a method and a path are of the whole scenario."""
    return [rule for rule in OTHERWISE if re.fullmatch(rule["scenario"], scenario)
            and rule.get("method", request["method"]) == request["method"]
            and re.search(rule.get("path", ""), request["path"])
            and re.search(rule.get("body", ""), json.dumps(request["body"]))]


def placed(text):
    """Hosts and the workspace's path as test_wire.py knows them."""
    text = re.sub(r"/subscriptions/[0-9a-f-]{36}/resource[gG]roups/rg/providers/Microsoft.MachineLearningServices"
                  r"/workspaces/ws(?![\w-])", "{{WS}}", text)
    text = re.sub(r"/subscriptions/[0-9a-f-]{36}/resource[gG]roups/rg(?![\w-])", "{{RG}}", text)
    text = re.sub(r"/subscriptions/00000000-0000-0000-0000-000000000001(?![\w-])", "{{SUBSCRIPTION}}", text)
    text = re.sub(r"(?<=[rR]oups/)rg/workspaces/ws(?![\w-])", "{{GROUP}}/workspaces/{{WORKSPACE}}", text)
    text = re.sub(rf"https://{re.escape(STORAGE)}/azureml(?=[/?])",
                  "https://{{ACCOUNT}}.blob.{{STORAGE}}/{{ARTIFACTS}}", text)
    text = text.replace(f"https://{STORAGE}", "https://{{ACCOUNT}}.blob.{{STORAGE}}")
    text = text.replace("azureml-blobstore-ws", "{{CONTAINER}}").replace("/cc/", "/{{CONTAINER}}/")
    text = text.replace("amlmock", "captured")
    text = text.replace(STORAGE.split(".blob.")[1], "{{STORAGE}}")
    for host in (ARM, DATA_PLANE, LOGIN):
        text = text.replace(host, "{{HOST}}")
    return text


def address(request):
    """The whole URL of a request to storage, else its path."""
    stored = request["host"] == STORAGE or (request["host"] == LOCAL and ".blob.core." in request["path"])
    return f"https://{request['host']}{request['path']}" if stored else request["path"]


class File:
    """One golden file on its way: what was named so far, and the text."""

    def __init__(self, recording):
        self.scenario = recording["scenario"]
        self.without = set()     # members that are not asked for in the exchange at hand
        self.client = recording["client"]
        self.exchanges = recording["exchanges"]
        self.names = {}          # recorded text -> {{name}}
        self.count = {}
        self.read = set()        # reads since the last write
        self.parts = []

    def later(self, index):
        """The text of all requests behind this one."""
        requests = [(address(e["request"]), e["request"]) for e in self.exchanges[index + 1:]]
        return "\n".join(urllib.parse.unquote(where + json.dumps(r)) + where + json.dumps(r) for where, r in requests)

    def name(self, key, value):
        stem = re.sub(r"\W", "", key) or "value"
        self.count[stem] = self.count.get(stem, 0) + 1
        self.names[value] = "{{%s%d}}" % (stem, self.count[stem])
        return self.names[value]

    def named(self, text):
        """A request's text with the names of what earlier replies told."""
        text = placed(text)
        for value in sorted(self.names, key=len, reverse=True):
            for form in {value, urllib.parse.quote(value, safe=""), urllib.parse.quote(value, safe="/")}:
                text = text.replace(placed(form), self.names[value])
        return text

    def shape(self, have, sent, key, later):
        """What a reply must be: types, echoes, and names for what is used later."""
        if isinstance(have, dict):
            sent = sent if isinstance(sent, dict) else {}
            return {self.named(k): self.shape(v, sent.get(k), k, later) for k, v in have.items()
                    if k not in self.without and (v not in (None, "", {}, []) or (k in sent and sent[k] == v))}
        if isinstance(have, list):
            return "{{list}}"
        if not isinstance(have, str):
            return have if sent == have else "{{any}}"
        if have.startswith("sv=") and "sig=" in have:
            return "{{any}}" if have in self.names or have not in later else self.name(key, have)
        if have in self.names and "sig=" not in have:
            return self.names[have]
        if have == sent and "REDACTED" not in have:
            return self.named(have)
        if "sig=" in have and "?" in have and have.split("?")[0] in later:
            base, query = have.split("?", 1)
            return self.name(key, base) + "?" + self.name("signature", query)
        if (len(have) >= SHORTEST_NAME or key == "experiment_id") and have in later and placed(have) == have and not re.fullmatch(r"[A-Za-z]+", have):
            return self.name(key, have)
        return "{{any}}"

    @staticmethod
    def ended(request, body):
        """The state of a job or of its run, if it was over when it was last read."""
        if request["method"] != "GET" or not re.search(r"/jobs/[^/?]+\?|/runs/[^/?]+/details", request["path"]):
            return None
        state = body.get("status") or (body.get("properties") or {}).get("status")
        return state if state in ("Completed", "Failed", "Canceled") else None

    def target(self, request):
        path = self.named(address(request))
        return re.sub(r"https://localhost:10443/[^/]*\.blob\.core\.[^/]*", "https://{{ACCOUNT}}.blob.{{STORAGE}}", path)

    def last_reply(self, index):
        """The reply to the last of the same reads before the next write: where polling ended."""
        asked = self.exchanges[index]
        reply = asked["response"]
        if asked["request"]["method"] not in ("GET", "HEAD"):
            return reply
        for later in self.exchanges[index + 1:]:
            if later["request"]["method"] not in ("GET", "HEAD"):
                break
            if (later["request"]["method"], address(later["request"])) == (asked["request"]["method"],
                                                                            address(asked["request"])):
                reply = later["response"]
        return reply

    def add(self, index, exchange):
        request, reply = exchange["request"], self.last_reply(index)
        found = rules(exchange["scenario"], request)
        self.without = {name for rule in found for name in rule.get("without", ())}
        rule = next((rule for rule in found if "status" in rule), None)
        if (rule and rule.get("status", 0) is None) or "inference" in request["host"]:
            return
        target = self.target(request)
        if "{{ARTIFACTS}}" in target:     # its key signs in the client: the token takes its place
            target = re.sub(r"(?<=[?&])\{\{\w+\}\}&?", "", target).rstrip("?&")
        ask = (request["method"], target, json.dumps(request["body"]))
        if request["method"] in ("GET", "HEAD"):
            if ask in self.read:
                return
            self.read.add(ask)
        else:
            self.read.clear()
        signed = "sig=" in target or "signature" in target
        if "sig=REDACTED" in target:      # signed by the client: its place is taken by the token
            target = re.sub(r"[?&](se|sp|sv|sr|sig)=[^&]*", "", target)
            target = target if "?" in target else target.replace("&", "?", 1)
            signed = False
        ended = isinstance(reply["body"], dict) and self.ended(request, reply["body"])
        flags = (" !anonymous" if signed else "") + (" !until" if ended else "")
        untidy = isinstance(request["body"], str) and request["body"] != request["body"].strip()
        headers = "".join(f"{k}: {self.named(v)}\n" for k, v in request["headers"].items()
                          if (k.lower() in KEPT_HEADERS or k.lower().startswith("x-ms-meta-"))
                          and "REDACTED" not in v and not (k == "Content-MD5" and untidy))
        body = request["body"]
        text = "" if body is None else self.named(body if isinstance(body, str) else json.dumps(body))
        if isinstance(body, str) and "REDACTED" in body:
            return
        later = self.later(index)
        answer = self.shape(reply["body"], body, "", later) if isinstance(reply["body"], (dict, list)) else None
        if ended:
            (answer if "status" in reply["body"] else answer["properties"])["status"] = "{{ended}}"
        status = rule["status"] if rule else reply["status"]
        lines = []
        if rule:
            lines.append(f"# {rule['why']}")
            if status >= 400:
                answer = {"error": {"code": "{{any}}", "message": "{{any}}"}} if request["method"] != "HEAD" else None
        lines.append(f"{request['method']} {target}{flags}\n{headers}\n{text}\n---\n{status}\n")
        lines.append(json.dumps(answer) if isinstance(answer, dict) and answer else "")
        self.parts.append("\n".join(lines).rstrip("\n"))

    def write(self, folder):
        for index, exchange in enumerate(self.exchanges):
            self.add(index, exchange)
        if not self.parts:
            return
        text = f"# source: {self.client}, scenario {self.scenario}; made by tools/gen/captures.py\n"
        (folder / f"{self.scenario}.http").write_text(text + "\n===\n".join(self.parts) + "\n")


def recordings(source):
    """name -> recording; its exchanges know where they are from."""
    found = {}
    for path in sorted(source.glob("*.json")):
        made = json.loads(path.read_text())
        for exchange in made["exchanges"]:
            exchange["scenario"] = made["scenario"]
        found[made["scenario"]] = made
    return found


def prelude(found, name):
    """What a scenario takes for granted: writes of other scenarios, and requests of our own."""
    before = []
    for rule in OTHERWISE:
        if not re.fullmatch(rule["scenario"], name):
            continue
        for other in rule.get("after", ()):
            other, _, part = other.partition(" ")
            whole = prelude(found, other) + [e for e in found[other]["exchanges"] if re.search(part, e["request"]["path"])]
            before += [e for e in whole if not any(e is old for old in before)]
        for method, path, body in rule.get("prelude", ()):
            request = {"method": method, "host": ARM, "path": WS + path, "headers": {}, "body": body}
            before.append({"scenario": "", "request": request, "response": {"status": 201, "headers": {}, "body": None}})
    return before


def main():
    source, folder = map(pathlib.Path, sys.argv[1:3])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.http"):
        old.unlink()
    found = recordings(source)
    for name, recording in found.items():
        exchanges = prelude(found, name) + recording["exchanges"]
        File({**recording, "exchanges": exchanges}).write(folder)


if __name__ == "__main__":
    main()
