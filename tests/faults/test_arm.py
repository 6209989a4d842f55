"""Resources asked for wrongly: every refusal is the envelope that SDKs map to exceptions, none is a 500."""
import http.client
import itertools
import json
import ssl
import urllib.parse

import pytest

WRONG = [None, True, -1, 1.5, 2**63, "", "x" * 5000, "\0", "../..", [], ["a"], {}, {"a": 1}, [[[]]], "azureml:nope:1"]
BODIES = {
    "jobs/m": {"jobType": "Command", "command": "true", "environmentId": "azureml:e:1", "experimentName": "x", "displayName": "d",
               "computeId": "local", "inputs": {"a": {"jobInputType": "literal", "value": "1"}}, "outputs": {"o": {"jobOutputType": "uri_folder"}},
               "environmentVariables": {"A": "b"}, "limits": {"jobLimitsType": "Command", "timeout": "PT1M"}, "resources": {"instanceCount": 1},
               "tags": {"a": "b"}, "identity": None, "services": None},
    "data/m/versions/1": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/a", "description": "d",
                          "tags": {"a": "b"}, "isAnonymous": False, "isArchived": False},
    "environments/m/versions/1": {"image": "python:3.11-slim", "condaFile": "dependencies: [pip]", "osType": "Linux", "isAnonymous": False},
    "models/m/versions/1": {"modelType": "custom_model", "modelUri": "azureml://datastores/workspaceblobstore/paths/m", "flavors": {}, "properties": {}},
    "codes/m/versions/1": {"codeUri": "https://localhost/c/p", "isAnonymous": True},
    "computes/m": {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}},
    "datastores/m": {"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c", "credentials": {"credentialsType": "None"}},
    "onlineEndpoints/m": {"authMode": "Key", "traffic": {"a": 0}, "mirrorTraffic": {}, "publicNetworkAccess": "Enabled"},
    "onlineEndpoints/held/deployments/m": {"endpointComputeType": "Managed", "model": "azureml:nope:1", "instanceType": "s", "codeConfiguration": {
        "codeId": "azureml:nope:1", "scoringScript": "s.py"}, "requestSettings": {"requestTimeout": "PT5S"}, "environmentVariables": {"A": "b"}},
}


class Arm:
    """One kept connection to the TLS listener, as the admin."""

    def __init__(self, server):
        connect = server.connect()
        trust = ssl.create_default_context(cafile=connect["caFile"])
        self.connection = http.client.HTTPSConnection(urllib.parse.urlsplit(connect["endpoint"]).netloc, timeout=60, context=trust)
        self.headers = {"Authorization": "Bearer " + connect["token"], "Content-Type": "application/json"}
        self.workspace = (f"/subscriptions/{connect['subscription']}/resourceGroups/{connect['resourceGroup']}/providers/"
                          f"Microsoft.MachineLearningServices/workspaces/{connect['workspace']}")

    def send(self, method, path, body=None, headers=None):
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        self.connection.request(method, path, raw, {**self.headers, **(headers or {})})
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def put(self, kind, body):
        return self.send("PUT", f"{self.workspace}/{kind}?api-version=2025-12-01", body)


@pytest.fixture(scope="module")
def arm(server):
    made = Arm(server)
    made.put("onlineEndpoints/held", {"location": "local", "properties": {"authMode": "Key"}})
    return made


def enveloped(text):
    error = json.loads(text)["error"]
    assert error["code"] and len(error["message"]) > 10
    return error


def mutated(value):
    """The value with each part replaced by each wrong one, or left out."""
    yield from WRONG
    for key in value:
        yield {k: v for k, v in value.items() if k != key}
        inner = mutated(value[key]) if isinstance(value[key], dict) and value[key] else WRONG
        yield from ({**value, key: part} for part in inner)


@pytest.mark.parametrize("kind", BODIES)
def test_no_body_makes_a_500(arm, kind):
    count = 0
    for properties in itertools.chain([BODIES[kind]], mutated(BODIES[kind])):
        status, text = arm.put(kind, {"location": "local", "properties": properties})
        assert status < 500 or status == 501, (properties, text)
        if status >= 400:
            enveloped(text)
        count += 1
    for body in WRONG:
        status, text = arm.put(kind, body)
        assert 400 <= status < 500, (body, text)
        enveloped(text)
    assert count > 40


@pytest.mark.parametrize("path, wanted", [
    ("{WS}/jobs/nope", (404,)), ("{WS}/bogus/nope", (404, 400)), ("{WS}x/jobs/nope", (404,)), ("{WS}/data/nope/versions/1", (404,)),
    ("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w", (404,)),
    ("/subscriptions/none", (404, 400)), ("{WS}//jobs", (400,)), ("{WS}/jobs/../jobs", (400,)), ("{WS}/jobs/%2e%2e/jobs", (400,)),
    ("{WS}/jobs/a%2fb", (400,)), ("{WS}/jobs/a%00b", (400,)), ("{WS}/jobs/" + "n" * 5000, (400, 404, 414)), ("{WS}/jobs/%ff%fe", (400, 404)),
    ("{WS}/jobs?$skip=%zz", (400,)), ("{WS}/jobs?$skip=nonsense", (400,))])
def test_addresses_that_are_none(arm, path, wanted):
    path = path.replace("{WS}", arm.workspace)
    status, text = arm.send("GET", path + ("&" if "?" in path else "?") + "api-version=2025-12-01")
    assert status in wanted, text
    enveloped(text)


@pytest.mark.parametrize("version", ["", "?api-version=", "?api-version=x", "?api-version=1999-01-01", "?api-version=2025-12-01&api-version=x"])
def test_api_versions_that_are_none(arm, version):
    status, text = arm.send("GET", f"{arm.workspace}/jobs{version}")
    assert status in (200, 400), text
    if status == 400:
        assert "version" in enveloped(text)["message"].lower()


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer " + "x" * 20000,
                                   "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
def test_tokens_that_are_none_are_401(arm, token):
    fresh = Arm.__new__(Arm)
    fresh.__dict__.update(arm.__dict__, headers={} if token is None else {"Authorization": token})
    status, text = fresh.send("GET", f"{arm.workspace}/jobs?api-version=2025-12-01")
    assert status == 401, text
    enveloped(text)


def test_a_token_changed_by_one_letter_is_401(arm):
    head, body, signature = arm.headers["Authorization"].split(".")
    for changed in (f"{head}.{body}.{signature[:10]}{'A' if signature[10] != 'A' else 'B'}{signature[11:]}",
                    f"{head}.{body[:20]}{'A' if body[20] != 'A' else 'B'}{body[21:]}.{signature}", f"{head}.{body}."):
        assert arm.send("GET", f"{arm.workspace}/jobs?api-version=2025-12-01", headers={"Authorization": changed})[0] == 401
