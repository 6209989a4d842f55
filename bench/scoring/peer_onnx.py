"""The peer's scoring script with ONNX Runtime."""
import json
import os

import numpy
import onnxruntime


def init():
    global session, name
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "onnx", "model.onnx")
    session = onnxruntime.InferenceSession(path, options)
    name = session.get_inputs()[0].name


def run(raw):
    rows = numpy.asarray(json.loads(raw)["input_data"], "float32")
    return session.run(None, {name: rows})[0].tolist()
