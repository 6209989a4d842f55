"""What both generations of the MLflow client must be able to do against a real server.

Each `mlflow-N/` folder holds the pinned packages of one generation and imports these tests.
"""
import json
import math
import os
import pathlib
import time
import uuid

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"  # a server that is gone ends the test, not the hour
os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"


@pytest.fixture(scope="session", autouse=True)
def tracking(server):
    """The client as a person has it: one address, no token, on the loopback listener."""
    for name in [n for n in os.environ if n.startswith("MLFLOW_TRACKING")]:
        del os.environ[name]
    uri = json.loads((server.folder / "run" / "server.json").read_text())["mlflowTrackingUri"]
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return uri


@pytest.fixture()
def client(tracking):
    return MlflowClient(tracking)


@pytest.fixture()
def experiment(client):
    name = f"e-{uuid.uuid4().hex[:8]}"
    mlflow.set_experiment(name)
    return client.get_experiment_by_name(name)


def refused(code, text, call, *args, **kwargs):
    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == code, caught.value
    assert text in str(caught.value)


def test_default_experiment(client):
    found = client.get_experiment("0")
    assert (found.name, found.lifecycle_stage) == ("Default", "active")
    assert found.artifact_location == "mlflow-artifacts:/0"


def test_run_with_everything(client, experiment):
    with mlflow.start_run(run_name="first", tags={"team": "a"}) as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "größe"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.9, "auc": 0.8}, step=4)
        mlflow.set_tags({"note": "text with spaces", "mlflow.note.content": "x"})
    got = client.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "first"
    assert got.info.end_time >= got.info.start_time > 0
    assert got.info.artifact_uri == f"mlflow-artifacts:/{experiment.experiment_id}/{run.info.run_id}/artifacts"
    assert got.data.params == {"lr": "0.1", "depth": "3", "name": "größe"}
    assert got.data.metrics == {"loss": 0.2, "acc": 0.9, "auc": 0.8}
    assert got.data.tags["team"] == "a" and got.data.tags["note"] == "text with spaces"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(s, 1 / (s + 1)) for s in range(5)]
    assert client.get_metric_history(run.info.run_id, "unknown") == []


def test_run_ids_and_names(client, experiment):
    run = client.create_run(experiment.experiment_id)
    assert len(run.info.run_id) == 32 and run.info.run_id == run.info.run_id.lower()
    assert len(run.info.run_name.split("-")) == 3
    assert run.data.tags["mlflow.runName"] == run.info.run_name
    client.update_run(run.info.run_id, name="renamed")
    assert client.get_run(run.info.run_id).data.tags["mlflow.runName"] == "renamed"
    client.set_tag(run.info.run_id, "mlflow.runName", "again")
    assert client.get_run(run.info.run_id).info.run_name == "again"


