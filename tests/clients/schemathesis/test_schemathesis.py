"""Requests made up from api/openapi.json against a real server: nothing that anyone sends may end in a 5xx of ours.

Each operation gets a few generated queries and bodies, with the server's own workspace in the path so that they reach
the handlers. Faces that stand under several prefixes are asked under one. 501 and 503 are answers, 500 is a bug.
"""
import json
import os
import pathlib
import time
import urllib.parse

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
# What ends the server or takes the right to go on, and prefixes under which the same rows stand again.
LEFT_OUT = ("/lazurite/v1/stop", "/lazurite/v1/revokeTokens", "/lazurite/v1/me/password", "/mlflow/v1.0/", "/ajax-api/",
            "/mferp/", "/api/2.0/", "/api/3.0/", "/{account}.blob.", "/revoke", "/disable")
KINDS_OF_ROWS = ("arm", "mlflow", "blob", "dataplane", "lazurite", "sign-in")


def chosen(path):
    own = path.startswith("/mlflow/v2.0/")
    return not any(part in path and not (own and part.startswith("/api/")) for part in LEFT_OUT)


def face(path):
    for name, start in (("mlflow", "/mlflow/"), ("arm", "/subscriptions/"), ("lazurite", "/lazurite/"),
                        ("blob", "/azureml-"), ("sign-in", "/{tenant}"), ("sign-in", "/oauth2")):
        if path.startswith(start):
            return name
    return "dataplane"


@pytest.fixture(scope="module")
def told(server):
    return server.connect()


@pytest.fixture(scope="module")
def schema():
    return schemathesis.openapi.from_dict(json.loads((ROOT / "api" / "openapi.json").read_text()))


def place(case, told):
    """Into the workspace that is there; a slash in a name would be another path."""
    names = {"subscription": told["subscription"], "group": told["resourceGroup"], "workspace": told["workspace"]}
    for name, value in list((case.path_parameters or {}).items()):
        text = str(names.get(name, value))
        case.path_parameters[name] = text if text.strip("./") else "x"


@pytest.mark.parametrize("which", KINDS_OF_ROWS)
def test_nothing_generated_is_a_fault_of_ours(server, told, schema, which):
    import requests
    session = requests.Session()
    session.trust_env = False
    session.verify = told["caFile"]
    session.headers["Authorization"] = "Bearer " + told["token"]
    asked, bad = 0, []

    def ask(case):
        nonlocal asked
        if case.method.upper() == "DELETE" and case.operation.path.endswith("/workspaces/{workspace}"):
            return
        place(case, told)
        sent = case.as_transport_kwargs(base_url=told["endpoint"])
        sent["headers"] = {k: v for k, v in (sent.get("headers") or {}).items() if k.lower() != "authorization"}
        try:
            reply = session.request(**{**sent, "timeout": 30, "allow_redirects": False})
        except (ValueError, requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL):
            return    # what the library itself refuses to send
        asked += 1
        if reply.status_code >= 500 and reply.status_code not in (501, 503):
            bad.append((case.method, reply.request.url[-300:], str(reply.request.body)[:500], reply.status_code, reply.text[:300]))

    begun = time.monotonic()
    operations = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if face(operation.path) != which or not chosen(operation.path):
            continue
        operations += 1
        made = settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
                        suppress_health_check=list(HealthCheck))(given(operation.as_strategy())(ask))
        seed(7)(made)()
    print(f"{which}: {asked} requests to {operations} operations in {time.monotonic() - begun:.1f} s")
    assert operations > 3 and asked >= operations
    assert not bad, "\n".join(map(str, bad[:20]))
    health = session.get(urllib.parse.urljoin(told["endpoint"], "/healthz"), timeout=10)
    assert health.status_code == 200 and server.process.poll() is None
