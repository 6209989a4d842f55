#!/usr/bin/env python3
"""Turns api/yaml/*.json into the C tables of src/yaml/schema.h.

Usage: yaml_tables.py OUTPUT INPUT.json...

Each input holds `kinds` (the files a person writes) and `defs` (mappings in them). Equal shapes are
written once.
"""
import json
import sys

TYPES = {
    "string": "YAML_STRING", "version": "YAML_VERSION", "integer": "YAML_INTEGER", "number": "YAML_NUMBER",
    "boolean": "YAML_BOOLEAN", "any": "YAML_ANY", "object": "YAML_ANY", "enum": "YAML_ENUM", "map": "YAML_MAP",
    "list": "YAML_LIST", "oneOf": "YAML_ONE_OF", "ref": "YAML_REF", "localPath": "YAML_LOCAL_PATH",
    "url": "YAML_URL", "gitUrl": "YAML_GIT_URL", "registryRef": "YAML_REGISTRY_REF", "feedRef": "YAML_FEED_REF",
    "assetRef": "YAML_ASSET_REF", "resourceRef": "YAML_RESOURCE_REF", "datetime": "YAML_STRING",
}


def quoted(text):
    return "NULL" if text is None else json.dumps(text)


class Tables:
    def __init__(self):
        self.shapes = {}
        self.lines = []

    def array(self, ctype, name, items):
        self.lines.append("static const %s %s[] = {%s};" % (ctype, name, ", ".join(items)))
        return name

    def shape(self, source):
        """Writes one shape, unless an equal one exists; returns its C name."""
        key = json.dumps(source, sort_keys=True)
        if key in self.shapes:
            return self.shapes[key]
        kind = source["t"]
        values, parts = source.get("values"), []
        if kind == "oneOf":
            parts = [self.shape(part) for part in source["of"]]
        elif kind == "list":
            parts = [self.shape(source["items"])]
        elif kind == "map":
            parts, values = [self.shape(values)], None
        name = "shape_%d" % len(self.shapes)
        self.shapes[key] = name
        members = [".type = " + TYPES[kind]]
        if kind == "string" and values:
            members = [".type = YAML_ENUM"]
        if values:
            members.append(".values = " + self.array("char *const", name + "_values", map(quoted, values)))
            members.append(".value_count = %d" % len(values))
        if parts:
            members.append(".of = " + self.array("struct yaml_shape *const", name + "_of",
                                                 ["&" + part for part in parts]))
            members.append(".of_count = %d" % len(parts))
        if kind == "ref":
            members.append(".def = &def_" + source["ref"])
        if source.get("case") == "exact":
            members.append(".exact = true")
        if source.get("nameOnly"):
            members.append(".name_only = true")
        what = source.get("asset") or source.get("resource")
        if kind == "string" and "(?" not in source.get("pattern", ""):
            what = source.get("pattern")
        if what:
            members.append(".what = " + quoted(what))
        self.lines.append("static const struct yaml_shape %s = {%s};" % (name, ", ".join(members)))
        return name

    def definition(self, name, source):
        rows = []
        for key in sorted(source["fields"]):
            field = source["fields"][key]
            row = ["{%s" % quoted(key), "&" + self.shape(field["type"])]
            for flag, member in (("required", "required"), ("readOnly", "read_only"), ("nullable", "nullable"),
                                 ("bindable", "bindable")):
                if field.get(flag):
                    row.append(".%s = true" % member)
            row.append(".meaning = %s}" % quoted(field.get("meaning", "set by the server")))
            rows.append("    " + ", ".join(row))
        self.lines.append("static const struct yaml_field fields_%s[] = {\n%s};" % (name, ",\n".join(rows)))
        keeps = ", .keeps_unknown = true" if source.get("unknownKeys") == "kept" else ""
        self.lines.append("static const struct yaml_def def_%s = {%s, fields_%s, %d%s};"
                          % (name, quoted(name), name, len(rows), keeps))


def main(output, inputs):
    kinds, defs = {}, {}
    for path in inputs:
        with open(path, encoding="utf-8") as source:
            part = json.load(source)
        kinds.update(part["kinds"])
        defs.update(part["defs"])
    tables = Tables()
    for name in sorted(defs):
        tables.definition(name, defs[name])
    with open(output, "w", encoding="utf-8") as out:
        out.write("/* Made by tools/gen/yaml_tables.py from api/yaml; do not edit. */\n")
        out.write('#include "yaml/schema.h"\n\n')
        out.writelines("static const struct yaml_def def_%s;\n" % name for name in sorted(defs))
        out.writelines(line + "\n" for line in tables.lines)
        out.write("const struct yaml_kind yaml_kinds[] = {\n")
        out.writelines("    {%s, %s, &def_%s},\n" % (quoted(name), quoted(kinds[name]["family"]), kinds[name]["def"])
                       for name in sorted(kinds))
        out.write("};\nconst size_t yaml_kind_count = %d;\n" % len(kinds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