def test_params_are_written_once(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.log_param(run, "p", 1)
    client.log_param(run, "p", 1)
    refused("INVALID_PARAMETER_VALUE", "Changing param values is not allowed", client.log_param, run, "p", 2)
    client.log_param(run, "long", "x" * 7000)
    assert len(client.get_run(run).data.params["long"]) == 6000


def test_strange_numbers(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    for key, value in {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "small": 5e-324, "one": 1}.items():
        client.log_metric(run, key, value)
    got = client.get_run(run).data.metrics
    assert math.isnan(got["nan"]) and got["small"] == 5e-324 and got["one"] == 1
    assert (got["inf"], got["ninf"]) == (1.7976931348623157e308, -1.7976931348623157e308)
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


def test_latest_is_the_greatest_step_then_time_then_value(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.log_metric(run, "m", 5, timestamp=100, step=7)
    client.log_metric(run, "m", 1, timestamp=900, step=3)
    assert client.get_run(run).data.metrics["m"] == 5
    client.log_metric(run, "m", 4, timestamp=100, step=7)
    assert client.get_run(run).data.metrics["m"] == 5
    client.log_metric(run, "m", 4, timestamp=101, step=7)
    assert client.get_run(run).data.metrics["m"] == 4
    client.log_metric(run, "m", 4, timestamp=101, step=7)
    assert [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run, "m")] == [
        (100, 7, 4), (100, 7, 5), (101, 7, 4), (900, 3, 1)]


def test_long_histories_come_in_pages(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    points = [mlflow.entities.Metric("m", i / 3, 1760000000000 + i, i) for i in range(5000)]
    for at in range(0, len(points), 1000):
        client.log_batch(run, metrics=points[at:at + 1000])
    assert [m.value for m in client.get_metric_history(run, "m")] == [p.value for p in points]
    store = client._tracking_client.store
    seen, token = [], None
    while True:
        page = store.get_metric_history(run, "m", max_results=1700, page_token=token)
        seen += [m.step for m in page]
        token = page.token
        if not token:
            break
    assert seen == list(range(5000))


def test_search(client, experiment):
    ids = []
    for i in range(6):
        run = client.create_run(experiment.experiment_id, start_time=1000 + i, tags={"kind": "Even" if i % 2 == 0 else "odd"})
        client.log_metric(run.info.run_id, "m", i if i != 3 else math.nan)
        client.log_param(run.info.run_id, "lr", "0.1" if i < 4 else "0.01")
        ids.append(run.info.run_id)
    client.set_terminated(ids[5], "FAILED")

    def found(filter_string="", order=None, **options):
        return [ids.index(r.info.run_id) for r in
                client.search_runs([experiment.experiment_id], filter_string, order_by=order, **options)]

    assert found() == [5, 4, 3, 2, 1, 0]
    assert found("metrics.m > 1 and params.lr = '0.1'") == [2]
    assert found("", ["metrics.m ASC"]) == [0, 1, 2, 4, 5, 3]
    assert found("", ["metrics.m DESC"]) == [5, 4, 2, 1, 0, 3]
    assert found("tags.kind LIKE 'E%'") == [4, 2, 0]
    assert found("tags.kind ILIKE 'e%'", ["attributes.start_time ASC"]) == [0, 2, 4]
    assert found("attributes.status = 'FAILED'") == [5]
    assert found(f"run_id IN ('{ids[1]}', '{ids[2]}')") == [2, 1]
    assert found("tags.`mlflow.runName` != 'x' and params.none = '1'") == []
    page = client.search_runs([experiment.experiment_id], max_results=4)
    rest = client.search_runs([experiment.experiment_id], max_results=4, page_token=page.token)
    assert [len(page), len(rest), rest.token] == [4, 2, None]
    refused("INVALID_PARAMETER_VALUE", "Invalid clause(s) in filter string", found, "metrics.m > 1 or metrics.m < 0")
    frame = mlflow.search_runs([experiment.experiment_id], "metrics.m >= 4")
    assert sorted(frame["metrics.m"]) == [4, 5]


def test_nested_runs(client, experiment):
    with mlflow.start_run() as parent:
        for i in range(3):
            with mlflow.start_run(nested=True) as child:
                mlflow.log_metric("i", i)
    kids = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert len(kids) == 3 and child.info.run_id in [k.info.run_id for k in kids]


def test_runs_are_deleted_and_come_back(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.set_tag(run, "t", "1")
    client.delete_tag(run, "t")
    refused("RESOURCE_DOES_NOT_EXIST", "No tag with name: t", client.delete_tag, run, "t")
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", "must be in the 'active' state", client.log_metric, run, "m", 1)
    assert client.search_runs([experiment.experiment_id]) == []
    assert len(client.search_runs([experiment.experiment_id], run_view_type=mlflow.entities.ViewType.ALL)) == 1
    client.restore_run(run)
    client.log_metric(run, "m", 1)


def test_experiments(client, experiment):
    name = f"x-{uuid.uuid4().hex[:6]}"
    made = client.create_experiment(name, tags={"a": "1"})
    refused("RESOURCE_ALREADY_EXISTS", "already exists", client.create_experiment, name)
    client.set_experiment_tag(made, "b", "2")
    assert client.get_experiment(made).tags == {"a": "1", "b": "2"}
    client.rename_experiment(made, name + "y")
    found = client.search_experiments(filter_string=f"name LIKE '{name}%'", order_by=["name ASC"])
    assert [e.experiment_id for e in found] == [made]
    run = client.create_run(made).info.run_id
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", "must be in the 'active' state", client.create_run, made)
    client.restore_experiment(made)
    assert client.get_run(run).info.lifecycle_stage == "active"
    refused("RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654 exists", client.get_experiment, "987654")


def test_artifacts(client, experiment, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "sub" / "100% ö.csv").write_text("1;2")
    (tmp_path / "empty").touch()
    big = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(big)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "a.txt"))
        mlflow.log_artifacts(str(tmp_path), "folder")
        mlflow.log_dict({"k": [1, 2]}, "d/x.json")
        mlflow.log_text("t", "t.txt")
    run_id = run.info.run_id
    assert sorted((f.path, f.is_dir) for f in client.list_artifacts(run_id)) == [
        ("a.txt", False), ("d", True), ("folder", True), ("t.txt", False)]
    below = {f.path: f.file_size for f in client.list_artifacts(run_id, "folder")}
    assert below["folder/big.bin"] == 3_000_000 and "folder/sub" in below
    local = pathlib.Path(client.download_artifacts(run_id, "folder", str(tmp_path / "sub")))
    assert (local / "big.bin").read_bytes() == big
    assert (local / "sub" / "100% ö.csv").read_text() == "1;2"
    assert (local / "empty").read_bytes() == b""
    assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/d/x.json") == {"k": [1, 2]}
    assert client.list_artifacts(run_id, "nothing") == []


def test_datasets(client, experiment):
    import pandas

    frame = pandas.DataFrame({"x": [1, 2], "y": [0, 1]})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="tiny", targets="y"), context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert [i.dataset.name for i in inputs] == ["tiny"]
    assert inputs[0].tags[0].value == "training"
    assert len(client.search_runs([experiment.experiment_id], "dataset.name = 'tiny'")) == 1
    assert client.search_runs([experiment.experiment_id], "dataset.name = 'other'") == []


def classifier():
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data, target = load_breast_cancer(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)), data, target


