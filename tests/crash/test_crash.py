"""Kills and full disks: what was answered stays, jobs end exactly once, logs are whole."""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from harness import BINARY, Server, clean_environment, wait_for

FINAL = ("Completed", "Failed", "Canceled")
COUNTING = "for i in $(seq 1 30); do echo line $i; sleep 0.1; done"


@pytest.fixture()
def server():
    made = Server()
    yield made
    made.close()


def submit(server, tmp_path, name, command, **more):
    """A job on this host with no environment; its name."""
    file = tmp_path / f"{name}.yml"
    file.write_text(json.dumps({"command": command, "environment": {"image": "python:3.11-slim"}, **more}))
    server.cli("job", "create", "-f", file, "-n", name)
    return name


def state(server, name):
    return server.json("job", "show", "-n", name)["status"]


def ended(server, name, seconds=60):
    return wait_for(lambda: (s := state(server, name)) in FINAL and s, seconds)


def running(server, name, seconds=30):
    return wait_for(lambda: state(server, name) == "Running", seconds)


def log_of(server, name):
    done = server.cli("job", "stream", "-n", name, check=False)
    return done.stdout + done.stderr


def final_states(server, name):
    timeline = server.json("job", "why", "-n", name)["timeline"]
    return [p["phase"] for p in timeline if p["phase"] in FINAL]


def assert_counted(server, name):
    lines = [l for l in log_of(server, name).splitlines() if l.startswith("line ")]
    assert lines == [f"line {i}" for i in range(1, 31)]


def test_kill_of_the_server_jobs_go_on_end_once_and_logs_are_whole(server, tmp_path):
    server.start()
    names = [submit(server, tmp_path, f"survivor-{i}", COUNTING) for i in range(2)]
    for name in names:
        running(server, name)
    server.kill()
    time.sleep(1)
    server.start()
    for name in names:
        assert ended(server, name) == "Completed"
        assert final_states(server, name) == ["Completed"]
        assert_counted(server, name)


def test_kill_of_the_server_while_its_jobs_end(server, tmp_path):
    """They end while nobody listens; the next server hears of it."""
    server.start()
    name = submit(server, tmp_path, "lonely", "echo hello; sleep 1; echo bye")
    running(server, name)
    server.kill()
    time.sleep(3)
    server.start()
    assert ended(server, name) == "Completed"
    assert final_states(server, name) == ["Completed"]
    assert "bye" in log_of(server, name)


def test_after_a_kill_a_folder_with_assets_is_sound_and_takes_writes(server, tmp_path):
    """The check that follows an unclean stop must not take what is whole for damage."""
    server.start()
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("print('hello')")
    assert ended(server, submit(server, tmp_path, "first", "python main.py", code=str(tmp_path / "code"))) == "Completed"
    for attempt in range(3):
        server.kill()
        server.start()
        time.sleep(1)
        assert server.process.poll() is None, server.log_text()
        assert ended(server, submit(server, tmp_path, f"again-{attempt}", "true")) == "Completed"
    assert "damaged" not in server.log_text()


@pytest.mark.parametrize("point", ["job.recorded", "job.start", "job.finish"])
def test_kill_between_two_hops(server, tmp_path, point):
    """The server dies at a named point; the next one carries the job to its one end."""
    server.environment = {"LAZURITE_FAILPOINT": point}
    server.start()
    name = f"between-{point.split('.')[1]}"
    file = tmp_path / "job.yml"
    file.write_text(json.dumps({"command": "echo once >> ../../../ledger-of-starts; echo done",
                                "environment": {"image": "python:3.11-slim"}}))
    server.cli("job", "create", "-f", file, "-n", name, check=False)
    server.process.wait(30)
    server.environment = {}
    server.start()
    assert ended(server, name) == "Completed"
    assert final_states(server, name) == ["Completed"]
    assert log_of(server, name).count("done\n") == 1


def runner_pid(server, name):
    for spec in server.folder.glob("runs/*/spec.json"):
        if json.loads(spec.read_text())["name"] == name:
            return json.loads((spec.parent / "runner.json").read_text())["pid"]
    return None


def test_kill_of_a_runner_fails_the_job_with_the_reason_and_leaves_nothing(server, tmp_path):
    server.start()
    marker = f"sleep 987.{os.getpid()}"
    name = submit(server, tmp_path, "orphan", marker)
    running(server, name)
    os.kill(wait_for(lambda: runner_pid(server, name)), signal.SIGKILL)
    assert ended(server, name) == "Failed"
    assert "killed" in server.json("job", "why", "-n", name)["reason"]
    wait_for(lambda: not any(marker.encode() in p.read_bytes().replace(b"\0", b" ")
                             for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if p.exists()), 15)


def test_sigterm_ends_the_server_and_jobs_go_on(server, tmp_path):
    server.start()
    name = submit(server, tmp_path, "steady", COUNTING)
    running(server, name)
    assert server.stop() == 0
    server.start()
    assert ended(server, name) == "Completed"
    assert_counted(server, name)


