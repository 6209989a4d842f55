"""The command line against a real server: goldens of what it prints, exit codes, streams, formats.

A golden in golden/ holds the exact text; LAZURITE_GOLDEN=write makes them anew, to be read before they
are committed.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile

import pytest

from harness import BINARY, clean_environment

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE / "files"
JOB = {"command": "echo one line", "environment": {"image": "python:3.11-slim"}}


def golden(name, text):
    """Compares with golden/NAME, times and ids and ports named."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "{time}", text)
    text = re.sub(r"localhost:\d+", "localhost:{port}", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "{guid}", text)
    path = HERE / "golden" / name
    if os.environ.get("LAZURITE_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


def alone(*arguments, stdin=None):
    """The command line without any server to talk to."""
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=30, input=stdin,
                          env=clean_environment({"LAZURITE_HOME": "/nonexistent"}), cwd=FILES)


@pytest.fixture(scope="module")
def ended(server, tmp_path_factory):
    """A job that ran to its end."""
    file = tmp_path_factory.mktemp("job") / "job.yml"
    file.write_text(json.dumps({**JOB, "experiment_name": "cli", "tags": {"k": "v"}}))
    done = server.cli("job", "create", "-f", file, "-n", "ended", "--stream")
    assert done.stdout == "one line\n"
    assert "Execution Summary" in done.stderr
    return "ended"


# --- without a server -------------------------------------------------------------------------------

@pytest.mark.parametrize("words", ["", "job", "job create", "online-deployment create", "stop", "workspace create",
                                   "datastore", "role", "login", "rest"])
