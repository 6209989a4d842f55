"""A statement that fails is no thing that is missing: what is there answers as it is, or 5xx, and never 404 or 403."""
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

from harness import Server

API = "api-version=2024-04-01"


class Client:
    """Plain requests with a token of the admin or of a reader by role."""

    def __init__(self, connect):
        self.arm, self.plain, self.ca = connect["endpoint"], connect["mlflowTrackingUri"], connect["caFile"]
        self.base = (f"/subscriptions/{connect['subscription']}/resourceGroups/{connect['resourceGroup']}"
                     f"/providers/Microsoft.MachineLearningServices/workspaces/{connect['workspace']}")
        self.context = ssl.create_default_context(cafile=self.ca)

    def __call__(self, method, path, body=None, token=None):
        """Status and body; a path of MLflow goes to the plain address."""
        url = (self.plain if path.startswith("/api/") else self.arm) + path
        request = urllib.request.Request(url, method=method, data=body if body is None or isinstance(body, bytes) else json.dumps(body).encode())
        if not isinstance(body, bytes):
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context if url.startswith("https") else None) as r:
                return r.status, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()


def furnish(server):
    """One of each, and the requests that read them."""
    connect = server.connect()
    ask, token = Client(connect), connect["token"]
    base = ask.base

    def put(path, properties, **more):
        status, body = ask("PUT", f"{base}{path}?{API}", {"properties": properties, **more}, token)
        assert status in (200, 201, 202), (path, status, body)

    put("/data/d/versions/1", {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x.csv"})
    put("/environments/e/versions/1", {"image": "python:3.11-slim"})
    put("/codes/c/versions/1", {"codeUri": "azureml://datastores/workspaceblobstore/paths/code"})
    put("/computes/cpu", {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}}, location="local")
    experiment = json.loads(ask("POST", "/api/2.0/mlflow/experiments/create", {"name": "x"})[1])["experiment_id"]
    run = json.loads(ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": experiment})[1])["run"]["info"]["run_id"]
    assert ask("POST", "/api/2.0/mlflow/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})[0] == 200
    assert ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/f.txt", b"text")[0] == 200
    assert ask("POST", "/api/2.0/mlflow/registered-models/create", {"name": "m"})[0] == 200
    status, body = ask("POST", "/api/2.0/mlflow/model-versions/create", {"name": "m", "source": f"runs:/{run}/f.txt"})
    assert status == 200, body
    status, model = ask("POST", "/api/2.0/mlflow/logged-models", {"experiment_id": experiment, "name": "lm", "source_run_id": run})
    assert status == 200, model
    model = json.loads(model)["model"]["info"]["model_id"]
    bot = server.json("service-principal", "create", "-n", "bot", "--role", "Reader", "--scope", base)
    form = {"grant_type": "client_credentials", "client_id": bot["clientId"], "client_secret": bot["secret"],
            "scope": connect["endpoint"] + "/.default"}
    reader = json.loads(ask("POST", "/adfs/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())[1])["access_token"]
    reads = [f"{base}?{API}", f"{base}/data/d?{API}", f"{base}/data/d/versions/1?{API}", f"{base}/data/d/versions?{API}",
             f"{base}/environments/e/versions/1?{API}", f"{base}/codes/c/versions/1?{API}", f"{base}/computes/cpu?{API}",
             f"{base}/datastores/workspaceblobstore?{API}", f"{base}/computes?{API}",
             f"/api/2.0/mlflow/runs/get?run_id={run}", f"/api/2.0/mlflow/experiments/get?experiment_id={experiment}",
             "/api/2.0/mlflow/experiments/get-by-name?experiment_name=x", f"/api/2.0/mlflow/logged-models/{model}",
             "/api/2.0/mlflow/registered-models/get?name=m", f"/api/2.0/mlflow/artifacts/list?run_id={run}",
             f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m",
             f"/history/v1.0{base}/runs/{run}", f"/history/v1.0{base}/experiments/x/runs/{run}",
             f"/history/v1.0{base}/experiments/x/runs/{run}/artifacts/contentinfo?path=f.txt",
             f"/data/v1.0{base}/datacontainer/d", f"/data/v1.0{base}/dataversion/d/versions/1",
             f"/modelregistry/v1.0{base}/models/m:1"]
    return reads, token, reader


def test_what_cannot_be_read_is_not_missing():
    with Server() as server:
        reads, *tokens = furnish(server)
        for every in (5, 7, 11):
            server.stop()
            # Past the statements of its start; then each so many fails, another one of each request in each round.
            server.environment = {"LAZURITE_FAULT": f"step:250+{every}:EIO"}
            ask = Client(server.start().connect())
            met = 0
            for turn in range(16):
                for path in reads:
                    status, body = ask("GET", path, token=tokens[turn % 2])
                    assert status == 200 or status >= 500, (every, path, status, body)
                    met += status != 200
            assert met > 30, "hardly a plan came to pass"
