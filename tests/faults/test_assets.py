"""Components, batch, features, indexes and jobs of all types asked for wrongly: each refusal names a field, none is a 500."""
import itertools
import json

import pytest
from test_arm import Arm, enveloped, mutated

VERSION = "2024-10-01-preview"
NODE = {"type": "command", "componentId": "azureml:nope:1", "inputs": {"a": {"job_input_type": "literal", "value": "1"}}}
PORTS = {"inputs": {"i": {"type": "uri_folder", "default": "1"}}, "outputs": {"o": {"type": "uri_folder"}}}
BODIES = {
    "components/m/versions/1": {"componentSpec": {"name": "m", "type": "command", "command": "ls ${{inputs.i}}", "code": "azureml:nope:1",
                                                  "environment": "azureml:nope:1", **PORTS}, "isAnonymous": False},
    "components/p/versions/1": {"componentSpec": {"name": "p", "type": "pipeline", "jobs": {"a": {"type": "command"}}, **PORTS}},
    "components/q/versions/1": {"componentSpec": {"name": "q", "type": "parallel", "task": {"type": "run_function", "code": "azureml:nope:1",
                                                                                           "environment": {"image": "x"}}}},
    "components/s/versions/1": {"componentSpec": {"name": "s", "type": "sweep", "search_space": {}, "objective": {}, "sampling_algorithm": "random",
                                                  "trial": {"code": "azureml:nope:1"}}},
    "components/m": {"description": "d", "tags": {"a": "b"}, "isArchived": False},
    "batchEndpoints/m": {"authMode": "AADToken", "defaults": {"deploymentName": "d"}, "description": "d", "properties": {}},
    "batchEndpoints/held/deployments/m": {
        "model": {"referenceType": "Id", "assetId": "azureml:nope:1"}, "compute": "local", "environmentId": "azureml:nope:1",
        "codeConfiguration": {"codeId": "azureml:nope:1", "scoringScript": "s.py"}, "miniBatchSize": 1, "outputAction": "AppendRow",
        "resources": {"instanceCount": 1}, "retrySettings": {"maxRetries": 1, "timeout": "PT5S"},
        "deploymentConfiguration": {"deploymentConfigurationType": "Model", "componentId": {"assetId": "azureml:nope:1"}}},
    "featurestoreEntities/m/versions/1": {"indexColumns": [{"columnName": "a", "dataType": "Long"}], "stage": "s"},
    "featuresets/m/versions/1": {"entities": ["azureml:nope:1"], "specification": {"path": "azureml://datastores/workspaceblobstore/paths/a"},
                                 "materializationSettings": {"storeType": "None", "resource": {"instanceType": "a"}, "schedule": None}},
    "serverlessEndpoints/m": {"authMode": "Key", "modelSettings": {"modelId": "m"}, "contentSafety": {"contentSafetyStatus": "Enabled"}},
    "marketplaceSubscriptions/m": {"modelId": "m"},
    "capabilityHosts/m": {"capabilityHostKind": "Agents", "storageConnections": ["a"], "customerSubnet": "s"},
    "jobs/sweep": {"jobType": "Sweep", "searchSpace": {"a": ["uniform", [0, 1]]}, "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
                   "objective": {"goal": "Minimize", "primaryMetric": "m"}, "limits": {"maxTotalTrials": 1, "trialTimeout": "PT1M"},
                   "earlyTermination": {"policyType": "Bandit", "slackFactor": 0.1}, "trial": {"command": "ls ${{search_space.a}}"}},
    "jobs/pipeline": {"jobType": "Pipeline", "jobs": {"a": NODE}, "settings": {"default_compute": "local"},
                      "inputs": {"a": {"jobInputType": "literal", "value": "1"}}},
    "jobs/automl": {"jobType": "AutoML", "taskDetails": {"taskType": "Regression", "trainingData": {"uri": "a"}, "targetColumnName": "y",
                                                         "limitSettings": {"maxTrials": 1, "timeout": "PT1M"}}},
    "jobs/spark": {"jobType": "Spark", "codeId": "c", "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "e.py"}, "conf": {"a": "b"}},
    "jobs/tuning": {"jobType": "FineTuning", "fineTuningDetails": {"modelProvider": "Custom", "taskType": "ChatCompletion", "model": {"uri": "m"},
                                                                   "trainingData": {"uri": "d"}}},
    "data/n/versions/1": {"dataUri": "azureml://datastores/workspaceblobstore/paths/a", "autoDeleteSetting": {
        "condition": "CreatedGreaterThan", "value": "30d"}, "referencedUris": ["a"]},
    "environments/n/versions/1": {"build": {"contextUri": "https://a/b/", "dockerfilePath": "Dockerfile"}, "inferenceConfig": {
        "livenessRoute": {"path": "/", "port": 1}}, "autoRebuild": "Disabled"},
}


@pytest.fixture(scope="module")
def arm(server):
    made = Arm(server)
    made.put("batchEndpoints/held", {"location": "local", "properties": {}})
    return made


def check(status, text, asked):
    assert status < 500 or status == 501, (asked, text)
    if status >= 400:
        enveloped(text)


@pytest.mark.parametrize("kind", BODIES)
def test_no_body_makes_a_500(arm, kind):
    for properties in itertools.chain([BODIES[kind]], mutated(BODIES[kind])):
        check(*arm.put(kind, {"location": "local", "properties": properties}), properties)


def test_no_index_makes_a_500(arm):
    path = f"/genericasset{arm.workspace}/indexes/m/versions/1?api-version=2024-04-01-preview"
    whole = {"storageUri": "https://a/b", "tags": {"a": "b"}, "properties": {"a": "b"}, "description": "d", "stage": "s", "id": "x"}
    for body in itertools.chain([whole], mutated(whole)):
        check(*arm.send("PUT", path, body), body)


@pytest.mark.parametrize("path", ["components", "components/m/versions", "batchEndpoints", "batchEndpoints/held/deployments", "featuresets",
                                  "featuresets/m/versions/1/features", "serverlessEndpoints", "jobs", "data", "models",
                                  "onlineEndpoints/none/deployments/none/skus"])
def test_no_query_makes_a_500(arm, path):
    for query in ("tags=,,,=", "tags=%00", "$tags=a%3D", "properties=" + "a," * 1000, "version=" + "9" * 1000, "$skip=x", "$top=0", "jobType=%ff",
                  "listViewType=Some", "stage=../..", "scheduled=maybe", "$orderBy=up"):
        check(*arm.send("GET", f"{arm.workspace}/{path}?api-version={VERSION}&{query}"), query)


@pytest.mark.parametrize("path", ["components/m/versions/1/publish", "models/m/versions/1/package", "batchEndpoints/held/jobs",
                                  "batchEndpoints/held/listkeys", "featuresets/m/versions/1/backfill", "serverlessEndpoints/m/regenerateKeys"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", json.dumps({"keyType": [1]}).encode()])
def test_no_action_makes_a_500(arm, path, body):
    check(*arm.send("POST", f"{arm.workspace}/{path}?api-version={VERSION}", body), body)


def test_lineage_of_anything_is_no_500(arm):
    for wanted in ("", "/", "//", "a/b", "/subscriptions", arm.workspace, arm.workspace + "/", arm.workspace + "/jobs/", arm.workspace + "/data/a/b/",
                   "%00", "x" * 5000, "..%2f.."):
        check(*arm.send("GET", f"/lazurite/v1{arm.workspace}/lineage?id={wanted}"), wanted)
    for depth in ("0", "9", "-1", "99999999999999999999", "x"):
        status, text = arm.send("GET", f"/lazurite/v1{arm.workspace}/lineage?id=a&depth={depth}")
        assert status == 400, text


@pytest.mark.parametrize("front", ["", "/genericasset", "/mferp/managementfrontend", "/lazurite/v1"])
def test_another_workspace_is_not_there(arm, front):
    elsewhere = arm.workspace.rsplit("/", 1)[0] + "/nobodys"
    for path in ("/components/a", "/batchEndpoints/held/jobs", "/indexes/a/versions/1", "/indexes", "/lineage?id=a"):
        status, text = arm.send("GET", f"{front}{elsewhere}{path}")
        assert status in (404, 405), (front, path, text)
