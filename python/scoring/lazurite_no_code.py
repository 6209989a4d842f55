"""Serves an MLflow model that came without a scoring script.

A WSGI application for gunicorn, shipped inside the executable and written into the replica's run
folder by `lazurite score`. It answers POST /score with {"input_data": ...} as the service does, GET /
when the model is loaded, and GET /signature with what the model takes. A request that does not fit the
model is 400 and names the input; an exception of the model itself is 500 and stays in the log.
"""

import json
import math
import os
import sys
import traceback

import mlflow.pyfunc
import numpy as np
import pandas as pd


class BadInput(Exception):
    """The request cannot be right; `target` is the input at fault."""

    def __init__(self, target, message):
        super().__init__(message)
        self.target = target


def find_model(root):
    """The folder with MLmodel, nearest to the root."""
    found = sorted(
        (folder for folder, _, files in os.walk(root) if "MLmodel" in files),
        key=lambda folder: (folder.count(os.sep), folder),
    )
    if not found:
        sys.exit("The model folder holds no file named MLmodel.")
    return found[0]


def columns_of(schema):
    """Names of a column signature, or None for a tensor signature or none at all."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    return schema.input_names()


def width_of(model):
    """How many values a row has when the model itself knows and no signature says."""
    try:
        return int(getattr(model.get_raw_model(), "n_features_in_"))
    except Exception:  # noqa: BLE001 - a flavour that does not tell is no error
        return None


KINDS = {"integer": int, "long": int, "float": float, "double": float, "boolean": bool, "string": str}


def check_cell(name, kind, row, value, required):
    """Refuses what a silent conversion would change; gives the value as the column's type."""
    if value is None:
        if required and kind is not float:
            raise BadInput(name, f"Input '{name}' of row {row} is null, but it is required.")
        return math.nan if kind is float else None
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (bool, str) and isinstance(value, kind):
        return value
    shown = {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}.get(
        type(value), "a number"
    )
    raise BadInput(name, f"Input '{name}' takes {kind.__name__} values, but row {row} has {shown}.")


def conform(frame, schema):
    """The frame with exactly the signature's columns, each in its type."""
    wanted = schema.input_names()
    required = set(schema.required_input_names())
    for name in frame.columns:
        if name not in wanted:
            raise BadInput(str(name), f"The model has no input '{name}'.")
    columns = {}
    for spec in schema.inputs:
        name = spec.name
        if name not in frame.columns:
            if name in required:
                raise BadInput(name, f"Input '{name}' is missing.")
            continue
        kind = KINDS.get(getattr(spec.type, "name", ""))
        values = frame[name].tolist()
        if kind is not None:
            values = [
                check_cell(name, kind, row, None if value is None or value is pd.NA else value, name in required)
                for row, value in enumerate(values)
            ]
        try:
            kept = pd.Series(values, index=frame.index, dtype=spec.type.to_pandas() if kind else None)
        except (OverflowError, TypeError, ValueError) as reason:
            raise BadInput(name, f"Input '{name}' cannot be {spec.type.name}: {reason}.") from None
        columns[name] = kept
    return pd.DataFrame(columns, index=frame.index)[[n for n in wanted if n in columns]]


def check_rows(rows, width, target="input_data"):
    """Every row is a list; all have the same, or the wanted, width."""
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise BadInput(target, f"Row {number} of {target} is no list.")
        if width is None:
            width = len(row)
        if len(row) != width:
            raise BadInput(
                target, f"Row {number} of {target} has {len(row)} values, expected {width}."
            )


