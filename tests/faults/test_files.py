"""Files and command lines that are wrong: all errors at once, each with its place, and the exit code."""
import re
import time

import pytest

PLACED = re.compile(r"^(?P<file>[^:\s]+):(?P<line>\d+):(?P<column>\d+)  error  ")
HOST = 'environment: {image: "python:3.11-slim"}\n'


def create(server, folder, text, *more, kind="job"):
    """What creating from this text says: the exit code, the lines and the places of its errors."""
    (folder / "file.yml").write_text(text)
    done = server.cli(kind, "create", "-f", "file.yml", *more, check=False, cwd=folder)
    lines = done.stderr.splitlines()
    found = [PLACED.match(line) for line in lines]
    return done.returncode, lines, {(int(m["line"]), int(m["column"])): line for m, line in zip(found, lines) if m}


def jobs(server):
    return [j["name"] for j in server.json("job", "list")]


def test_all_errors_of_a_file_at_once_with_place_and_nearest_field(server, tmp_path):
    before = jobs(server)
    code, lines, placed = create(server, tmp_path, "\n".join([
        "command: 5", "compute: [a]", "experiment_nam: x", 'environment: {image: "python:3.11-slim"}',
        "resources:", "  instance_count: two", "limits:", "  timeout: abc", "distribution: {type: mpy}"]))
    assert code == 1
    assert {(1, 10), (2, 10), (3, 1), (6, 19), (8, 12)} <= set(placed), lines
    assert "whole number" in placed[6, 19] and "resources.instance_count" in placed[6, 19]
    assert any("experiment_name" in line for line in lines), "the nearest field is not named"
    assert jobs(server) == before, "a wrong file made a job"


def test_an_unknown_type_of_input_names_the_types(server, tmp_path):
    code, lines, placed = create(server, tmp_path, "command: cat ${{inputs.a}}\n" + HOST +
                                 "inputs:\n  a:\n    type: uri_fil\n    path: x.csv\n")
    assert code == 1
    assert [p for p in placed if p[0] == 5], lines
    assert "uri_file" in " ".join(lines)


@pytest.mark.parametrize("text, line", [
    ("command: echo\n  foo: bar\n", 1), ("command: echo\n\tname: x\n", 2), ("command: [1\nname: x\n", 2),
    ("command: 'open\n", 2), ("a: b: c\n", 1), ("command: echo\ncommand: echo\n", 2), ("- a\nb: c\n", 2)])
def test_text_that_is_no_yaml_is_placed(server, tmp_path, text, line):
    code, lines, placed = create(server, tmp_path, text)
    assert code == 1
    assert placed and abs(min(placed)[0] - line) <= 1, lines


@pytest.mark.parametrize("text, word", [
    ("command: &a [*a]\n", "anchor"), ("a: &a\n  b: *a\ncommand: echo\n", "anchor"), ("command: *nowhere\n", "nowhere"),
    ("command: " + "[" * 1048000 + "\n", "64 levels"), ("x: " + "[" * 500000 + "]" * 500000 + "\n", "64 levels"),
    ("\n".join(" " * n + "a:" for n in range(1400)) + "\n", "64 levels"),
    ("- " * 500000 + "x\n", "64 levels"), ("? " * 500000 + "x\n", ""),
    ("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 10) + "]\n" for i in range(1, 9)), "100000"),
    ("command: " + "x" * (1 << 20) + "\n", "1048576"), ("", ""), ("\0\0\0", ""), ("command: \ud800".encode(
        "utf-8", "surrogatepass").decode("latin-1"), "")],
    ids=["loop", "loop-mapping", "no-anchor", "nesting", "nesting-closed", "nesting-block", "nesting-list", "nesting-keys",
         "billion-laughs", "too-long", "empty", "zeros", "odd-bytes"])
def test_hostile_yaml_is_refused_at_once(server, tmp_path, text, word):
    begun = time.monotonic()
    code, lines, placed = create(server, tmp_path, text)
    assert code == 1 and placed, lines
    assert word.lower() in lines[0].lower()
    assert time.monotonic() - begun < 10


