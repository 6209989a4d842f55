"""Batch endpoints and deployments through the unmodified SDK, as resources."""
import pytest
from azure.ai.ml.entities import (BatchEndpoint, BatchRetrySettings, CodeConfiguration, Model, ModelBatchDeployment,
                                  ModelBatchDeploymentSettings)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


@pytest.fixture()
def model(ml, unique, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.txt").write_text("1 2 3")
    return ml.models.create_or_update(Model(name=unique, path=str(tmp_path / "model"), type="custom_model"))


@pytest.fixture()
def endpoint(ml, unique):
    made = ml.batch_endpoints.begin_create_or_update(
        BatchEndpoint(name=unique, description="nightly", tags={"a": "b"})).result()
    yield made
    try:
        ml.batch_endpoints.begin_delete(unique).result()
    except ResourceNotFoundError:
        pass


def deployment(model, environment, cluster, tmp_path, **more):
    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code" / "score.py").write_text("def init():\n    pass\n\n\ndef run(mini_batch):\n    return mini_batch\n")
    return ModelBatchDeployment(
        name="first", model=model, environment=environment.id, compute=cluster,
        code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="score.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=4, instance_count=1, max_concurrency_per_instance=2,
                                              output_action="append_row", output_file_name="out.csv",
                                              retry_settings=BatchRetrySettings(max_retries=2, timeout=45)), **more)


def test_an_endpoint_is_made_read_changed_and_deleted(ml, endpoint, unique):
    found = ml.batch_endpoints.get(unique)
    assert (found.name, found.description, found.tags) == (unique, "nightly", {"a": "b"})
    assert found.auth_mode == "aad_token" and found.provisioning_state == "Succeeded"
    assert found.defaults.deployment_name is None
    assert found.scoring_uri.startswith("https://") and found.scoring_uri.endswith("/jobs")
    assert unique in [e.name for e in ml.batch_endpoints.list()]
    found.tags = {"c": "d"}
    ml.batch_endpoints.begin_create_or_update(found).result()
    assert ml.batch_endpoints.get(unique).tags == {"c": "d"}
    ml.batch_endpoints.begin_delete(unique).result()
    with pytest.raises(ResourceNotFoundError):
        ml.batch_endpoints.get(unique)


def test_a_deployment_round_trips_and_becomes_the_default(ml, endpoint, unique, model, environment, cluster, tmp_path):
    wanted = deployment(model, environment, cluster, tmp_path, endpoint_name=unique, description="of a folder")
    ml.batch_deployments.begin_create_or_update(wanted).result()
    found = ml.batch_deployments.get("first", unique)
    assert found.description == "of a folder"
    assert (found.mini_batch_size, found.output_file_name, found.output_action) == (4, "out.csv", "append_row")
    assert (found.retry_settings.max_retries, found.retry_settings.timeout) == (2, 45)
    assert found.max_concurrency_per_instance == 2
    assert found.model.endswith(f"/models/{model.name}/versions/{model.version}")
    assert found.provisioning_state == "Succeeded"
    assert [d.name for d in ml.batch_deployments.list(unique)] == ["first"]
    named = ml.batch_endpoints.get(unique)
    named.defaults.deployment_name = "first"
    ml.batch_endpoints.begin_create_or_update(named).result()
    assert ml.batch_endpoints.get(unique).defaults.deployment_name == "first"
    ml.batch_deployments.begin_delete("first", unique).result()
    assert list(ml.batch_deployments.list(unique)) == []
    assert ml.batch_endpoints.get(unique).defaults.deployment_name is None


def test_a_deployment_needs_what_it_refers_to(ml, endpoint, unique, model, environment, cluster, tmp_path):
    wanted = deployment(model, environment, cluster, tmp_path, endpoint_name=unique)
    wanted.compute = "nowhere"
    with pytest.raises(HttpResponseError, match="nowhere"):
        ml.batch_deployments.begin_create_or_update(wanted).result()
    with pytest.raises(ResourceNotFoundError):
        ml.batch_deployments.get("first", unique)


def test_jobs_of_an_endpoint_are_none_and_invoking_says_why(ml, endpoint, unique, model, environment, cluster, tmp_path):
    ml.batch_deployments.begin_create_or_update(
        deployment(model, environment, cluster, tmp_path, endpoint_name=unique)).result()
    assert list(ml.batch_endpoints.list_jobs(unique)) == []
    assert list(ml.batch_deployments.list_jobs(unique, name="first")) == []
    from azure.ai.ml import Input
    with pytest.raises(HttpResponseError, match="[Bb]atch inference"):
        ml.batch_endpoints.invoke(unique, input=Input(type="uri_folder",
                                                      path="azureml://datastores/workspaceblobstore/paths/x/"))
