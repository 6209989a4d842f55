#!/usr/bin/env python3
"""openapi.py - the description of our surface, api/openapi.json

    openapi.py ROUTES.json > api/openapi.json

One line holds one path, so that a change of the surface reads as one.

ROUTES.json is what a server answers at /lazurite/v1/routes (`tools/openapi` asks one): the joined route table and the kinds, from which every
path and verb comes. What bodies hold comes from api/arm/*.json, of which the server's own checks are made. So the
description is made of what runs, and tests/wire/test_openapi.py fails when the two part.
"""
import json
import pathlib
import re
import sys

ARM = pathlib.Path(__file__).resolve().parents[2] / "api" / "arm"
WORKSPACE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices" \
            "/workspaces/{workspace}"
REGISTRY = WORKSPACE.replace("/workspaces/{workspace}", "/registries/{registry}")
TYPES = {"text": {"type": "string"}, "bool": {"type": "boolean"}, "number": {"type": "number"},
         "integer": {"type": "integer"}, "object": {"type": "object"}, "list": {"type": "array"},
         "texts": {"type": "object", "additionalProperties": {"type": "string"}},
         "duration": {"type": "string", "pattern": "^P"}}
# Which tables of api/arm/ a kind's body is checked by; several where a word in the body decides. Kinds that are not
# here are read only, or an engine checks their bodies: those take any object.
BODIES = {
    "workspaces": ["workspace"], "registries": ["registry"], "datastores": ["datastore"],
    "computes": ["compute"], "connections": ["connection"],
    "schedules": ["schedule"], "codes": ["code"], "codes/versions": ["code_version"],
    "data": ["data"], "data/versions": ["data_version"], "environments": ["environment"],
    "environments/versions": ["environment_version"], "models": ["model"], "models/versions": ["model_version"],
    "components": ["component"], "components/versions": ["component_version"],
    "indexes": ["index"], "indexes/versions": ["index_version"],
    "batchEndpoints": ["batch_endpoint"], "batchEndpoints/deployments": ["batch_deployment"],
    "featuresets": ["featureset"], "featuresets/versions": ["featureset_version"],
    "featurestoreEntities": ["entity"], "featurestoreEntities/versions": ["entity_version"],
    "serverlessEndpoints": ["serverless_endpoint"], "marketplaceSubscriptions": ["marketplace_subscription"],
    "capabilityHosts": ["capability_host"], "outboundRules": ["outbound_rule"],
    "jobs": ["job_command", "job_sweep", "job_pipeline", "job_automl", "job_spark", "job_finetuning",
             "job_distillation", "job_labeling"],
}


def tables():
    """name -> {path of a field: its row}, bases merged in."""
    found = {}
    for source in sorted(ARM.glob("*.json")):
        for key, fields in json.loads(source.read_text()).items():
            if key != "about":
                name, _, base = key.partition(":")
                found[name] = (base, fields)
    return {name: {**(found[base][1] if base else {}), **fields} for name, (base, fields) in found.items()}


def schema(fields):
    """A JSON schema of nested objects from paths like properties.tags."""
    root = {"type": "object", "properties": {}}
    for path, field in sorted(fields.items()):
        at = root
        *above, last = path.split(".")
        for piece in above:
            at = at.setdefault("properties", {}).setdefault(piece, {"type": "object", "properties": {}})
        leaf = {"type": "string", "enum": field["words"]} if field["type"] == "word" else dict(TYPES[field["type"]])
        old = at.setdefault("properties", {}).get(last, {})
        at["properties"][last] = {**leaf, **{k: v for k, v in old.items() if k == "properties"}}
        if field.get("required"):
            at.setdefault("required", []).append(last)
    return root


def parameters(path):
    names = re.findall(r"\{(\w+)\*?\}", path)
    return [{"$ref": f"#/components/parameters/{name}"} for name in [*names, "api-version"]]


def parameter(name):
    if name == "api-version":
        return {"name": name, "in": "query", "schema": {"type": "string"}}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


ERROR = {"$ref": "#/components/responses/Error"}


