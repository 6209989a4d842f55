"""Workspace, datastores, storage, data, environments and models through the unmodified SDK."""
import base64
import datetime
import os

import pytest
import requests
from azure.ai.ml import load_environment
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import AccountKeyConfiguration, AzureBlobDatastore, Data, Environment, Model
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobSasPermissions, ContainerClient, generate_blob_sas


def container(ml, store):
    """The datastore's container, opened with what listSecrets gives: as the SDK does it."""
    found = ml.datastores.get(store, include_secrets=True)
    key = getattr(found.credentials, "sas_token", None) or found.credentials.account_key
    url = f"https://{found.account_name}.blob.{found.endpoint}"
    return ContainerClient(url, found.container_name, credential=key), found


def content(ml, uri):
    """The bytes behind a datastore URI."""
    store, path = uri.split("datastores/")[1].split("/paths/")
    return container(ml, store)[0].download_blob(path).readall()


def test_workspace(ml, connection):
    found = ml.workspaces.get()
    assert (found.name, found.location) == ("default", "local")
    assert found.discovery_url == connection["endpoint"] + "/discovery"
    assert connection["endpoint"].removeprefix("https://") in found.mlflow_tracking_uri
    assert [w.name for w in ml.workspaces.list()] == ["default"]
    assert len(base64.b64decode(ml.workspaces.get_keys().user_storage_key)) == 32


def test_a_wrong_token_is_refused(client_with, connection):
    with pytest.raises(ClientAuthenticationError):
        client_with(connection["token"][:-6] + "AAAAAA").workspaces.get()


@pytest.mark.since(33, "is given a signature, since it does not know of keys here")
def test_datastores(ml, unique):
    assert sorted(d.name for d in ml.datastores.list()) == ["workspaceartifactstore", "workspaceblobstore"]
    assert ml.datastores.get_default().name == "workspaceblobstore"
    assert ml.datastores.get("workspaceartifactstore", include_secrets=True).credentials.account_key
    made = ml.datastores.create_or_update(AzureBlobDatastore(
        name=unique, account_name="elsewhere", container_name="c", description="of another cloud",
        credentials=AccountKeyConfiguration(account_key=base64.b64encode(b"secret").decode())))
    assert (made.account_name, made.description) == ("elsewhere", "of another cloud")
    assert not getattr(ml.datastores.get(unique).credentials, "account_key", None)
    shown = ml.datastores.get(unique, include_secrets=True)
    assert base64.b64decode(shown.credentials.account_key) == b"secret"
    ml.datastores.delete(unique)
    with pytest.raises(ResourceNotFoundError):
        ml.datastores.get(unique)


@pytest.mark.since(33, "is given a signature, since it does not know of keys here")
def test_storage_by_account_key(ml, unique):
    """The storage library signs each request itself; blocks, metadata, names that must be encoded."""
    store, found = container(ml, "workspaceartifactstore")
    data = os.urandom(300_000)
    name = f"{unique}/a b+ü%41.bin"
    blob = BlobClient(f"https://{found.account_name}.blob.{found.endpoint}", found.container_name, name,
                      credential=found.credentials.account_key, max_single_put_size=1024, max_block_size=100_000)
    blob.upload_blob(data, metadata={"made_by": "test", "made": "1"})
    assert blob.get_blob_properties().metadata == {"made_by": "test", "made": "1"}
    assert store.download_blob(name, offset=100, length=50).readall() == data[100:150]
    assert [b.name for b in store.list_blobs(name_starts_with=unique, include=["metadata"])] == [name]
    blob.set_blob_metadata({"made": "2"})
    assert blob.download_blob().readall() == data
    blob.delete_blob()
    assert list(store.list_blobs(name_starts_with=unique)) == []


