"""Requests that are wrong in their bytes, over plain sockets to the real listeners.

Each must be refused with its status and the connection closed, and the server must go on answering.
"""
import json
import re
import socket
import ssl
import time
import urllib.parse

import pytest

KIB = 1024


@pytest.fixture(scope="module")
def listeners(server):
    """Name → (port, TLS or None, what Host it wants), for the three listeners."""
    connect = server.connect()
    trust = ssl.create_default_context(cafile=connect["caFile"])
    said = json.loads((server.folder / "run/server.json").read_text())
    arm = urllib.parse.urlsplit(connect["endpoint"]).port
    plain = urllib.parse.urlsplit(connect["mlflowTrackingUri"]).port
    scoring = [urllib.parse.urlsplit(v).port for k, v in said.items() if "scoring" in k.lower() and str(v).startswith("http")]
    assert len(scoring) == 1, said
    return {"tls": (arm, trust, f"localhost:{arm}"), "plain": (plain, None, f"127.0.0.1:{plain}"),
            "scoring": (scoring[0], trust, f"localhost:{scoring[0]}")}


@pytest.fixture(params=["tls", "plain", "scoring"])
def listener(request, listeners):
    return listeners[request.param]


def opened(listener):
    port, trust, _ = listener
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return trust.wrap_socket(plain, server_hostname="localhost") if trust else plain


def read_all(connection):
    """Everything until the peer closes."""
    got = b""
    try:
        while part := connection.recv(65536):
            got += part
    except (ConnectionResetError, ssl.SSLError):
        pass
    return got


def ask(listener, text):
    """Sends bytes with HOST filled in; all that came until the close."""
    with opened(listener) as connection:
        try:
            connection.sendall(text.replace(b"HOST", listener[2].encode()))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        return read_all(connection)


def status(reply):
    assert reply.startswith(b"HTTP/1.1 "), reply[:100]
    return int(reply[9:12])


def answers(reply):
    return len(re.findall(rb"HTTP/1\.1 \d", reply))


