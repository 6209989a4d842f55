"""Models through the azureml scheme: logged, registered from runs and from folders, loaded, deleted."""
import pathlib

import pytest


@pytest.fixture(scope="module")
def classifier():
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    data, target = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=200).fit(data, target), data


def same(model, other, data):
    return (model.predict(data) == other.predict(data)).all()


def test_a_model_is_logged_and_loaded(mlflow, client, experiment, classifier):
    model, data = classifier
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="clf", input_example=data[:2])
    assert same(mlflow.sklearn.load_model(info.model_uri), model, data)
    assert same(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/clf"), model, data)
    got = mlflow.get_logged_model(info.model_id)
    assert got.source_run_id == run.info.run_id and got.artifact_location.startswith("azureml://")


def test_autolog_logs_parameters_metrics_and_the_model(mlflow, client, experiment):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    data, target = load_iris(return_X_y=True)
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            model = LogisticRegression(max_iter=150).fit(data, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["max_iter"] == "150" and "training_accuracy_score" in got.data.metrics
    assert same(mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model"), model, data)


def test_a_model_of_a_run_is_registered(mlflow, client, experiment, classifier, unique, tmp_path):
    model, data = classifier
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="clf", registered_model_name=unique)
    assert client.get_model_version(unique, "1").run_id == run.info.run_id
    version = mlflow.register_model(f"runs:/{run.info.run_id}/clf", unique)
    assert version.version in (2, "2")
    third = mlflow.register_model(info.model_uri, unique)
    assert same(mlflow.sklearn.load_model(f"models:/{unique}/{third.version}"), model, data)
    client.set_registered_model_alias(unique, "best", "1")
    assert same(mlflow.pyfunc.load_model(f"models:/{unique}@best"), model, data)
    local = mlflow.artifacts.download_artifacts(f"models:/{unique}/1", dst_path=str(tmp_path))
    assert (pathlib.Path(local) / "MLmodel").is_file()


def test_a_model_of_a_folder_is_registered(mlflow, client, classifier, unique, tmp_path):
    model, data = classifier
    mlflow.sklearn.save_model(model, str(tmp_path / "saved"))
    client.create_registered_model(unique)
    version = client.create_model_version(unique, f"file://{tmp_path}/saved")
    assert version.source.startswith("azureml://artifacts/LocalUpload/")
    assert same(mlflow.sklearn.load_model(f"models:/{unique}/1"), model, data)


def test_files_of_a_run_are_registered_by_their_address(mlflow, client, experiment, unique, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.bin").write_bytes(b"123")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "weights"), "net")
    client.create_registered_model(unique)
    version = client.create_model_version(unique, run.info.artifact_uri + "/net", run_id=run.info.run_id)
    assert version.run_id == run.info.run_id
    local = mlflow.artifacts.download_artifacts(f"models:/{unique}/1", dst_path=str(tmp_path / "back"))
    assert (pathlib.Path(local) / "w.bin").read_bytes() == b"123"


def test_versions_are_tagged_found_staged_and_deleted(mlflow, client, experiment, classifier, unique):
    model, _ = classifier
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, name="clf", registered_model_name=unique)
    mlflow.register_model(f"runs:/{run.info.run_id}/clf", unique)
    client.set_model_version_tag(unique, "1", "k", "v")
    client.update_model_version(unique, "1", description="good")
    found = client.search_model_versions(f"name = '{unique}'", order_by=["version_number DESC"])
    assert [str(v.version) for v in found] == ["2", "1"]
    assert client.get_model_version(unique, "1").tags == {"k": "v"}
    client.delete_model_version(unique, "2")
    assert [str(v.version) for v in client.search_model_versions(f"name = '{unique}'")] == ["1"]
    client.delete_registered_model(unique)
    assert unique not in [m.name for m in client.search_registered_models()]


@pytest.mark.parametrize("source", [
    "azureml://HOST/mlflow/v2.0/subscriptions/x/resourceGroups/y/providers/Microsoft.MachineLearningServices"
    "/workspaces/z/experiments/0/runs/r/artifacts/m",
    "azureml://artifacts/LocalUpload/../../x", "azureml://artifacts/LocalUpload/none/model", "azureml://artifacts/a"])
def test_sources_of_others_are_refused(mlflow, client, unique, source):
    client.create_registered_model(unique)
    with pytest.raises(mlflow.exceptions.MlflowException) as caught:
        client.create_model_version(unique, source)
    assert caught.value.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