def test_interrupted_stream_leaves_the_job_alone(server, tmp_path):
    server.start()
    name = submit(server, tmp_path, "watched", COUNTING)
    running(server, name)
    watch = subprocess.Popen([str(BINARY), "job", "stream", "-n", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=clean_environment({"LAZURITE_HOME": str(server.folder)}))
    time.sleep(0.7)
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=10)
    assert watch.returncode == 130
    assert name in errors and "cancel" in errors
    assert ended(server, name) == "Completed"


def test_second_server_on_a_folder_is_refused_with_the_owner(server):
    server.start()
    second = subprocess.run([str(BINARY), "serve", "--data-dir", str(server.folder), "--listen", "127.0.0.1:0",
                             "--plain-listen", "127.0.0.1:0", "--scoring-listen", "127.0.0.1:0"],
                            capture_output=True, text=True, timeout=30, env=clean_environment())
    assert second.returncode != 0
    assert str(server.process.pid) in second.stderr
    assert server.cli("job", "list").returncode == 0


def test_port_in_use_names_the_owner(server):
    server.start()
    ports = json.loads((server.folder / "run/server.json").read_text())
    port = server.connect()["endpoint"].rsplit(":", 1)[1]
    other = Server()
    try:
        done = subprocess.run([str(BINARY), "serve", "--data-dir", str(other.folder), "--listen", f"127.0.0.1:{port}",
                               "--plain-listen", "127.0.0.1:0", "--scoring-listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=30, env=clean_environment())
        assert done.returncode != 0
        assert port in done.stderr and str(server.process.pid) in done.stderr, (done.stderr, ports)
    finally:
        subprocess.run(["rm", "-rf", str(other.folder)])


def post(server, path, body):
    """Status and JSON of one MLflow call on the plain listener."""
    call = urllib.request.Request(f"{server.uri}/api/2.0/mlflow/{path}", json.dumps(body).encode(),
                                  {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=30) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"{}")


def history(server, run, key):
    with urllib.request.urlopen(f"{server.uri}/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}") as reply:
        return [m["step"] for m in json.load(reply).get("metrics", [])]


def log_until(server, run, first, stop):
    """Logs metric points until one is refused or `stop` is reached; the steps acknowledged, the refusal."""
    acknowledged = []
    for step in range(first, stop):
        status, answer = post(server, "runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": step, "step": step})
        if status != 200:
            return acknowledged, (status, answer)
        acknowledged.append(step)
    return acknowledged, None


def test_full_disk_while_logging_loses_nothing_that_was_acknowledged(tmp_path):
    """A small file system of its own fills up; writes are refused, reads go on, and it recovers by itself."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(place)]).returncode:
        pytest.skip("mounting a small file system needs root")
    server = Server(folder=place)
    try:
        server.start()
        server.uri = server.connect()["mlflowTrackingUri"]
        run = post(server, "runs/create", {"experiment_id": "0"})[1]["run"]["info"]["run_id"]
        before, refused = log_until(server, run, 0, 200)
        assert refused is None
        with open(place / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
            except OSError:
                pass
        during, refused = log_until(server, run, 200, 20000)
        assert refused is not None and refused[0] >= 500, "the disk never filled up"
        assert set(before) <= set(history(server, run, "m"))
        (place / "filler").unlink()
        wait_for(lambda: post(server, "runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": 50000})[0] == 200, 20)
        assert set(before + during + [50000]) <= set(history(server, run, "m"))
        server.kill()
        server.start()
        server.uri = server.connect()["mlflowTrackingUri"]
        assert set(before + during + [50000]) <= set(history(server, run, "m"))
    finally:
        server.close()
        subprocess.run(["umount", "-l", str(place)])


@pytest.mark.parametrize("plan", ["fsync:40:EIO", "fsync:40+:EIO", "write:700:ENOSPC", "write:700+:ENOSPC", "commit:12:EIO",
                                  "commit:12+:EIO", "step:600:EIO", "step:200+:ENOSPC"])
def test_failing_system_calls_never_lose_what_was_acknowledged(server, plan):
    """The n-th sync, write, commit or statement of a real server fails, once or from then on."""
    server.environment = {"LAZURITE_FAULT": plan}
    try:
        server.start()
        server.uri = server.connect()["mlflowTrackingUri"]
    except (RuntimeError, AssertionError):
        pytest.skip("it refused to start, which is right when its own first writes fail")
    status, answer = post(server, "runs/create", {"experiment_id": "0"})
    runs, refused = {}, 0
    for step in range(120):
        if status == 200:
            run = answer["run"]["info"]["run_id"]
            if post(server, "runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step})[0] == 200:
                runs.setdefault(run, []).append(step)
            else:
                refused += 1
        else:
            assert status >= 500, (status, answer)
            refused += 1
        if step % 40 == 39:
            status, answer = post(server, "runs/create", {"experiment_id": "0"})
    assert refused > 0, "the plan never came to pass"
    server.kill()
    server.environment = {}
    server.start()
    server.uri = server.connect()["mlflowTrackingUri"]
    for run, steps in runs.items():
        assert set(steps) <= set(history(server, run, "m"))
    assert post(server, "runs/create", {"experiment_id": "0"})[0] == 200