def test_bytes_that_are_no_utf8_are_refused(server, tmp_path):
    (tmp_path / "bytes.yml").write_bytes(b"command: echo \xff\xfe\n")
    done = server.cli("job", "create", "-f", tmp_path / "bytes.yml", check=False)
    assert done.returncode == 1 and "bytes.yml:1:" in done.stderr


@pytest.mark.parametrize("reference, exit_code, word", [
    ("compute: azureml:nowhere\n" + HOST, 3, "nowhere"),
    ("environment: azureml:nothing:3\n", 3, "nothing"),
    ("environment: azureml:nothing@latest\n", 3, "nothing"),
    (HOST + "inputs: {d: {type: uri_file, path: 'azureml:nodata:1'}}\n", 3, "nodata"),
    (HOST + "inputs: {d: {type: uri_file, path: 'azureml://datastores/nostore/paths/a'}}\n", 3, "nostore"),
    (HOST + "inputs: {d: {type: uri_file, path: 'azureml://datastores/workspaceblobstore/paths/no.csv'}}\n", 3, "no.csv"),
    (HOST + "inputs: {d: {type: uri_file, path: ./no.csv}}\n", 1, "no.csv"),
    (HOST + "code: ./nocode\n", 1, "nocode")])
def test_what_a_job_refers_to_must_be_there(server, tmp_path, reference, exit_code, word):
    before = jobs(server)
    code, lines, _ = create(server, tmp_path, "command: echo ${{inputs.d}}\n" + reference if "inputs" in reference
                            else "command: echo\n" + reference)
    assert code == exit_code, lines
    assert any(word in line for line in lines)
    assert any("file.yml:" in line for line in lines), "no place in the file"
    assert jobs(server) == before


def test_a_version_that_is_not_there_is_told_from_a_name_that_is_not(server, tmp_path):
    (tmp_path / "d.csv").write_text("a\n")
    server.cli("data", "create", "-n", "present", "-v", "1", "-t", "uri_file", "-p", tmp_path / "d.csv")
    code, lines, placed = create(server, tmp_path, "command: cat ${{inputs.d}}\n" + HOST +
                                 "inputs: {d: {type: uri_file, path: 'azureml:present:7'}}\n")
    assert code == 3 and placed
    assert "7" in lines[0] and "present" in lines[0]


def test_command_lines(server, tmp_path):
    """2 for a wrong command line, 3 for what is not there; every error is a code, a sentence and mostly what next."""
    for wanted, arguments in [
            (2, ["bogus"]), (2, ["job", "bogus"]), (2, ["job", "show"]), (2, ["job", "show", "--bogus"]),
            (2, ["job", "create"]), (2, ["job", "list", "-o", "bogus"]), (2, ["job", "list", "--query", "[?"]),
            (3, ["job", "show", "-n", "nope"]), (3, ["job", "why", "-n", "nope"]), (3, ["job", "stream", "-n", "nope"]),
            (3, ["job", "cancel", "-n", "nope"]), (3, ["job", "download", "-n", "nope"]),
            (3, ["data", "show", "-n", "nope", "-v", "1"]), (3, ["model", "show", "-n", "nope", "-v", "1"]),
            (3, ["environment", "show", "-n", "nope", "-v", "1"]), (3, ["compute", "show", "-n", "nope"]),
            (3, ["online-endpoint", "show", "-n", "nope"]),
            (3, ["online-deployment", "show", "-n", "nope", "-e", "nope"]),
            (3, ["online-endpoint", "invoke", "-n", "nope", "-r", "/dev/null"])]:
        done = server.cli(*arguments, check=False, cwd=tmp_path)
        assert done.returncode == wanted, (arguments, done.stderr)
        assert done.stdout == ""
        assert re.match(r"error  \w+  \S.*\.", done.stderr), done.stderr


def test_a_server_that_is_away_is_said_so(fresh_server):
    fresh_server.start()
    fresh_server.kill()
    done = fresh_server.cli("job", "list", check=False)
    assert done.returncode == 1, done.stderr
    assert "serve" in done.stderr