def operation(row, path, body):
    permit = row["permit"] if row["permit"] != "action" else row.get("action", "by type and verb")
    found = {"operationId": re.sub(r"\W+", "_", f"{row['method'].lower()}{path}").strip("_"),
             "x-permission": permit, "x-listeners": row["listeners"], "parameters": parameters(path),
             "responses": {"2XX": {"description": "done"}, "4XX": ERROR, "501": ERROR}}
    if permit == "public":
        found["security"] = []
    if row["method"] in ("PUT", "PATCH", "POST") and row["bodyLimit"] > 0:
        found["requestBody"] = {"content": {"application/json": {"schema": body or {}}}}
    return found


def body_of(kind, known):
    """The schema of what a kind's PUT takes."""
    names = BODIES.get(kind["type"], [])
    if not names:
        return {"type": "object"}
    assert all(name in known for name in names), f"no table of api/arm for {kind['type']}"
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def scopes_of(kind):
    """Where a kind's list is: in a workspace, in a registry too, or in the resource group."""
    if kind["type"] in ("workspaces", "registries"):
        return [WORKSPACE.rsplit("/workspaces/", 1)[0]]
    return [WORKSPACE, REGISTRY] if kind["inRegistry"] else [WORKSPACE]


def kind_paths(kind, known):
    """The paths of one kind: its list, one of it, its actions."""
    body = body_of(kind, known)
    *above, last = kind["type"].split("/")
    for scope in scopes_of(kind):
        base = scope + "".join(f"/{piece}/{{{name}}}" for piece, name in zip(above, ("name", "version"))) + f"/{last}"
        own = {"workspaces": "workspace", "registries": "registry"}.get(last, ("name", "version", "item")[len(above)])
        one = f"{base}/{{{own}}}"
        yield base, "GET", None
        for verb in ("GET", "PUT", "PATCH", "DELETE"):
            yield one, verb, body if verb == "PUT" else {"type": "object"} if verb == "PATCH" else None
        for action in kind["actions"]:
            yield f"{one}/{action}", "POST", {"type": "object"}


def describe(routes):
    known = tables()
    paths = {}
    for row in sorted(routes["rows"], key=lambda row: (row["path"], row["method"])):
        path = row["path"].replace("*}", "}")
        paths.setdefault(path, {})[row["method"].lower()] = operation(row, path, None)
    arm = {"permit": "action", "listeners": ["tls", "plain", "socket"], "bodyLimit": 1}
    for kind in sorted(routes["kinds"], key=lambda kind: kind["type"]):
        for path, verb, body in kind_paths(kind, known):
            paths.setdefault(path, {})[verb.lower()] = operation({**arm, "method": verb}, path, body)
    error = {"type": "object", "properties": {"error": {"type": "object", "properties": {
        "code": {"type": "string"}, "message": {"type": "string"}}}}}
    names = sorted({name for path in paths for name in re.findall(r"\{(\w+)\}", path)} | {"api-version"})
    used = sorted({name for kind in routes["kinds"] for name in BODIES.get(kind["type"], [])})
    return {"openapi": "3.1.0",
            "info": {"title": "Lazurite", "version": "1", "description":
                     "Made by tools/gen/openapi.py of the route table and api/arm; do not edit."},
            "paths": paths, "components": {
                "schemas": {"Error": error, **{name: schema(known[name]) for name in used}},
                "parameters": {name: parameter(name) for name in names},
                "responses": {"Error": {"description": "why not", "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}},
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
            "security": [{"bearer": []}]}


def lines(made):
    """The document as text, a path and a component to the line."""
    def table(members, indent):
        rows = [f'{indent}{json.dumps(key)}: {json.dumps(value, sort_keys=True)}' for key, value in
                sorted(members.items())]
        return "{\n" + ",\n".join(rows) + "\n" + indent[:-1] + "}"
    components = ",\n".join(f'  {json.dumps(key)}: {table(value, "   ")}'
                            for key, value in sorted(made["components"].items()))
    head = ",\n".join(f' {json.dumps(key)}: {json.dumps(made[key], sort_keys=True)}'
                      for key in ("openapi", "info", "security"))
    return f'{{\n{head},\n "paths": {table(made["paths"], "  ")},\n "components": {{\n{components}\n }}\n}}\n'


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(lines(describe(json.load(file))))
