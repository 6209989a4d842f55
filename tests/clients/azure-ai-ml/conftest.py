"""The SDK as a person sets it up from what `lazurite connect` says: two variables and a token."""
import os
import time
import uuid

import pytest

os.environ["AZUREML_RUN_POLLING_INTERVAL_MIN"] = "1"


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore")  # the SDK's own about its libraries, hundreds of them
    config.addinivalue_line("markers", "since(minor, reason): releases 1.x before that one cannot do it")


def pytest_runtest_setup(item):
    from azure.ai.ml import __version__
    for mark in item.iter_markers("since"):
        if int(__version__.split(".")[1]) < mark.args[0]:
            pytest.skip(f"azure-ai-ml {__version__}: {mark.args[1]}")


class Token:
    """The simplest credential: the token of `connect`."""

    def __init__(self, text):
        self.text = text

    def get_token(self, *scopes, **options):
        from azure.core.credentials import AccessToken
        return AccessToken(self.text, int(time.time()) + 3600)


@pytest.fixture(scope="session")
def connection(server):
    for name in [n for n in os.environ if n.startswith(("AZURE_", "AZUREML_CURRENT", "ARM_", "MLFLOW_"))]:
        del os.environ[name]
    told = server.connect()
    os.environ["ARM_CLOUD_METADATA_URL"] = told["endpoint"] + "/metadata/endpoints?api-version=2019-05-01"
    os.environ["REQUESTS_CA_BUNDLE"] = told["caFile"]
    return told


@pytest.fixture(scope="session")
def client_with(connection):
    """A client with a token of the caller's choice."""
    from azure.ai.ml import MLClient

    def make(token):
        return MLClient(Token(token), connection["subscription"], connection["resourceGroup"], connection["workspace"])
    return make


@pytest.fixture(scope="session")
def ml(client_with, connection):
    return client_with(connection["token"])


@pytest.fixture(scope="session")
def cluster(ml):
    from azure.ai.ml.entities import AmlCompute
    made = AmlCompute(name="cpu-cluster", size="STANDARD_DS3_v2", min_instances=0, max_instances=2)
    return ml.compute.begin_create_or_update(made).result().name


@pytest.fixture(scope="session")
def environment(ml):
    from azure.ai.ml.entities import Environment
    return ml.environments.create_or_update(
        Environment(name="host-python", image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"))


@pytest.fixture()
def unique():
    """A name that no other test has."""
    return f"n{uuid.uuid4().hex[:8]}"
