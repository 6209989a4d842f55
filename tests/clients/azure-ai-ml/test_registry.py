"""Registries with the SDK: made by ARM, then a client that knows only the name."""
import os

import pytest
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import CommandComponent, Data, Environment, Model, Registry, RegistryRegionDetails
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from harness import wait_for

IMAGE = "python:3.11-slim"


@pytest.fixture(scope="module")
def registry(ml):
    details = [RegistryRegionDetails(location="local")]
    made = ml.registries.begin_create(Registry(name="shared-reg", location="local", tags={"a": "b"},
                                               replication_locations=details)).result()
    assert made.name == "shared-reg"
    return made


def client_of(connection, name):
    from conftest import Token
    os.environ["REGISTRY_DISCOVERY_ENDPOINT_URL"] = connection["endpoint"] + "/"
    return MLClient(Token(connection["token"]), registry_name=name)


@pytest.fixture(scope="module")
def shared(registry, connection):
    return client_of(connection, registry.name)


def test_the_resource(ml, registry, connection):
    got = ml.registries.get(registry.name)
    assert got.tags == {"a": "b"}
    assert registry.name in [r.name for r in ml.registries.list()]
    assert registry.name in [r.name for r in ml.registries.list(scope="subscription")]
    with pytest.raises(ResourceNotFoundError):
        ml.registries.get("nothing-here")
    spare = ml.registries.begin_create(Registry(
        name="spare-reg", location="local",
        replication_locations=[RegistryRegionDetails(location="local")])).result()
    ml.registries.begin_delete(name=spare.name, resource_group=connection["resourceGroup"]).result()
    assert "spare-reg" not in [r.name for r in ml.registries.list()]


def test_models(shared, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "m.pkl").write_text("mm\n")
    made = shared.models.create_or_update(Model(name="rm", version="1", path=str(folder), type="mlflow_model"))
    assert made.id == "azureml://registries/shared-reg/models/rm/versions/1"
    assert shared.models.get("rm", "1").type == "mlflow_model"
    assert "rm" in [m.name for m in shared.models.list()]
    assert [m.version for m in shared.models.list(name="rm")] == ["1"]
    assert shared.models.get("rm", label="latest").version == "1"
    target = tmp_path / "down"
    shared.models.download("rm", "1", download_path=str(target))
    assert sorted(p.name for p in target.rglob("*") if p.is_file()) == ["MLmodel", "m.pkl"]
    shared.models.archive("rm", "1")
    assert [m.version for m in shared.models.list(name="rm")] == []
    shared.models.restore("rm", "1")
    assert [m.version for m in shared.models.list(name="rm")] == ["1"]
    with pytest.raises((ResourceNotFoundError, HttpResponseError)):
        shared.models.get("nothing", "1")


def test_environments_data_and_components(shared, tmp_path):
    environment = shared.environments.create_or_update(Environment(name="re", version="1", image=IMAGE))
    assert environment.id == "azureml://registries/shared-reg/environments/re/versions/1"
    assert "re" in [e.name for e in shared.environments.list()]
    assert shared.environments.get("re", "1").image == IMAGE
    (tmp_path / "f1.csv").write_text("a,b\n1,2\n")
    data = shared.data.create_or_update(Data(name="rd", version="1", path=str(tmp_path), type="uri_folder"))
    assert data.id == "azureml://registries/shared-reg/data/rd/versions/1"
    assert shared.data.get("rd", "1").type == "uri_folder"
    assert "rd" in [d.name for d in shared.data.list()]
    code = tmp_path / "src"
    code.mkdir()
    (code / "main.py").write_text("print('from the registry')\n")
    component = shared.components.create_or_update(CommandComponent(
        name="train_c", version="1", command="python main.py", code=str(code),
        environment="azureml://registries/shared-reg/environments/re/versions/1"))
    assert component.id == "azureml://registries/shared-reg/components/train_c/versions/1"
    assert shared.components.get("train_c", "1").command == "python main.py"
    assert "train_c" in [c.name for c in shared.components.list()]


def test_a_job_uses_what_a_registry_shares(ml, shared, tmp_path):
    (tmp_path / "note.txt").write_text("shared bytes")
    shared.environments.create_or_update(Environment(name="je", version="1", image=IMAGE))
    shared.data.create_or_update(
        Data(name="jd", version="1", path=str(tmp_path / "note.txt"), type=AssetTypes.URI_FILE))
    job = ml.jobs.create_or_update(command(
        command="grep -q 'shared bytes' ${{inputs.note}}",
        inputs={"note": Input(type="uri_file", path="azureml://registries/shared-reg/data/jd/versions/1")},
        environment="azureml://registries/shared-reg/environments/je/versions/1"))
    wait_for(lambda: ml.jobs.get(job.name).status in ("Completed", "Failed", "Canceled"), 120, 0.3)
    assert ml.jobs.get(job.name).status == "Completed"
    with pytest.raises(HttpResponseError) as refused:
        ml.jobs.create_or_update(command(
            command="true", environment="azureml://registries/shared-reg/environments/je/versions/9"))
    assert "latest is 1" in str(refused.value)


def test_the_built_in_registry_holds_curated_environments(connection, shared):
    builtin = client_of(connection, "azureml")
    names = [e.name for e in builtin.environments.list()]
    assert "sklearn-1.5" in names
    got = builtin.environments.get("sklearn-1.5", label="latest")
    assert (got.id, got.version) == ("azureml://registries/azureml/environments/sklearn-1.5/versions/1", "1")
    assert got.conda_file["dependencies"][0].startswith("python=")
    with pytest.raises(HttpResponseError) as refused:
        builtin.environments.create_or_update(Environment(name="mine", version="1", image=IMAGE))
    assert refused.value.status_code == 409


def test_sharing_from_a_workspace(ml, shared, unique, tmp_path):
    folder = tmp_path / "m"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "w.bin").write_text("weights")
    (tmp_path / "f.csv").write_text("a,b\n")
    target = {"share_with_version": "4", "registry_name": "shared-reg"}
    ml.models.create_or_update(Model(name=unique, version="1", path=str(folder), tags={"k": "v"}))
    copy = ml.models.share(unique, "1", share_with_name=f"{unique}-m", **target)
    assert (copy.name, copy.version, copy.tags) == (f"{unique}-m", "4", {"k": "v"})
    ml.data.create_or_update(Data(name=unique, version="1", path=str(tmp_path / "f.csv"), type="uri_file"))
    assert ml.data.share(unique, "1", share_with_name=f"{unique}-d", **target).type == "uri_file"
    ml.environments.create_or_update(Environment(name=unique, version="1", image=IMAGE))
    assert ml.environments.share(unique, "1", share_with_name=f"{unique}-e", **target).image == IMAGE
    shared.models.download(f"{unique}-m", "4", str(tmp_path / "back"))
    assert [p.read_text() for p in (tmp_path / "back").rglob("w.bin")] == ["weights"]
    with pytest.raises(Exception, match="already exists"):
        ml.models.share(unique, "1", share_with_name=f"{unique}-m", **target)
    with pytest.raises(HttpResponseError, match="has no version 9"):
        ml.models.share(unique, "9", share_with_name="other", **target)
    assert ml.models.get(unique, "1").version == "1", "the client is of the workspace again"
