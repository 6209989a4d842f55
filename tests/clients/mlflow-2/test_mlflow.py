"""MLflow 2: everything that both generations do, and models in the artifacts of a run."""
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from mlflow_common import *  # noqa: E402, F403
from mlflow_common import classifier, client, experiment, mlflow  # noqa: E402, F401


def test_model_in_the_run(client, experiment):
    model, data, target = classifier()
    model.fit(data, target)
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, "clf", input_example=data[:2])
    assert (mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/clf").predict(data) == model.predict(data)).all()
    history = client.get_run(run.info.run_id).data.tags["mlflow.log-model.history"]
    assert '"artifact_path": "clf"' in history or '"artifact_path":"clf"' in history
