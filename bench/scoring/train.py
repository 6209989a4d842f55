"""Trains the model that the scoring figures are taken with: a scaler before 100 trees, 30 features.

    train.py FOLDER    writes model.pkl, onnx/model.onnx, rows1.json, rows100.json, expected.json
"""
import json
import pathlib
import sys

import joblib
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = pathlib.Path(sys.argv[1])
(folder / "onnx").mkdir(parents=True, exist_ok=True)
features, labels = load_breast_cancer(return_X_y=True)
features = features.astype("float32")
model = make_pipeline(StandardScaler(), RandomForestClassifier(100, random_state=0, n_jobs=1))
model.fit(features, labels)
joblib.dump(model, folder / "model.pkl")
graph = to_onnx(model, features[:1], options={"zipmap": False})
(folder / "onnx" / "model.onnx").write_bytes(graph.SerializeToString())
for count in (1, 100):
    rows = features[:count].astype(float).tolist()
    (folder / f"rows{count}.json").write_text(json.dumps({"input_data": rows}))
(folder / "expected.json").write_text(json.dumps(model.predict(features[:100]).tolist()))
