"""A server that is stopped while everybody asks it for something: it ends by itself, and what it acknowledged stays."""
import hashlib
import http.client
import itertools
import json
import os
import random
import signal
import socket
import threading
import time
import urllib.parse

from test_arm import Arm
from test_blob import Storage
from test_mlflow import post, send

ROUNDS = 10
SECONDS = 5  # nobody here is slow, so nobody needs the grace
VERSION = "{}/data/{}/versions/1?api-version=2025-12-01"
STREAM = "/lazurite/v1{}/jobs/long/stream?logs=all"


class Load:
    """Clients that write, read and follow, whether the server is there or not; what was acknowledged is remembered."""

    def __init__(self, server):
        self.server, self.over, self.lock = server, threading.Event(), threading.Lock()
        self.tags, self.assets, self.blobs, self.wrong = [], [], [], []
        self.names = itertools.count(time.time_ns())
        self.find()
        jobs = [self.track, self.track, self.register, self.upload, self.upload, self.download, self.follow]
        self.threads = [threading.Thread(target=self.repeat, args=(job,)) for job in jobs]

    def find(self):
        """Where the server is: at its old ports, unless somebody took them meanwhile."""
        addresses = json.loads((self.server.folder / "run" / "server.json").read_text())["ports"]
        if addresses != getattr(self, "addresses", None):
            self.addresses, self.storage, self.arm = addresses, Storage(self.server), Arm(self.server)
            self.place = urllib.parse.urlsplit(self.storage.told["mlflowTrackingUri"]).netloc

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def repeat(self, job):
        while not self.over.is_set():
            try:
                job()
            except (OSError, http.client.HTTPException, IndexError, ValueError):
                time.sleep(0.01)  # the server went while it answered

    def note(self, status, kept, *what):
        """503 is a server that starts or ends; any other refusal is wrong."""
        with self.lock:
            if status in (200, 201):
                kept.append(what)
            elif status != 503:
                self.wrong.append((status, what))

    def track(self):
        status, made = post(self.place, "runs/create", {"experiment_id": "0"})
        for i in range(20 if status == 200 else 0):
            run = made["run"]["info"]["run_id"]
            self.note(post(self.place, "runs/set-tag", {"run_id": run, "key": f"t{i}", "value": "x"})[0], self.tags, run, f"t{i}")

    def register(self):
        name = f"d{next(self.names)}"
        body = {"properties": {"dataType": "uri_file", "dataUri": "https://x.test/a"}}
        try:
            self.note(self.arm.put(f"data/{name}/versions/1", body)[0], self.assets, name)
        except (OSError, http.client.HTTPException):
            self.arm.connection.close()  # the next request opens it again

    def upload(self):
        name, text = f"b{next(self.names)}", os.urandom(random.choice((100, 300_000)))
        self.note(self.storage.put(name, text), self.blobs, name, hashlib.sha256(text).hexdigest())

    def download(self):
        self.storage.get("large")

    def follow(self):
        with self.storage.open() as wire:
            wire.sendall(self.storage.head("GET", STREAM.format(self.arm.workspace), {
                "Authorization": "Bearer " + self.storage.told["token"]}))
            while not self.over.is_set() and wire.recv(65536):
                pass

    def lost(self):
        """What was acknowledged and is not there."""
        for run in {run for run, _ in self.tags}:
            status, text = send(self.place, "GET", f"/api/2.0/mlflow/runs/get?run_id={run}")
            have = {tag["key"] for tag in json.loads(text)["run"]["data"]["tags"]} if status == 200 else set()
            yield from ((run, tag) for of, tag in self.tags if of == run and tag not in have)
        self.arm.connection.close()  # it idled meanwhile, as long as a server keeps it at most
        yield from (name for name, in self.assets if self.arm.send("GET", VERSION.format(self.arm.workspace, name))[0] != 200)
        for name, digest in self.blobs:
            text = self.storage.get(name)
            if not isinstance(text, bytes) or hashlib.sha256(text).hexdigest() != digest:
                yield name


def by_signal(server):
    server.process.terminate()


def by_two_signals(server):
    server.process.send_signal(signal.SIGINT)
    server.process.terminate()


def by_request(server):
    server.cli("stop", timeout=30)


def test_stopped_under_load_it_ends_well_and_loses_nothing(fresh_server, tmp_path):
    fresh_server.start()
    load = Load(fresh_server)
    assert load.storage.put("large", os.urandom(8_000_000)) == 201
    (tmp_path / "long.yml").write_text(json.dumps({"command": "while true; do echo line; sleep 0.1; done",
                                                   "environment": {"image": "python:3.11-slim"}}))
    fresh_server.cli("job", "create", "-f", tmp_path / "long.yml", "-n", "long")
    with load:
        for round_, stop in zip(range(ROUNDS), itertools.cycle((by_signal, by_request, by_two_signals))):
            time.sleep(random.uniform(0.05, 0.3))
            begun = time.monotonic()
            stop(fresh_server)
            assert fresh_server.process.wait(30) == 0, fresh_server.log_text()[-2000:]
            assert time.monotonic() - begun < SECONDS, round_
            fresh_server.start()
            load.find()
    assert not load.wrong
    assert list(load.lost()) == []
    assert min(map(len, (load.tags, load.assets, load.blobs))) >= ROUNDS // 2
    assert not list((fresh_server.folder / "content" / "tmp").iterdir())


def over_socket(folder, path):
    """Status and JSON, or nothing while nobody listens."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(folder / "run" / "lazurite.sock"))
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def test_a_server_that_starts_tells_no_half_addresses(fresh_server):
    """The gateway is started after the listeners are open; who asks meanwhile is told to come again."""
    seen, over = [], threading.Event()

    def ask():
        while not over.is_set():
            answer = over_socket(fresh_server.folder, "/lazurite/v1/status")
            if answer:
                seen.append((answer[0], answer[1].get("scoringEndpoint")))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        fresh_server.start()
        time.sleep(0.2)
    finally:
        over.set()
        asking.join()
    told = json.loads((fresh_server.folder / "run" / "server.json").read_text())
    assert {address for status, address in seen if status == 200} == {told["scoring"]}
    assert {status for status, _ in seen} <= {200, 503}
