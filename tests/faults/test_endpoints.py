"""Endpoints asked wrongly, and endpoints whose parts die: what the caller gets, and what stays behind."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import ssl
import threading
import time
import urllib.parse

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

from harness import Server, wait_for

ENDPOINT = "asked"
ANSWERED = {"input_data": [[1, 2]]}
# What `azureml-inference-server-http` wants of a scoring script; it sleeps for as many seconds as it is told.
SCORE = """
import json, time
def init(): pass
def run(text):
    time.sleep(json.loads(text).get("sleep", 0))
    return [1]
"""
MLMODEL = """flavors:
  python_function:
    loader_module: adder
    code: code
    env: {virtualenv: python_env.yaml}
signature:
  inputs: '[{"name": "a", "type": "double", "required": true}, {"name": "b", "type": "long", "required": true}]'
  outputs: '[{"type": "double"}]'
"""
ADDER = """
class Adder:
    def predict(self, frame, params=None): return frame["a"] + frame["b"]
def _load_pyfunc(path): return Adder()
"""


def save_model(folder, rows="rows"):
    """y = x · (1, 2), of any number of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 1])
    w = onnx.numpy_helper.from_array(numpy.array([[1.0], [2.0]], numpy.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [w])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")


def save_typed_model(folder):
    """One column of each type."""
    folder.mkdir(parents=True, exist_ok=True)
    types = {"real": TensorProto.FLOAT, "whole": TensorProto.INT64, "text": TensorProto.STRING, "flag": TensorProto.BOOL}
    inputs = [helper.make_tensor_value_info(n, t, ["rows", 1]) for n, t in types.items()]
    outputs = [helper.make_tensor_value_info(f"{n}-out", t, ["rows", 1]) for n, t in types.items()]
    nodes = [helper.make_node("Identity", [n], [f"{n}-out"]) for n in types]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")


def deploy(server, folder, endpoint, name, model, check=True, kind="custom_model", **more):
    body = {"name": name, "endpoint_name": endpoint, "instance_type": "Standard_DS2_v2", "instance_count": 1,
            "model": {"path": str(model), "type": kind}, **more}
    (folder / f"{name}.yml").write_text(json.dumps(body))
    return server.cli("online-deployment", "create", "-f", folder / f"{name}.yml", check=check, timeout=300)


class Caller:
    """Asks one endpoint as a plain HTTP client does."""

    def __init__(self, server, endpoint=ENDPOINT):
        self.uri = urllib.parse.urlsplit(server.json("online-endpoint", "show", "-n", endpoint)["scoring_uri"])
        self.key = server.json("online-endpoint", "get-credentials", "-n", endpoint)["primaryKey"]
        self.trust = ssl.create_default_context(cafile=str(server.folder / "tls/bundle.pem"))

    def ask(self, body, method="POST", path=None, **headers):
        """Status, JSON of the reply, its headers."""
        connection = http.client.HTTPSConnection(self.uri.netloc, timeout=60, context=self.trust)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
        connection.request(method, path or self.uri.path, raw, {k: v for k, v in sent.items() if v is not None})
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return reply.status, json.loads(text) if text else None, reply.headers


@pytest.fixture(scope="module")
def deployed(server, tmp_path_factory):
    """An endpoint with three native deployments: blue takes all traffic, green is its twin, typed has four inputs."""
    folder = tmp_path_factory.mktemp("models")
    save_model(folder / "line")
    save_typed_model(folder / "typed")
    server.cli("online-endpoint", "create", "-n", ENDPOINT)
    for name, model in (("blue", "line"), ("green", "line"), ("typed", "typed")):
        deploy(server, folder, ENDPOINT, name, folder / model)
    server.cli("online-endpoint", "update", "-n", ENDPOINT, "--traffic", "blue=100")
    return Caller(server)


def refused(answer, status, word):
    got, body, _ = answer
    assert got == status, answer
    assert body["error"]["code"] and word in body["error"]["message"], answer


@pytest.mark.parametrize("rows", [
    [[1, 2, 3]], [[1]], [[]], [["a", "b"]], [[1, 2], [3]], [[True, False]], [1, 2], [[[1, 2]]], [[1e300, 2]], [[{}, 1]],
    {"columns": ["p", "q", "r"], "data": [[1, 2, 3]]}, [{"x": "a"}]])
def test_rows_of_wrong_width_or_type_are_400_naming_the_input(deployed, rows):
    refused(deployed.ask({"input_data": rows}), 400, "'x'")
    assert deployed.ask(ANSWERED)[:2] == (200, [5.0])


@pytest.mark.parametrize("changed, name", [
    ({"real": "a"}, "real"), ({"whole": 1.5}, "whole"), ({"whole": "1"}, "whole"), ({"whole": 2**63}, "whole"),
    ({"whole": None}, "whole"), ({"text": 1}, "text"), ({"text": None}, "text"), ({"flag": 1}, "flag"), ({"flag": "true"}, "flag"),
    ({"real": [1, 2]}, "real"), ({"other": 1}, "other")])
def test_each_type_names_its_input(deployed, changed, name):
    row = {"real": 1.5, "whole": 3, "text": "a", "flag": True}
    typed = {"azureml-model-deployment": "typed"}
    assert deployed.ask({"input_data": [row]}, **typed)[0] == 200
    refused(deployed.ask({"input_data": [{**row, **changed}]}, **typed), 400, name)
    for left_out in row:
        refused(deployed.ask({"input_data": [{k: v for k, v in row.items() if k != left_out}]}, **typed), 400, left_out)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100, b"nul", b"\xff", b'{"input_data": [[NaN, 1]]}', b'{"input_data": [[1e999, 1]]}',
                                  b"[]", b"5", b"null", b"{}", b'{"input_data": 5}', b'{"input_data": null}', b'{"rows": [[1, 2]]}'])