@pytest.mark.since(33, "is given a signature, since it does not know of keys here")
def test_storage_refuses_other_keys_and_signatures(ml, unique):
    store, found = container(ml, "workspaceartifactstore")
    url = f"https://{found.account_name}.blob.{found.endpoint}"
    wrong = ContainerClient(url, found.container_name, credential=base64.b64encode(b"k" * 32).decode())
    with pytest.raises(HttpResponseError) as refused:
        list(wrong.list_blobs())
    assert refused.value.status_code == 403
    for name in ("mine", "other"):
        store.upload_blob(f"{unique}/{name}", name.encode())
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
    sas = generate_blob_sas(found.account_name, found.container_name, f"{unique}/mine",
                            account_key=found.credentials.account_key, permission=BlobSasPermissions(read=True),
                            expiry=until)
    assert BlobClient(url, found.container_name, f"{unique}/mine", credential=sas).download_blob().readall() == b"mine"
    for name, act in (("other", lambda b: b.download_blob()), ("mine", lambda b: b.delete_blob())):
        with pytest.raises(HttpResponseError) as refused:
            act(BlobClient(url, found.container_name, f"{unique}/{name}", credential=sas))
        assert refused.value.status_code == 403


def test_data_file(ml, unique, tmp_path):
    (tmp_path / "n.csv").write_text("x,y\n1,2\n")
    made = ml.data.create_or_update(Data(name=unique, path=str(tmp_path / "n.csv"), type="uri_file",
                                         description="two columns", tags={"kind": "numbers"}))
    assert (made.version, made.type, made.tags) == ("1", "uri_file", {"kind": "numbers"})
    assert content(ml, made.path) == b"x,y\n1,2\n"
    (tmp_path / "n.csv").write_text("x,y\n3,4\n")
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated"):
        ml.data.create_or_update(Data(name=unique, version="1", path=str(tmp_path / "n.csv"), type="uri_file"))
    assert content(ml, ml.data.get(unique, "1").path) == b"x,y\n1,2\n"


def test_data_folder_versions_and_archive(ml, unique, tmp_path):
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "empty.txt").write_text("")
    for version in ("1", "2", "3"):
        (folder / "sub" / "v.txt").write_text(version)
        made = ml.data.create_or_update(Data(name=unique, path=str(folder), type="uri_folder"))
        assert made.version == version
        assert content(ml, made.path + "/sub/v.txt") == version.encode()
        assert content(ml, made.path + "/sub/empty.txt") == b""
    assert ml.data.get(unique, label="latest").version == "3"
    ml.data.archive(unique, version="3")
    assert [d.version for d in ml.data.list(unique)] == ["2", "1"]
    assert [d.version for d in ml.data.list(unique, list_view_type=ListViewType.ARCHIVED_ONLY)] == ["3"]
    assert ml.data.get(unique, label="latest").version == "2"
    ml.data.restore(unique, version="3")
    assert [d.version for d in ml.data.list(unique)] == ["3", "2", "1"]
    ml.data.archive(unique)
    assert unique not in [d.name for d in ml.data.list()]
    ml.data.restore(unique)
    assert unique in [d.name for d in ml.data.list()]
    with pytest.raises(ResourceNotFoundError):
        ml.data.get(unique, "9")


def test_many_versions_come_in_pages(ml, unique):
    for _ in range(130):
        ml.data.create_or_update(Data(name=unique, path="azureml://datastores/workspaceblobstore/paths/x/",
                                      type="uri_folder"))
    assert [int(d.version) for d in ml.data.list(unique)] == list(range(130, 0, -1))


def test_environments(ml, unique, tmp_path):
    image = ml.environments.create_or_update(Environment(name=unique, image="ubuntu:22.04"))
    assert (image.version, image.image) == ("1", "ubuntu:22.04")
    (tmp_path / "conda.yml").write_text(
        "name: e\nchannels: [conda-forge]\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - numpy==1.26.4\n")
    conda = ml.environments.create_or_update(
        Environment(name=unique, image="ubuntu:22.04", conda_file=str(tmp_path / "conda.yml")))
    assert conda.version == "2"
    assert {"pip": ["numpy==1.26.4"]} in ml.environments.get(unique, label="latest").conda_file["dependencies"]
    assert [e.version for e in ml.environments.list(unique)] == ["2", "1"]
    ml.environments.archive(unique, version="2")
    assert [e.version for e in ml.environments.list(unique)] == ["1"]


