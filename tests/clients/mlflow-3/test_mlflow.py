"""MLflow 3: everything that both generations do, and logged models."""
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from mlflow_common import *  # noqa: E402, F403
from mlflow_common import classifier, client, experiment, mlflow, refused  # noqa: E402, F401


def test_logged_model(client, experiment):
    model, data, target = classifier()
    model.fit(data, target)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="clf", params={"c": "1"}, input_example=data[:2])
        mlflow.log_metric("auc", 0.9, step=1, model_id=info.model_id)
    got = mlflow.get_logged_model(info.model_id)
    assert got.status.value == "READY" and got.name == "clf" and got.source_run_id == run.info.run_id
    assert got.params["c"] == "1"
    assert [(m.key, m.value, m.run_id) for m in got.metrics] == [("auc", 0.9, run.info.run_id)]
    assert got.artifact_location.endswith(f"/models/{info.model_id}/artifacts")
    assert (mlflow.sklearn.load_model(f"models:/{info.model_id}").predict(data) == model.predict(data)).all()
    assert (mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/clf").predict(data) == model.predict(data)).all()
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    assert [o.model_id for o in outputs] == [info.model_id]


def test_logged_models_are_searched_tagged_and_deleted(client, experiment):
    ids = [mlflow.initialize_logged_model(name=f"m{i}", model_type="t", tags={"i": str(i)}).model_id for i in range(3)]
    found = mlflow.search_logged_models([experiment.experiment_id], output_format="list",
                                        order_by=[{"field_name": "name", "ascending": True}])
    assert [m.model_id for m in found] == ids
    some = mlflow.search_logged_models([experiment.experiment_id], "tags.i = '1' and name = 'm1'", output_format="list")
    assert [m.model_id for m in some] == ids[1:2]
    mlflow.set_logged_model_tags(ids[0], {"k": "v"})
    assert mlflow.get_logged_model(ids[0]).tags["k"] == "v"
    mlflow.delete_logged_model_tag(ids[0], "k")
    assert "k" not in mlflow.get_logged_model(ids[0]).tags
    mlflow.finalize_logged_model(ids[0], "READY")
    client.delete_logged_model(ids[2])
    refused("RESOURCE_DOES_NOT_EXIST", "not found", mlflow.get_logged_model, ids[2])


def test_prompts_are_no_models(client, experiment):
    prompt = mlflow.genai.register_prompt(name="greet", template="Hello {{name}}", tags={"a": "b"})
    assert prompt.version == 1
    assert mlflow.genai.load_prompt("prompts:/greet/1").format(name="you") == "Hello you"
    assert "greet" not in [m.name for m in client.search_registered_models()]
    assert [p.name for p in mlflow.genai.search_prompts()] == ["greet"]