def test_bodies_that_are_no_input_are_400(deployed, body):
    status, reply, _ = deployed.ask(body)
    assert status == 400 and len(reply["error"]["message"]) > 10


def test_keys_names_methods_and_sizes(deployed):
    refused(deployed.ask(ANSWERED, Authorization=None), 401, "key")
    for wrong in ("Bearer x", "Bearer ", "x", "Basic " + deployed.key, "Bearer " + deployed.key + "x", "Bearer " + deployed.key[:-1]):
        assert deployed.ask(ANSWERED, Authorization=wrong)[0] == 401, wrong
    refused(deployed.ask(ANSWERED, path="/endpoints/nobody/score"), 404, "endpoint")
    assert deployed.ask(ANSWERED, path="/endpoints/nobody/score", Authorization=None)[0] in (401, 404)
    assert deployed.ask(ANSWERED, path="/")[0] == 404
    assert deployed.ask(b"", method="GET")[0] == 405
    refused(deployed.ask(b" ", **{"Content-Length": str(20 << 20)}), 413, "long")
    assert deployed.ask(ANSWERED)[0] == 200


def test_a_key_of_another_endpoint_is_401(server, deployed):
    server.cli("online-endpoint", "create", "-n", "other")
    assert deployed.ask(ANSWERED, Authorization="Bearer " + Caller(server, "other").key)[0] == 401
    refused(deployed.ask(ANSWERED, path="/endpoints/other/score", Authorization="Bearer " + Caller(server, "other").key), 404, "traffic")


def test_traffic_is_split_as_told(server, deployed):
    server.cli("online-endpoint", "update", "-n", ENDPOINT, "--traffic", "blue=50 green=50")
    served = [deployed.ask(ANSWERED)[2]["azureml-model-deployment"] for _ in range(400)]
    assert 150 <= served.count("blue") <= 250 and served.count("blue") + served.count("green") == 400
    server.cli("online-endpoint", "update", "-n", ENDPOINT, "--traffic", "blue=100 green=0")
    assert {deployed.ask(ANSWERED)[2]["azureml-model-deployment"] for _ in range(50)} == {"blue"}


