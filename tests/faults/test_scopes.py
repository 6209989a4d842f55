"""Workspaces, registries and what stands above them: who may, who sees what, and many at once."""
import concurrent.futures
import uuid

import pytest

from test_roles import ML, SCIENTIST, World, world  # noqa: F401  the fixture is used by its name

SERVICES = "/providers/Microsoft.MachineLearningServices/"
PLAIN = {"location": "local", "properties": {}}
IMAGE = {"properties": {"image": "python:3.11-slim"}}


def name(prefix="s"):
    return prefix + uuid.uuid4().hex[:8]


def at_once(jobs):
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        return [done.result() for done in [pool.submit(job) for job in jobs]]


@pytest.fixture(scope="module")
def registry(world):  # noqa: F811
    made = world.group + SERVICES + "registries/" + name("reg")
    assert world.ask("PUT", made, PLAIN)[0] == 201
    return made


def test_eight_who_make_one_version_get_one_and_the_same(world):  # noqa: F811
    path = f"{world.workspace}/data/{name()}/versions/1"
    body = {"properties": {"dataUri": "azureml://datastores/workspaceblobstore/paths/a", "dataType": "uri_file"}}
    replies = at_once([lambda: world.ask("PUT", path, body)] * 8)
    assert sorted(r[0] for r in replies) == [200] * 7 + [201]
    assert len({r[1]["systemData"]["createdAt"] for r in replies}) == 1


def test_of_eight_different_ones_one_wins_and_the_losers_are_told(world):  # noqa: F811
    path = f"{world.workspace}/data/{name()}/versions/1"

    def put(at):
        return lambda: world.ask("PUT", path, {"properties": {
            "dataUri": f"azureml://datastores/workspaceblobstore/paths/{at}", "dataType": "uri_file"}})
    replies = at_once([put(i) for i in range(8)])
    assert sorted(r[0] for r in replies) == [201] + [400] * 7
    for status, body, _ in replies:
        if status == 400:
            assert (body["error"]["code"], body["error"]["message"]) == ("UserError", "Asset paths cannot be updated.")
    environment = f"{world.workspace}/environments/{name()}/versions/1"
    replies = at_once([lambda i=i: world.ask("PUT", environment, {"properties": {"image": f"python:3.{i}"}})
                       for i in range(8)])
    assert sorted(r[0] for r in replies) == [201] + [409] * 7


def test_eight_who_make_one_workspace_get_one(world):  # noqa: F811
    path = world.group + ML + name("w")
    replies = at_once([lambda: world.ask("PUT", path, PLAIN)] * 8)
    assert {r[0] for r in replies} == {200}
    assert len({r[1]["properties"]["workspaceId"] for r in replies}) == 1
    assert len(world.ask("GET", path + "/datastores")[1]["value"]) == 2
    assert sorted(r[0] for r in at_once([lambda: world.ask("DELETE", path)] * 8)) in [
        [202] + [204] * 7] + [[202] * n + [204] * (8 - n) for n in range(2, 9)]
    assert world.ask("GET", path)[0] == 404


def test_work_that_arrives_while_its_workspace_goes_is_refused_or_gone(world):  # noqa: F811
    path = world.group + ML + name("w")
    assert world.ask("PUT", path, PLAIN)[0] == 200
    jobs = [lambda i=i: world.ask("PUT", f"{path}/environments/e{i}/versions/1", IMAGE)[0] for i in range(20)]
    jobs.insert(5, lambda: world.ask("DELETE", path)[0])
    assert set(at_once(jobs)) <= {201, 202, 404}
    assert world.ask("PUT", path, PLAIN)[0] == 200
    assert world.ask("GET", path + "/environments")[1]["value"] == []


@pytest.mark.parametrize("role,may", [("Owner", True), ("Contributor", True), ("Reader", False), (SCIENTIST, False)])
def test_who_may_make_and_end_workspaces_and_registries(world, role, may):  # noqa: F811
    token = world.with_role(role, world.group)
    for kind in ("workspaces", "registries"):
        path = f"{world.group}{SERVICES}{kind}/{name()}"
        status = world.ask("PUT", path, PLAIN, token)[0]
        assert status in ((200, 201) if may else (403,))
        if not may:
            assert world.ask("PUT", path, PLAIN)[0] in (200, 201)
        assert world.ask("DELETE", path, None, token)[0] == (202 if may else 403)
    deployment = f"{world.group}/providers/Microsoft.Resources/deployments/{name()}"
    template = {"properties": {"template": {"resources": [
        {"type": "Microsoft.MachineLearningServices/workspaces", "name": name("w"), "location": "local"}]}}}
    assert world.ask("PUT", deployment, template, token)[0] == (201 if may else 403)
    # A group beside the one where the role was given.
    other = world.group.rsplit("/", 1)[0] + "/" + name("g")
    assert world.ask("PUT", other, {"location": "local"}, token)[0] in (403, 404)
    assert world.ask("PUT", f"{other}{SERVICES}workspaces/{name()}", PLAIN, token)[0] in (403, 404)