def alive(listener):
    reply = ask(listener, b"GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    return status(reply) in (200, 404)


HEAD = b"GET /healthz HTTP/1.1\r\nHost: HOST\r\n"
POST = b"POST /healthz HTTP/1.1\r\nHost: HOST\r\n"
BAD = {
    "bare-lf": b"GET /healthz HTTP/1.1\nHost: HOST\n\n",
    "bare-lf-in-headers": HEAD + b"A: b\nC: d\r\n\r\n",
    "bare-cr": HEAD + b"A: b\rC: d\r\n\r\n",
    "obs-fold": HEAD + b"A: b\r\n c\r\n\r\n",
    "space-before-colon": HEAD + b"A : b\r\n\r\n",
    "space-before-first-header": b"GET /healthz HTTP/1.1\r\n Host: HOST\r\n\r\n",
    "control-in-value": HEAD + b"A: b\x01c\r\n\r\n",
    "nul-in-value": HEAD + b"A: b\0c\r\n\r\n",
    "delete-in-value": HEAD + b"A: b\x7fc\r\n\r\n",
    "bad-header-name": HEAD + b"A(b): c\r\n\r\n",
    "empty-header-name": HEAD + b": c\r\n\r\n",
    "no-colon": HEAD + b"Abc\r\n\r\n",
    "no-host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two-hosts": HEAD + b"Host: HOST\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "two-lengths-that-differ": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length-list": POST + b"Content-Length: 1, 1\r\n\r\nx",
    "length-and-chunked": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "other-coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "coding-list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding-twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding-with-tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "length-signed": POST + b"Content-Length: +1\r\n\r\nx",
    "length-negative": POST + b"Content-Length: -1\r\n\r\n",
    "length-hex": POST + b"Content-Length: 0x1\r\n\r\nx",
    "length-empty": POST + b"Content-Length:\r\n\r\n",
    "length-overflow": POST + b"Content-Length: 9223372036854775808\r\n\r\n",
    "length-overflow-64": POST + b"Content-Length: 18446744073709551617\r\n\r\nx",
    "bad-escape": b"GET /%zz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "cut-escape": b"GET /a%4 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "encoded-slash": b"GET /a%2fb HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "encoded-backslash": b"GET /a%5Cb HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "encoded-nul": b"GET /a%00b HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "dot": b"GET /a/./b HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "dots": b"GET /a/../healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "encoded-dots": b"GET /a/%2e%2E/healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "doubled-slash": b"GET //healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "no-slash": b"GET healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "fragment": b"GET /healthz#a HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "no-version": b"GET /healthz\r\nHost: HOST\r\n\r\n",
    "two-spaces": b"GET  /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "unknown-version": b"GET /healthz HTTP/3.7\r\nHost: HOST\r\n\r\n",
    "unknown-method": b"BREW /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "noise": bytes(range(256)),
    "zeros": b"\0" * 100,
    "bytes-in-target": b"GET /\xff\xfe HTTP/1.1\r\nHost: HOST\r\n\r\n",
}

CREATE = b"POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
CHUNKS = {
    "not-hex": b"xyz\r\n\r\n",
    "0x": b"0x1\r\na\r\n0\r\n\r\n",
    "negative": b"-1\r\n\r\n",
    "overflow": b"ffffffffffffffff1\r\n",
    "bare-lf": b"1\na\n0\n\n",
    "too-long": b"1\r\nabc\r\n0\r\n\r\n",
}
# What is well-formed HTTP, but none of ours.
OTHER = {"unknown-method": (400, 405, 501), "unknown-version": (400, 505), "http-2-preface": (400, 505),
         "other-coding": (400, 501), "coding-list": (400, 501)}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_request_is_400_and_closed(listener, name):
    reply = ask(listener, BAD[name])
    assert status(reply) in OTHER.get(name, (400,)), reply[:200]
    assert b"\r\nconnection: close" in reply.lower()
    assert answers(reply) == 1, "bytes after a bad request were answered"
    assert alive(listener)


@pytest.mark.parametrize("name", CHUNKS)
def test_a_malformed_chunk_is_400_where_bodies_are_read(listeners, name):
    reply = ask(listeners["plain"], CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[name])
    assert status(reply) == 400, reply[:200]
    assert answers(reply) == 1
    assert alive(listeners["plain"])


def test_a_path_with_a_semicolon_is_nobodys(listener):
    reply = ask(listener, b"GET /healthz;a=b HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    assert status(reply) in (400, 401, 404)


def test_the_refusal_is_a_code_and_a_sentence(listener):
    body = ask(listener, BAD["two-lengths"]).split(b"\r\n\r\n", 1)[1]
    assert b"error" in body.lower() and len(body) > 30, body


@pytest.mark.parametrize("text, wanted", [
    (b"GET /" + b"a" * (9 * KIB) + b" HTTP/1.1\r\nHost: HOST\r\n\r\n", (414, 400)),
    (HEAD + b"A: " + b"b" * (33 * KIB) + b"\r\n\r\n", (431,)),
    (HEAD + b"".join(b"A%d: b\r\n" % i for i in range(101)) + b"\r\n", (431,)),
    (HEAD + b"A" * (33 * KIB) + b": b\r\n\r\n", (431,)),
], ids=["target", "header", "headers", "name"])
def test_heads_have_limits(listener, text, wanted):
    assert status(ask(listener, text)) in wanted
    assert alive(listener)


@pytest.mark.parametrize("host", [b"evil.example", b"localhost.evil.example:1", b"127.0.0.1.evil.example", b"", b"a b",
                                  b"169.254.169.254", b"user@localhost", b"localhost:99999", b"localhost:1:2"])
def test_a_foreign_host_is_refused(listeners, host):
    for name in ("tls", "plain"):
        reply = ask(listeners[name], b"GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: " + host +
                    b"\r\nConnection: close\r\n\r\n")
        assert status(reply) in (400, 421), reply[:200]


def test_a_smuggled_second_request_is_not_answered(listener):
    inner = b"GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n"
    reply = ask(listener, POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner)
    assert answers(reply) == 1


def test_pipelined_requests_are_answered_in_order(listeners):
    reply = ask(listeners["plain"], HEAD + b"\r\n" + HEAD + b"\r\n" + HEAD + b"Connection: close\r\n\r\n")
    assert reply.count(b"HTTP/1.1 200") == 3


def test_a_body_over_the_limit_is_413_before_it_is_read(listeners):
    head = b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    begun = time.monotonic()
    assert status(ask(listeners["plain"], head % (1 << 40))) == 413
    assert time.monotonic() - begun < 10
    assert status(ask(listeners["plain"], head % (5 << 20) + b"x" * (5 << 20))) == 413, "a reset in place of the 413"
    assert alive(listeners["plain"])


def test_a_chunked_body_over_the_limit_is_413(listeners):
    head = b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(ask(listeners["plain"], head + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 70)) == 413


@pytest.mark.parametrize("body", [b"[" * 100000, b"{\"a\":" * 1000, b"\xff\xfe", b"{\"a\":1}x", b"{\"a\":1,}", b"", b"\0", b"nul",
                                  b"\"\\ud800\"", b"1e999", b"[]", b"null", b"5"])
def test_a_body_that_is_no_json_is_400(listeners, body):
    reply = ask(listeners["plain"], b"POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert status(reply) == 400, reply[:300]
    assert b"error_code" in reply


def test_a_head_that_never_ends_is_given_up(listener):
    with opened(listener) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        connection.settimeout(16)
        begun = time.monotonic()
        got = read_all(connection)
        assert 5 < time.monotonic() - begun < 15
        assert got == b"" or status(got) == 408


def test_a_thousand_connections_that_say_nothing_hinder_nobody(listeners):
    held = [socket.create_connection(("127.0.0.1", listeners["plain"][0])) for _ in range(1000)]
    try:
        begun = time.monotonic()
        assert alive(listeners["plain"]) and alive(listeners["tls"])
        assert time.monotonic() - begun < 5
    finally:
        for connection in held:
            connection.close()


def test_plain_http_to_the_tls_port_and_tls_to_the_plain_port(listeners):
    port, _, host = listeners["tls"]
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(HEAD.replace(b"HOST", host.encode()) + b"\r\n")
        assert b"200" not in read_all(connection)[:20]
    with socket.create_connection(("127.0.0.1", listeners["plain"][0]), timeout=15) as connection:
        with pytest.raises((ssl.SSLError, OSError)):
            listeners["tls"][1].wrap_socket(connection, server_hostname="localhost")
    assert alive(listeners["tls"]) and alive(listeners["plain"])
