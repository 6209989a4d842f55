"""Trains on the breast-cancer data; writes an MLflow model, the same model as ONNX, and rows to try."""
import argparse
import json
import logging
import os
import warnings

import mlflow
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx import to_onnx

# Advice about pickles and integer columns, which does not concern a first look.
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*Inferred schema contains integer.*")

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--model", required=True)
parser.add_argument("--onnx", required=True)
args = parser.parse_args()

data = load_breast_cancer(as_frame=True)
x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, random_state=5, stratify=data.target)
print(f"{len(x_train)} rows to train on, {len(x_test)} to test, {x_train.shape[1]} columns")

# A loss curve, one point an epoch, of a plain stochastic gradient descent.
scaler = StandardScaler().fit(x_train)
descent = SGDClassifier(loss="log_loss", random_state=5)
for epoch in range(args.epochs):
    descent.partial_fit(scaler.transform(x_train), y_train, classes=[0, 1])
    loss = log_loss(y_test, descent.predict_proba(scaler.transform(x_test)))
    mlflow.log_metric("test_loss", loss, step=epoch)
print(f"loss after {args.epochs} epochs of gradient descent: {loss:.4f}")

# The model itself: autologging writes parameters, metrics and the model.
mlflow.sklearn.autolog()
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
model.fit(x_train, y_train)
accuracy = model.score(x_test, y_test)
mlflow.log_metric("test_accuracy", accuracy)
print(f"accuracy on rows never seen: {accuracy:.3f}")

mlflow.sklearn.save_model(model, args.model, input_example=x_test.head(2))
os.makedirs(args.onnx, exist_ok=True)
onnx = to_onnx(model, x_train.to_numpy(np.float32)[:1], options={"zipmap": False}, target_opset=17)
with open(os.path.join(args.onnx, "model.onnx"), "wb") as out:
    out.write(onnx.SerializeToString())

# Rows to send to the endpoint, and what they really are.
picked = [i for label in (0, 1) for i in y_test.index[y_test == label][:3]]
rows, labels = x_test.loc[picked], y_test.loc[picked]
request = {"input_data": {"columns": list(rows.columns), "index": list(range(len(rows))), "data": rows.to_numpy().tolist()}}
os.makedirs("outputs", exist_ok=True)
with open("outputs/request.json", "w") as out:
    json.dump(request, out)
with open("outputs/labels.json", "w") as out:
    json.dump({"true": labels.tolist(), "model": model.predict(rows).tolist()}, out)
print("wrote the model, its ONNX form, and six rows to try")