def test_what_roles_open_in_a_registry(world, registry):  # noqa: F811
    asset = registry + "/environments/{}/versions/1"
    front = "/mferp/managementfrontend"
    user = world.with_role("AzureML Registry User", registry)
    reader = world.with_role("Reader", registry)
    stranger = world.with_role("Owner", world.workspace)
    made = asset.format(name())
    assert world.ask("PUT", front + made, IMAGE, user)[0] == 201
    assert world.ask("PUT", asset.format(name()), IMAGE, reader)[0] == 403
    assert world.ask("PUT", front + asset.format(name()), IMAGE, reader)[0] == 403
    refs = front + registry + "/tempdatarefs/m/versions/1"
    ask = {"assetId": f"azureml://registries/{registry.rsplit('/', 1)[1]}/models/m/versions/1"}
    assert world.ask("PUT", refs, ask, reader)[0] == 403
    assert world.ask("PUT", refs, ask, user)[0] == 200
    for token in (user, reader):
        assert world.ask("GET", made, None, token)[0] == 200
        assert world.ask("GET", front + made, None, token)[0] == 200
        assert world.ask("DELETE", registry, None, token)[0] == 403
    for method, path, body in (("GET", made, None), ("GET", front + made, None), ("PUT", front + made, IMAGE),
                               ("PUT", refs, ask), ("GET", registry, None), ("DELETE", registry, None)):
        assert world.ask(method, path, body, stranger)[0] in (403, 404), (method, path)
    assert world.send("GET", made)[0] == 401


@pytest.mark.parametrize("body", [None, b"", b"[", b"[]", b"7", b'{"properties":7}', b'{"properties":{"kind":[]}}',
                                  b'{"kind":7,"properties":{}}', b'{"tags":7,"properties":{}}',
                                  b'{"location":[],"properties":{}}'])
@pytest.mark.parametrize("kind", ["workspaces", "registries"])
def test_no_body_makes_a_500_or_half_a_scope(world, kind, body):  # noqa: F811
    path = f"{world.group}{SERVICES}{kind}/{name()}"
    status, reply, _ = world.ask("PUT", path, body)
    if status in (200, 201):
        assert body == b'{"properties":{"kind":[]}}'
        return
    assert status in (400, 415), reply
    assert reply["error"]["message"]
    assert world.ask("GET", path)[0] == 404


@pytest.mark.parametrize("path", ["/tenants", "/subscriptions", "{s}", "{s}/resourceGroups", "{s}/providers", "{s}/locations",
                                  "{g}", "{g}/providers/Microsoft.KeyVault/vaults/kv", "{g}/deployments/d/operations"])
def test_nothing_above_a_workspace_is_public(world, path):  # noqa: F811
    path = path.format(s=world.group.rsplit("/", 2)[0], g=world.group)
    assert world.send("GET", path)[0] == 401
    assert world.ask("GET", path)[0] in (200, 404)


@pytest.mark.parametrize("type_", ["workspaces", "registries"])
def test_who_changes_a_scope_while_others_delete_it_harms_nobody(world, type_):  # noqa: F811
    for _ in range(6):
        path = f"{world.group}{SERVICES}{type_}/{name('r')}"
        jobs = [lambda: world.ask("PUT", path, PLAIN)] * 6 + [lambda: world.ask("DELETE", path)] * 2
        jobs += [lambda: world.ask("PATCH", path, {"tags": {"a": "b"}})] * 6
        jobs.append(lambda: world.ask("PUT", path + "/environments/e/versions/1", IMAGE))
        replies = at_once(jobs)
        assert {r[0] for r in replies} <= {200, 201, 202, 204, 404, 409}, replies
    assert world.ask("GET", world.workspace)[0] == 200, "the server lives"
