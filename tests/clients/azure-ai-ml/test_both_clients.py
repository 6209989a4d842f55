"""One file, made by the command line and by the SDK: each finds what the other sent."""
import json

import pytest
from azure.ai.ml.entities import BuildContext, Data, Environment, Model

FOLDER = {"a.txt": "1", "a/b": "2", "Sub.txt": "3", "sub/q": "4", "Zed/e": "5", "zed-1": "6", "\u00e9.txt": "7"}


@pytest.fixture()
def folder(tmp_path):
    """Names in whose order walks differ: cases, a folder beside a file of its name, no ASCII."""
    for name, text in FOLDER.items():
        (tmp_path / "hx" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "hx" / name).write_text(text)
    return tmp_path / "hx"


def by_cli(server, group, document, tmp_path):
    (tmp_path / "one.yml").write_text(json.dumps(document))
    return server.json(group, "create", "-f", tmp_path / "one.yml")


def by_sdk(ml, group, document):
    if group == "data":
        return ml.data.create_or_update(Data(**document))
    if group == "model":
        return ml.models.create_or_update(Model(**document))
    build = BuildContext(path=document["build"]["path"])
    return ml.environments.create_or_update(
        Environment(name=document["name"], version=document["version"], build=build))


@pytest.mark.since(29, "hashes and lays out uploads in another way")
@pytest.mark.parametrize("first", ["cli", "sdk"])
@pytest.mark.parametrize("group,kind,path", [
    ("data", "uri_file", "a.txt"), ("data", "uri_folder", ""), ("data", "mltable", ""),
    ("model", "custom_model", "a.txt"), ("model", "custom_model", ""), ("environment", None, "")])
def test_the_same_file_by_both(ml, server, folder, tmp_path, unique, group, kind, path, first):
    (folder / "MLTable").write_text("paths:\n  - file: ./a.txt\n")
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\n")
    place = str(folder / path)
    document = {"name": unique, "version": "1"}
    document.update({"type": kind, "path": place} if kind else {"build": {"path": place}})
    order = [lambda: by_cli(server, group, document, tmp_path), lambda: by_sdk(ml, group, document)]
    for make in order if first == "cli" else reversed(order):
        make()
    if kind:
        (folder / "a.txt").write_text("changed")
        with pytest.raises(Exception, match="Asset paths cannot be updated"):
            by_sdk(ml, group, document)
