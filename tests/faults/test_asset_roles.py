"""Who may what with components, batch endpoints, features, indexes and lineage, on a real server."""
import uuid

import pytest
from test_roles import OPERATOR, SCIENTIST, World

COMPONENT = {"properties": {"componentSpec": {"name": "a", "type": "pipeline", "jobs": {}}}}
ENTITY = {"properties": {"indexColumns": [{"columnName": "a", "dataType": "Long"}]}}
INDEX = {"storageUri": "https://a/b"}
ROLES = ["Reader", SCIENTIST, OPERATOR, "Contributor"]
# (front, method, path, body) -> statuses of Reader, Scientist, Operator, Contributor.
CASES = [
    ("", "GET", "/components", None, [200, 200, 403, 200]),
    ("", "PUT", "/components/NEW/versions/1", COMPONENT, [403, 201, 403, 201]),
    ("", "DELETE", "/components/NEW", None, [403, 204, 403, 204]),
    ("", "POST", "/components/held/versions/1/publish", {}, [403, 501, 403, 501]),
    ("", "PUT", "/batchEndpoints/NEW", {"properties": {}}, [403, 201, 403, 201]),
    ("", "POST", "/batchEndpoints/held/jobs", {}, [403, 501, 403, 501]),
    ("", "PUT", "/featurestoreEntities/NEW/versions/1", ENTITY, [403, 201, 403, 201]),
    ("", "POST", "/serverlessEndpoints/held/listKeys", {}, [403, 200, 403, 200]),
    ("/genericasset", "GET", "/indexes", None, [200, 200, 403, 200]),
    ("/genericasset", "PUT", "/indexes/NEW/versions/1", INDEX, [403, 201, 403, 201]),
    ("/genericasset", "POST", "/indexes/NEW:getNextVersion", None, [200, 200, 403, 200]),
    ("/mferp/managementfrontend", "GET", "/batchEndpoints/held/jobs", None, [200, 200, 403, 200]),
    ("/lazurite/v1", "GET", "/lineage?id=a", None, [200, 200, 403, 200]),
]


@pytest.fixture(scope="module")
def world(server):
    made = World(server)
    for path, body in (("components/held/versions/1", COMPONENT), ("batchEndpoints/held", {"properties": {}}),
                       ("serverlessEndpoints/held", {"properties": {}})):
        status, reply, _ = made.ask("PUT", f"{made.workspace}/{path}?api-version=2024-10-01-preview", body)
        assert status in (200, 201), reply
    return made


@pytest.fixture(scope="module")
def tokens(world):
    return {role: world.with_role(role) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[1]} {c[0]}{c[2]}")
def test_a_role_may_what_azure_says(world, tokens, case, role):
    front, method, path, body, wanted = case
    path = path.replace("NEW", "n" + uuid.uuid4().hex[:8])
    status, reply, _ = world.ask(method, f"{front}{world.workspace}{path}", body, tokens[role])
    assert status == wanted[ROLES.index(role)], (role, reply)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[1]} {c[0]}{c[2]}")
def test_nobody_may_anything(world, case):
    front, method, path, body, _ = case
    status, reply, _ = world.ask(method, f"{front}{world.workspace}{path}", body, "not.a.token")
    assert status == 401, reply