@pytest.mark.parametrize("traffic", ["blue=60 green=60", "blue=-1", "nobody=100", "blue=x", "blue", "blue=50.5"])
def test_traffic_that_makes_no_sense_is_refused(server, deployed, traffic):
    done = server.cli("online-endpoint", "update", "-n", ENDPOINT, "--traffic", traffic, check=False)
    assert done.returncode in (1, 2) and done.stderr.startswith("error  "), done
    assert deployed.ask(ANSWERED)[0] == 200


def test_files_that_are_no_models(server, deployed, tmp_path):
    for name, make, word in [("nonsense", lambda f: (f / "model.onnx").write_text("this is none"), "loaded"),
                             ("hollow", lambda f: (f / "model.onnx").write_bytes(b""), "loaded"),
                             ("cut", lambda f: (save_model(f), os.truncate(f / "model.onnx", 40)), "loaded"),
                             ("modelless", lambda f: (f / "readme.txt").write_text("x"), ".onnx")]:
        (tmp_path / name).mkdir()
        make(tmp_path / name)
        done = deploy(server, tmp_path, ENDPOINT, name, tmp_path / name, check=False)
        assert done.returncode == 1 and word in done.stderr, done.stderr
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat/readme.txt").write_text("x")
    done = deploy(server, tmp_path, ENDPOINT, "flat", tmp_path / "flat", check=False, kind="mlflow_model")
    assert done.returncode == 1 and "MLmodel" in done.stderr
    assert deployed.ask(ANSWERED)[0] == 200
    logs = server.cli("online-deployment", "get-logs", "-e", ENDPOINT, "-n", "nonsense").stdout
    assert "cannot be loaded" in logs


def replicas(server, name=None):
    """Process ids of the runners of replicas, by the run folders."""
    found = []
    for spec in server.folder.glob("runs/d*/spec.json"):
        text = spec.read_text()
        runner = spec.parent / "process.json"
        if runner.exists() and (name is None or f'"{name}"' in text or f"/{name}" in text):
            found.append((spec.parent.name, json.loads(runner.read_text())["pid"]))
    return [(folder, pid) for folder, pid in found if pathlib.Path(f"/proc/{pid}").exists()]


class Load:
    """Four clients that ask without pause, each failure kept."""

    def __init__(self, caller, clients=4):
        self.caller, self.failures, self.count, self.ending = caller, [], 0, False
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        while not self.ending:
            try:
                status, body, _ = self.caller.ask(ANSWERED)
                if status != 200:
                    self.failures.append((status, body))
            except OSError as broken:
                self.failures.append(repr(broken))
            self.count += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join()


@pytest.fixture()
def two_replicas(tmp_path):
    """A server of its own with one deployment of two replicas."""
    made = Server()
    try:
        made.start()
        save_model(tmp_path / "line")
        made.cli("online-endpoint", "create", "-n", ENDPOINT)
        deploy(made, tmp_path, ENDPOINT, "blue", tmp_path / "line", instance_count=2)
        made.cli("online-endpoint", "update", "-n", ENDPOINT, "--traffic", "blue=100")
        yield made
    finally:
        made.close()


def test_a_killed_replica_costs_no_request_and_comes_back(two_replicas):
    caller = Caller(two_replicas)
    before = wait_for(lambda: len(r := replicas(two_replicas)) == 2 and r)
    with Load(caller) as load:
        time.sleep(0.5)
        os.kill(before[0][1], signal.SIGKILL)
        wait_for(lambda: len(now := replicas(two_replicas)) == 2 and before[0] not in now, 30)
        time.sleep(1)
    assert load.count > 100
    assert load.failures == [], (len(load.failures), load.failures[:5])


def test_scoring_answers_while_the_server_is_killed_and_started(two_replicas):
    caller = Caller(two_replicas)
    with Load(caller) as load:
        time.sleep(0.5)
        two_replicas.kill()
        time.sleep(1)
        two_replicas.start()
        time.sleep(1)
        assert two_replicas.stop() == 0
        two_replicas.start()
        time.sleep(1)
    assert load.count > 100
    assert load.failures == [], (len(load.failures), load.failures[:5])


