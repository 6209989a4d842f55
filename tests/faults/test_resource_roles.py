"""Who may what with computes, connections, datastores and schedules, on a real server; keys most of all."""
import uuid

import pytest
from test_roles import OPERATOR, SCIENTIST, World

CLUSTER = {"properties": {"computeType": "AmlCompute", "properties": {}}}
MACHINE = {"properties": {"computeType": "VirtualMachine", "resourceId": "/subscriptions/s/vm",
                          "properties": {"administratorAccount": {"username": "u", "password": "hush"}}}}
INSTANCE = {"properties": {"computeType": "ComputeInstance", "properties": {}}}
CONNECTION = {"properties": {"authType": "PAT", "category": "Git", "target": "t", "credentials": {"pat": "hush"}}}
STORE = {"properties": {"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c",
                        "credentials": {"credentialsType": "AccountKey", "secrets": {"key": "hush"}}}}
SCHEDULE = {"properties": {"trigger": {"triggerType": "Cron", "expression": "0 0 * * *"},
                           "action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Pipeline"}}}}
RULE = {"properties": {"type": "FQDN", "destination": "a.test"}}

# What each role is answered: (method, path, body) -> statuses of Reader, Scientist, Operator, Contributor.
ROLES = ["Reader", SCIENTIST, OPERATOR, "Contributor"]
CASES = [
    ("GET", "/computes", None, [200, 200, 200, 200]),
    ("PUT", "/computes/NEW", CLUSTER, [403, 403, 201, 201]),
    ("POST", "/computes/vm/listKeys", None, [403, 403, 200, 200]),
    ("POST", "/computes/ci/stop", None, [403, 202, 202, 202]),
    ("DELETE", "/computes/nothing", None, [403, 403, 204, 204]),
    ("GET", "/connections/git", None, [200, 200, 403, 200]),
    ("PUT", "/connections/NEW", CONNECTION, [403, 200, 403, 200]),
    ("POST", "/connections/git/listsecrets", None, [403, 200, 403, 200]),
    ("GET", "/datastores/far", None, [200, 200, 403, 200]),
    ("PUT", "/datastores/NEW", STORE, [403, 201, 403, 201]),
    ("POST", "/datastores/far/listSecrets", {}, [403, 200, 403, 200]),
    ("PUT", "/schedules/NEW", SCHEDULE, [403, 201, 403, 201]),
    ("POST", "/schedules/nothing/trigger", {}, [403, 404, 403, 404]),
    ("PUT", "/outboundRules/NEW", RULE, [403, 200, 403, 200]),
]


@pytest.fixture(scope="module")
def world(server):
    made = World(server)
    for path, body in (("computes/vm", MACHINE), ("computes/ci", INSTANCE), ("connections/git", CONNECTION),
                       ("datastores/far", STORE)):
        status, reply, _ = made.ask("PUT", f"{made.workspace}/{path}?api-version=2024-10-01-preview", body)
        assert status in (200, 201), reply
    return made


@pytest.fixture(scope="module")
def tokens(world):
    return {role: world.with_role(role) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]} {c[1]}")
def test_a_role_may_what_azure_says(world, tokens, case, role):
    method, path, body, wanted = case
    path = path.replace("NEW", "n" + uuid.uuid4().hex[:8])
    status, reply, _ = world.ask(method, f"{world.workspace}{path}?api-version=2024-10-01-preview", body, tokens[role])
    assert status == wanted[ROLES.index(role)], (role, reply)
    if status == 403:
        assert reply["error"]["code"] == "AuthorizationFailed"
    if method == "GET" or status == 403:
        assert "hush" not in str(reply)


def test_a_reader_reads_what_a_location_offers(world, tokens):
    at = f"/subscriptions/{world.workspace.split('/')[2]}/providers/Microsoft.MachineLearningServices/locations/local"
    assert world.ask("GET", at + "/vmSizes?api-version=2024-10-01-preview")[0] == 200
    assert world.ask("POST", at + "/updateQuotas?api-version=2024-10-01-preview", {"value": []}, tokens["Reader"])[0] == 403
    assert world.send("GET", at + "/usages?api-version=2024-10-01-preview")[0] == 401


@pytest.mark.parametrize("path", ["computes/x", "connections/x", "datastores/x", "schedules/x", "outboundRules/x"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"7", b'{"properties":null}', b'{"properties":[]}',
                                  b'{"properties":{"properties":7,"trigger":7,"action":7,"credentials":7,"type":7}}',
                                  b'{"properties":' + b'{"a":' * 80 + b"1" + b"}" * 80 + b"}",
                                  b'{"properties":{"computeType":["AmlCompute"],"authType":"PAT","category":{}}}', b"\xff\xfe"],
                         ids=lambda b: b[:24].decode("latin-1"))
def test_a_body_that_is_no_resource_is_told_so(world, path, body):
    status, reply, _ = world.ask("PUT", f"{world.workspace}/{path}?api-version=2024-10-01-preview", body)
    assert 400 <= status < 500, (status, reply)
    assert reply["error"]["message"]
