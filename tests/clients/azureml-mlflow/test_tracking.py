"""Runs, metrics and files through the azureml scheme."""
import math
import os
import pathlib
import subprocess
import sys
import time

import pytest


def test_a_run_with_everything(mlflow, client, experiment, history):
    with mlflow.start_run(run_name="first", tags={"team": "a"}) as run:
        mlflow.log_param("rate", 0.1)
        mlflow.log_params({"depth": 3, "name": "größe"})
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "f1": 0.25}, step=7)
        mlflow.set_tags({"x": "1", "y": "2"})
    got = client.get_run(run.info.run_id)
    assert got.data.params == {"rate": "0.1", "depth": "3", "name": "größe"}
    assert got.data.metrics["loss"] == pytest.approx(1 / 3) and got.data.metrics["f1"] == 0.25
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss")] == [0, 1, 2]
    assert got.data.tags["team"] == "a" and got.data.tags["y"] == "2"
    assert got.info.status == "FINISHED" and got.info.run_name == "first"
    shown = history(f"/runs/{run.info.run_id}")
    assert (shown["status"], shown["displayName"], shown["experimentId"]) == \
        ("Completed", "first", experiment.experiment_id)


def test_the_address_of_artifacts_is_the_plugins_own(mlflow, experiment, azureml_uri):
    with mlflow.start_run() as run:
        pass
    expected = f"{azureml_uri()}/experiments/{experiment.experiment_id}/runs/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri == expected
    assert experiment.artifact_location.startswith("azureml://")


def test_files_go_up_and_come_back(mlflow, client, experiment, tmp_path):
    folder = tmp_path / "out"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a b.txt").write_text("one")
    (folder / "deep" / "100%.csv").write_text("two")
    (folder / "deep" / "er" / "ü.bin").write_bytes(bytes(range(256)))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "a b.txt"))
        mlflow.log_artifacts(str(folder), artifact_path="tree")
        mlflow.log_text("hello", "notes/n.txt")
        mlflow.log_dict({"k": [1, 2]}, "d.json")
    run_id = run.info.run_id
    assert sorted(f.path for f in client.list_artifacts(run_id)) == ["a b.txt", "d.json", "notes", "tree"]
    assert [(f.path, f.is_dir) for f in client.list_artifacts(run_id, "tree/deep")] == \
        [("tree/deep/100%.csv", False), ("tree/deep/er", True)]
    local = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="tree",
                                                             dst_path=str(tmp_path / "back")))
    assert (local / "deep" / "er" / "ü.bin").read_bytes() == bytes(range(256))
    assert (local / "deep" / "100%.csv").read_text() == "two"
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/n.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json") == {"k": [1, 2]}


def test_a_file_is_made_once_as_in_azure(mlflow, experiment):
    with mlflow.start_run() as run:
        mlflow.log_text("1", "same.txt")
        with pytest.raises(Exception, match="Resource Conflict: ArtifactId .*same.txt already exists"):
            mlflow.log_text("2", "same.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/same.txt") == "1"


def test_many_files_of_one_folder(mlflow, client, experiment, tmp_path):
    for i in range(120):  # several batches of addresses
        (tmp_path / f"f{i:04}").write_text(str(i))
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path), "many")
    assert len(client.list_artifacts(run.info.run_id, "many")) == 120


def test_odd_numbers_and_long_texts(mlflow, client, experiment):
    with mlflow.start_run() as run:
        mlflow.log_metric("nan", math.nan)
        mlflow.log_metric("inf", math.inf)
        mlflow.log_param("long", "x" * 6000)
        mlflow.set_tag("long", "y" * 5000)
    data = client.get_run(run.info.run_id).data
    assert math.isnan(data.metrics["nan"]) and data.metrics["inf"] > 1e308
    assert len(data.params["long"]) == 6000 and len(data.tags["long"]) == 5000


def test_logging_without_waiting(mlflow, client, experiment):
    with mlflow.start_run() as run:
        pending = [mlflow.log_metric("m", i, step=i, synchronous=False) for i in range(20)]
        pending.append(mlflow.log_params({"a": 1, "b": 2}, synchronous=False))
        for operation in pending:
            operation.wait()
    assert len(client.get_metric_history(run.info.run_id, "m")) == 20
    assert client.get_run(run.info.run_id).data.params == {"a": "1", "b": "2"}


def test_runs_are_searched(mlflow, client, experiment):
    for i in range(5):
        with mlflow.start_run(run_name=f"r{i}"):
            mlflow.log_metric("score", i)
            mlflow.log_param("kind", "odd" if i % 2 else "even")
    found = mlflow.search_runs([experiment.experiment_id], "metrics.score > 1 and params.kind = 'even'",
                               order_by=["metrics.score DESC"], output_format="list")
    assert [r.info.run_name for r in found] == ["r4", "r2"]
    page = client.search_runs([experiment.experiment_id], max_results=2)
    rest = client.search_runs([experiment.experiment_id], max_results=10, page_token=page.token)
    assert len(page) == 2 and len(rest) == 3 and rest.token is None


def test_failed_killed_deleted_and_restored(mlflow, client, experiment, history):
    with pytest.raises(ZeroDivisionError):
        with mlflow.start_run() as run:
            1 / 0
    assert client.get_run(run.info.run_id).info.status == "FAILED"
    assert history(f"/runs/{run.info.run_id}")["status"] == "Failed"
    killed = client.create_run(experiment.experiment_id)
    client.set_terminated(killed.info.run_id, "KILLED")
    assert history(f"/runs/{killed.info.run_id}")["status"] == "Canceled"
    client.delete_run(killed.info.run_id)
    assert history(f"/runs/{killed.info.run_id}")["hidden"] is True
    client.restore_run(killed.info.run_id)
    assert client.get_run(killed.info.run_id).info.lifecycle_stage == "active"


