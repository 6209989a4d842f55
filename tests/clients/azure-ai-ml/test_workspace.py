"""Workspaces as the SDK makes, changes, lists, diagnoses and deletes them, and that none sees into another."""
import json
import os
import urllib.request
import ssl

import pytest
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data, Environment, FeatureStore, Hub, Project, Workspace
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from harness import wait_for


@pytest.fixture()
def second(ml, client_with, connection, unique):
    """A client of a workspace of its own, made by the SDK."""
    ml.workspaces.begin_create(Workspace(name=unique, location="local", display_name="Second")).result()
    from conftest import Token
    client = MLClient(Token(connection["token"]), connection["subscription"], connection["resourceGroup"], unique)
    yield client
    if any(w.name == unique for w in ml.workspaces.list()):
        ml.workspaces.begin_delete(unique, delete_dependent_resources=False).result()


def test_a_workspace_from_birth_to_death(ml, unique):
    made = ml.workspaces.begin_create(Workspace(
        name=unique, location="local", display_name="Fresh", description="made by the SDK",
        tags={"purpose": "test"}, hbi_workspace=False)).result()
    assert (made.name, made.location, made.display_name) == (unique, "local", "Fresh")
    assert made.tags["purpose"] == "test"
    assert made.discovery_url.endswith("/discovery")
    assert made.mlflow_tracking_uri.endswith("/workspaces/" + unique)
    assert made.storage_account.startswith("/subscriptions/")
    got = ml.workspaces.get(unique)
    assert got.description == "made by the SDK"
    assert got.id.endswith("/workspaces/" + unique)
    got.description = "changed"
    assert ml.workspaces.begin_update(got).result().description == "changed"
    changed = ml.workspaces.begin_update(got, tags={"k": "v"}).result()
    assert changed.tags == {"k": "v"}  # all tags are sent, those left out go
    # Made again it is the same one.
    assert ml.workspaces.begin_create(Workspace(name=unique, location="local")).result().id == got.id
    assert ml.workspaces.get_keys(unique).user_storage_key
    assert ml.workspaces.begin_diagnose(unique).result().key_vault_results == []
    ml.workspaces.begin_sync_keys(unique).result()
    ml.workspaces.begin_delete(unique, delete_dependent_resources=True).result()
    with pytest.raises(ResourceNotFoundError):
        ml.workspaces.get(unique)


def test_lists_by_group_and_subscription_and_kind(ml, second):
    names = [w.name for w in ml.workspaces.list()]
    assert "default" in names and second.workspace_name in names
    assert second.workspace_name in [w.name for w in ml.workspaces.list(scope="subscription")]
    assert second.workspace_name not in [w.name for w in ml.workspaces.list(filtered_kinds="hub")]


def test_what_every_server_has_stays(ml):
    with pytest.raises(HttpResponseError) as refused:
        ml.workspaces.begin_delete("default", delete_dependent_resources=False).result()
    assert refused.value.status_code == 409
    assert ml.workspaces.get("default").name == "default"


def test_hubs_and_projects(ml, unique):
    hub = ml.workspaces.begin_create(Hub(name=f"h{unique}", location="local", display_name="Hub")).result()
    assert hub._kind == "hub"
    project = ml.workspaces.begin_create(
        Project(name=f"p{unique}", location="local", hub_id=hub.id, display_name="Project")).result()
    assert project.hub_id == hub.id
    assert project.name in [w.name for w in ml.workspaces.list(filtered_kinds=["project"])]
    assert ml.workspaces.get(hub.name).associated_workspaces == [project.id]
    with pytest.raises(HttpResponseError) as refused:
        ml.workspaces.begin_delete(hub.name, delete_dependent_resources=False).result()
    assert "projects" in str(refused.value)
    ml.workspaces.begin_delete(project.name, delete_dependent_resources=False).result()
    ml.workspaces.begin_delete(hub.name, delete_dependent_resources=False).result()


def test_feature_stores(ml, unique):
    made = ml.feature_stores.begin_create(FeatureStore(name=unique, location="local", description="f"),
                                          grant_materialization_permissions=False).result()
    assert made.name == unique
    assert unique in [s.name for s in ml.feature_stores.list()]
    assert ml.feature_stores.get(unique).description == "f"
    ml.feature_stores.begin_delete(unique).result()
    assert unique not in [s.name for s in ml.feature_stores.list()]


