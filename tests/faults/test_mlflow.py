"""Tracking calls no client sends: each is a 4xx with MLflow's envelope, none a 500, and nothing leaks."""
import http.client
import itertools
import json
import urllib.parse
import uuid

import pytest


@pytest.fixture(scope="module")
def place(server):
    return urllib.parse.urlsplit(server.connect()["mlflowTrackingUri"]).netloc


def send(place, method, path, body=None, kind="application/json"):
    """Status and bytes; the path goes out as it is written here."""
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.putrequest(method, path, skip_accept_encoding=True)
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(len(raw or b"")))
    connection.endheaders(raw)
    reply = connection.getresponse()
    return reply.status, reply.read()


def post(place, path, body):
    status, text = send(place, "POST", f"/api/2.0/mlflow/{path}", body)
    return status, json.loads(text or b"{}")


def get(place, route, **query):
    status, text = send(place, "GET", f"/api/2.0/mlflow/{route}?{urllib.parse.urlencode(query)}")
    return status, json.loads(text or b"{}")


def refused(answer, *codes):
    """A 4xx in the envelope that clients read."""
    status, body = answer
    assert 400 <= status < 500, answer
    assert body["error_code"] in (codes or (body["error_code"],)), body
    assert len(body["message"]) > 10
    return body["message"]


@pytest.fixture()
def experiment(place):
    return post(place, "experiments/create", {"name": f"e-{uuid.uuid4().hex}"})[1]["experiment_id"]


@pytest.fixture()
def run(place, experiment):
    return post(place, "runs/create", {"experiment_id": experiment})[1]["run"]["info"]["run_id"]


WRONG = [None, True, -1, 1.5, 2**63, 2**64 - 1, 10**30, "", "x" * 100000, "\0", "é\ud800", [], ["a"], {}, {"a": 1}, [[[]]], "null", "NaN"]
FIELDS = {
    "experiments/create": {"name": "n", "artifact_location": "a", "tags": [{"key": "k", "value": "v"}]},
    "experiments/update": {"experiment_id": "0", "new_name": "n"},
    "experiments/set-experiment-tag": {"experiment_id": "0", "key": "k", "value": "v"},
    "experiments/search": {"max_results": 10, "filter": "", "order_by": [], "page_token": "", "view_type": "ALL"},
    "runs/create": {"experiment_id": "0", "user_id": "u", "start_time": 1, "tags": [{"key": "k", "value": "v"}], "run_name": "r"},
    "runs/update": {"run_id": "RUN", "status": "FINISHED", "end_time": 5, "run_name": "n"},
    "runs/log-metric": {"run_id": "RUN", "key": "k", "value": 1.0, "timestamp": 1, "step": 1},
    "runs/log-parameter": {"run_id": "RUN", "key": "k", "value": "v"},
    "runs/set-tag": {"run_id": "RUN", "key": "k", "value": "v"},
    "runs/delete-tag": {"run_id": "RUN", "key": "k"},
    "runs/log-batch": {"run_id": "RUN", "metrics": [{"key": "k", "value": 1.0, "timestamp": 1, "step": 1}],
                       "params": [{"key": "p", "value": "v"}], "tags": [{"key": "t", "value": "v"}]},
    "runs/search": {"experiment_ids": ["0"], "filter": "", "max_results": 10, "order_by": [], "page_token": "", "run_view_type": "ALL"},
    "runs/log-inputs": {"run_id": "RUN", "datasets": [{"dataset": {"name": "d", "digest": "1", "source_type": "s", "source": "s"}}]},
    "runs/log-model": {"run_id": "RUN", "model_json": "{}"},
    "runs/outputs": {"run_id": "RUN", "models": [{"model_id": "m", "step": 0}]},
    "runs/delete": {"run_id": "nobody"}, "runs/restore": {"run_id": "nobody"},
    "logged-models": {"experiment_id": "0", "name": "n", "model_type": "t", "params": [{"key": "k", "value": "v"}]},
    "logged-models/search": {"experiment_ids": ["0"], "filter": "", "max_results": 5, "order_by": [], "page_token": ""},
}


def mutated(body):
    """The body with each field, and each member of its lists, replaced by each wrong value or left out."""
    for field in body:
        yield {k: v for k, v in body.items() if k != field}
        for wrong in WRONG:
            yield {**body, field: wrong}
        if isinstance(body[field], list):
            yield from ({**body, field: [wrong]} for wrong in WRONG)
            if body[field] and isinstance(body[field][0], dict):
                inner = body[field][0]
                yield from ({**body, field: [{**inner, k: wrong}]} for k, wrong in itertools.product(inner, WRONG))
    yield from WRONG


