"""Online endpoints through the unmodified SDK: two deployments, traffic, keys, logs."""
import json

import pytest
from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model
from azure.core.exceptions import ResourceNotFoundError

SCORE = """
import glob, json, os

def init():
    global w
    w = float(open(glob.glob(os.environ["AZUREML_MODEL_DIR"] + "/**/w.txt", recursive=True)[0]).read())
    print("weight is", w)

def run(raw):
    return [w * x for x in json.loads(raw)["data"]]
"""


@pytest.fixture(scope="module")
def endpoint(ml, environment, tmp_path_factory):
    """An endpoint with a deployment for each of two weights; no traffic yet."""
    folder = tmp_path_factory.mktemp("online")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCORE)
    ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="weights", auth_mode="key", tags={"team": "a"})).result()
    for name, weight in (("blue", "2.0"), ("green", "10.0")):
        (folder / name).mkdir()
        (folder / name / "w.txt").write_text(weight)
        model = ml.models.create_or_update(Model(name=f"weight-{name}", path=str(folder / name)))
        ml.online_deployments.begin_create_or_update(ManagedOnlineDeployment(
            name=name, endpoint_name="weights", model=model, environment=environment,
            code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="score.py"),
            instance_type="Standard_DS3_v2", instance_count=1)).result()
    (folder / "ask.json").write_text('{"data": [1, 5]}')
    return folder / "ask.json"


def traffic(ml, **shares):
    found = ml.online_endpoints.get("weights")
    found.traffic = shares
    return ml.online_endpoints.begin_create_or_update(found).result().traffic


def test_traffic_and_invoke(ml, endpoint):
    assert traffic(ml, blue=100) == {"blue": 100}
    assert json.loads(ml.online_endpoints.invoke("weights", request_file=str(endpoint))) == [2.0, 10.0]
    assert traffic(ml, blue=0, green=100)["green"] == 100
    assert json.loads(ml.online_endpoints.invoke("weights", request_file=str(endpoint))) == [10.0, 50.0]
    answer = ml.online_endpoints.invoke("weights", request_file=str(endpoint), deployment_name="blue")
    assert json.loads(answer) == [2.0, 10.0]


def test_shown_and_listed(ml, endpoint):
    found = ml.online_endpoints.get("weights")
    assert found.provisioning_state == "Succeeded" and found.tags == {"team": "a"}
    assert found.scoring_uri.startswith("https://localhost:") and found.scoring_uri.endswith("/score")
    assert [e.name for e in ml.online_endpoints.list()] == ["weights"]
    assert sorted(d.name for d in ml.online_deployments.list("weights")) == ["blue", "green"]
    blue = ml.online_deployments.get("blue", "weights")
    assert (blue.instance_count, blue.instance_type, blue.provisioning_state) == (1, "Standard_DS3_v2", "Succeeded")
    assert "weight is 2.0" in ml.online_deployments.get_logs("blue", "weights", lines=100)


def test_keys(ml, endpoint):
    import requests
    uri = ml.online_endpoints.get("weights").scoring_uri
    before = ml.online_endpoints.get_keys("weights")

    def status(key):
        return requests.post(uri, json={"data": [1]}, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code

    assert status(before.primary_key) == status(before.secondary_key) == 200
    ml.online_endpoints.begin_regenerate_keys("weights", key_type="primary").wait()
    after = ml.online_endpoints.get_keys("weights")
    assert after.primary_key != before.primary_key and after.secondary_key == before.secondary_key
    assert status(after.primary_key) == 200
    assert status(before.primary_key) == 401 and status("nonsense") == 401


def test_a_deployment_is_updated(ml, endpoint):
    blue = ml.online_deployments.get("blue", "weights")
    blue.tags = {"reviewed": "yes"}
    ml.online_deployments.begin_create_or_update(blue).result()
    assert ml.online_deployments.get("blue", "weights").tags == {"reviewed": "yes"}


def test_delete(ml, endpoint):
    traffic(ml, green=100)
    ml.online_deployments.begin_delete("blue", "weights").result()
    assert [d.name for d in ml.online_deployments.list("weights")] == ["green"]
    ml.online_endpoints.begin_delete("weights").result()
    with pytest.raises(ResourceNotFoundError):
        ml.online_endpoints.get("weights")
