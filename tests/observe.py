"""Which operations of a client a test went through, for docs/wire/compatibility.md.

The client is only watched: Python tells of every call (sys.setprofile), and the outermost public method of an
operations class that a test entered is noted with the test's outcome. Switched on by OBSERVED, the file to write.
"""
import json
import os
import re
import sys

# Files of clients whose public methods are operations: (pattern of the file, how the row is called).
WATCHED = [
    (re.compile(r"/azure/ai/ml/operations/_(\w+)_operations\.py$"), "MLClient.{}"),
    (re.compile(r"/azure/ai/ml/_ml_client\.py$"), "MLClient"),
    (re.compile(r"/azure/storage/blob/_(blob_client|container_client|blob_service_client)\.py$"), "storage.{}"),
    (re.compile(r"/azure/identity/_credentials/(\w+)\.py$"), "identity.{}"),
    (re.compile(r"/mlflow/tracking/client\.py$"), "MlflowClient"),
]


class Watch:
    def __init__(self):
        self.names = {}        # code object -> row, or None
        self.depth = 0
        self.seen = set()
        self.results = {}      # row -> [passed, failed]

    def row(self, code):
        if code not in self.names:
            self.names[code] = None
            if not code.co_name.startswith("_") and code.co_varnames[:1] == ("self",):
                for pattern, name in WATCHED:
                    found = pattern.search(code.co_filename)
                    if found and (name != "MLClient" or code.co_name.endswith("create_or_update")):
                        self.names[code] = name.format(*found.groups()) + "." + code.co_name
        return self.names[code]

    def profile(self, frame, event, _):
        if event not in ("call", "return"):
            return
        row = self.row(frame.f_code)
        if row and event == "call":
            self.depth += 1
            if self.depth == 1:
                self.seen.add(row)
        elif row:
            self.depth = max(0, self.depth - 1)

    def begin(self):
        self.depth, self.seen = 0, set()
        sys.setprofile(self.profile)

    def end(self, passed):
        sys.setprofile(None)
        for row in self.seen:
            self.results.setdefault(row, [0, 0])[0 if passed else 1] += 1


def versions():
    """The clients of this environment."""
    from importlib import metadata
    found = {}
    for name in ("azure-ai-ml", "azure-identity", "azure-storage-blob", "mlflow", "azureml-mlflow", "azure-cli"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


def write(watch):
    with open(os.environ["OBSERVED"], "w", encoding="utf-8") as out:
        json.dump({"versions": versions(), "operations": watch.results}, out, indent=1, sort_keys=True)
