"""Unit tests of lazurite_no_code: run with a Python that has mlflow and scikit-learn.

    python python/scoring/no_code_test.py
"""

import importlib.util
import io
import json
import os
import pathlib
import tempfile
import unittest

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

COLUMNS = ["length", "width"]
ROWS = [[1.0, 2.0], [2.0, 1.0], [3.0, 8.0], [8.0, 3.0]]


def load(folder):
    """The server module with the model of this folder."""
    os.environ["AZUREML_MODEL_DIR"] = folder
    source = pathlib.Path(__file__).with_name("lazurite_no_code.py")
    spec = importlib.util.spec_from_file_location("lazurite_no_code", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(module, method, path, body=b""):
    """One WSGI request: (status, reply)."""
    told = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body)}
    reply = b"".join(module.application(environ, lambda status, headers: told.append(status)))
    return int(told[0].split()[0]), json.loads(reply)


class NoCode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        frame = pd.DataFrame(ROWS, columns=COLUMNS)
        model = LogisticRegression().fit(frame, [0, 1, 0, 1])
        bare = LogisticRegression().fit(ROWS, [0, 1, 0, 1])
        base = pathlib.Path(cls.temporary.name)
        keep = {"serialization_format": "cloudpickle"}
        mlflow.sklearn.save_model(
            model, base / "signed" / "deep", signature=infer_signature(frame, model.predict(frame)), **keep
        )
        mlflow.sklearn.save_model(bare, base / "bare", **keep)
        cls.signed = load(str(base / "signed"))
        cls.bare = load(str(base / "bare"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def score(self, input_data, module=None):
        body = json.dumps({"input_data": input_data}).encode()
        return call(module or self.signed, "POST", "/score", body)

    def refused(self, input_data, target, words, module=None):
        status, reply = self.score(input_data, module)
        self.assertEqual(400, status, reply)
        self.assertEqual(target, reply["error"]["target"])
        self.assertIn(words, reply["error"]["message"])

    def test_every_form_gives_the_same_labels(self):
        forms = [
            {"columns": COLUMNS, "index": [0, 1], "data": [[1, 9], [9, 1]]},
            {"columns": COLUMNS[::-1], "data": [[9, 1], [1, 9]]},
            {"index": [7, 8], "data": [[1, 9], [9, 1]]},
            [[1, 9], [9, 1]],
            [{"length": 1, "width": 9}, {"width": 1, "length": 9.0}],
            {"length": [1, 9], "width": [9, 1]},
        ]
        for form in forms:
            self.assertEqual((200, [0, 1]), self.score(form), form)

    def test_a_model_without_signature_takes_rows(self):
        self.assertEqual((200, [0, 1]), self.score([[1, 9], [9, 1]], self.bare))
        self.refused([[1, 2, 3]], "input_data", "Row 0 of input_data has 3 values, expected 2", self.bare)

    def test_a_wrong_width_names_the_input(self):
        self.refused([[1, 2, 3]], "input_data", "Row 0 of input_data has 3 values, expected 2")
        self.refused({"columns": COLUMNS, "data": [[1, 2], [1]]}, "input_data.data", "Row 1")
        self.refused({"columns": ["length"], "data": [[1]]}, "width", "Input 'width' is missing.")
        self.refused({"columns": ["a", "b"], "data": [[1, 2]]}, "a", "The model has no input 'a'.")
        self.refused([{"length": 1, "width": 2}, {"length": 1}], "width", "differ in input 'width'")
        self.refused({"length": [1, 2], "width": [1]}, "input_data", "all of one length")

    def test_a_wrong_type_names_the_input(self):
        self.refused([[1, "wide"]], "width", "takes float values, but row 0 has a text")
        self.refused([[1, 2], [True, 2]], "length", "row 1 has a boolean")
        self.refused([[1, [2]]], "width", "row 0 has a list")

    def test_a_body_that_is_no_request_is_refused(self):
        for body, target in [(b"{", ""), (b"[]", "input_data"), (b'{"input_data": 3}', "input_data"), (b'{"x":1}', "input_data")]:
            status, reply = call(self.signed, "POST", "/score", body)
            self.assertEqual((400, target), (status, reply["error"]["target"]), body)

    def test_an_exception_of_the_model_is_500_and_says_nothing_of_it(self):
        class Broken:
            metadata = self.signed.MODEL.metadata

            def predict(self, data):
                raise RuntimeError("secret")

        status, reply = self.signed.score(Broken(), b'{"input_data": [[1, 2]]}')
        self.assertEqual("500 Internal Server Error", status)
        self.assertNotIn("secret", json.dumps(reply))

    def test_health_signature_and_unknown_paths(self):
        self.assertEqual((200, "Healthy"), call(self.signed, "GET", "/"))
        self.assertIn("length", json.dumps(call(self.signed, "GET", "/signature")[1]))
        self.assertEqual((200, {}), call(self.bare, "GET", "/signature"))
        self.assertEqual(404, call(self.signed, "GET", "/etc/passwd")[0])

    def test_predictions_become_json(self):
        plain = self.signed.plain
        self.assertEqual([None, 1.5], plain([float("nan"), 1.5]))
        self.assertEqual([{"a": 1}], plain(pd.DataFrame({"a": [1]})))
        self.assertEqual([1, 2], plain(pd.Series([1, 2])))

    def test_a_folder_without_model_says_so(self):
        with tempfile.TemporaryDirectory() as empty, self.assertRaises(SystemExit) as told:
            load(empty)
        self.assertIn("MLmodel", str(told.exception))


if __name__ == "__main__":
    unittest.main()