def request(connection, path, method="GET", body=None):
    """One request as the SDK would send it; status and JSON."""
    ask = urllib.request.Request(connection["endpoint"] + path, method=method,
                                 data=json.dumps(body).encode() if body is not None else None,
                                 headers={"Authorization": "Bearer " + connection["token"],
                                          "Content-Type": "application/json"})
    context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    try:
        with urllib.request.urlopen(ask, context=context) as reply:
            return reply.status, json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"null")


def arm(client):
    return (f"/subscriptions/{client.subscription_id}/resourceGroups/{client.resource_group_name}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{client.workspace_name}")


def test_work_in_a_second_workspace_stays_there(ml, second, connection, tmp_path, unique):
    (tmp_path / "a.txt").write_text("hello")
    data = second.data.create_or_update(
        Data(name=f"d{unique}", version="1", path=str(tmp_path / "a.txt"), type=AssetTypes.URI_FILE))
    assert f"/workspaces/{second.workspace_name}/" in data.id
    job = second.jobs.create_or_update(command(
        command="cat ${{inputs.file}}", name=f"j{unique}", experiment_name="second",
        inputs={"file": Input(type="uri_file", path=f"azureml:d{unique}:1")},
        environment=Environment(image="python:3.11-slim")))
    wait_for(lambda: second.jobs.get(job.name).status in ("Completed", "Failed", "Canceled"), 180, 0.3)
    assert second.jobs.get(job.name).status == "Completed"
    # Nothing of it is to be seen from the other one, by name or by id.
    for call in (lambda: ml.jobs.get(job.name), lambda: ml.data.get(f"d{unique}", "1")):
        with pytest.raises((ResourceNotFoundError, HttpResponseError)) as refused:
            call()
        assert getattr(refused.value, "status_code", 404) == 404
    here, there = arm(ml), arm(second)
    assert request(connection, f"/history/v1.0{there}/runs/{job.name}")[0] == 200
    assert request(connection, f"/history/v1.0{here}/runs/{job.name}")[0] == 404
    run = f"/mlflow/v1.0{{}}/api/2.0/mlflow/runs/get?run_id={job.name}"
    assert request(connection, run.format(there))[0] == 200
    assert request(connection, run.format(here))[0] == 404
    assert request(connection, run.format(""))[0] == 404
    assert f"d{unique}" not in [d.name for d in ml.data.list()]
    assert job.name not in [j.name for j in ml.jobs.list()]
    assert [e["name"] for e in request(
        connection, f"/mlflow/v1.0{here}/api/2.0/mlflow/experiments/search?max_results=100")[1]["experiments"]
        if e["name"] == "second"] == []
    # A reference with the other's full id is refused as if it were not there.
    status, body = request(connection, f"{here}/jobs/x{unique}", "PUT", {"properties": {
        "jobType": "Command", "command": "true", "environmentId": "azureml:python@latest",
        "inputs": {"f": {"jobInputType": "uri_file", "uri": data.id}}}})
    assert status in (400, 404), body


def test_a_deleted_workspace_takes_its_bytes_and_runs_along(ml, second, connection, tmp_path, unique):
    (tmp_path / "a.txt").write_text("hello")
    second.data.create_or_update(
        Data(name=f"d{unique}", version="1", path=str(tmp_path / "a.txt"), type=AssetTypes.URI_FILE))
    path = arm(second)
    status, run = request(connection, f"/mlflow/v1.0{path}/api/2.0/mlflow/runs/create", "POST",
                          {"experiment_id": "0", "start_time": 1})
    assert status == 200
    ml.workspaces.begin_delete(second.workspace_name, delete_dependent_resources=False).result()
    assert request(connection, path)[0] == 404
    assert request(connection, f"{path}/data")[0] == 404
    assert request(connection, f"/mlflow/v1.0{path}/api/2.0/mlflow/runs/get?run_id="
                   + run["run"]["info"]["run_id"])[0] == 404
    # The name can be taken again, and nothing comes back with it.
    ml.workspaces.begin_create(Workspace(name=second.workspace_name, location="local")).result()
    assert list(second.data.list()) == []