def test_deleting_an_endpoint_leaves_no_process(two_replicas):
    mine = lambda: [p for p in pathlib.Path("/proc").glob("[0-9]*") if p.exists() and
                    any(f"runs/{folder}".encode() in (p / "cmdline").read_bytes() for folder in folders)]
    pids = wait_for(lambda: len(r := replicas(two_replicas)) == 2 and r)
    folders = [folder for folder, _ in pids]
    caller = Caller(two_replicas)
    two_replicas.cli("online-endpoint", "delete", "-n", ENDPOINT, "--yes")
    wait_for(lambda: not replicas(two_replicas) and not mine(), 20)
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for _, pid in pids)
    refused(caller.ask(ANSWERED), 404, "endpoint")
    assert two_replicas.cli("online-endpoint", "show", "-n", ENDPOINT, check=False).returncode == 3


def test_a_slow_model_times_out_and_a_full_queue_is_429(server, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/score.py").write_text(SCORE)
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]\n")
    save_model(tmp_path / "line")
    server.cli("online-endpoint", "create", "-n", "slow")
    deploy(server, tmp_path, "slow", "main", tmp_path / "line", code_configuration={"code": "code", "scoring_script": "score.py"},
           environment={"image": "python:3.11-slim", "conda_file": "conda.yml"},
           request_settings={"request_timeout_ms": 1000, "max_concurrent_requests_per_instance": 1, "max_queue_wait_ms": 500})
    server.cli("online-endpoint", "update", "-n", "slow", "--traffic", "main=100")
    caller = Caller(server, "slow")
    assert caller.ask({"sleep": 0})[:2] == (200, [1])
    begun = time.monotonic()
    status, body, _ = caller.ask({"sleep": 30})
    assert status in (408, 504) and "time" in body["error"]["message"]
    assert time.monotonic() - begun < 10
    wait_for(lambda: caller.ask({"sleep": 0})[0] == 200, 60)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        got = list(pool.map(lambda _: caller.ask({"sleep": 0.3})[0], range(40)))
    assert set(got) <= {200, 408, 429, 503, 504} and 200 in got and len(set(got)) > 1, got
    server.cli("online-endpoint", "delete", "-n", "slow", "--yes")


def test_an_mlflow_model_names_the_column_at_fault(server, tmp_path):
    model = tmp_path / "adder"
    (model / "code").mkdir(parents=True)
    (model / "MLmodel").write_text(MLMODEL)
    (model / "code/adder.py").write_text(ADDER)
    (model / "python_env.yaml").write_text("python: '3.11'\ndependencies: [-r requirements.txt]\n")
    (model / "requirements.txt").write_text("mlflow-skinny==2.22.*\npandas\nnumpy<2\n")
    server.cli("online-endpoint", "create", "-n", "adder")
    deploy(server, tmp_path, "adder", "main", model, kind="mlflow_model")
    server.cli("online-endpoint", "update", "-n", "adder", "--traffic", "main=100")
    caller = Caller(server, "adder")
    table = lambda columns, *rows: {"input_data": {"columns": columns, "data": list(rows)}}
    assert caller.ask(table(["a", "b"], [1.5, 2]))[:2] == (200, [3.5])
    for body, word in [(table(["a"], [1.5]), "b"), (table(["a", "b"], ["x", 2]), "a"), (table(["a", "b"], [1.5, 2.5]), "b"),
                       (table(["a", "b"], [1.5]), ""), (table(["a", "b"], [1.5, 2, 3]), ""), ({"input_data": 5}, "input_data"),
                       ({}, "input_data"), (b"{", ""), (b"", ""), (table(["a", "b"], [1.5, "x"]), "b")]:
        refused(caller.ask(body), 400, word)
    server.cli("online-endpoint", "delete", "-n", "adder", "--yes")
