"""Connections through the SDK: every way to log in, secrets shown by one call alone."""
import pytest
from azure.ai.ml import load_connection
from azure.ai.ml.entities import (AccessKeyConfiguration, AccountKeyConfiguration, AzureBlobStoreConnection,
                                  AzureOpenAIConnection, ManagedIdentityConfiguration, NoneCredentialConfiguration,
                                  PatTokenConfiguration, SasTokenConfiguration, ServicePrincipalConfiguration,
                                  UsernamePasswordConfiguration, WorkspaceConnection)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

HIDDEN = "never-to-be-seen"

YAML = {
    "git": """
name: {name}
type: git
target: https://git.somewhere.invalid/team
credentials:
  type: pat
  pat: never-to-be-seen
""",
    "python_feed": """
name: {name}
type: python_feed
target: https://feed.somewhere.invalid/simple
credentials:
  type: username_password
  username: reader
  password: never-to-be-seen
""",
    "s3": """
name: {name}
type: s3
target: a-bucket
credentials:
  type: access_key
  access_key_id: reader
  secret_access_key: never-to-be-seen
""",
}


@pytest.mark.parametrize("kind", sorted(YAML))
def test_connections_of_yaml_files(ml, unique, tmp_path, kind):
    path = tmp_path / "connection.yml"
    path.write_text(YAML[kind].format(name=unique))
    made = ml.connections.create_or_update(load_connection(path))
    assert (made.name, made.type) == (unique, kind)
    shown = ml.connections.get(unique)
    assert shown.target and HIDDEN not in str(shown)
    assert unique in [c.name for c in ml.connections.list(connection_type=kind)]
    assert unique not in [c.name for c in ml.connections.list(connection_type="container_registry")]
    ml.connections.delete(unique)
    with pytest.raises(ResourceNotFoundError):
        ml.connections.get(unique)


@pytest.mark.parametrize("credentials, kind", [
    (PatTokenConfiguration(pat=HIDDEN), "git"),
    (UsernamePasswordConfiguration(username="u", password=HIDDEN), "container_registry"),
    (SasTokenConfiguration(sas_token=HIDDEN), "container_registry"),
    (AccountKeyConfiguration(account_key=HIDDEN), "azure_table_storage"),
    (ServicePrincipalConfiguration(client_id="c", client_secret=HIDDEN, tenant_id="t"), "azure_sql_db"),
    (AccessKeyConfiguration(access_key_id="a", secret_access_key=HIDDEN), "s3"),
    (ManagedIdentityConfiguration(client_id="c", resource_id="r"), "container_registry"),
    (NoneCredentialConfiguration(), "python_feed"),
], ids=lambda value: type(value).__name__ if not isinstance(value, str) else value)
def test_every_way_to_log_in(ml, unique, credentials, kind):
    wanted = WorkspaceConnection(name=unique, type=kind, target="https://somewhere.invalid", credentials=credentials,
                                 metadata={"purpose": "tests"})
    made = ml.connections.create_or_update(wanted)
    assert type(made.credentials) is type(credentials)
    assert HIDDEN not in str(made) and HIDDEN not in str(ml.connections.get(unique))
    assert ml.connections.get(unique).metadata["purpose"] == "tests"
    ml.connections.delete(unique)


def test_an_api_key_is_filled_in_on_request(ml, unique):
    made = ml.connections.create_or_update(
        AzureOpenAIConnection(name=unique, azure_endpoint="https://model.somewhere.invalid", api_key=HIDDEN))
    assert made.credentials.key is None
    assert ml.connections.get(unique).credentials.key is None
    assert ml.connections.get(unique, populate_secrets=True).credentials.key == HIDDEN
    ml.connections.delete(unique)


def test_data_connections_are_listed_only_when_asked_for(ml, unique):
    """By their type, that is: the SDK's include_data_connections sends includeAll=false all the same."""
    ml.connections.create_or_update(AzureBlobStoreConnection(name=unique, url="https://b.invalid/c", container_name="c",
                                                             account_name="a",
                                                             credentials=AccountKeyConfiguration(account_key=HIDDEN)))
    assert unique not in [c.name for c in ml.connections.list()]
    assert unique in [c.name for c in ml.connections.list(connection_type="azure_blob")]
    ml.connections.delete(unique)


def test_a_connection_without_its_secret_is_refused(ml, unique):
    with pytest.raises(HttpResponseError) as refusal:
        ml.connections.create_or_update(WorkspaceConnection(name=unique, type="git", target="https://g.invalid",
                                                            credentials=PatTokenConfiguration(pat=None)))
    assert refusal.value.status_code == 400 and "pat" in str(refusal.value)
