"""The command `az` of Microsoft, unmodified, signed in as programs that exist on a real server."""
import json
import os
import subprocess
import sys
import time
import urllib.parse
import uuid

import pytest
from harness import clean_environment

VERSION = "api-version=2024-10-01"
DATA = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/az/a.csv",
                       "description": "by az", "tags": {"by": "az"}}}


class Az:
    """`az` with a configuration folder of its own: one sign-in."""

    def __init__(self, folder, told):
        self.told = told
        self.environment = clean_environment({
            "AZURE_CONFIG_DIR": str(folder), "REQUESTS_CA_BUNDLE": told["caFile"], "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_CORE_NO_COLOR": "yes", "AZURE_CORE_ONLY_SHOW_ERRORS": "yes", "HOME": str(folder),
            "AZURE_EXTENSION_DIR": str(folder / "extensions")})
        self.ok("cloud", "register", "-n", "Lazurite", "--endpoint-resource-manager", told["endpoint"])
        self.ok("cloud", "set", "-n", "Lazurite")
        self.ok("config", "set", "core.instance_discovery=false")

    def run(self, *arguments):
        return subprocess.run([sys.executable, "-m", "azure.cli", *arguments], capture_output=True, text=True,
                              timeout=120, env=self.environment)

    def ok(self, *arguments):
        """The command's JSON, or None when it says nothing."""
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments):
        """What it says when it fails."""
        done = self.run(*arguments)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr

    def login(self, program):
        return self.ok("login", "--service-principal", "-u", program["clientId"], "-p", program["secret"],
                       "--tenant", "adfs", "--allow-no-subscriptions")

    def rest(self, method, path, body=None, ask=None):
        arguments = ["rest", "--method", method, "--url", f"{path}?{VERSION}"]
        return (ask or self.ok)(*arguments, *(["--body", json.dumps(body)] if body else []))


def workspace(told):
    return (f"/subscriptions/{told['subscription']}/resourceGroups/{told['resourceGroup']}/providers/"
            f"Microsoft.MachineLearningServices/workspaces/{told['workspace']}")


def program(server, role):
    """A service principal of that role on the workspace, made by the folder's owner."""
    import http.client
    import socket
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.connect()["endpoint"]).netloc)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(server.folder / "run" / "lazurite.sock"))
    connection.request("POST", "/lazurite/v1/servicePrincipals", json.dumps(
        {"name": f"az-{uuid.uuid4().hex[:8]}", "role": role, "scope": "/"}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status in (200, 201), text
    return json.loads(text)


@pytest.fixture(scope="module")
def told(server):
    return server.connect()


@pytest.fixture(scope="module")
def contributor(server, told, tmp_path_factory):
    az = Az(tmp_path_factory.mktemp("contributor"), told)
    made = program(server, "Contributor")
    az.client_id, az.account = made["clientId"], az.login(made)
    return az


@pytest.fixture(scope="module")
def reader(server, told, tmp_path_factory):
    az = Az(tmp_path_factory.mktemp("reader"), told)
    az.login(program(server, "Reader"))
    return az


def test_a_program_signs_in_with_its_secret(contributor, told):
    assert [x["id"] for x in contributor.account] == [told["subscription"]]
    shown = contributor.ok("account", "show")
    assert shown["user"]["type"] == "servicePrincipal" and shown["state"] == "Enabled"
    assert shown["environmentName"] == "Lazurite"
    assert [x["id"] for x in contributor.ok("account", "list")] == [told["subscription"]]


def test_a_wrong_secret_is_told(server, told, tmp_path):
    az = Az(tmp_path, told)
    right = program(server, "Reader")
    said = az.refused("login", "--service-principal", "-u", right["clientId"], "-p", "wrong-secret-of-some-length",
                      "--tenant", "adfs", "--allow-no-subscriptions")
    assert "The name or the credential is wrong" in said and "Traceback" not in said
    assert json.loads(az.run("account", "list").stdout or "[]") == []


def test_an_unknown_program_is_told(told, tmp_path):
    az = Az(tmp_path, told)
    said = az.refused("login", "--service-principal", "-u", str(uuid.uuid4()), "-p", "wrong-secret-of-some-length",
                      "--tenant", "adfs", "--allow-no-subscriptions")
    assert said.strip() and "Traceback" not in said


def test_the_token_is_one_that_arm_takes(contributor, told):
    import requests
    token = contributor.ok("account", "get-access-token")
    assert token["tokenType"] == "Bearer" and token["subscription"] == told["subscription"]
    assert int(token["expires_on"]) > time.time() + 60
    answer = requests.get(f"{told['endpoint']}{workspace(told)}?{VERSION}", verify=told["caFile"], timeout=30,
                          headers={"Authorization": "Bearer " + token["accessToken"]})
    assert answer.status_code == 200 and answer.json()["name"] == told["workspace"]


def test_rest_reads_makes_and_removes(contributor, told):
    found = contributor.rest("get", workspace(told).rsplit("/", 1)[0])
    assert told["workspace"] in [x["name"] for x in found["value"]]
    version = f"{workspace(told)}/data/az-{uuid.uuid4().hex[:8]}/versions/1"
    made = contributor.rest("put", version, DATA)
    assert made["properties"]["description"] == "by az" and made["id"].lower() == version.lower()
    assert made["systemData"]["createdByType"] == made["systemData"]["lastModifiedByType"] == "Application"
    assert made["systemData"]["createdBy"] == contributor.client_id
    assert contributor.rest("get", version)["properties"]["tags"] == {"by": "az"}
    contributor.rest("delete", version)
    assert "There is no" in contributor.rest("get", version, ask=contributor.refused)


def test_a_reader_reads_and_may_not_write(reader, told):
    assert reader.rest("get", workspace(told))["name"] == told["workspace"]
    version = f"{workspace(told)}/data/az-reader/versions/1"
    said = reader.rest("put", version, DATA, ask=reader.refused)
    assert "AuthorizationFailed" in said and "data/versions/write" in said
    assert "There is no" in reader.rest("get", version, ask=reader.refused)


def test_after_logout_nothing_is_asked(server, told, tmp_path):
    az = Az(tmp_path, told)
    az.login(program(server, "Reader"))
    az.ok("logout")
    assert "az login" in az.rest("get", workspace(told), ask=az.refused)
    assert not any(p.name == "service_principal_entries.json" and "secret" in p.read_text() for p in tmp_path.iterdir())
