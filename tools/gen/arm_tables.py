#!/usr/bin/env python3
"""Turns api/arm/*.json into the C tables of src/kinds/fields.h.

Usage: arm_tables.py OUTPUT INPUT.json...

Each member of an input but `about` is a table, "name" or "name:base", from the path of a field to its
type, whether it is required and, for words, which.
"""
import json
import sys

TYPES = {"text": "FIELD_TEXT", "bool": "FIELD_BOOL", "number": "FIELD_NUMBER", "object": "FIELD_OBJECT",
         "texts": "FIELD_TEXTS", "word": "FIELD_WORD", "list": "FIELD_LIST", "integer": "FIELD_INTEGER",
         "duration": "FIELD_DURATION"}


def quoted(text):
    return json.dumps(text)


def row(path, field, words):
    unknown = set(field) - {"type", "required", "words"}
    if unknown or (field["type"] == "word") != ("words" in field):
        sys.exit(f"arm_tables.py: {path}: what is {', '.join(unknown) or 'a word without words'}?")
    return (f"    {{{quoted(path)}, {TYPES[field['type']]}, {'true' if field.get('required') else 'false'}, "
            f"{words or 'NULL'}}},")


def table(name, fields):
    lines, rows = [], []
    for at, (path, field) in enumerate(fields.items()):
        words = None
        if "words" in field:
            words = f"{name}_words_{at}"
            listed = ", ".join(map(quoted, field["words"]))
            lines.append(f"static const char *const {words}[] = {{{listed}, NULL}};")
        rows.append(row(path, field, words))
    lines += [f"static const struct field {name}_rows[] = {{", *rows, "};",
              f"const struct fields_table fields_{name} = {{{name}_rows, {len(rows)}}};", ""]
    return lines


def main(output, inputs):
    tables = {}
    for source in inputs:
        with open(source, encoding="utf-8") as file:
            for key, fields in json.load(file).items():
                if key != "about":
                    name, _, base = key.partition(":")
                    tables[name] = (base, fields)
    lines = ['#include "kinds/fields.h"', ""]
    bases = {base for base, _ in tables.values()}
    for name, (base, fields) in sorted(tables.items()):
        lines += [] if name in bases else table(name, {**(tables[base][1] if base else {}), **fields})
    with open(output, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))


main(sys.argv[1], sys.argv[2:])
