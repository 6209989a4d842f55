#!/usr/bin/env python3
"""compatibility.py - docs/wire/compatibility.md from what tests of real clients went through

    compatibility.py build/test-results            writes the document
    compatibility.py --check build/test-results    fails when the document claims what the run did not show

The run leaves observed-NAME.json (tests/observe.py): client versions, and for every operation how many tests that went
through it passed and failed.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "wire" / "compatibility.md"
CLIENTS = [("MLClient", "azure-ai-ml"), ("arm", "@azure/arm-machinelearning"), ("identity", "azure-identity"),
           ("storage", "azure-storage-blob"), ("MlflowClient", "mlflow")]
HEAD = """# What is proven, by which client

Made by `tools/gen/compatibility.py` from a run of `./check clients`: the clients are unmodified, the server is real, and
a row stands here only when tests went through the operation. `yes` = every such test passed, with the number of tests;
`no` = one failed; empty = no test goes there with that release. `docs/azure-ai-ml.md` says what cannot work elsewhere.
"""


def observed(folder):
    """client -> version -> operation -> [passed, failed]."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("observed-*.json")):
        run = json.loads(path.read_text())
        for row, (passed, failed) in run["operations"].items():
            head = row.split(".")[0]
            client = next((name for prefix, name in CLIENTS if prefix == head), None)
            if client is None or client not in run["versions"]:
                continue
            counts = found.setdefault(client, {}).setdefault(run["versions"][client], {}).setdefault(row, [0, 0])
            counts[0] += passed
            counts[1] += failed
    return found


def order(version):
    return [int(x) for x in re.findall(r"\d+", version)]


def cell(counts):
    if not counts:
        return ""
    return f"no ({counts[1]} of {sum(counts)})" if counts[1] else f"yes ({counts[0]})"


def text(found):
    parts = [HEAD]
    for _, client in CLIENTS:
        if client not in found:
            continue
        versions = sorted(found[client], key=order, reverse=True)
        rows = sorted({row for version in versions for row in found[client][version]})
        parts.append(f"## {client}\n")
        parts.append("| operation | " + " | ".join(versions) + " |\n|---|" + "---|" * len(versions))
        parts += [f"| `{row.split('.', 1)[1]}` | " +
                  " | ".join(cell(found[client][v].get(row)) for v in versions) + " |" for row in rows]
        parts.append("")
    return "\n".join(parts)


def claims(document):
    """(client, version, operation) of every `yes`."""
    client, versions = "", []
    for line in document.split("\n"):
        if line.startswith("## "):
            client = line[3:]
        elif line.startswith("| operation"):
            versions = [x.strip() for x in line.strip("|").split("|")][1:]
        elif line.startswith("| `"):
            name, *cells = [x.strip() for x in line.strip().strip("|").split("|")]
            yield from ((client, v, name.strip("`")) for v, c in zip(versions, cells) if c.startswith("yes"))


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 2
    found = observed(arguments[-1])
    if arguments[0] != "--check":
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_text(text(found))
        return 0
    shown = {(client, version, row.split(".", 1)[1]) for client, versions in found.items()
             for version, rows in versions.items() for row, counts in rows.items() if not counts[1]}
    missing = sorted(set(claims(DOCUMENT.read_text())) - shown)
    for client, version, row in missing:
        print(f"docs/wire/compatibility.md says that {client} {version} does {row}; this run did not show it")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