def test_help(words):
    done = alone(*words.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    golden(f"help-{words.replace(' ', '-') or 'all'}.txt", done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell):
    done = alone("completion", shell)
    assert done.returncode == 0
    golden(f"completion-{shell}.txt", done.stdout)


@pytest.mark.parametrize("line,word", [
    ("job lst", "lazurite job list"), ("jobs", "lazurite job"), ("job list --max-result 3", "--max-results"),
    ("job show", "--name is missing"), ("job list -o tabel", "expected one of"), ("job list -r many", "whole number"),
    ("job list --query [?a", "--query"), ("job list --query foo(a)", "no function"), ("job list stray", "stands alone"),
])
def test_bad_lines_are_usage_errors_before_any_request(line, word):
    done = alone(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error  Usage") and word in done.stderr


def test_a_query_that_does_not_parse_is_marked():
    done = alone("job", "list", "--query", "a..b")
    assert done.returncode == 2
    golden("query-column.txt", done.stderr)


def test_no_server_names_what_to_start():
    done = alone("job", "list")
    assert done.returncode == 1
    assert "lazurite serve --data-dir /nonexistent" in done.stderr


@pytest.mark.parametrize("name", ["bad", "loop", "expressions"])
def test_problems_of_a_file_are_all_reported(name):
    done = alone("job", "validate", "-f", f"{name}.yml")
    assert done.returncode == 1 and done.stdout == ""
    golden(f"problems-{name}.txt", done.stderr)


def test_problems_as_json():
    done = alone("job", "validate", "-f", "bad.yml", "--error-format", "json")
    problems, error = map(json.loads, done.stderr.splitlines())
    assert error["error"]["code"] == "ValidationError"
    assert {"file": "bad.yml", "line": 2, "column": 1, "code": "E1101",
            "message": "unknown key 'comand' in CommandJob", "fix": "command"} in problems


def test_nesting_of_a_mebibyte_is_refused():
    done = alone("job", "validate", "-f", "-", stdin="[" * (1 << 20))
    assert done.returncode == 1
    assert "E1001" in done.stderr


def test_kinds_to_come_are_named():
    done = alone("job", "validate", "-f", "-", stdin="type: sweep\n")
    assert done.returncode == 1
    assert "'sweep' is not built yet" in done.stderr


def test_help_is_quick():
    times = []
    for _ in range(5):
        begun = time.monotonic()
        alone("--help")
        times.append(time.monotonic() - begun)
    assert min(times) < 0.5


# --- with one ---------------------------------------------------------------------------------------

def test_valid_file_from_standard_input(server):
    done = server.cli("job", "validate", "-f", "-", stdin=json.dumps(JOB))
    assert json.loads(done.stdout) == {"file": "<stdin>", "result": "Succeeded"}


@pytest.mark.parametrize("line", ["datastore show -n nope", "connection show -n nope", "schedule show -n nope",
                                  "component show -n nope -v 1", "registry show -n nope", "workspace show -n nope",
                                  "batch-endpoint show -n nope", "index show -n nope -v 1", "user show -n nope",
                                  "feature-set show -n nope -v 1", "serverless-endpoint show -n nope",
                                  "job list -p nope", "schedule trigger -n nope", "model list --registry-name nope",
                                  "job show -n nope", "data show -n nope -v 1", "model show -n nope -l latest",
                                  "online-endpoint show -n nope", "compute show -n nope", "job stream -n nope",
                                  "job why nope", "job cancel -n nope"])
def test_what_is_not_there_is_code_3(server, line):
    done = server.cli(*line.split(), check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error  ")


@pytest.mark.parametrize("form", ["json", "yaml", "table", "tsv", "none"])
def test_show_in_every_format(server, ended, form):
    done = server.cli("job", "show", "-n", ended, "-o", form, "--query",
                      "{name:name,status:status,tags:tags,type:type,inputs:inputs,none:nothing}")
    golden(f"show.{form}", done.stdout)


def test_show_has_the_keys_of_the_file(server, ended):
    shown = server.json("job", "show", "-n", ended)
    assert shown["command"] == JOB["command"]
    assert shown["experiment_name"] == "cli"
    assert shown["tags"] == {"k": "v"}
    assert shown["outputs"]["default"]["path"].endswith("dcid.ended")
    assert list(shown) == sorted(shown)


def test_list_in_default_columns(server, ended):
    head, rule, *rows = server.cli("job", "list", "-o", "table").stdout.splitlines()
    assert head.split("  ")[0] == "Name" and "Status" in head and set(rule) == {"-", " "}
    assert any(row.startswith("ended ") and "Completed" in row for row in rows)


def test_queries_on_lists(server, ended):
    names = server.cli("job", "list", "--query", "[?status=='Completed'].name", "-o", "tsv").stdout.split()
    assert ended in names
    table = server.cli("job", "list", "--query", "[?name=='ended'].{State:status,Name:name}", "-o", "table").stdout
    assert table == "State      Name\n---------  -----\nCompleted  ended\n"
    failed = server.cli("job", "list", "--query", "sum([].name)", check=False)
    assert failed.returncode == 1


def test_ml_is_dropped(server):
    assert json.loads(server.cli("ml", "compute", "list").stdout)[0]["name"]


def test_set_changes_the_document(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(json.dumps(JOB))
    shown = server.json("job", "create", "-f", file, "--set", "tags.a=1", "environment_variables.B=true",
                        "command=echo ${{inputs.x}}", "inputs.x=0.5")
    assert shown["tags"] == {"a": "1"}
    assert shown["environment_variables"] == {"B": "True"}
    assert shown["inputs"] == {"x": "0.5"}
    assert re.fullmatch(r"[a-z]+_[a-z]+_[0-9a-z]{10}", shown["name"])


def test_a_reference_to_nothing_is_code_3(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text("command: echo ${{inputs.d}}\nenvironment: azureml:nowhere:4\n"
                    "inputs:\n  d: {type: uri_file, path: azureml:none:1}\n")
    done = server.cli("job", "create", "-f", file, check=False)
    assert done.returncode == 3
    assert ":2:14  error  E1203  there is no environment 'nowhere'" in done.stderr
    assert ":4:29  error  E1203" in done.stderr


def test_invoke_of_a_deployment_that_is_not_there_is_code_3(server, tmp_path):
    server.cli("online-endpoint", "create", "-n", "empty")
    (tmp_path / "r.json").write_text("{}")
    done = server.cli("online-endpoint", "invoke", "-n", "empty", "-d", "blue", "-r", tmp_path / "r.json", check=False)
    assert done.returncode == 3 and "get-logs" not in done.stderr
    done = server.cli("online-endpoint", "invoke", "-n", "empty", "-r", tmp_path / "r.json", check=False)
    assert done.returncode == 1 and "online-deployment list -e empty" in done.stderr
    server.cli("online-endpoint", "delete", "-n", "empty", "-y")


# --- the groups that are rows -------------------------------------------------------------------------

DATASTORE = "name: {name}\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {{account_key: a2V5}}\n"
CONNECTION = "name: {name}\ntype: git\ntarget: https://git.example.org\ncredentials: {{type: pat, pat: secret}}\n"
SCHEDULE = "name: {name}\ntrigger: {{type: cron, expression: 0 1 * * *}}\ncreate_job: ./steps.yml\n"
STEPS = "type: pipeline\njobs: {a: {command: echo, environment: {image: x}}}\n"
COMPONENT = "name: {name}\nversion: 1\ntype: command\ncommand: echo\nenvironment: {{image: x}}\n"
BATCH = "name: {name}\ndescription: d\n"


@pytest.mark.parametrize("group,text,more,change", [
    ("datastore", DATASTORE, [], "description=x"), ("connection", CONNECTION, [], "target=https://other.example.org"),
    ("schedule", SCHEDULE, [], "description=x"), ("component", COMPONENT, ["-v", "1"], "description=x"),
    ("batch-endpoint", BATCH, [], "description=x"), ("registry", "name: {name}\nlocation: local\n", [], "tags.a=x"),
    ("workspace", "name: {name}\nlocation: local\n", [], "description=x"),
])
def test_a_life_of_each_kind(server, tmp_path, group, text, more, change):
    name = "living" + group.replace("-", "")
    file = tmp_path / "one.yml"
    file.write_text(text.format(name=name))
    (tmp_path / "steps.yml").write_text(STEPS)
    made = server.json(group, "create", "-f", file)
    assert made["name"] == name
    shown = server.json(group, "show", "-n", name, *more)
    assert shown["name"] == name and "secret" not in json.dumps(shown) and "a2V5" not in json.dumps(shown)
    assert name in [one["name"] for one in server.json(group, "list")]
    table = server.cli(group, "list", "-o", "table").stdout.splitlines()
    assert table[0].startswith("Name") and any(row.startswith(name) for row in table)
    key, value = change.split("=", 1)
    changed = server.json(group, "update", "-n", name, *more, "--set", change)
    for part in key.split("."):
        changed = changed[part]
    assert changed == value
    assert server.cli(group, "show", "-n", name, *more, "--nope", check=False).returncode == 2
    file.write_text(text.format(name=name) + "unknown_key: 1\n")
    wrong = server.cli(group, "create", "-f", file, check=False)
    line = len(file.read_text().splitlines())
    assert wrong.returncode == 1 and f"one.yml:{line}:1  error  E1101" in wrong.stderr
    if group == "component":
        return
    asks = group in ("connection", "batch-endpoint", "registry", "workspace")
    server.cli(group, "delete", "-n", name, *(["-y"] if asks else []))
    assert server.cli(group, "show", "-n", name, check=False).returncode == 3


def test_a_schedule_pauses_and_goes_on(server, tmp_path):
    (tmp_path / "s.yml").write_text(SCHEDULE.format(name="pausing"))
    (tmp_path / "steps.yml").write_text(STEPS)
    server.cli("schedule", "create", "-f", tmp_path / "s.yml")
    server.cli("schedule", "disable", "-n", "pausing")
    assert "pausing" not in [s["name"] for s in server.json("schedule", "list")]
    assert "pausing" in [s["name"] for s in server.json("schedule", "list", "--disabled-only")]
    server.cli("schedule", "enable", "-n", "pausing")
    assert "pausing" in [s["name"] for s in server.json("schedule", "list")]
    server.cli("schedule", "delete", "-n", "pausing")


def test_an_instance_starts_and_stops(server):
    server.cli("compute", "create", "-n", "desk", "-t", "computeinstance")
    server.cli("compute", "stop", "-n", "desk")
    assert server.json("compute", "show", "-n", "desk")["state"] == "Stopped"
    server.cli("compute", "start", "-n", "desk")
    assert server.json("compute", "show", "-n", "desk")["state"] == "Running"
    server.cli("compute", "delete", "-n", "desk", "-y")
    assert server.json("compute", "list-sizes") and server.json("compute", "list-usage")


def test_models_of_a_registry_come_back_as_they_went(server, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(bytes(range(256)))
    server.cli("registry", "create", "-n", "shared", "-l", "local")
    made = server.json("model", "create", "-n", "m", "-p", tmp_path / "model", "--registry-name", "shared")
    assert made["version"] == "1"
    server.cli("model", "download", "-n", "m", "-v", "1", "--registry-name", "shared", "-p", tmp_path / "back")
    assert (tmp_path / "back/m/model/weights.bin").read_bytes() == bytes(range(256))
    assert [m["name"] for m in server.json("model", "list", "--registry-name", "shared")] == ["m"]
    both = server.cli("model", "list", "--registry-name", "shared", "-w", "x", check=False)
    assert both.returncode == 2 and "exclude each other" in both.stderr


def test_additional_includes_are_part_of_the_code(server, tmp_path):
    """The snapshot is that of a folder which holds code and includes; a .zip is made of its folder."""
    for path, text in {"code/train.py": "1", "code/left.tmp": "x", "code/.amlignore": "*.tmp\n", "lib/help/a.py": "2",
                       "lib/help/sub/b.py": "3", "one.txt": "4"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "code", whole, ignore=shutil.ignore_patterns("*.tmp"))
    shutil.copytree(tmp_path / "lib" / "help", whole / "help")
    shutil.copy(tmp_path / "one.txt", whole)
    spec = {"name": "included", "type": "command", "command": "ls", "code": "./code",
            "environment": {"image": "python:3.11-slim"}, "additional_includes": ["./lib/help", "one.txt"]}
    file = tmp_path / "component.yml"

    def create(**more):
        file.write_text(json.dumps({**spec, **more}))
        return server.cli("component", "create", "-f", file, "-o", "json", check=False)

    made = json.loads(create().stdout)
    assert "additional_includes" not in made
    assert made["code"] == json.loads(create(version=7, code="./whole", additional_includes=[]).stdout)["code"]
    zipped = json.loads(create(version=8, additional_includes=["lib/help.zip"]).stdout)
    assert zipped["code"] != made["code"]
    archives = [p for p in server.folder.glob("content/*/*") if p.read_bytes()[:4] == b"PK\3\4"]
    with zipfile.ZipFile(archives[0]) as archive:
        assert archive.testzip() is None and archive.read("help/sub/b.py") == b"3"
        assert sorted(archive.namelist()) == ["help/a.py", "help/sub/b.py"]
    nowhere = create(version=9, additional_includes=["one.txt", "../nowhere"])
    assert nowhere.returncode != 0 and "E1204" in nowhere.stderr and "nowhere" in nowhere.stderr
    twice = create(version=9, additional_includes=["one.txt", "./one.txt"])
    assert twice.returncode == 1 and "'one.txt'" in twice.stderr


def test_a_program_signs_in_by_its_secret(server, tmp_path):
    """The token is kept for its owner alone; without it the address is closed."""
    address = server.connect()["endpoint"]
    secret = server.json("service-principal", "create", "-n", "ci", "--role", "Reader")["secret"]
    keeps = {"LAZURITE_CONFIG_DIR": str(tmp_path / "config"), "LAZURITE_HOME": str(server.folder)}

    def run(*words):
        return subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=60,
                              env=clean_environment(keeps))

    done = run("login", "--server", address, "--service-principal", "-u", "ci", "-p", secret)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["user"] == {"name": "ci", "type": "servicePrincipal"}
    tokens = tmp_path / "config" / "tokens.json"
    assert tokens.stat().st_mode & 0o777 == 0o600 and secret not in tokens.read_text()
    assert run("datastore", "list", "--server", address).returncode == 0
    # The next commands go there by themselves, although the folder's own server would let more in.
    refused = run("compute", "create", "-n", "c", "-t", "amlcompute")
    assert refused.returncode == 1 and "error  AuthorizationFailed" in refused.stderr
    assert run("account", "show", "--query", "user.name", "-o", "tsv").stdout == "ci\n"
    assert run("status").returncode == 0 and run("connect").returncode == 0  # they are about the folder
    assert run("account", "show", "--data-dir", str(server.folder), "--query", "user.name", "-o",
               "tsv").stdout == "admin\n"
    refused = run("compute", "create", "-n", "c", "-t", "amlcompute", "--server", address)
    assert refused.returncode == 1 and "error  AuthorizationFailed" in refused.stderr
    assert run("logout").returncode == 0
    assert run("datastore", "list", "--server", address).returncode == 1
    assert run("account", "show", "--query", "user.name", "-o", "tsv").stdout == "admin\n"
    wrong = run("login", "--server", address, "--service-principal", "-u", "ci", "-p", "wrong")
    assert wrong.returncode == 1 and "invalid_client" in wrong.stderr
    server.cli("service-principal", "delete", "-n", "ci", "-y")


def test_somebody_elses_authority_is_named(server, fresh_server, tmp_path):
    """With a data folder of one's own, the CA of another server comes from LAZURITE_CA_FILE."""
    address = server.connect()["endpoint"]
    secret = server.json("service-principal", "create", "-n", "far", "--role", "Reader")["secret"]
    fresh_server.start()
    keeps = {"LAZURITE_CONFIG_DIR": str(tmp_path / "config"), "LAZURITE_HOME": str(fresh_server.folder)}

    def login(**more):
        words = ["login", "--server", address, "--service-principal", "-u", "far", "-p", secret]
        return subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=60,
                              env=clean_environment({**keeps, **more}))

    without = login()
    assert without.returncode == 1 and "is not trusted" in without.stderr and "LAZURITE_CA_FILE" in without.stderr
    done = login(LAZURITE_CA_FILE=server.connect()["caFile"])
    assert done.returncode == 0, done.stderr

    def name(**more):
        return subprocess.run([str(BINARY), "account", "show", "--query", "user.name", "-o", "tsv"], text=True,
                              capture_output=True, timeout=60, env=clean_environment({**keeps, **more})).stdout

    assert name() == "far\n"  # the authority is kept with the address
    assert name(LAZURITE_SERVER=fresh_server.connect()["endpoint"]) == ""  # nobody is signed in there
    assert name(LAZURITE_HOME=str(server.folder)) == "admin\n"  # another home
    server.cli("service-principal", "delete", "-n", "far", "-y")


def test_roles_are_given_and_taken(server):
    server.cli("user", "create", "-n", "ana@example.org")
    given = server.json("role", "assign", "--assignee", "ana@example.org", "--role", "Reader")
    rows = server.json("role", "list", "--assignee", "ana@example.org")
    assert [row["roleDefinitionName"] for row in rows] == ["Reader"]
    server.cli("role", "unassign", "-n", given["id"], "-y")
    assert server.json("role", "list", "--assignee", "ana@example.org") == []
    assert server.cli("role", "assign", "--assignee", "nobody", "--role", "Reader", check=False).returncode == 3
    server.cli("user", "delete", "-n", "ana@example.org", "-y")


def test_any_request_can_be_made(server, tmp_path):
    found = server.json("rest", "--url", "/subscriptions/{subscriptionId}?api-version=2022-12-01")
    assert found["subscriptionId"] == "00000000-0000-0000-0000-000000000001"
    assert server.cli("rest", "--url", "/nowhere", check=False).returncode == 3


def test_bash_completes_names(server, tmp_path):
    """The script in a real bash: words, names of the server, files; each well within a tenth of a second."""
    server.cli("environment", "create", "-n", "completed", "-i", "python:3.11-slim")
    (tmp_path / "job.yml").write_text("{}")
    (tmp_path / "notes.txt").write_text("")
    script = """
        compopt() { :; }
        PATH=%s:$PATH; cd %s
        source <(lazurite completion bash)
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lazurite; echo "${COMPREPLY[@]}"; }
        ask lazurite environment sh
        ask lazurite environment show -n comp
        ask lazurite environment show -n completed -v ""
        ask lazurite job create -f ""
        ask lazurite job create --nonsense -n ""
        """ % (BINARY.parent, tmp_path)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                          env=clean_environment({"LAZURITE_HOME": str(server.folder)}))
    assert done.stdout.splitlines()[:4] == ["share show", "completed", "1", "job.yml"]
    assert done.stderr == ""


def test_refusals_name_the_line_of_the_file(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text("command: echo\nenvironment: {image: x}\ncompute: azureml:nope\n")
    done = server.cli("job", "create", "-f", file, check=False)
    assert done.returncode == 3
    assert f"{file}:3:1" in done.stderr


def test_missing_assets_and_paths_are_problems_of_the_file(server, tmp_path):
    server.cli("environment", "create", "-n", "known", "-i", "python:3.11-slim", "-v", "3")
    file = tmp_path / "job.yml"
    file.write_text("command: a ${{inputs.d}}\nenvironment: azureml:known:4\n"
                    "inputs:\n  d: {type: uri_file, path: ./none.csv}\n")
    done = server.cli("job", "create", "-f", file, check=False)
    assert done.returncode == 1
    assert "E1203  environment 'known' has no version 4 (latest is 3)" in done.stderr
    assert "fix: azureml:known@latest" in done.stderr
    assert ":4:29  error  E1204" in done.stderr


def test_data_goes_up_once_and_versions_rise(server, tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    first = server.json("data", "create", "-n", "table", "-t", "uri_file", "-p", tmp_path / "a.csv")
    again = server.cli("data", "create", "-n", "table", "-t", "uri_file", "-p", tmp_path / "a.csv", "--verbose")
    assert "0 of 1 file to send" in again.stderr
    second = json.loads(again.stdout)
    assert (first["version"], second["version"]) == ("1", "2")
    assert first["path"] == second["path"]
    assert [d["version"] for d in server.json("data", "list", "-n", "table")] == ["2", "1"]
    wrong = server.cli("data", "create", "-n", "table", "-t", "uri_folder", "-p", tmp_path / "a.csv", check=False)
    assert "E1207" in wrong.stderr


def test_ignore_files_keep_files_at_home(server, tmp_path):
    source = tmp_path / "src"
    (source / "sub").mkdir(parents=True)
    for name in ("main.py", "secret.log", "sub/keep.log", "sub/x.pyc"):
        (source / name).write_text("print(1)\n")
    (source / ".amlignore").write_text("*.log\n!keep.log\n")
    (tmp_path / "job.yml").write_text(json.dumps({**JOB, "command": "find . -type f | sort", "code": "src"}))
    done = server.cli("job", "create", "-f", tmp_path / "job.yml", "--stream", "-n", "ignored")
    assert done.stdout.split() == ["./main.py", "./sub/keep.log"]


def test_models_come_back_as_they_went(server, tmp_path):
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "deep" / "100% & <x>.bin").write_bytes(bytes(range(256)))
    server.cli("model", "create", "-n", "kept", "-t", "mlflow_model", "-p", model)
    server.cli("model", "download", "-n", "kept", "-v", "1", "-p", tmp_path / "back")
    assert (tmp_path / "back/kept/model/deep/100% & <x>.bin").read_bytes() == bytes(range(256))
    assert server.json("model", "show", "-n", "kept", "-l", "latest")["version"] == "1"


def test_outputs_are_downloaded(server, ended, tmp_path):
    server.cli("job", "download", "-n", ended, "-p", tmp_path)
    assert (tmp_path / "ended/artifacts/user_logs/std_log.txt").read_text() == "one line\n"
    done = server.cli("job", "download", "-n", ended, "--output-name", "none", "-p", tmp_path, check=False)
    assert done.returncode == 1 and "no output 'none'" in done.stderr


def test_failing_job_is_code_1_and_says_why(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(json.dumps({**JOB, "command": "exit 7"}))
    done = server.cli("job", "create", "-f", file, "-n", "seven", "--stream", check=False)
    assert done.returncode == 1
    assert "exit code 7" in done.stderr and "lazurite job why -n seven" in done.stderr
    assert "exit code 7" in server.cli("job", "why", "seven").stdout


def test_deletes_ask_and_never_hang(server):
    server.cli("online-endpoint", "create", "-n", "to-delete")
    done = server.cli("online-endpoint", "delete", "-n", "to-delete", check=False, stdin="")
    assert done.returncode == 1 and "Add -y" in done.stderr
    assert server.cli("online-endpoint", "delete", "-n", "to-delete", "-y").stdout == ""
    assert server.cli("online-endpoint", "show", "-n", "to-delete", check=False).returncode == 3


def test_connect_prints_lines_a_shell_can_evaluate(server):
    lines = server.cli("connect", "--shell", "bash").stdout
    done = subprocess.run(["bash", "-c", lines + "echo $MLFLOW_TRACKING_URI"], capture_output=True, text=True)
    assert done.stdout.strip() == server.connect()["mlflowTrackingUri"]
    token = server.cli("connect", "--token").stdout.strip()
    assert token.count(".") == 2


def test_server_by_address_and_token(server):
    connect = server.connect()
    done = server.cli("job", "list", "--server", connect["endpoint"], "--token", connect["token"])
    assert isinstance(json.loads(done.stdout), list)
    refused = server.cli("job", "list", "--server", connect["endpoint"], "--token", "a.b.c", check=False)
    assert refused.returncode == 1


# --- what may be changed ------------------------------------------------------------------------------

def all_commands():
    """Every command that completion offers, as words."""
    own = set("serve status stop connect login logout configure rest completion version".split())
    for first in alone("__complete", "").stdout.split():
        if first in own:
            yield [first]
            continue
        for second in alone("__complete", first, "").stdout.split():
            below = alone("__complete", first, second, "").stdout.split()
            if below and not below[0].startswith("-") and (first, second) == ("workspace", "outbound-rule"):
                yield from ([first, second, third] for third in below)
            else:
                yield [first, second]


def test_help_of_every_command():
    """No line is wider than a terminal; the words of all of them are one golden, to be read when it changes."""
    seen, words = 0, []
    for command in all_commands():
        text = alone(*command, "--help").stdout
        seen += 1
        flags = re.findall(r"--[a-z-]+", text.split("Examples")[0].split("Global flags")[0])
        words.append(" ".join(command + sorted(set(flags))))
        for line in text.split("Examples")[0].splitlines():
            assert len(line) <= 80, (command, line)
    assert seen > 170
    golden("commands.txt", "\n".join(words) + "\n")


@pytest.mark.parametrize("line,sentence", [
    ("online-endpoint list --local", "--local is not built yet"),
    ("online-endpoint update -n e --mirror-traffic green=10", "--mirror-traffic is not built yet"),
    ("online-deployment create -f x.yml --vscode-debug", "--vscode-debug is not built yet"),
])
def test_flags_that_are_not_built_are_refused(line, sentence):
    done = alone(*line.split())
    assert done.returncode == 1 and sentence in done.stderr


def test_flags_that_change_nothing_say_so():
    done = alone("data", "create", "-n", "x", "-t", "uri_file", "--skip-validation", "-p", "nothing")
    assert "warning  --skip-validation changes nothing" in done.stderr
    quiet = alone("version", "--acquire-policy-token", "--only-show-errors")
    assert quiet.stderr == "" and quiet.returncode == 0


def test_a_job_is_renamed_tagged_hidden_and_shown(server, ended):
    shown = server.json("job", "update", "-n", ended, "--set", "tags.kept=yes", "display_name=first try")
    assert shown["tags"]["kept"] == "yes" and shown["display_name"] == "first try"
    assert server.json("job", "show", "-n", ended)["display_name"] == "first try"
    refused = server.cli("job", "update", "-n", ended, "--set", "command=other", check=False)
    assert refused.returncode == 2 and "'command' of a job cannot be changed; these can: display_name" in refused.stderr
    assert server.cli("job", "update", "-n", ended, check=False).returncode == 2
    server.cli("job", "archive", "-n", ended)
    assert ended not in [j["name"] for j in server.json("job", "list", "--all-results")]
    assert ended in [j["name"] for j in server.json("job", "list", "--archived-only")]
    server.cli("job", "restore", ended)
    assert ended in [j["name"] for j in server.json("job", "list", "--all-results")]


@pytest.mark.parametrize("kind", ["data", "environment", "model"])
def test_versions_are_described_hidden_and_shown(server, tmp_path, kind):
    (tmp_path / "file").write_text("x")
    content = {"data": ["-t", "uri_file", "-p", tmp_path / "file"], "environment": ["-i", "python:3.11-slim"],
               "model": ["-t", "custom_model", "-p", tmp_path / "file"]}[kind]
    for _ in range(2):
        server.cli(kind, "create", "-n", "changing", *content)
    shown = server.json(kind, "update", "-n", "changing", "-v", "1", "--set", "tags.a=1", "description=the good one")
    assert shown["tags"] == {"a": "1"} and shown["description"] == "the good one" and shown["version"] == "1"
    assert server.json(kind, "update", "-n", "changing", "-v", "1", "--remove", "tags.a")["tags"] == {}
    refused = server.cli(kind, "update", "-n", "changing", "-v", "1", "--set", "id=x", check=False)
    assert refused.returncode == 2 and "cannot be changed" in refused.stderr
    server.cli(kind, "archive", "-n", "changing", "-v", "1")
    assert [v["version"] for v in server.json(kind, "list", "-n", "changing")] == ["2"]
    assert len(server.json(kind, "list", "-n", "changing", "--include-archived")) == 2
    server.cli(kind, "restore", "-n", "changing", "-v", "1")
    assert len(server.json(kind, "list", "-n", "changing")) == 2
    server.cli(kind, "archive", "-n", "changing")
    assert "changing" not in [a["name"] for a in server.json(kind, "list")]
    server.cli(kind, "restore", "-n", "changing")
    assert "changing" in [a["name"] for a in server.json(kind, "list")]


def test_an_endpoint_changes_by_its_keys_and_gets_new_ones(server):
    server.cli("online-endpoint", "create", "-n", "changing", "--auth-mode", "key")
    before = server.json("online-endpoint", "get-credentials", "-n", "changing")
    done = server.cli("online-endpoint", "regenerate-keys", "-n", "changing", check=False)
    assert done.returncode == 1 and "Add -y" in done.stderr
    server.cli("online-endpoint", "regenerate-keys", "-n", "changing", "-y")
    after = server.json("online-endpoint", "get-credentials", "-n", "changing")
    assert after["primaryKey"] != before["primaryKey"] and after["secondaryKey"] == before["secondaryKey"]
    assert server.json("online-endpoint", "update", "-n", "changing", "--set", "tags.team=vision")["tags"] == {"team": "vision"}
    for edit in (["--set", "scoring_uri=x"], []):
        refused = server.cli("online-endpoint", "update", "-n", "changing", *edit, check=False)
        assert refused.returncode == 2, refused.stderr
    server.cli("online-endpoint", "delete", "-n", "changing", "-y")


def test_computes_are_changed_and_removed(server):
    server.cli("compute", "create", "-n", "passing", "-t", "amlcompute", "--max-instances", "2")
    changed = server.json("compute", "update", "-n", "passing", "--max-instances", "3")
    assert changed["max_instances"] == 3
    assert "passing" in server.cli("compute", "list", "-o", "table").stdout
    server.cli("compute", "delete", "-n", "passing", "-y")
    assert server.cli("compute", "show", "-n", "passing", check=False).returncode == 3


def test_what_a_workspace_holds_is_shown(server):
    assert server.json("workspace", "show")["name"] == "default"
    assert [w["name"] for w in server.json("workspace", "list")] == ["default"]
    names = {d["name"] for d in server.json("datastore", "list")}
    assert {"workspaceblobstore", "workspaceartifactstore"} <= names
    assert server.json("datastore", "show", "-n", "workspaceblobstore")["type"] == "azure_blob"


def test_a_job_that_was_made_is_saved_as_yaml(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(json.dumps(JOB))
    server.cli("job", "create", "-f", file, "-n", "saved", "--save-as", tmp_path / "made.yml")
    text = (tmp_path / "made.yml").read_text()
    assert "name: saved\n" in text and "command: echo one line\n" in text


# --- large and many files ---------------------------------------------------------------------------

LARGE = 70 * 1024 * 1024 + 12345
MEMORY = 32 * 1024 * 1024


def peak_of(server, *arguments):
    """The most memory the command ever had, in bytes; asked of a parent whose only child it is."""
    script = ("import resource,subprocess,sys; c=subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL).returncode;"
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss*1024); sys.exit(c)")
    done = subprocess.run([sys.executable, "-c", script, str(BINARY), *map(str, arguments)], capture_output=True,
                          text=True, timeout=300, env=clean_environment({"LAZURITE_HOME": str(server.folder)}))
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A file past the size from which blobs go in blocks; each block differs, the last one is short."""
    path = tmp_path_factory.mktemp("large") / "large.bin"
    with open(path, "wb") as file:
        for at in range(0, LARGE - 16, 1 << 20):
            file.seek(at)
            file.write(at.to_bytes(8, "big") + b"\xff" * 8)
        file.truncate(LARGE)
    return path


def test_large_files_go_up_in_blocks_and_come_back_whole(server, large, tmp_path):
    small = peak_of(server, "version")
    up = peak_of(server, "model", "create", "-n", "large", "-t", "custom_model", "-p", large)
    down = peak_of(server, "model", "download", "-n", "large", "-v", "1", "-p", tmp_path)
    back = tmp_path / "large" / "large.bin"
    assert back.stat().st_size == LARGE and digest(back) == digest(large)
    assert up - small < MEMORY and down - small < MEMORY
    assert not list(tmp_path.rglob("*.part"))


def test_large_data_is_sent_once(server, large):
    server.cli("data", "create", "-n", "large", "-t", "uri_file", "-p", large)
    again = server.cli("data", "create", "-n", "large", "-t", "uri_file", "-p", large, "--verbose")
    assert "large.bin: 0 of 1 file to send" in again.stderr


def test_a_job_reads_a_large_input_whole(server, large, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(json.dumps({**JOB, "command": "sha256sum < ${{inputs.d}} | cut -d' ' -f1 | tee ${{outputs.o}}/sum; "
                                                  "cp ${{inputs.d}} ${{outputs.o}}/copy",
                                "inputs": {"d": {"type": "uri_file", "path": str(large)}},
                                "outputs": {"o": {"type": "uri_folder"}}}))
    done = server.cli("job", "create", "-f", file, "-n", "hashes", "--stream")
    assert done.stdout.strip() == digest(large)
    server.cli("job", "download", "-n", "hashes", "--output-name", "o", "-p", tmp_path)
    assert digest(tmp_path / "hashes/named-outputs/o/copy") == digest(large)


# --- what a run logged ------------------------------------------------------------------------------

def mlflow(server, method, path, body=None, raw=None):
    url = f"{server.connect()['mlflowTrackingUri']}/api/2.0/{path}"
    data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
    call = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(call, timeout=30) as reply:
        return json.loads(reply.read() or b"{}")


def log_model(server, run, name, files):
    """As MLflow 3 logs one: beside its run."""
    experiment = mlflow(server, "GET", f"mlflow/runs/get?run_id={run}")["run"]["info"]["experiment_id"]
    model = mlflow(server, "POST", "mlflow/logged-models",
                   {"experiment_id": experiment, "name": name, "source_run_id": run})["model"]["info"]
    root = model["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for path, text in files.items():
        mlflow(server, "PUT", f"mlflow-artifacts/artifacts/{root}/{path}", raw=text.encode())
    return model


def test_downloads_bring_the_models_that_a_run_logged(server, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(json.dumps(JOB))
    server.cli("job", "create", "-f", file, "-n", "logs-models", "--stream")
    log_model(server, "logs-models", "model", {"MLmodel": "old", "gone.txt": "x"})
    log_model(server, "logs-models", "model", {"MLmodel": "flavors: {}\n", "deep/er/w.bin": "weights"})
    log_model(server, "logs-models", "second", {"MLmodel": "2"})
    done = server.cli("job", "download", "-n", "logs-models", "-p", tmp_path)
    artifacts = tmp_path / "logs-models/artifacts"
    assert (artifacts / "model/MLmodel").read_text() == "flavors: {}\n"
    assert (artifacts / "model/deep/er/w.bin").read_text() == "weights"
    assert (artifacts / "second/MLmodel").read_text() == "2"
    assert not (artifacts / "model/gone.txt").exists()
    assert (artifacts / "user_logs/std_log.txt").read_text() == "one line\n"
    count = sum(1 for p in artifacts.rglob("*") if p.is_file())
    assert f"Downloaded {count} files" in done.stderr
