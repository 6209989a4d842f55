"""Who may what, on a real server: tokens from the token service, one principal per role, every face."""
import base64
import http.client
import json
import ssl
import urllib.parse
import uuid

import pytest

ML = "/providers/Microsoft.MachineLearningServices/workspaces/"
AUTH = "/providers/Microsoft.Authorization/"
ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7", "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Compute Operator": "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815", "AzureML Registry User": "1823dd4f-9b8c-4ab6-ab4e-7397a3684615",
}
SCIENTIST, OPERATOR = "AzureML Data Scientist", "AzureML Compute Operator"


class World:
    """A server, its admin, and whoever was made on it."""

    def __init__(self, server):
        connect = server.connect()
        self.server = server
        self.trust = ssl.create_default_context(cafile=connect["caFile"])
        self.host = urllib.parse.urlsplit(connect["endpoint"]).netloc
        self.plain = urllib.parse.urlsplit(connect["mlflowTrackingUri"]).netloc
        self.admin = connect["token"]
        self.group = f"/subscriptions/{connect['subscription']}/resourceGroups/{connect['resourceGroup']}"
        self.workspace = self.group + ML + connect["workspace"]
        self.other = self.group + ML + "other-" + uuid.uuid4().hex[:8]

    def send(self, method, path, body=None, token=None, headers=None, plain=False):
        """(status, parsed body or text, headers)."""
        made = http.client.HTTPConnection(self.plain, timeout=60) if plain else \
            http.client.HTTPSConnection(self.host, timeout=60, context=self.trust)
        sent = {"Content-Type": "application/json"}
        if token:
            sent["Authorization"] = "Bearer " + token
        sent.update(headers or {})
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        made.request(method, urllib.parse.quote(path, safe="/?&=$'()%:@"), raw, sent)
        reply = made.getresponse()
        text = reply.read()
        made.close()
        try:
            return reply.status, json.loads(text) if text else None, dict(reply.getheaders())
        except ValueError:
            return reply.status, text, dict(reply.getheaders())

    def ask(self, method, path, body=None, token=None, **options):
        return self.send(method, path, body, token or self.admin, **options)

    def service(self, name=None, **wish):
        """A new service principal as the server showed it."""
        status, made, _ = self.ask("POST", "/lazurite/v1/servicePrincipals", {"name": name or "sp-" + uuid.uuid4().hex[:8], **wish})
        assert status == 201, made
        return made

    def user(self, **wish):
        status, made, _ = self.ask("POST", "/lazurite/v1/users", {"name": uuid.uuid4().hex[:8] + "@lazurite.test", **wish})
        assert status == 201, made
        return made

    def token(self, principal, audience="https://management.azure.com"):
        form = {"grant_type": "client_credentials", "client_id": principal["clientId"],
                "client_secret": principal["secret"], "scope": audience + "/.default"}
        status, reply, _ = self.send("POST", "/adfs/oauth2/v2.0/token", urllib.parse.urlencode(form).encode(),
                                     headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, reply
        return reply["access_token"]

    def assign(self, principal, role, scope, token=None, guid=None):
        body = {"properties": {"roleDefinitionId": f"{AUTH}roleDefinitions/{ROLES.get(role, role)}",
                               "principalId": principal["objectId"]}}
        return self.ask("PUT", f"{scope}{AUTH}roleAssignments/{guid or uuid.uuid4()}?api-version=2022-04-01", body, token)

    def with_role(self, role, scope=None):
        """The token of a new service principal that has one role."""
        made = self.service()
        status, reply, _ = self.assign(made, role, self.workspace if scope is None else scope)
        assert status == 201, reply
        return self.token(made)


@pytest.fixture(scope="module")
def world(server):
    made = World(server)
    status, reply, _ = made.ask("PUT", made.other + "?api-version=2025-12-01", {"location": "local", "properties": {}})
    assert status in (200, 201, 202), reply
    return made


@pytest.fixture(scope="module")
def tokens(world):
    return {role: world.with_role(role) for role in ROLES}


def enveloped(reply, code):
    assert reply["error"]["code"] == code, reply
    assert len(reply["error"]["message"]) > 10
    return reply["error"]


JOB = {"properties": {"jobType": "Command", "command": "true", "computeId": "nowhere"}}
COMPUTE = {"location": "local", "properties": {"computeType": "AmlCompute", "properties": {
    "vmSize": "STANDARD_D2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}}}

# Method, path below the workspace, body, who may. Whoever may gets any answer but 401, 403 and 404 of the guard:
# bodies are wrong on purpose where a right one would do work.
ROWS = [
    ("GET", "", None, {"Owner", "Contributor", "Reader", SCIENTIST}),
    ("GET", "/jobs", None, {"Owner", "Contributor", "Reader", SCIENTIST}),
    ("PUT", "/jobs/refused-or-wrong", JOB, {"Owner", "Contributor", SCIENTIST}),
    ("POST", "/datastores/workspaceblobstore/listSecrets", None, {"Owner", "Contributor", SCIENTIST}),
    ("POST", "/listKeys", None, {"Owner", "Contributor"}),
    ("GET", "/computes", None, {"Owner", "Contributor", "Reader", SCIENTIST, OPERATOR}),
    ("PUT", "/computes/made-by-role", COMPUTE, {"Owner", "Contributor", OPERATOR}),
    ("DELETE", "/computes/not-there", None, {"Owner", "Contributor", OPERATOR}),
    ("PATCH", "", {"tags": {"a": "b"}}, {"Owner", "Contributor"}),
    ("POST", "/data/d/versions/1/startPendingUpload", {"pendingUploadType": "TemporaryBlobReference"},
     {"Owner", "Contributor", SCIENTIST}),
    ("GET", AUTH + "roleAssignments", None, {"Owner", "Contributor", "Reader"}),
    ("PUT", AUTH + f"roleAssignments/{uuid.uuid4()}", {}, {"Owner"}),
    ("PUT", AUTH + f"roleDefinitions/{uuid.uuid4()}", {}, {"Owner"}),
]


@pytest.mark.parametrize("method,path,body,may", ROWS, ids=[f"{m} {p or '/'}" for m, p, _, _ in ROWS])
@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_rows_and_no_others(world, tokens, role, method, path, body, may):
    status, reply, _ = world.ask(method, f"{world.workspace}{path}?api-version=2025-12-01", body, tokens[role])
    if role in may:
        assert status not in (401, 403) and status < 500, reply
        return
    assert status == 403, reply
    error = enveloped(reply, "AuthorizationFailed")
    assert "Microsoft." in error["message"] and world.group in error["message"]


@pytest.mark.parametrize("role", ROLES)
def test_another_workspace_is_not_there_for_who_has_nothing_in_it(world, tokens, role):
    for method, path in (("GET", ""), ("GET", "/jobs"), ("PUT", "/jobs/x"), ("POST", "/listKeys"), ("DELETE", "")):
        there = world.ask(method, f"{world.other}{path}?api-version=2025-12-01", {} if method == "PUT" else None, tokens[role])
        never = world.ask(method, f"{world.other}-never{path}?api-version=2025-12-01", {} if method == "PUT" else None, tokens[role])
        assert there[0] == never[0] == 404, (method, path, there, never)
        assert there[1]["error"]["message"].replace(world.other, "") == never[1]["error"]["message"].replace(world.other + "-never", "")


def test_a_workspace_is_deleted_by_a_contributor_but_by_no_scientist(world):
    doomed = world.group + ML + "doomed-" + uuid.uuid4().hex[:8]
    status, reply, _ = world.ask("PUT", doomed + "?api-version=2025-12-01", {"location": "local", "properties": {}})
    assert status in (200, 201, 202), reply
    scientist, contributor = world.with_role(SCIENTIST, doomed), world.with_role("Contributor", doomed)
    assert world.ask("DELETE", doomed + "?api-version=2025-12-01", None, scientist)[0] == 403
    assert world.ask("GET", doomed + "?api-version=2025-12-01", None, scientist)[0] == 200
    assert world.ask("DELETE", doomed + "?api-version=2025-12-01", None, contributor)[0] in (200, 202, 204)


def test_making_a_workspace_takes_a_right_on_the_group(world, tokens):
    path = world.group + ML + "made-by-nobody?api-version=2025-12-01"
    for role in ROLES:
        assert world.ask("PUT", path, {"location": "local"}, tokens[role])[0] == 403
    assert world.ask("GET", path)[0] == 404


def test_lists_above_a_workspace_show_what_the_caller_may_read(world, tokens):
    def names(path, token=None):
        status, reply, _ = world.ask("GET", path + "?api-version=2025-12-01", None, token)
        assert status == 200, reply
        return {row["name"] for row in reply["value"]}

    for path in (world.group + ML.rstrip("/"), world.group.split("/resourceGroups")[0] + ML.rstrip("/")):
        own, other = world.workspace.rsplit("/", 1)[1], world.other.rsplit("/", 1)[1]
        assert {own, other} <= names(path)
        for role in ("Owner", "Reader", SCIENTIST):
            assert names(path, tokens[role]) == {own}
        assert names(path, tokens[OPERATOR]) == set()
        assert {own, other} <= names(path, world.with_role("Reader", world.group))
        assert world.ask("GET", path, None, world.token(world.service()))[0] == 403
    assert len(world.ask("GET", "/subscriptions", None, tokens["Reader"])[1]["value"]) == 1
    assert world.ask("GET", world.group, None, tokens["Reader"])[0] == 200
    assert world.ask("GET", "/subscriptions", None, world.token(world.service()))[0] == 403
    assert world.ask("PUT", world.group, {"location": "local"}, tokens["Owner"])[0] == 403


def test_a_deployment_makes_nothing_that_its_sender_could_not(world):
    name = "deployed-" + uuid.uuid4().hex[:8]
    path = f"{world.group}/providers/Microsoft.Resources/deployments/{name}?api-version=2020-06-01"
    body = {"properties": {"mode": "Incremental", "template": {"resources": [{
        "type": "Microsoft.MachineLearningServices/workspaces", "apiVersion": "2025-12-01", "name": name, "location": "local",
        "properties": {}}]}}}
    guid, (status, reply, _) = custom(world, ["Microsoft.Resources/*", "*/read"], scopes=[world.group])
    assert status == 201, reply
    status, reply, _ = world.ask("PUT", path, body, world.with_role(guid, world.group))
    assert "AuthorizationFailed" in json.dumps(reply) or status == 403, (status, reply)
    assert world.ask("GET", world.group + ML + name + "?api-version=2025-12-01")[0] == 404
    assert world.ask("PUT", path, body, world.with_role("Contributor", world.group))[0] in (200, 201, 202)
    assert world.ask("GET", world.group + ML + name + "?api-version=2025-12-01")[0] == 200


# --- The other faces -------------------------------------------------------------------------------------------------


def test_mlflow_reads_by_reader_and_writes_by_scientist(world, tokens):
    search, create = "/api/2.0/mlflow/experiments/search?max_results=1", "/api/2.0/mlflow/experiments/create"
    assert world.ask("GET", search, None, tokens["Reader"])[0] == 200
    status, reply, _ = world.ask("POST", create, {"name": "by-" + uuid.uuid4().hex}, tokens["Reader"])
    assert status == 403 and reply["error_code"] == "PERMISSION_DENIED"
    assert world.ask("POST", create, {"name": "by-" + uuid.uuid4().hex}, tokens[SCIENTIST])[0] == 200
    inside = f"/mlflow/v1.0{world.other}/api/2.0/mlflow/experiments/search?max_results=1"
    assert world.ask("GET", inside, None, tokens[SCIENTIST])[0] == 404
    assert world.ask("GET", inside)[0] == 200


def test_blobs_are_read_by_reader_written_by_scientist_and_never_across(world):
    def store_of(workspace):
        status, reply, _ = world.ask("GET", workspace + "/datastores/workspaceblobstore?api-version=2025-12-01")
        assert status == 200, reply
        kept = reply["properties"]
        account = kept["accountName"].split("/", 1)[1]
        return f"/{account}.blob.{kept['endpoint']}/{kept['containerName']}"

    reader, scientist, stranger = (world.service() for _ in range(3))
    world.assign(reader, "Reader", world.workspace)
    world.assign(scientist, SCIENTIST, world.workspace)
    tokens = {name: world.token(who, "https://storage.azure.com") for name, who in
              (("reader", reader), ("scientist", scientist), ("stranger", stranger))}
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2025-11-05", "Content-Type": "application/octet-stream"}
    path = store_of(world.workspace) + "/roles/" + uuid.uuid4().hex
    assert world.ask("PUT", path, b"text", tokens["reader"], headers=headers)[0] == 403
    assert world.ask("GET", path, None, tokens["scientist"], headers=headers)[0] == 404
    assert world.ask("PUT", path, b"text", tokens["scientist"], headers=headers)[0] == 201
    assert world.ask("GET", path, None, tokens["reader"], headers=headers)[:2] == (200, b"text")
    assert world.ask("DELETE", path, None, tokens["reader"], headers=headers)[0] == 403
    foreign = store_of(world.other) + "/roles/" + uuid.uuid4().hex
    # A blob's name is never taken for a workspace's.
    disguised = store_of(world.other) + world.workspace + "/x"
    for token in tokens.values():
        for target in (foreign, disguised):
            for method in ("GET", "PUT", "DELETE"):
                assert world.ask(method, target, b"x" if method == "PUT" else None, token, headers=headers)[0] in (403, 404)
    assert world.ask("GET", path, None, tokens["stranger"], headers=headers)[0] in (403, 404)
    assert world.ask("DELETE", path, None, tokens["scientist"], headers=headers)[0] == 202


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def test_mlflow_takes_basic_credentials_on_both_listeners_and_no_other_face_does(world):
    user = world.user(role="Reader", scope=world.workspace)
    status, made, _ = world.ask("POST", f"/lazurite/v1/users/{user['name']}/tokens", {"label": "mlflow"})
    assert status == 201
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    for plain in (False, True):
        for secret in (user["password"], made["token"]):
            assert world.send("GET", search, plain=plain, headers=basic(user["name"], secret))[0] == 200
        status, reply, headers = world.send("GET", search, plain=plain, headers=basic(user["name"], "wrong password"))
        assert status == 401 and headers["WWW-Authenticate"].startswith('Bearer authorization_uri="')
    assert world.send("POST", "/api/2.0/mlflow/experiments/create", {"name": "n"}, headers=basic(user["name"], user["password"]))[0] == 403
    assert world.send("GET", world.workspace + "?api-version=2025-12-01", headers=basic(user["name"], user["password"]))[0] == 401
    assert world.ask("DELETE", f"/lazurite/v1/users/{user['name']}/credentials/{made['id']}")[0] == 200
    assert world.send("GET", search, headers=basic(user["name"], made["token"]))[0] == 401


def test_wrong_passwords_run_into_a_wall(world):
    user = world.user(role="Reader")
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    answers = [world.send("GET", search, headers=basic(user["name"], f"wrong-{i}"))[0] for i in range(11)]
    assert answers == [401] * 10 + [429]
    assert world.send("GET", search, headers=basic(user["name"], user["password"]))[0] == 429


def test_run_history_is_read_by_reader_and_never_across(world, tokens):
    path = "/history/v1.0{}/runs/never-was"
    status, reply, _ = world.ask("GET", path.format(world.workspace), None, tokens["Reader"])
    assert status == 404 and "never-was" in json.dumps(reply)
    assert world.ask("GET", path.format(world.workspace), None, tokens[OPERATOR])[0] == 403
    events = f"/history/v1.0{world.workspace}/batch/events"
    assert world.ask("POST", events, {"events": []}, tokens["Reader"])[0] == 403
    assert world.ask("POST", events, {"events": []}, tokens[SCIENTIST])[0] not in (401, 403)
    status, reply, _ = world.ask("GET", path.format(world.other), None, tokens["Reader"])
    assert status == 404 and "never-was" not in json.dumps(reply)


# --- Tokens ----------------------------------------------------------------------------------------------------------


def test_a_revoked_token_is_challenged_and_a_new_one_is_taken(world):
    made = world.service(role="Reader", scope=world.workspace)
    path, token = world.workspace + "?api-version=2025-12-01", world.token(made)
    assert world.ask("GET", path, None, token)[0] == 200
    assert world.ask("POST", f"/lazurite/v1/servicePrincipals/{made['name']}/revoke")[0] == 200
    status, _, headers = world.ask("GET", path, None, token)
    assert status == 401 and 'error="insufficient_claims"' in headers["WWW-Authenticate"]
    assert world.ask("GET", path, None, world.token(made))[0] == 200


def test_a_disabled_principal_is_out_at_once_and_comes_back(world):
    made = world.service(role="Reader", scope=world.workspace)
    path, token = world.workspace + "?api-version=2025-12-01", world.token(made)
    assert world.ask("POST", f"/lazurite/v1/servicePrincipals/{made['clientId']}/disable")[0] == 200
    assert world.ask("GET", path, None, token)[0] == 401
    assert world.ask("POST", f"/lazurite/v1/servicePrincipals/{made['objectId']}/enable")[0] == 200
    assert world.ask("GET", path, None, token)[0] == 200
    assert world.ask("DELETE", f"/lazurite/v1/servicePrincipals/{made['name']}")[0] == 200
    assert world.ask("GET", path, None, token)[0] == 401


def test_rights_follow_an_assignment_at_once(world):
    made = world.service()
    path, token, guid = world.workspace + "?api-version=2025-12-01", world.token(made), uuid.uuid4()
    at = f"{world.workspace}{AUTH}roleAssignments/{guid}?api-version=2022-04-01"
    assert world.ask("GET", path, None, token)[0] == 404
    assert world.assign(made, "Reader", world.workspace, guid=guid)[0] == 201
    assert world.ask("GET", path, None, token)[0] == 200
    assert world.ask("DELETE", at)[0] == 200
    assert world.ask("GET", path, None, token)[0] == 404
    assert world.ask("DELETE", at)[0] == 204


# --- Role assignments ------------------------------------------------------------------------------------------------


def test_an_assignment_looks_like_azures(world):
    made, guid = world.service(), str(uuid.uuid4())
    status, reply, _ = world.assign(made, "Reader", world.workspace, guid=guid)
    assert status == 201
    assert reply["id"] == f"{world.workspace}{AUTH}roleAssignments/{guid}" and reply["name"] == guid
    assert reply["type"] == "Microsoft.Authorization/roleAssignments"
    properties = reply["properties"]
    assert properties["principalId"] == made["objectId"] and properties["principalType"] == "ServicePrincipal"
    assert properties["scope"] == world.workspace
    assert properties["roleDefinitionId"].endswith(f"{AUTH}roleDefinitions/{ROLES['Reader']}")
    assert world.assign(made, "Reader", world.workspace, guid=guid)[0] == 200
    status, reply, _ = world.assign(made, "Reader", world.workspace)
    assert status == 409
    enveloped(reply, "RoleAssignmentExists")
    status, reply, _ = world.assign(made, "Contributor", world.workspace, guid=guid)
    assert status == 409
    enveloped(reply, "RoleAssignmentUpdateNotPermitted")
    listed = world.ask("GET", f"{world.group}{AUTH}roleAssignments?$filter=principalId eq '{made['objectId']}'")[1]["value"]
    assert [row["name"] for row in listed] == [guid]
    at_group = world.ask("GET", f"{world.group}{AUTH}roleAssignments?$filter=atScope()")[1]["value"]
    assert guid not in [row["name"] for row in at_group]
    assert world.ask("GET", f"{world.other}{AUTH}roleAssignments/{guid}")[0] == 404
    upper = world.workspace.replace("resourceGroups", "RESOURCEGROUPS").replace("workspaces", "Workspaces")
    assert world.ask("GET", f"{upper}{AUTH.upper()}ROLEASSIGNMENTS/{guid.upper()}")[0] == 200


@pytest.mark.parametrize("properties,code", [
    ({}, "ValidationError"), ({"roleDefinitionId": ROLES["Reader"]}, "ValidationError"),
    ({"roleDefinitionId": 7, "principalId": 8}, "ValidationError"),
    ({"roleDefinitionId": "/x/" + str(uuid.uuid4()), "principalId": str(uuid.uuid4())}, "RoleDefinitionDoesNotExist"),
    ({"roleDefinitionId": ROLES["Reader"], "principalId": str(uuid.uuid4())}, "PrincipalNotFound"),
    ({"roleDefinitionId": ROLES["Reader"], "principalId": "ana"}, "PrincipalNotFound"),
])
def test_a_wrong_assignment_is_refused_in_azures_words(world, properties, code):
    status, reply, _ = world.ask("PUT", f"{world.workspace}{AUTH}roleAssignments/{uuid.uuid4()}", {"properties": properties})
    assert status == 400
    enveloped(reply, code)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b'{"properties":[]}', b'{"properties":null}', b"\xff\xfe"])
@pytest.mark.parametrize("kind", ["roleAssignments", "roleDefinitions"])
def test_bodies_that_are_no_bodies_are_refused(world, kind, body):
    status, reply, _ = world.ask("PUT", f"{world.workspace}{AUTH}{kind}/{uuid.uuid4()}", body)
    assert status == 400 and reply["error"]["message"]


def test_ids_that_are_no_guids_and_scopes_that_are_not_there(world):
    made = world.service()
    status, reply, _ = world.assign(made, "Reader", world.workspace, guid="one")
    assert status == 400
    enveloped(reply, "InvalidRoleAssignmentId")
    assert world.assign(made, "Reader", world.workspace + "-never")[0] == 404
    wrong = world.assign({"objectId": made["objectId"]}, "Reader", world.workspace + "/..")
    assert wrong[0] == 400
    status, reply, _ = world.ask("GET", f"{world.workspace}{AUTH}roleAssignments?$filter=name eq 'x'")
    assert status == 400
    mismatch = {"properties": {"roleDefinitionId": ROLES["Reader"], "principalId": made["objectId"], "principalType": "User"}}
    status, reply, _ = world.ask("PUT", f"{world.workspace}{AUTH}roleAssignments/{uuid.uuid4()}", mismatch)
    assert status == 400
    enveloped(reply, "UnmatchedPrincipalType")


def custom(world, actions, name=None, scopes=None, guid=None, token=None, **lists):
    guid = guid or str(uuid.uuid4())
    body = {"properties": {"roleName": name or "role " + guid, "assignableScopes": scopes or [world.workspace],
                           "permissions": [{"actions": actions, **lists}]}}
    return guid, world.ask("PUT", f"{world.workspace}{AUTH}roleDefinitions/{guid}?api-version=2022-04-01", body, token)


def test_nobody_gives_what_he_does_not_hold_except_an_owner(world):
    manager, (status, _, _) = custom(world, ["Microsoft.Authorization/*", "*/read"])
    assert status == 201
    made = world.service()
    assert world.assign(made, manager, world.workspace)[0] == 201
    token, friend = world.token(made), world.service()
    assert world.assign(friend, "Reader", world.workspace, token)[0] == 201
    for role in ("Owner", "Contributor", SCIENTIST):
        status, reply, _ = world.assign(friend, role, world.workspace, token)
        assert status == 403, reply
        enveloped(reply, "AuthorizationFailed")
    assert world.assign(made, "Owner", world.workspace, token)[0] == 403
    # Nor by writing a role that he has.
    assert custom(world, ["*"], guid=manager, token=token)[1][0] == 403
    assert custom(world, ["*/read"], token=token)[1][0] == 201
    assert custom(world, ["*/read"], scopes=[world.group], token=token)[1][0] == 403
    owner = world.with_role("Owner")
    assert world.assign(friend, "Owner", world.workspace, owner)[0] == 201
    assert world.assign(friend, "Reader", world.other, owner)[0] == 404
    assert world.assign(friend, "Reader", world.group, owner)[0] == 403


def test_a_custom_role_is_made_given_changed_and_removed(world):
    guid, (status, reply, _) = custom(world, ["Microsoft.MachineLearningServices/workspaces/*"],
                                      notActions=["Microsoft.MachineLearningServices/workspaces/*/delete"])
    assert status == 201 and reply["properties"]["type"] == "CustomRole" and reply["name"] == guid
    token = world.with_role(guid)
    assert world.ask("GET", world.workspace + "/jobs", None, token)[0] == 200
    assert world.ask("DELETE", world.workspace + "/computes/none", None, token)[0] == 403
    at = f"{world.workspace}{AUTH}roleDefinitions/{guid}"
    assert world.ask("GET", at)[1]["properties"]["permissions"][0]["notActions"]
    assert world.ask("GET", f"{world.other}{AUTH}roleDefinitions/{guid}")[0] == 404
    status, reply, _ = world.ask("DELETE", at)
    assert status == 409
    enveloped(reply, "RoleDefinitionHasAssignments")
    assert custom(world, ["*/read"], guid=guid)[1][0] == 200
    assert world.ask("PUT", world.workspace + "/jobs/x", JOB, token)[0] == 403
    names = [row["properties"]["roleName"] for row in world.ask("GET", f"{world.workspace}{AUTH}roleDefinitions")[1]["value"]]
    assert set(ROLES) < set(names) and "role " + guid in names
    found = world.ask("GET", f"{world.workspace}{AUTH}roleDefinitions?$filter=roleName eq 'AzureML Data Scientist'")[1]["value"]
    assert [row["name"] for row in found] == [ROLES[SCIENTIST]]
    status, reply, _ = world.ask("DELETE", f"{world.workspace}{AUTH}roleDefinitions/{ROLES['Reader']}")
    assert status == 400


# --- People ----------------------------------------------------------------------------------------------------------


def test_people_are_managed_by_an_owner_of_the_root_alone(world, tokens):
    for role, token in tokens.items():
        assert world.ask("GET", "/lazurite/v1/users", None, token)[0] == 403, role
        assert world.ask("POST", "/lazurite/v1/users", {"name": "x"}, token)[0] == 403, role
    contributor, reader, owner = (world.with_role(role, "") for role in ("Contributor", "Reader", "Owner"))
    for token in (contributor, reader):
        assert world.ask("GET", "/lazurite/v1/users", None, token)[0] == 200
        assert world.ask("POST", "/lazurite/v1/users", {"name": "x"}, token)[0] == 403
    status, made, _ = world.ask("POST", "/lazurite/v1/users", {"name": uuid.uuid4().hex}, owner)
    assert status == 201 and len(made["password"]) >= 20
    assert world.ask("GET", "/lazurite/v1/connect", None, owner)[0] == 403
    # A custom role with the action is not enough: it could become anybody.
    guid, (status, _, _) = custom(world, ["Microsoft.Authorization/principals/*"], scopes=["/"])
    assert status == 201
    custom_token = world.with_role(guid, "")
    assert world.ask("POST", f"/lazurite/v1/users/{made['name']}/password", {}, custom_token)[0] == 403


def test_secrets_are_shown_once(world):
    made = world.service()
    shown = world.ask("GET", f"/lazurite/v1/servicePrincipals/{made['name']}")[1]
    listed = world.ask("GET", f"/lazurite/v1/servicePrincipals/{made['name']}/credentials")[1]
    assert made["secret"] not in json.dumps(shown) + json.dumps(listed)
    assert [row["id"] for row in listed["value"]] == [made["id"]]
    assert made["secret"] not in world.server.log_text()


@pytest.mark.parametrize("body", [{}, {"name": 7}, {"name": ""}, {"name": "a:b"}, {"name": "admin"}, {"name": "n", "password": "short"},
                                  {"name": "n", "role": "King"}, {"name": "n", "scope": "/"}, {"name": "n", "role": "Reader", "scope": "x"},
                                  {"name": "n", "expiresInDays": -1}, {"name": "n", "expiresInDays": "1"}, {"name": "n", "secret": "yes"}, []])
def test_people_that_cannot_be_made_are_refused_whole(world, body):
    status, reply, _ = world.ask("POST", "/lazurite/v1/users", body)
    assert status == 400 and reply["error"]["message"]
    assert world.ask("GET", "/lazurite/v1/users/n")[0] == 404


def test_a_user_sees_and_changes_himself_by_his_password(world):
    user = world.user(role="Reader", scope=world.workspace)
    stranger = world.service()
    token = world.token(stranger)
    status, me, _ = world.ask("GET", "/lazurite/v1/me", None, token)
    assert status == 200 and me["objectId"] == stranger["objectId"] and me["assignments"] == []
    assert world.ask("POST", "/lazurite/v1/me/password", {"current": "x", "password": "long enough to be"}, token)[0] in (400, 403)
    assert world.send("GET", "/lazurite/v1/me")[0] == 401
    assert world.ask("POST", f"/lazurite/v1/users/{user['name']}/password", {"password": "short"})[0] == 400
    assert world.ask("POST", f"/lazurite/v1/users/{user['name']}/password", {"password": "another one, longer"})[0] == 200
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert world.send("GET", search, headers=basic(user["name"], "another one, longer"))[0] == 200
    assert world.send("GET", search, headers=basic(user["name"], user["password"]))[0] == 401


def test_a_group_gives_its_members_its_roles(world):
    made, name = world.service(), "team-" + uuid.uuid4().hex[:8]
    status, team, _ = world.ask("POST", "/lazurite/v1/groups", {"name": name})
    assert status == 201 and "password" not in team and "secret" not in team
    assert world.assign(team, "Reader", world.workspace)[0] == 201
    token, path = world.token(made), world.workspace + "?api-version=2025-12-01"
    assert world.ask("GET", path, None, token)[0] == 404
    assert world.ask("PUT", f"/lazurite/v1/groups/{name}/members/{made['name']}")[0] == 200
    assert world.ask("GET", path, None, token)[0] == 200
    assert [row["name"] for row in world.ask("GET", f"/lazurite/v1/groups/{name}/members")[1]["value"]] == [made["name"]]
    assert world.ask("DELETE", f"/lazurite/v1/groups/{name}/members/{made['name']}")[0] == 200
    assert world.ask("GET", path, None, token)[0] == 404


def test_what_was_given_outlives_a_restart(fresh_server):
    fresh_server.start()
    world = World(fresh_server)
    made = world.service(role="Reader", scope=world.workspace)
    token = world.token(made)
    fresh_server.stop()
    fresh_server.start()
    again = World(fresh_server)
    assert again.ask("GET", again.workspace + "?api-version=2025-12-01", None, token)[0] == 200
    assert again.ask("DELETE", again.workspace + "/computes/x", None, token)[0] == 403
    assert again.token(made)