def test_autolog_of_scikit_learn(client, experiment):
    mlflow.sklearn.autolog()
    try:
        model, data, target = classifier()
        with mlflow.start_run() as run:
            model.fit(data, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["logisticregression__max_iter"] == "200"
    assert got.data.metrics["training_accuracy_score"] > 0.97
    assert any(f.path.startswith("training_confusion_matrix") for f in client.list_artifacts(run.info.run_id))
    assert [i.dataset.name for i in got.inputs.dataset_inputs]
    loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(data) == model.predict(data)).all()
    assert "MLmodel" in [pathlib.PurePath(f.path).name for f in client.list_artifacts(run.info.run_id, "model")]


def test_bad_requests_are_refused_at_once(client, experiment):
    began = time.monotonic()
    run = client.create_run(experiment.experiment_id).info.run_id
    refused("RESOURCE_DOES_NOT_EXIST", "not found", client.get_run, "0" * 32)
    refused("INVALID_PARAMETER_VALUE", "", client._tracking_client.store.log_batch, run,
            [mlflow.entities.Metric("../x", 1, 1, 1)], [], [])
    refused("INVALID_PARAMETER_VALUE", "Expected numeric", client.search_runs, ["0"], "metrics.a = 'x'")
    assert time.monotonic() - began < 5  # an answer of 5xx would be tried again for minutes


def log_any_model(model, **options):
    """log_model with the argument that this generation calls a model's place."""
    place = "name" if mlflow.__version__.startswith("3") else "artifact_path"
    return mlflow.sklearn.log_model(model, **{place: "clf"}, **options)


def test_registry(client, experiment):
    name = f"reg {uuid.uuid4().hex[:8]}"
    model, data, target = classifier()
    model.fit(data, target)
    with mlflow.start_run() as run:
        log_any_model(model, registered_model_name=name)
    first = client.get_model_version(name, "1")
    assert (first.status, first.current_stage, first.run_id) == ("READY", "None", run.info.run_id)
    second = mlflow.register_model(f"runs:/{run.info.run_id}/clf", name, tags={"k": "v"})
    assert second.version in ("2", 2)
    assert client.get_model_version(name, "2").tags == {"k": "v"}
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/2")
    assert (loaded.predict(data) == model.predict(data)).all()
    client.set_registered_model_alias(name, "champion", "2")
    assert client.get_model_version_by_alias(name, "champion").version in ("2", 2)
    assert client.get_registered_model(name).aliases["champion"] in ("2", 2)
    client.delete_registered_model_alias(name, "champion")
    refused("INVALID_PARAMETER_VALUE", "alias champion not found", client.get_model_version_by_alias, name, "champion")
    client.transition_model_version_stage(name, "1", "production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert [v.version for v in client.get_latest_versions(name, ["Production"])] == [second.version]
    client.set_model_version_tag(name, "1", "t", "x")
    client.update_registered_model(name, "words")
    client.update_model_version(name, "1", "more words")
    client.set_registered_model_tag(name, "team", "b")
    got = client.get_registered_model(name)
    assert (got.description, got.tags) == ("words", {"team": "b"})
    found = client.search_registered_models(f"name = '{name}'")
    assert [m.name for m in found] == [name]
    assert len(client.search_model_versions(f"name = '{name}' and tags.t = 'x'")) == 1
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 2
    refused("RESOURCE_ALREADY_EXISTS", "already exists", client.create_registered_model, name.upper())
    refused("INVALID_PARAMETER_VALUE", "Invalid model version source", client.create_model_version, name, "/etc", run.info.run_id)
    client.delete_model_version(name, "1")
    refused("RESOURCE_DOES_NOT_EXIST", "not found", client.get_model_version, name, "1")
    client.delete_registered_model(name)
    refused("RESOURCE_DOES_NOT_EXIST", "not found", client.get_registered_model, name)
