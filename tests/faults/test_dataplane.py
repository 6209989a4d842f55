"""Run history, metrics and artifacts: who may, what lies elsewhere, and bodies that nobody should send."""
import concurrent.futures
import json
import uuid

import pytest

from test_roles import SCIENTIST, World

WRONG = [b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"runs":1,"values":1,"paths":1,"tags":1}',
         b'{"runIds":{},"events":{},"status":[],"tags":{"a":{}},"name":7,"parentRunId":[]}',
         b'{"values":[1],"paths":[1],"events":[1],"runs":[1],"runIds":[1],"tags":[1]}',
         json.dumps({"filter": "RunId eq ", "top": -1, "metricName": 3, "runId": ["x"]}).encode()]

# Method, face, what follows the workspace, a good body, and what it takes: to read or to write.
ROWS = [
    ("GET", "/history/v1.0", "/runs/{run}", None, "read"),
    ("GET", "/history/v1.0", "/experimentids/0/runs/{run}/details", None, "read"),
    ("GET", "/history/v1.0", "/runs/{run}/children", None, "read"),
    ("GET", "/history/v1.0", "/experiments/Default/runs", None, "read"),
    ("GET", "/history/v1.0", "/experiments/Default", None, "read"),
    ("GET", "/history/v1.0", "/runs/{run}/artifacts", None, "read"),
    ("POST", "/history/v1.0", "/experiments/Default/runs/query", {}, "read"),
    ("POST", "/history/v1.0", "/runs/runIds", {"runIds": ["{run}"]}, "read"),
    ("POST", "/history/v1.0", "/rundata", {"runId": "{run}"}, "read"),
    ("POST", "/history/v1.0", "/batchrundata", {"requests": {"1": {"runId": "{run}"}}}, "read"),
    ("POST", "/history/v1.0", "/experiments:query", {}, "read"),
    ("POST", "/metric/v2.0", "/runs/{run}/list", {}, "read"),
    ("POST", "/metric/v2.0", "/runs/{run}/full", {"metricName": "m"}, "read"),
    ("POST", "/metric/v2.0", "/runs/{run}/sample", {"metricName": "m"}, "read"),
    ("GET", "/artifact/v2.0", "/artifacts/ExperimentRun/dcid.{run}", None, "read"),
    ("POST", "/data/v1.0", "/dataversion/batchGetResolvedUris", {"values": []}, "read"),
    ("POST", "/modelregistry/v1.0", "/models/batchGetResolvedUris", {"values": []}, "read"),
    ("PATCH", "/history/v1.0", "/runs/{run}", {"tags": {"a": "1"}}, "write"),
    ("PATCH", "/history/v1.0", "/experiments/Default/runs/{run}/tags", {"tagsToModify": {"a": "2"}}, "write"),
    ("DELETE", "/history/v1.0", "/experimentids/0/runs/{run}/tags", {"tags": ["a"]}, "write"),
    ("PATCH", "/history/v1.0", "/batch/runs", {"runs": [{"runId": "{run}"}]}, "write"),
    ("POST", "/history/v1.0", "/runs/{run}/events", {"name": "x.Start"}, "write"),
    ("POST", "/history/v1.0", "/batch/events", {"events": []}, "write"),
    ("POST", "/history/v1.0", "/runs/{new}", {}, "write"),
    ("POST", "/metric/v2.0", "/runs/{run}/batch", {"values": []}, "write"),
    ("POST", "/history/v1.0", "/runs/{run}/artifacts/batch/metadata", {"paths": [{"path": "a"}]}, "write"),
    ("POST", "/artifact/v2.0", "/artifacts/ExperimentRun/dcid.{run}/batch/metadata", {"paths": []}, "write"),
]
IDS = [f"{m} {p}" for m, _, p, _, _ in ROWS]
BODIES = [(row, body) for row in ROWS if row[0] != "GET" for body in WRONG]


class Plane:
    """A workspace with a run in it, a second without, and somebody for each role."""

    def __init__(self, server):
        self.world = World(server)
        status, reply, _ = self.world.ask("PUT", self.world.other + "?api-version=2025-12-01",
                                          {"location": "local", "properties": {}})
        assert status in (200, 201, 202), reply
        self.run = "plane-" + uuid.uuid4().hex[:8]
        status, reply = self.ask("POST", "/history/v1.0", "/runs/" + self.run, {"status": "Running"})
        assert status == 200, reply
        point = {"name": "m", "columns": {"m": "Double"}, "value": [{"step": 1, "data": {"m": 1.5}}]}
        status, reply = self.ask("POST", "/metric/v2.0", f"/runs/{self.run}/batch", {"values": [point]})
        assert status == 200, reply
        self.tokens = {role: self.world.with_role(role) for role in ("Reader", SCIENTIST, "AzureML Compute Operator")}
        self.tokens["none"] = self.world.token(self.world.service())
        self.tokens["elsewhere"] = self.world.with_role("Owner", self.world.other)

    def ask(self, method, face, path, body=None, token=None, workspace=None):
        path = path.replace("{run}", getattr(self, "run", "")).replace("{new}", "made-" + uuid.uuid4().hex[:8])
        if isinstance(body, (dict, list)):
            body = json.loads(json.dumps(body).replace("{run}", self.run if hasattr(self, "run") else ""))
        status, reply, _ = self.world.ask(method, face + (workspace or self.world.workspace) + path, body, token)
        return status, reply


