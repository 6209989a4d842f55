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
WORKSPACE = "/providers/Microsoft.MachineLearningServices/workspaces/ws"
KEPT_HEADERS = {"content-type", "if-match", "if-none-match", "x-ms-blob-type", "x-ms-range", "x-ms-version",
                "content-md5", "x-azureml-token"}
SHORTEST_NAME = 8      # shorter values are words, not identities
# Members whose values come and go with the state of a job or the taste of a server.
LOOSE = {"services", "status", "properties", "warnings", "logFiles", "error"}

# (scenario, method, part of the path) -> (status, why). Status None: the exchange is left out.
OTHERWISE = json.loads((pathlib.Path(__file__).parent / "captures-otherwise.json").read_text())


def otherwise(scenario, request):
    for rule in OTHERWISE:
        if re.fullmatch(rule["scenario"], scenario) and rule.get("method", request["method"]) == request["method"] \
                and re.search(rule.get("path", ""), request["path"]):
            return rule
    return None


def placed(text):
    """Hosts and the workspace's path as test_wire.py knows them."""
    text = re.sub(r"/subscriptions/[0-9a-f-]{36}/resource[gG]roups/rg/providers/Microsoft.MachineLearningServices"
                  r"/workspaces/ws(?![\w-])", "{{WS}}", text)
    text = re.sub(r"/subscriptions/[0-9a-f-]{36}/resource[gG]roups/rg(?![\w-])", "{{RG}}", text)
    text = re.sub(r"/subscriptions/00000000-0000-0000-0000-000000000001(?![\w-])", "{{SUBSCRIPTION}}", text)
    text = text.replace(f"https://{STORAGE}", "https://{{ACCOUNT}}.blob.{{STORAGE}}")
    text = text.replace("azureml-blobstore-ws", "{{CONTAINER}}")
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
        for value in sorted(self.names, key=len, reverse=True):
            for form in {value, urllib.parse.quote(value, safe=""), urllib.parse.quote(value, safe="/")}:
                text = text.replace(form, self.names[value])
        return placed(text)

    def shape(self, have, sent, key, later):
        """What a reply must be: types, echoes, and names for what is used later."""
        if isinstance(have, dict):
            sent = sent if isinstance(sent, dict) else {}
            return {k: self.shape(v, sent.get(k), k, later) for k, v in have.items() if v is not None}
        if isinstance(have, list):
            return "{{list}}"
        if not isinstance(have, str):
            return have if sent == have else "{{any}}"
        if have in self.names:
            return self.names[have]
        if have == sent and "REDACTED" not in have:
            return self.named(have)
        if "sig=" in have and "?" in have and have.split("?")[0] in later:
            base, query = have.split("?", 1)
            base_name = self.names.get(base) or self.name(key, base)
            return base_name + "?" + (self.names.get(query) or self.name("signature", query))
        if len(have) >= SHORTEST_NAME and have in later and placed(have) == have and not re.fullmatch(r"[A-Za-z]+", have):
            return self.name(key, have)
        return "{{any}}"

    def target(self, request):
        path = self.named(address(request))
        return re.sub(r"https://localhost:10443/[^/]*\.blob\.core\.[^/]*", "https://{{ACCOUNT}}.blob.{{STORAGE}}", path)

    def add(self, index, exchange):
        request, reply = exchange["request"], exchange["response"]
        rule = otherwise(self.scenario, request)
        if (rule and rule.get("status", 0) is None) or "inference" in request["host"]:
            return
        target = self.target(request)
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
        flags = " !anonymous" if signed else ""
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
        status = rule["status"] if rule else reply["status"]
        lines = []
        if rule:
            lines.append(f"# {rule['why']}")
            answer = {"error": {"code": "{{any}}", "message": "{{any}}"}} if status >= 400 else answer
        told = "".join(f"{k}: {self.name(k, v) if v in later else '{{any}}'}\n"
                       for k, v in reply["headers"].items() if k.lower() in ("azure-asyncoperation", "location"))
        lines.append(f"{request['method']} {target}{flags}\n{headers}\n{text}\n---\n{status}\n{told if not rule else ''}")
        lines.append(json.dumps(answer) if isinstance(answer, dict) and answer else "")
        self.parts.append("\n".join(lines).rstrip("\n"))

    def write(self, folder):
        for index, exchange in enumerate(self.exchanges):
            self.add(index, exchange)
        if not self.parts:
            return
        text = f"# source: {self.client}, scenario {self.scenario}; made by tools/gen/captures.py\n"
        (folder / f"{self.scenario}.http").write_text(text + "\n===\n".join(self.parts) + "\n")


def main():
    source, folder = map(pathlib.Path, sys.argv[1:3])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.http"):
        old.unlink()
    for path in sorted(source.glob("*.json")):
        File(json.loads(path.read_text())).write(folder)


if __name__ == "__main__":
    main()
