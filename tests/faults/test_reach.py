"""When listeners leave this machine: only with an administrator, TLS and jobs that are not the server's user."""
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import BINARY, clean_environment


def refused(server, *addresses):
    """What a start with these addresses says; it must not start."""
    done = subprocess.run([str(BINARY), "serve", "--data-dir", str(server.folder), *addresses], capture_output=True,
                          text=True, timeout=30, env=clean_environment())
    assert done.returncode == 1, done
    return done.stderr


def away(**which):
    given = {"listen": "127.0.0.1:0", "plain-listen": "127.0.0.1:0", "scoring-listen": "127.0.0.1:0", **which}
    return [part for name, address in given.items() for part in (f"--{name}", address)]


def test_nobody_who_could_administer(fresh_server):
    text = refused(fresh_server, *away(listen="0.0.0.0:0"))
    assert "needs an administrator" in text and "lazurite user create" in text


def test_scoring_is_a_door_too(fresh_server):
    assert "needs an administrator" in refused(fresh_server, *away(**{"scoring-listen": "[::]:0"}))


def test_the_plain_listener_stays(fresh_server):
    assert "without TLS" in refused(fresh_server, *away(**{"plain-listen": "0.0.0.0:0"}))


def test_a_reader_is_no_administrator(fresh_server):
    fresh_server.start()
    fresh_server.cli("user", "create", "--name", "ana@example.org", "--role", "Reader")
    fresh_server.stop()
    assert "needs an administrator" in refused(fresh_server, *away(listen="0.0.0.0:0"))


@pytest.fixture()
def owned(fresh_server):
    """A folder with an owner besides its own."""
    fresh_server.start()
    fresh_server.cli("user", "create", "--name", "ana@example.org", "--role", "Owner")
    fresh_server.stop()
    return fresh_server


def test_jobs_as_the_servers_user(owned):
    assert "jobs.allow_same_user" in refused(owned, *away(listen="0.0.0.0:0"))


def test_with_all_of_it_the_door_opens_and_the_other_closes(owned):
    (owned.folder / "lazurite.toml").write_text("[jobs]\nallow_same_user = true\n")
    owned.arguments = ["--listen", "0.0.0.0:0"]
    owned.start()
    told = owned.connect()
    assert owned.json("workspace", "show", "-n", "default")["name"] == "default"
    with pytest.raises(urllib.error.HTTPError) as nobody:
        urllib.request.urlopen(told["mlflowTrackingUri"] + "/api/2.0/mlflow/experiments/search?max_results=1")
    assert nobody.value.code == 401
    assert "server.same_user_jobs" in owned.log_text()