@pytest.fixture(scope="module")
def plane(server):
    return Plane(server)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_reader_reads_and_a_scientist_writes(plane, row):
    method, face, path, body, needs = row
    status, reply = plane.ask(method, face, path, body, plane.tokens[SCIENTIST])
    assert status < 300, reply
    status, reply = plane.ask(method, face, path, body, plane.tokens["Reader"])
    assert status < 300 if needs == "read" else status == 403, reply
    status, reply = plane.ask(method, face, path, body, plane.tokens["AzureML Compute Operator"])
    assert status == 403, reply
    assert "Microsoft.MachineLearningServices" in reply["error"]["message"]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_workspace_of_others_is_not_there(plane, row):
    method, face, path, body, _ = row
    for who in ("none", "elsewhere"):
        status, reply = plane.ask(method, face, path, body, plane.tokens[who])
        assert status == 404 and plane.run not in json.dumps(reply), reply
    nowhere = plane.world.other + "-none"
    assert plane.ask(method, face, path, body, workspace=nowhere)[0] == 404


def test_a_run_is_not_found_in_another_workspace(plane):
    for method, face, path, body, _ in ROWS:
        if "{run}" not in path or "batch/metadata" in path:
            continue
        status, reply = plane.ask(method, face, path, body, workspace=plane.world.other)
        assert status == 404, (path, reply)
    status, reply = plane.ask("POST", "/history/v1.0", "/runs/runIds", {"runIds": [plane.run]}, workspace=plane.world.other)
    assert status == 200 and not reply["runs"] and plane.run in reply["errors"]
    status, _ = plane.ask("DELETE", "/history/v1.0", "/runs/{run}", workspace=plane.world.other)
    assert status == 404
    assert plane.ask("GET", "/history/v1.0", "/runs/{run}")[0] == 200


def test_deletion_takes_more_than_reading(plane):
    for path in ("/runs/{run}", "/experimentids/0"):
        status, reply = plane.ask("DELETE", "/history/v1.0", path, token=plane.tokens["Reader"])
        assert status == 403, reply
    path = "/artifacts/ExperimentRun/dcid.{run}/metadata?path=a"
    assert plane.ask("DELETE", "/artifact/v2.0", path, token=plane.tokens["Reader"])[0] == 403
    assert plane.ask("GET", "/history/v1.0", "/runs/{run}")[0] == 200


def test_wrong_bodies_are_the_clients_fault(plane):
    for (method, face, path, _, _), body in BODIES:
        status, reply = plane.ask(method, face, path, body)
        assert status < 500, (method, path, body[:60], reply)
        if body in (b"{", b"\xff\xfe", b"[" * 5000):
            assert status == 400, (method, path, body[:60], reply)
            assert reply["error"]["message"]
    assert plane.ask("GET", "/history/v1.0", "/runs/{run}")[1]["status"] == "Running"


@pytest.mark.parametrize("path", ["../../x", "a/../../b", "/etc/passwd", "a//b", "%2e%2e/x", "", "a" * 5000, "a\x00b", "."])
def test_paths_never_leave_the_run(plane, path):
    status, reply = plane.ask("POST", "/history/v1.0", "/runs/{run}/artifacts/batch/metadata", {"paths": [{"path": path}]})
    assert status in (200, 400), reply
    for there in (reply.get("artifactContentInformation") or {}).values():
        address = there["contentUri"].split("?")[0]
        assert f"/ExperimentRun/dcid.{plane.run}/" in address and ".." not in address, there
    for face, where in (("/history/v1.0", "/runs/{run}/artifacts/contentinfo?path="),
                        ("/artifact/v2.0", "/artifacts/ExperimentRun/dcid.{run}/content?path=")):
        status, reply = plane.ask("GET", face, where + path.replace("\x00", "%00"))
        assert status in (400, 404), reply


@pytest.mark.parametrize("query", ["?$top=-1", "?$top=x", "?continuationToken=x", "?$continuationToken=" + "A" * 4000,
                                   "?$filter=" + "(" * 500, "?$filter=status eq", "?$orderby=nothing"])
def test_odd_queries_are_no_fault_of_ours(plane, query):
    for path in ("/experiments/Default/runs", "/runs/{run}/children", "/runs/{run}/artifacts"):
        status, reply = plane.ask("GET", "/history/v1.0", path + query)
        assert status < 500 or (status == 501 and "createdUtc" in reply["error"]["message"]), (path, query, reply)


def test_many_write_one_run_and_nothing_is_lost(plane):
    def tag(number):
        return plane.ask("PATCH", "/history/v1.0", "/runs/{run}", {"tags": {f"t{number}": "1"}})[0]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(tag, range(40))) == {200}
    tags = plane.ask("GET", "/history/v1.0", "/runs/{run}")[1]["tags"]
    assert {f"t{i}" for i in range(40)} <= set(tags)
