"""The peer's scoring script with scikit-learn itself."""
import json
import os

import joblib
import numpy


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))


def run(raw):
    return model.predict(numpy.asarray(json.loads(raw)["input_data"], "float32")).tolist()
