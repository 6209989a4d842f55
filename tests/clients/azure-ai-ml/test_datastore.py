"""Datastores of every type through the SDK, from YAML and from classes."""
import pytest
from azure.ai.ml import load_datastore
from azure.ai.ml.entities import AzureBlobDatastore, OneLakeArtifact, OneLakeDatastore
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

HIDDEN = "bmV2ZXItdG8tYmUtc2Vlbg=="

YAML = {
    "blob_key": ("azure_blob", f"""
account_name: somebody
container_name: things
credentials:
  account_key: {HIDDEN}
""", ("account_key", HIDDEN)),
    "blob_sas": ("azure_blob", f"""
account_name: somebody
container_name: things
credentials:
  sas_token: "?sv=1&sig={HIDDEN}"
""", ("sas_token", f"?sv=1&sig={HIDDEN}")),
    "blob_nothing": ("azure_blob", """
account_name: somebody
container_name: things
""", None),
    "file_key": ("azure_file", f"""
account_name: somebody
file_share_name: things
credentials:
  account_key: {HIDDEN}
""", ("account_key", HIDDEN)),
    "lake2_principal": ("azure_data_lake_gen2", f"""
account_name: somebody
filesystem: things
credentials:
  tenant_id: 00000000-0000-0000-0000-000000000011
  client_id: 00000000-0000-0000-0000-000000000012
  client_secret: {HIDDEN}
""", ("client_secret", HIDDEN)),
    "lake1_nothing": ("azure_data_lake_gen1", """
store_name: somebody
""", None),
}


@pytest.mark.parametrize("case", sorted(YAML))
def test_datastores_of_yaml_files(ml, unique, tmp_path, case):
    kind, members, secret = YAML[case]
    path = tmp_path / "datastore.yml"
    path.write_text(f"name: {unique}\ntype: {kind}\ndescription: a test\n{members}")
    wanted = load_datastore(path)
    wanted.tags = {"a": "b"}
    made = ml.datastores.create_or_update(wanted)
    assert (made.name, made.description, made.tags) == (unique, "a test", {"a": "b"})
    shown = ml.datastores.get(unique)
    assert type(shown) is type(made) and HIDDEN not in str(shown)
    if secret:
        full = ml.datastores.get(unique, include_secrets=True)
        assert getattr(full.credentials, secret[0]) == secret[1]
    shown.description = "changed"
    assert ml.datastores.create_or_update(shown).description == "changed"
    if secret:
        kept = ml.datastores.get(unique, include_secrets=True)
        assert getattr(kept.credentials, secret[0]) == secret[1]
    assert unique in [d.name for d in ml.datastores.list()]
    ml.datastores.delete(unique)
    with pytest.raises(ResourceNotFoundError):
        ml.datastores.get(unique)


def test_one_lake(ml, unique):
    made = ml.datastores.create_or_update(OneLakeDatastore(
        name=unique, one_lake_workspace_name="w", endpoint="lake.invalid", artifact=OneLakeArtifact(name="l")))
    assert made.one_lake_workspace_name == "w" and made.artifact.name == "l"
    ml.datastores.delete(unique)


def test_the_default_is_there_and_stays(ml):
    default = ml.datastores.get_default()
    assert (default.name, default.type) == ("workspaceblobstore", "AzureBlob")
    with pytest.raises(HttpResponseError) as refusal:
        ml.datastores.delete(default.name)
    assert refusal.value.status_code == 409
    default.description = "Where things go"
    assert ml.datastores.create_or_update(default).description == "Where things go"
    assert ml.datastores.get_default().name == default.name


def test_a_job_that_reads_from_elsewhere_is_refused_with_a_sentence(ml, environment, unique):
    from azure.ai.ml import Input, command
    ml.datastores.create_or_update(AzureBlobDatastore(name=unique, account_name="somebody", container_name="things"))
    job = command(command="cat ${{inputs.x}}", environment=environment,
                  inputs={"x": Input(type="uri_file", path=f"azureml://datastores/{unique}/paths/a.csv")})
    with pytest.raises(HttpResponseError) as refusal:
        ml.jobs.create_or_update(job)
    assert "lies outside this server" in str(refusal.value)
    ml.datastores.delete(unique)