def test_nested_runs_are_children(mlflow, experiment, history):
    with mlflow.start_run(run_name="above") as parent:
        for i in range(3):
            with mlflow.start_run(run_name=f"below{i}", nested=True):
                mlflow.log_metric("i", i)
    children = history(f"/runs/{parent.info.run_id}/children")["value"]
    assert sorted(c["displayName"] for c in children) == ["below0", "below1", "below2"]
    assert {c["parentRunId"] for c in children} == {parent.info.run_id}
    assert {c["rootRunId"] for c in children} == {parent.info.run_id}


def test_the_older_address_says_the_same(mlflow, azureml_uri, experiment):
    """What the workspace says of itself ends in v1.0; the plugin turns it into v2.0."""
    mlflow.set_tracking_uri(azureml_uri("v1.0"))
    try:
        mlflow.set_experiment(experiment.name)
        with mlflow.start_run() as run:
            mlflow.log_text("hello", "h.txt")
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/h.txt") == "hello"
    finally:
        mlflow.set_tracking_uri(azureml_uri())


def test_an_https_address_works_with_the_plugin_installed(azureml_uri, connection):
    """Capture 52: the same client without the scheme. Its artifacts go MLflow's own way."""
    code = ("import mlflow\nmlflow.set_experiment('plain')\nwith mlflow.start_run() as run:\n"
            "    mlflow.log_metric('m', 1)\n    mlflow.log_text('x', 'x.txt')\n"
            "assert run.info.artifact_uri.startswith('mlflow-artifacts:'), run.info.artifact_uri\n"
            "assert mlflow.artifacts.load_text(f'runs:/{run.info.run_id}/x.txt') == 'x'\n")
    environment = dict(os.environ, MLFLOW_TRACKING_URI=azureml_uri("v1.0", scheme="https"),
                       MLFLOW_TRACKING_TOKEN=connection["token"])
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


def test_as_in_a_job(mlflow, client, experiment, azureml_uri, connection, history):
    """Capture 51: the run is there already, and what the code says of its end is not for it to say."""
    run_id = client.create_run(experiment.experiment_id, run_name="job").info.run_id
    code = ("import mlflow\nmlflow.log_param('p', 2)\nmlflow.log_metric('loss', 0.1)\n"
            "mlflow.log_text('hello', 'art.txt')\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IDENTITY_")}
    environment.update(MLFLOW_TRACKING_URI=azureml_uri(), MLFLOW_TRACKING_TOKEN=connection["token"],
                       MLFLOW_RUN_ID=run_id, MLFLOW_EXPERIMENT_ID=experiment.experiment_id,
                       MLFLOW_EXPERIMENT_NAME=experiment.name, AZUREML_RUN_ID=run_id)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    got = client.get_run(run_id)
    assert got.data.params == {"p": "2"} and got.data.metrics == {"loss": 0.1} and got.info.status == "RUNNING"
    assert [f["path"] for f in history(f"/runs/{run_id}/artifacts")["value"]] == ["art.txt"]
    client.set_terminated(run_id)


def test_in_a_job(server, mlflow, client, history, tmp_path, unique):
    """With the token of an attempt: its own run takes metrics and files, another's does not."""
    other = client.create_run("0").info.run_id
    (tmp_path / "train.py").write_text(
        "import mlflow, os\n"
        "mlflow.log_metric('m', 3)\nmlflow.log_text('made here', 'outputs/made.txt')\n"
        "client = mlflow.MlflowClient()\n"
        f"for call in (lambda: client.log_metric('{other}', 'm', 1), lambda: client.log_text('{other}', 'x', 'x.txt')):\n"
        "    try:\n        call()\n    except Exception as e:\n        print('REFUSED', type(e).__name__)\n")
    (tmp_path / "job.yml").write_text(
        f"$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\nname: {unique}\n"
        f"command: MLFLOW_TRACKING_URI=azureml://${{MLFLOW_TRACKING_URI#https://}} AZUREML_CURRENT_CLOUD=Lazurite "
        f"{sys.executable} train.py\ncode: .\nenvironment:\n  image: python:3.11\n")
    server.cli("job", "create", "-f", tmp_path / "job.yml", timeout=60)
    end = time.monotonic() + 120
    while history(f"/runs/{unique}")["status"] not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < end
        time.sleep(0.3)
    details = history(f"/runs/{unique}/details")
    assert details["status"] == "Completed", details
    assert client.get_run(unique).data.metrics == {"m": 3.0}
    assert mlflow.artifacts.load_text(f"runs:/{unique}/outputs/made.txt") == "made here"
    log = mlflow.artifacts.load_text(f"runs:/{unique}/user_logs/std_log.txt")
    assert log.count("REFUSED") == 2, log
    assert client.get_run(other).data.metrics == {} and not client.list_artifacts(other)


def test_another_workspace_sees_nothing(mlflow, client, experiment, history):
    with mlflow.start_run() as run:
        mlflow.log_text("secret", "s.txt")
    for path in (f"/runs/{run.info.run_id}", f"/runs/{run.info.run_id}/artifacts",
                 f"/runs/{run.info.run_id}/artifacts/contentinfo?path=s.txt"):
        history(path, workspace="elsewhere", status=404)