def frame_of(data, names, width):
    """A data frame from any of the table forms, or None when the data are no table."""
    if isinstance(data, dict) and "data" in data and ("columns" in data or "index" in data):
        rows, columns = data["data"], data.get("columns") or names
        if not isinstance(rows, list):
            raise BadInput("input_data.data", "input_data.data must be a list of rows.")
        check_rows(rows, len(columns) if columns else width, "input_data.data")
        if width is not None and columns and len(columns) != width:
            raise BadInput("input_data.columns", f"The model takes {width} columns, got {len(columns)}.")
        index = data.get("index")
        if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
            raise BadInput("input_data.index", "input_data.index must have one entry a row.")
        return pd.DataFrame(rows, columns=columns, index=index, dtype=object)
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        for number, row in enumerate(data):
            missing = set(data[0]).symmetric_difference(row)
            if missing:
                name = sorted(missing)[0]
                raise BadInput(name, f"Row {number} and row 0 differ in input '{name}'.")
        return pd.DataFrame(data, dtype=object)
    if isinstance(data, list) and (names or width is not None):
        check_rows(data, len(names) if names else width)
        return pd.DataFrame(data, columns=names, dtype=object)
    if isinstance(data, dict) and names:
        lengths = {len(v) if isinstance(v, list) else -1 for v in data.values()}
        if len(lengths) != 1 or -1 in lengths:
            raise BadInput("input_data", "Every input must be a list, all of one length.")
        return pd.DataFrame(data, dtype=object)
    return None


def model_input(body, model):
    """What `predict` gets for a request's body."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as reason:
        raise BadInput("", f"The body is no JSON: {reason}") from None
    if not isinstance(request, dict) or "input_data" not in request:
        raise BadInput("input_data", 'The body needs "input_data".')
    data, schema = request["input_data"], model.metadata.get_input_schema()
    names = columns_of(schema)
    frame = frame_of(data, names, None if names else width_of(model))
    if frame is not None:
        return conform(frame, schema) if names else frame.infer_objects()
    if isinstance(data, dict):
        return {name: np.asarray(value) for name, value in data.items()}
    if not isinstance(data, list):
        raise BadInput("input_data", "input_data must be a list of rows or an object.")
    try:
        return np.asarray(data)
    except ValueError as reason:
        raise BadInput("input_data", f"input_data is no array: {reason}") from None


def plain(value):
    """The prediction as JSON types; numbers that JSON has not become null."""
    if isinstance(value, pd.DataFrame):
        return plain(value.to_dict(orient="records"))
    if isinstance(value, (pd.Series, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def score(model, body):
    """One request: (status line, reply)."""
    try:
        data = model_input(body, model)
    except BadInput as bad:
        error = {"code": "BadInput", "message": str(bad), "target": bad.target}
        return "400 Bad Request", {"error": error}
    try:
        return "200 OK", plain(model.predict(data))
    except mlflow.exceptions.MlflowException as bad:
        if bad.get_http_status_code() < 500:
            error = {"code": "BadInput", "message": bad.message, "target": "input_data"}
            return "400 Bad Request", {"error": error}
        traceback.print_exc()
    except Exception:  # noqa: BLE001 - whatever the model raises is its own affair
        traceback.print_exc()
    return "500 Internal Server Error", {
        "error": {"code": "ModelFailed", "message": "The model raised an exception; see the logs.", "target": ""}
    }


def signature(model):
    """Inputs and outputs as far as the model tells them."""
    told = model.metadata.signature
    if told is None:
        return {}
    return {
        "inputs": told.inputs.to_dict() if told.inputs else [],
        "outputs": told.outputs.to_dict() if told.outputs else [],
    }


MODEL = mlflow.pyfunc.load_model(find_model(os.environ["AZUREML_MODEL_DIR"]))


def application(environ, start_response):
    """The WSGI entry."""
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    if (method, path) == ("POST", "/score"):
        status, reply = score(MODEL, environ["wsgi.input"].read())
    elif (method, path) == ("GET", "/signature"):
        status, reply = "200 OK", signature(MODEL)
    elif (method, path) == ("GET", "/"):
        status, reply = "200 OK", "Healthy"
    else:
        status, reply = "404 Not Found", {"error": {"code": "NotFound", "message": "No such path."}}
    body = json.dumps(reply).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