def test_an_environment_written_elsewhere_takes_tags(ml, connection, unique):
    """The SDK sends packages as it prints them: without comments, in another order of members."""
    scope = ml.workspaces.get().id
    url = f"{connection['endpoint']}{scope}/environments/{unique}/versions/1?api-version=2023-04-01"
    wrote = {"image": "ubuntu:22.04", "condaFile": "# by hand\ndependencies: [python=3.11, pip]\nchannels: [x]\n"}
    made = requests.put(url, json={"properties": wrote}, headers={"Authorization": "Bearer " + connection["token"]})
    assert made.status_code == 201

    def said(*packages, **words):
        conda = {"channels": ["x"], "dependencies": ["python=3.11", "pip", *packages]}
        return Environment(name=unique, version="1", image="ubuntu:22.04", conda_file=conda, **words)
    assert ml.environments.create_or_update(said(tags={"stage": "tried"})).tags == {"stage": "tried"}
    with pytest.raises(HttpResponseError) as refused:
        ml.environments.create_or_update(said("numpy"))
    assert refused.value.status_code == 409


def test_a_path_in_full_is_the_same_path(ml, unique):
    short = "azureml://datastores/workspaceblobstore/paths/x/"
    full = f"azureml:/{ml.workspaces.get().id}/datastores/workspaceblobstore/paths/x"
    ml.data.create_or_update(Data(name=unique, version="1", path=short, type="uri_folder"))
    assert ml.data.create_or_update(Data(name=unique, version="1", path=full, type="uri_folder")).version == "1"


def test_tags_as_yaml_reads_them(ml, unique, tmp_path):
    """`cuda: 11.7` is a number for YAML, and the SDK sends it so."""
    (tmp_path / "e.yml").write_text(
        f"name: {unique}\nimage: ubuntu:22.04\ntags:\n  cuda: 11.7\n  gpus: 8\n  torch: 1.13.0a0\n")
    made = ml.environments.create_or_update(load_environment(tmp_path / "e.yml"))
    assert made.tags == ml.environments.get(unique, made.version).tags
    assert made.tags == {"cuda": "11.7", "gpus": "8", "torch": "1.13.0a0"}


def test_when_data_goes_by_itself(ml, unique):
    """The setting is read back in the word that was sent."""
    when = {"condition": "createdGreaterThan", "value": "30d"}
    ml.data.create_or_update(Data(name=unique, version="1", type="uri_folder", auto_delete_setting=when,
                                  path="azureml://datastores/workspaceblobstore/paths/x/"))
    found = ml.data.get(unique, "1").auto_delete_setting
    assert (found.condition, found.value) == ("createdGreaterThan", "30d")


def test_models(ml, unique, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w.txt").write_text("2.5")
    made = ml.models.create_or_update(Model(name=unique, path=str(tmp_path / "m"), type="custom_model",
                                            properties={"p": "1"}))
    assert (made.version, made.type, made.properties["p"]) == ("1", "custom_model", "1")
    assert ml.models.create_or_update(Model(name=unique, path=str(tmp_path / "m"))).version == "2"
    ml.models.download(unique, "1", download_path=str(tmp_path / "down"))
    assert (tmp_path / "down" / unique / "m" / "w.txt").read_text() == "2.5"
    made.tags = {"stage": "tried"}
    assert ml.models.create_or_update(made).tags == {"stage": "tried"}
    assert ml.models.get(unique, "1").tags == {"stage": "tried"}
    assert ml.models.get(unique, label="latest").version == "2"
    assert [m.version for m in ml.models.list(unique)] == ["2", "1"]
    ml.models.archive(unique, version="2")
    assert [m.version for m in ml.models.list(unique)] == ["1"]
    with pytest.raises(HttpResponseError, match="MLmodel"):
        ml.models.create_or_update(Model(name=unique, path=str(tmp_path / "m"), type="mlflow_model"))
