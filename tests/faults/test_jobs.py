"""Commands that fail in every way a command can: the state, and the reason by its name."""
import json
import os
import pathlib
import time

import pytest

from harness import Server, wait_for

FINAL = ("Completed", "Failed", "Canceled")


def run(server, tmp_path, name, command, **more):
    """Runs a job on this host to its end; what `job why` says of it."""
    file = tmp_path / f"{name}.yml"
    file.write_text(json.dumps({"command": command, "environment": {"image": "python:3.11-slim"}, **more}))
    server.cli("job", "create", "-f", file, "-n", name)
    wait_for(lambda: server.json("job", "show", "-n", name)["status"] in FINAL, 60)
    return server.json("job", "why", "-n", name)


@pytest.mark.parametrize("name, command, kind, word", [
    ("fails", "echo boom >&2; exit 7", "exit", "exit code 7"),
    ("missing", "no-such-command --x", "notFound", "no-such-command"),
    ("missing-last", "echo first; no-such-command", "notFound", "no-such-command"),
    ("no-program", "/etc/passwd", "exit", "126"),
    ("killed", "kill -9 $$", "signal", "KILL"),
    ("crashed", "kill -SEGV $$", "signal", "SEGV"),
    ("child-killed", "python3 -c 'import os; os.kill(os.getpid(), 9)'; exit $?", "signal", "KILL"),
    ("syntax", "if then fi (", "exit", "exit code")])
def test_a_failing_command_is_named_as_what_it_is(server, tmp_path, name, command, kind, word):
    why = run(server, tmp_path, name, command)
    assert why["status"] == "Failed"
    assert why["attempt"]["exitKind"] == kind
    assert word in why["reason"]
    assert why["next"], "no word on what to do"


def memory_can_be_limited():
    """Whether we may make a memory cgroup below our own, as the runner does; else why not."""
    if os.geteuid() != 0:
        return "limiting memory needs root"
    own = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        own.update({kind: path for kind in kinds.split(",")})
    for base in (f"/sys/fs/cgroup/memory{own.get('memory', '')}", "/sys/fs/cgroup/memory", f"/sys/fs/cgroup{own.get('', '')}"):
        probe = pathlib.Path(base) / f"probe-{os.getpid()}"
        try:
            probe.mkdir()
        except OSError:
            continue
        limited = (probe / "memory.limit_in_bytes").exists() or (probe / "memory.max").exists()
        probe.rmdir()
        if limited:
            return None
    return "no memory cgroup can be made here"


def test_a_job_that_runs_out_of_memory_is_named_as_such(tmp_path):
    reason = memory_can_be_limited()
    if reason:
        pytest.skip(reason)
    server = Server()
    try:
        (server.folder / "lazurite.toml").write_text(f"[jobs]\nmemory = {64 << 20}\n")
        server.start()
        why = run(server, tmp_path, "hungry", "python3 -c 'x = bytearray(400 << 20); print(len(x))'")
        assert why["status"] == "Failed"
        assert why["attempt"]["exitKind"] == "memory", why
        assert "memory" in why["reason"] and "64" in why["reason"]
        assert run(server, tmp_path, "modest", "echo ok")["status"] == "Completed"
    finally:
        server.close()


@pytest.mark.parametrize("value", ["-1", "'much'", "1.5", "true"])
def test_a_limit_of_memory_that_is_none_ends_the_start(value):
    server = Server()
    try:
        (server.folder / "lazurite.toml").write_text(f"[jobs]\nmemory = {value}\n")
        with pytest.raises(RuntimeError, match=r"lazurite.toml line 2|jobs.memory"):
            server.start()
    finally:
        server.close()


def test_links_in_outputs_are_skipped_and_named(server, tmp_path):
    why = run(server, tmp_path, "links", " && ".join([
        "mkdir -p outputs/sub ${{outputs.o}}", "ln -s /etc/passwd outputs/pw", "ln -s /etc outputs/etc", "echo ok > outputs/ok.txt",
        "ln -s ok.txt outputs/near", "ln -s /etc/shadow ${{outputs.o}}/sh", "ln -s . ${{outputs.o}}/loop",
        "echo x > ${{outputs.o}}/x", "mkfifo ${{outputs.o}}/pipe"]), outputs={"o": {"type": "uri_folder"}})
    assert why["status"] == "Completed"
    named = " ".join(phase["cause"] for phase in why["timeline"])
    for link in ("pw", "etc", "near", "sh", "loop", "pipe"):
        assert link in named, "a skipped file is not named"
    server.cli("job", "download", "-n", "links", "--all", "-p", tmp_path / "got")
    got = {str(p.relative_to(tmp_path / "got" / "links")) for p in (tmp_path / "got").rglob("*") if p.is_file()}
    assert {"artifacts/outputs/ok.txt", "named-outputs/o/x"} <= got
    assert not [g for g in got if g.endswith(("/pw", "/near", "/sh", "/pipe")) or "/loop/" in g or "/etc/" in g]
    log = (tmp_path / "got/links/artifacts/system_logs/lifecycle.log").read_text()
    assert "skipped pw (a link)" in log and "skipped sh (a link)" in log
    assert not any(p.is_symlink() for p in (tmp_path / "got").rglob("*"))


def test_an_output_folder_that_became_a_link_is_not_followed(server, tmp_path):
    why = run(server, tmp_path, "turned", "rm -rf ${{outputs.o}} outputs && ln -s /etc ${{outputs.o}} && ln -s /etc outputs",
              outputs={"o": {"type": "uri_folder"}})
    server.cli("job", "download", "-n", "turned", "--all", "-p", tmp_path / "got", check=False)
    assert not list((tmp_path / "got").rglob("passwd"))
    assert why["status"] in ("Completed", "Failed")


def test_a_timeout_is_named_and_its_children_end(server, tmp_path):
    marker = f"sleep 876.{os.getpid()}"
    begun = time.monotonic()
    why = run(server, tmp_path, "slow", f"setsid {marker} & trap '' TERM; {marker}", limits={"timeout": 2})
    assert why["status"] in ("Failed", "Canceled") and why["attempt"]["exitKind"] == "timeout"
    assert "2 s" in why["reason"] or "time" in why["reason"]
    assert time.monotonic() - begun < 40
    wait_for(lambda: not any(marker.encode() in p.read_bytes().replace(b"\0", b" ")
                             for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if p.exists()), 15)


def test_a_log_of_odd_bytes_arrives_whole(server, tmp_path):
    """No newline at the end, zeros, half a character, one line of a MiB."""
    run(server, tmp_path, "odd", r"""printf 'a\0b\xff\xfe'; head -c 1048576 /dev/zero | tr '\0' x; printf '\xe2\x82'""")
    server.cli("job", "download", "-n", "odd", "--all", "-p", tmp_path / "got")
    log, = (tmp_path / "got").rglob("user_logs/std_log.txt")
    assert log.read_bytes() == b"a\0b\xff\xfe" + b"x" * 1048576 + b"\xe2\x82"


def test_an_environment_that_cannot_be_made_is_said_with_the_package(server, tmp_path):
    for name, package, word in [("no-package", "no-such-package-zzqq==99", "no-such-package-zzqq"),
                                ("no-version", "numpy==999.0", "numpy")]:
        (tmp_path / "conda.yml").write_text(json.dumps({"dependencies": ["python=3.11", "pip", {"pip": [package]}]}))
        why = run(server, tmp_path, name, "true", environment={"image": "python:3.11-slim", "conda_file": "conda.yml"})
        assert why["status"] == "Failed" and why["attempt"]["exitKind"] == "prepare"
        assert word in why["reason"] and "--logs system" in why["next"]
