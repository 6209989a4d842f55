"""MLflow with the azureml-mlflow plugin, as users of Azure ML have it: a tracking address of the azureml scheme and
the credential that azure-identity finds by itself. Here that is a managed identity whose endpoint gives the token of
`connect`."""
import http.server
import json
import os
import threading
import time
import uuid

import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore")  # the client's own about its libraries


class Identity(http.server.BaseHTTPRequestHandler):
    """The App Service form of a managed identity."""

    token = secret = ""

    def do_GET(self):
        known = self.headers.get("X-IDENTITY-HEADER") == self.secret
        body = json.dumps({"access_token": self.token, "expires_on": str(int(time.time()) + 3600), "resource": "r",
                           "token_type": "Bearer"} if known else {"statusCode": 401, "message": "no"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def connection(server):
    """What `connect` says; the environment is set before any of the plugin is imported, which reads it then."""
    for name in [n for n in os.environ if n.startswith(("AZURE_", "AZUREML_", "ARM_", "MLFLOW_TRACKING", "MSI_"))]:
        del os.environ[name]
    told = server.connect()
    Identity.token, Identity.secret = told["token"], uuid.uuid4().hex
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Identity)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    os.environ.update({
        "ARM_CLOUD_METADATA_URL": told["endpoint"] + "/metadata/endpoints?api-version=2019-05-01",
        "AZUREML_CURRENT_CLOUD": "Lazurite",
        "REQUESTS_CA_BUNDLE": told["caFile"],
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{listener.server_port}/token",
        "IDENTITY_HEADER": Identity.secret,
    })
    yield told
    listener.shutdown()


def workspace_path(told, name=None):
    return (f"/subscriptions/{told['subscription']}/resourceGroups/{told['resourceGroup']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{name or told['workspace']}")


@pytest.fixture(scope="session")
def azureml_uri(connection):
    """A tracking address of the azureml scheme."""
    def make(version="v2.0", workspace=None, scheme="azureml"):
        host = connection["endpoint"].split("://")[1]
        return f"{scheme}://{host}/mlflow/{version}{workspace_path(connection, workspace)}"
    return make


@pytest.fixture(scope="session", autouse=True)
def mlflow(azureml_uri):
    import mlflow as module
    module.set_tracking_uri(azureml_uri())
    module.set_registry_uri(azureml_uri())
    return module


@pytest.fixture()
def client(mlflow):
    return mlflow.MlflowClient()


@pytest.fixture()
def experiment(mlflow, client):
    name = f"e-{uuid.uuid4().hex[:8]}"
    mlflow.set_experiment(name)
    return client.get_experiment_by_name(name)


@pytest.fixture()
def unique():
    """A name that no other test has."""
    return f"n{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def history(connection):
    """GET of run history and other pages of the data plane, as JSON."""
    import requests

    def get(path, method="GET", plane="/history/v1.0", workspace=None, status=200, **options):
        reply = requests.request(method, connection["endpoint"] + plane + workspace_path(connection, workspace) + path,
                                 headers={"Authorization": "Bearer " + connection["token"]},
                                 verify=connection["caFile"], timeout=30, **options)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None
    return get
