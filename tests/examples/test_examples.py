"""Runs the numbered examples with the command line to what their expect.json says.

LAZURITE_EXAMPLES names another folder of examples of the same form.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest

from harness import ROOT, Server, wait_for

EXAMPLES = pathlib.Path(os.environ.get("LAZURITE_EXAMPLES", ROOT / "examples"))
JOBS = ["01-hello-world", "02-literals-and-env-vars", "03-tracking-and-default-outputs", "04-uri-file-input",
        "05-uri-folder-in-and-out", "07-conda-env-autolog"]
ONLINE = ["28-online-score-script", "29-online-onnx"]
FINAL = ("Completed", "Failed", "Canceled")


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    """A server with the compute and environment that the examples name, and a copy of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES, folder / "all")
    with Server() as server:
        server.cli("compute", "create", "-f", folder / "all/35-compute/cluster.yml")
        server.cli("environment", "create", "-f", folder / "all/38-environments/onnx.yml")
        server.examples = folder / "all"
        server.mlflow = server.connect()["mlflowTrackingUri"]
        yield server


def expected(fixtures, name):
    return json.loads((fixtures.examples / name / "expect.json").read_text())


def mlflow(fixtures, path, **query):
    url = f"{fixtures.mlflow}/api/2.0/mlflow/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as reply:
        return json.load(reply)


def submit(fixtures, file):
    return fixtures.json("job", "create", "-f", file)["name"]


def finished(fixtures, job, seconds=420):
    def state():
        shown = fixtures.json("job", "show", "-n", job)
        return shown if shown["status"] in FINAL else None
    return wait_for(state, seconds, 0.2)


def files_below(folder):
    return {str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*") if p.is_file()}


def check_metrics(fixtures, job, wanted):
    latest = {m["key"]: m["value"] for m in mlflow(fixtures, "runs/get", run_id=job)["run"]["data"]["metrics"]}
    for name, want in wanted.items():
        assert name in latest
        if "last" in want:
            assert latest[name] == pytest.approx(want["last"])
        if "min" in want:
            assert latest[name] >= want["min"]
        if "max" in want:
            assert latest[name] <= want["max"]
        if "count" in want:
            history = mlflow(fixtures, "metrics/get-history", run_id=job, metric_key=name)["metrics"]
            assert len(history) == want["count"]


def check_run(fixtures, job, want):
    if "metrics" in want:
        check_metrics(fixtures, job, want["metrics"])
    data = mlflow(fixtures, "runs/get", run_id=job)["run"]["data"]
    for key in ("params", "tags"):
        have = {p["key"]: p["value"] for p in data.get(key, [])}
        for name, value in want.get(key, {}).items():
            assert have.get(name) == value


def check_files(fixtures, job, want, folder):
    fixtures.cli("job", "download", "-n", job, "--all", "-p", folder)
    have = files_below(folder)
    log = "".join(p.read_text() for p in pathlib.Path(folder).rglob("user_logs/std_log*.txt"))
    for text in want.get("log_contains", []):
        assert text in log
    for path in want.get("artifacts", []):
        assert any(f.endswith(path) for f in have), (path, sorted(have))
    for output, names in want.get("outputs", {}).items():
        for name in names:
            assert any(f.endswith(f"{output}/{name}") for f in have), (name, sorted(have))


@pytest.mark.parametrize("name", JOBS)
def test_job(fixtures, name, tmp_path):
    want = expected(fixtures, name)
    job = submit(fixtures, fixtures.examples / name / want["file"])
    shown = finished(fixtures, job)
    why = fixtures.cli("job", "why", "-n", job, check=False).stdout
    assert shown["status"] == want["status"], why
    check_run(fixtures, job, want)
    check_files(fixtures, job, want, tmp_path)
    for asset in want.get("assets", []):
        found = fixtures.json(asset["kind"], "list", "-n", asset["name"])
        assert found
        latest = fixtures.json(asset["kind"], "show", "-n", asset["name"], "-v", found[0]["version"])
        assert latest["type"] == asset["type"]


@pytest.mark.parametrize("file", ["fails.yml", "timeout.yml"])
def test_job_that_must_not_succeed(fixtures, file):
    want = next(c for c in expected(fixtures, "43-services-and-failures")["cases"] if c["file"] == file)
    begun = time.monotonic()
    job = submit(fixtures, fixtures.examples / "43-services-and-failures" / file)
    shown = finished(fixtures, job, want.get("within_seconds", 120))
    assert shown["status"] == want["status"]
    assert time.monotonic() - begun < want.get("within_seconds", 120)
    why = fixtures.json("job", "why", "-n", job)
    if "exit_code" in want:
        assert why["attempt"]["exitCode"] == want["exit_code"]
    assert why["reason"]


def test_interactive_services_are_refused_by_name(fixtures):
    done = fixtures.cli("job", "create", "-f", fixtures.examples / "43-services-and-failures/services.yml", check=False)
    assert done.returncode == 1
    assert "services" in done.stderr.lower()


def ask(fixtures, endpoint, folder, request):
    """Status and reply of one scoring request, as a plain HTTP client sends it."""
    import ssl
    shown = fixtures.json("online-endpoint", "show", "-n", endpoint)
    headers = {"Content-Type": "application/json"}
    if request.get("auth") != "none":
        headers["Authorization"] = "Bearer " + fixtures.json("online-endpoint", "get-credentials", "-n", endpoint)["primaryKey"]
    call = urllib.request.Request(shown["scoring_uri"], (folder / request["file"]).read_bytes(), headers)
    trust = ssl.create_default_context(cafile=str(fixtures.folder / "tls/bundle.pem"))
    try:
        with urllib.request.urlopen(call, timeout=60, context=trust) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


@pytest.mark.parametrize("name", ONLINE)
def test_online(fixtures, name):
    want = expected(fixtures, name)
    folder = fixtures.examples / name
    if "prepare" in want:
        subprocess.run([sys.executable, want["prepare"]], cwd=folder, check=True)
    endpoint = fixtures.json("online-endpoint", "create", "-f", folder / want["endpoint"])["name"]
    for deployment in want["deployments"]:
        fixtures.cli("online-deployment", "create", "-f", folder / deployment, timeout=600)
    split = " ".join(f"{k}={v}" for k, v in want["traffic"].items())
    fixtures.cli("online-endpoint", "update", "-n", endpoint, "--traffic", split)
    for request in want["requests"]:
        status, reply = ask(fixtures, endpoint, folder, request)
        if "response" in request:
            assert status == 200, reply
            assert reply == pytest.approx(request["response"])
        if "http_status" in request:
            assert status == request["http_status"]
        if "http_status_class" in request:
            assert status // 100 == request["http_status_class"]
    fixtures.cli("online-endpoint", "delete", "-n", endpoint, "-y")