@pytest.mark.parametrize("path", FIELDS)
def test_wrong_types_are_never_a_500(place, run, path):
    """What is right is made first, so that the mutations reach beyond the first check."""
    connection = http.client.HTTPConnection(place, timeout=60)
    for body in mutated(FIELDS[path]):
        text = json.dumps(body).replace("RUN", run).encode()
        connection.request("POST", f"/api/2.0/mlflow/{path}", text, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        answer = reply.read()
        assert reply.status < 500, (body, answer)
        if reply.status >= 400:
            assert {"error_code", "message"} <= set(json.loads(answer)), (body, answer)
    assert post(place, "runs/get?run_id=" + run, None)[0] != 500


def test_unknown_things_are_not_found(place, run):
    for answer in [get(place, "runs/get", run_id="nobody"), get(place, "experiments/get", experiment_id="999999"), get(place, "experiments/get-by-name", experiment_name="no"),
                   get(place, "metrics/get-history", run_id="nobody", metric_key="m"),
                   post(place, "runs/log-metric", {"run_id": "nobody", "key": "k", "value": 1, "timestamp": 1}),
                   post(place, "runs/create", {"experiment_id": "999999"}), get(place, "logged-models/nobody"),
                   post(place, "runs/update", {"run_id": "nobody", "status": "FINISHED"}),
                   get(place, "artifacts/list", run_id="nobody")]:
        refused(answer, "RESOURCE_DOES_NOT_EXIST")
    refused(get(place, "experiments/get", experiment_id="x' OR 1=1"))
    refused(get(place, "runs/get", run_id="../" * 20), "INVALID_PARAMETER_VALUE")
    refused(get(place, "no/such/route"))


def test_a_deleted_experiment_takes_no_runs(place, experiment):
    assert post(place, "experiments/delete", {"experiment_id": experiment})[0] == 200
    message = refused(post(place, "runs/create", {"experiment_id": experiment}))
    assert "delete" in message or "active" in message
    refused(post(place, "experiments/update", {"experiment_id": experiment, "new_name": "x"}))


def test_a_deleted_run_takes_no_writes(place, run):
    assert post(place, "runs/delete", {"run_id": run})[0] == 200
    refused(post(place, "runs/log-metric", {"run_id": run, "key": "k", "value": 1, "timestamp": 1}))
    refused(post(place, "runs/log-batch", {"run_id": run, "metrics": [{"key": "k", "value": 1, "timestamp": 1}]}))


def test_huge_batches_are_refused_whole(place, run):
    metric = {"key": "m", "value": 1, "timestamp": 1, "step": 0}
    refused(post(place, "runs/log-batch", {"run_id": run, "metrics": [metric] * 1001}))
    refused(post(place, "runs/log-batch", {"run_id": run, "params": [{"key": f"p{i}", "value": "v"} for i in range(101)]}))
    refused(post(place, "runs/log-batch", {"run_id": run, "tags": [{"key": f"t{i}", "value": "v"} for i in range(101)]}))
    refused(post(place, "runs/log-batch", {"run_id": run, "metrics": [metric] * 40000}))
    refused(post(place, "runs/log-batch", {"run_id": run, "metrics": [metric, {**metric, "key": "a\nb" * 1000}]}))
    assert get(place, "runs/get", run_id=run)[1]["run"]["data"].get("metrics", []) == []


SQL = ["' OR 1=1 --", "metrics.a > 1; DROP TABLE run", "params.a = 'x' OR 1=1", "tags.`a\"b` = 'x' UNION SELECT 1",
       "attributes.status = 'FINISHED') --", "metrics.a > (SELECT 1)", "params.a LIKE '%' ESCAPE 'x'", "attributes.rowid = 1",
       "run.scope = 1", "metrics.", "=", "((((", "'", "`", "params.a = ", "metrics.a > 'x'", "\0", "a" * 5000,
       "params.a BETWEEN 1 AND 2", "attributes.start_time > 'now'", "tags.a = 'x' AND", "AND", "tags.a"]


@pytest.mark.parametrize("text", SQL)
def test_sql_in_filters_is_refused(place, run, text):
    for path, body in [("runs/search", {"experiment_ids": ["0"], "filter": text}), ("experiments/search", {"filter": text, "max_results": 5}),
                       ("logged-models/search", {"experiment_ids": ["0"], "filter": text})]:
        message = refused(post(place, path, body), "INVALID_PARAMETER_VALUE", "BAD_REQUEST")
        assert "sqlite" not in message.lower() and "syntax error near" not in message.lower()
    assert get(place, "runs/get", run_id=run)[0] == 200


@pytest.mark.parametrize("text", ["metrics.a; DROP TABLE run", "1", "rowid", "params.`a` DESC, (SELECT 1)", "attributes.nope DESC", "\0", ""])
def test_sql_in_order_by_is_refused(place, text):
    refused(post(place, "runs/search", {"experiment_ids": ["0"], "order_by": [text]}))


@pytest.mark.parametrize("clauses", [60, 5000])
def test_filters_of_many_clauses_answer_soon(place, clauses):
    """A limit, or an answer; never a stack or a second that runs away."""
    text = " AND ".join(f"params.p{i} = 'x'" for i in range(clauses))
    status, body = post(place, "runs/search", {"experiment_ids": ["0"], "filter": text})
    assert status == 200 or 400 <= status < 500 and body["error_code"] == "INVALID_PARAMETER_VALUE", body
    status, body = post(place, "runs/search", {"experiment_ids": ["0"] * 5000, "order_by": ["metrics.a"] * 5000})
    assert status == 200 or 400 <= status < 500, body


@pytest.mark.parametrize("token", ["x", "AAAA", "eyJhIjoxfQ==", "-1", "9" * 100, "\0", "'", "%00"])
def test_page_tokens_are_checked(place, token):
    for path, body in [("runs/search", {"experiment_ids": ["0"], "page_token": token}),
                       ("experiments/search", {"max_results": 5, "page_token": token})]:
        refused(post(place, path, body))


TRAVERSALS = ["../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "a/../../secret", "a/%2e%2e/%2e%2e/secret", "..\\secret",
              "..%5csecret", "%252e%252e/secret", "..%252fsecret", "%c0%ae%c0%ae/secret", "..%c0%afsecret", "%uff0e%uff0e/secret",
              "/etc/passwd", "%2fetc%2fpasswd", "a//b", "./a", "a/.", "..", ".", "a%00b", "file:///etc/passwd", "~/.ssh/id_rsa",
              "\u2025/secret", "a/..;/secret", "%2e%2e%5c%2e%2e%5csecret", "C:%5cwindows"]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_artifact_paths_stay_below_their_run(server, place, run, experiment, path):
    """Written, read, listed and deleted by hostile paths: nothing outside the run's own artifacts is met."""
    before = {p for p in server.folder.parent.glob("*secret*")} | {p for p in server.folder.rglob("*secret*")}
    quoted = urllib.parse.quote(path, safe="/%\\:;~")
    base = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/"
    for method in ("PUT", "GET", "DELETE"):
        status, body = send(place, method, base + quoted, b"planted" if method == "PUT" else None, "application/octet-stream")
        assert status < 500, (method, path, body)
        assert b"root:" not in body
    for query in (path, quoted):
        status, body = get(place, "artifacts/list", run_id=run, path=query)
        assert status < 500 and not (set(f["path"] for f in body.get("files", [])) & {"etc/passwd"})
    status, body = send(place, "GET", f"/api/2.0/mlflow-artifacts/artifacts?path={quoted}")
    assert status < 500
    after = {p for p in server.folder.parent.glob("*secret*")} | {p for p in server.folder.rglob("*secret*")}
    assert after == before


def test_artifacts_of_two_runs_are_apart(place, experiment):
    runs = [post(place, "runs/create", {"experiment_id": experiment})[1]["run"]["info"]["run_id"] for _ in range(2)]
    base = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/"
    assert send(place, "PUT", f"{base}{runs[0]}/artifacts/a.txt", b"mine", "application/octet-stream")[0] == 200
    for path in (f"{runs[1]}/artifacts/../../{runs[0]}/artifacts/a.txt", f"{runs[1]}/artifacts/%2e%2e/%2e%2e/{runs[0]}/artifacts/a.txt",
                 f"{runs[1]}/artifacts/..%2f..%2f{runs[0]}/artifacts/a.txt"):
        status, body = send(place, "GET", base + path)
        assert status >= 400 and b"mine" not in body
    assert send(place, "GET", f"{base}{runs[0]}/artifacts/a.txt") == (200, b"mine")


def test_metrics_of_odd_numbers_are_kept_or_refused(place, run):
    for number in ("NaN", "Infinity", "-Infinity", 1e308, -1e308, 5e-324):
        assert post(place, "runs/log-metric", {"run_id": run, "key": "odd", "value": number, "timestamp": 1, "step": 1})[0] == 200
    for bad in ({"value": "x"}, {"value": None}, {"timestamp": -2**70}, {"step": 2**70},
                {"timestamp": 2**63}, {"step": 2**63}, {"step": 2**64 - 1}, {"step": "x"}, {"timestamp": "soon"}):
        refused(post(place, "runs/log-metric", {"run_id": run, "key": "odd", "value": 1, "timestamp": 1, "step": 1, **bad}))


def test_a_parameter_does_not_change(place, run):
    assert post(place, "runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})[0] == 200
    assert post(place, "runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})[0] == 200
    assert "p" in refused(post(place, "runs/log-parameter", {"run_id": run, "key": "p", "value": "2"}), "INVALID_PARAMETER_VALUE")
