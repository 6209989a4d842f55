"""api/openapi.json is what this server answers to: it is made again of the running table and must be the same."""
import http.client
import importlib.util
import json
import pathlib
import re
import ssl
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
AGAIN = "make it again: tools/openapi"
# What anyone may ask; rows of a sign-in begin with the tenant.
PUBLIC = re.compile(r"/(\{tenant\}/.*|oauth2/signin\.(css|js)|common/discovery/instance|discovery|metadata/endpoints"
                    r"|healthz?|version|mlflow/v[12]\.0/.*/(version|health))")


def routes(server):
    told = server.connect()
    request = urllib.request.Request(told["endpoint"] + "/lazurite/v1/routes",
                                     headers={"Authorization": "Bearer " + told["token"]})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=told["caFile"])) as reply:
        return json.load(reply)


def test_the_description_is_of_this_server(server):
    spec = importlib.util.spec_from_file_location("openapi", ROOT / "tools" / "gen" / "openapi.py")
    openapi = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(openapi)
    made = openapi.describe(routes(server))
    text = (ROOT / "api" / "openapi.json").read_text()
    kept = json.loads(text)
    assert sorted(made["paths"]) == sorted(kept["paths"]), AGAIN
    for path in made["paths"]:
        assert made["paths"][path] == kept["paths"][path], f"{path}: {AGAIN}"
    assert openapi.lines(made) == text, AGAIN


def test_no_row_is_without_a_permission(server):
    listed = routes(server)["rows"]
    assert len(listed) > 100
    for row in listed:
        assert row["permit"] in ("public", "local", "attempt", "action"), row
        assert row["permit"] != "public" or PUBLIC.fullmatch(row["path"]), row
        assert row["permit"] != "action" or row.get("action") or "Microsoft.MachineLearningServices" in row["path"], row


def test_a_caller_without_a_token_gets_in_nowhere_else(server):
    """Every row that is not public refuses a caller without a token."""
    told = server.connect()
    context = ssl.create_default_context(cafile=told["caFile"])
    where = urllib.parse.urlsplit(told["endpoint"])
    connection = http.client.HTTPSConnection(where.netloc, context=context, timeout=30)
    for row in routes(server)["rows"]:
        if row["permit"] == "public" or "tls" not in row["listeners"] or row["path"].startswith("/{account}"):
            continue
        path = re.sub(r"\{\w+\*?\}", "x", row["path"])
        connection.request(row["method"], path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status in (401, 403, 404), (row, reply.status)
