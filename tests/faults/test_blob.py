"""The storage surface under bad input: torn uploads, killed servers, XML and headers that nobody should send."""
import base64
import concurrent.futures
import json
import os
import pathlib
import socket
import ssl
import time
import urllib.parse

import pytest

BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


class Storage:
    """Raw requests with the admin's token; nothing is repaired on the way."""

    def __init__(self, server):
        self.server, self.told = server, server.connect()
        self.address = urllib.parse.urlsplit(self.told["endpoint"])
        path = (f"/subscriptions/{self.told['subscription']}/resourceGroups/{self.told['resourceGroup']}"
                f"/providers/Microsoft.MachineLearningServices/workspaces/{self.told['workspace']}"
                "/datastores/workspaceblobstore?api-version=2024-10-01")
        store = json.loads(self.ask("GET", path)[2])["properties"]
        self.container = "/" + store["containerName"]
        self.account = "/" + store["accountName"].rsplit("/", 1)[-1] + ".blob.core.lazurite.test"

    def open(self):
        context = ssl.create_default_context(cafile=self.told["caFile"])
        raw = socket.create_connection((self.address.hostname, self.address.port), timeout=60)
        return context.wrap_socket(raw, server_hostname=self.address.hostname)

    def head(self, method, path, headers):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address.netloc}",
                 *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode()

    def ask(self, method, path, body=b"", headers=None, token=True):
        """Status, headers in lower case, body."""
        sent = {"Content-Length": len(body), **({"Authorization": "Bearer " + self.told["token"]} if token else {}),
                "Connection": "close", **(headers or {})}
        with self.open() as wire:
            try:
                wire.sendall(self.head(method, path, sent) + body)
            except (ConnectionError, ssl.SSLError):
                pass  # refused before all was sent: the answer is there
            text = b""
            while piece := wire.recv(65536):
                text += piece
        head, _, rest = text.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (x.partition(": ") for x in lines[1:])}, rest

    def put(self, name, body, **headers):
        return self.ask("PUT", f"{self.container}/{name}", body, {**BLOCK_BLOB, **headers})[0]

    def get(self, name):
        status, _, body = self.ask("GET", f"{self.container}/{name}")
        return body if status == 200 else status

    def torn(self, path, body, part, headers=None):
        """Announces a body, sends a part of it, and hangs up."""
        sent = {"Authorization": "Bearer " + self.told["token"], "Content-Length": len(body), **BLOCK_BLOB,
                **(headers or {})}
        with self.open() as wire:
            wire.sendall(self.head("PUT", path, sent) + body[:part])

    def temporary(self):
        return list((pathlib.Path(self.server.folder) / "content" / "tmp").iterdir())


@pytest.fixture(scope="module")
def storage(server):
    return Storage(server)


def wait_until(question, seconds=10):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("part", [0, 1, 100, 65536, 300_000, 999_999])
def test_a_torn_upload_leaves_the_old_blob_and_no_part(storage, part):
    name = f"torn-{part}"
    assert storage.put(name, b"old") == 201
    storage.torn(f"{storage.container}/{name}", os.urandom(1_000_000), part)
    wait_until(lambda: not storage.temporary())
    assert storage.get(name) == b"old"


def test_a_torn_block_is_not_there(storage):
    path = f"{storage.container}/torn-block"
    storage.torn(path + "?comp=block&blockid=QQ%3D%3D", b"x" * 500_000, 400_000)
    wait_until(lambda: not storage.temporary())
    status, headers, _ = storage.ask("PUT", path + "?comp=blocklist",
                                     b"<BlockList><Latest>QQ==</Latest></BlockList>")
    assert status == 400 and headers["x-ms-error-code"] == "InvalidBlockList"
    assert storage.get("torn-block") == 404


def test_a_server_killed_in_an_upload_keeps_what_it_said(fresh_server):
    fresh_server.start()
    storage = Storage(fresh_server)
    assert storage.put("x", b"old") == 201
    kept = os.urandom(3_000_000)
    assert storage.put("kept", kept) == 201
    path = f"{storage.container}/blocks"
    assert storage.ask("PUT", path + "?comp=block&blockid=QQ%3D%3D", b"first ")[0] == 201
    with storage.open() as wire:
        body = os.urandom(5_000_000)
        wire.sendall(storage.head("PUT", f"{storage.container}/x", {
            "Authorization": "Bearer " + storage.told["token"], "Content-Length": len(body), **BLOCK_BLOB}))
        wire.sendall(body[:4_000_000])
        wait_until(storage.temporary)
        fresh_server.kill()
    fresh_server.start()
    storage = Storage(fresh_server)
    assert storage.get("x") == b"old" and storage.get("kept") == kept
    # A block that was acknowledged is there for the list.
    assert storage.ask("PUT", path + "?comp=blocklist", b"<BlockList><Latest>QQ==</Latest></BlockList>")[0] == 201
    assert storage.get("blocks") == b"first "


def test_writers_of_one_name_leave_one_of_theirs(storage):
    bodies = [bytes([65 + i]) * 200_000 for i in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: storage.put("race", body), bodies))
    assert statuses == [201] * 8 and storage.get("race") in bodies
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda body: storage.put("once", body, **{"If-None-Match": "*"}), bodies))
    assert statuses == [201] + [409] * 7


def test_while_a_blob_is_read_it_may_be_replaced(storage):
    old = os.urandom(8_000_000)
    assert storage.put("read", old) == 201
    sent = {"Authorization": "Bearer " + storage.told["token"], "Connection": "close"}
    with storage.open() as wire:
        wire.sendall(storage.head("GET", f"{storage.container}/read", sent))
        first = wire.recv(1000)
        assert storage.put("read", b"new") == 201
        rest = b""
        while piece := wire.recv(1 << 16):
            rest += piece
    assert (first + rest).endswith(old) and storage.get("read") == b"new"


@pytest.mark.parametrize("body", [
    b"", b"<", b"<BlockList>", b"<BlockList>" * 50_000, b"<BlockList><Latest>" + b"A" * 3_000_000,
    b"<!DOCTYPE l [<!ENTITY a \"aaaa\">]><BlockList><Latest>&a;</Latest></BlockList>",
    b"<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><BlockList></BlockList>", b"\xff\xfe<\x00B\x00",
    b"<BlockList>" + b"<Latest>QQ==</Latest>" * 50_001 + b"</BlockList>", b"\0" * 1000,
    b"<BlockList><Latest>../../x</Latest></BlockList>", b"<BlockList><Latest>QQ==</Committed></BlockList>",
    b"{}", b"<?xml version=\"1.0\"?><?xml?><BlockList><Latest/></BlockList>", b"x" * (5 << 20)])
def test_block_lists_that_are_none(storage, body):
    status, headers, answer = storage.ask("PUT", f"{storage.container}/list?comp=blocklist", body)
    assert 400 <= status < 500, answer[:200]
    if answer.startswith(b"<?xml"):
        assert headers["x-ms-error-code"]
    assert storage.get("list") == 404


@pytest.mark.parametrize("query", [
    "?comp=block", "?comp=block&blockid=", "?comp=block&blockid=%00", "?comp=block&blockid=" + "QQ" * 500,
    "?comp=block&blockid=..%2F..", "?comp=%2e%2e", "?comp=blocklist&comp=block", "?comp=" + "x" * 3000,
    "?timeout=-1&comp=nothing", "?comp=block&blockid=%zz", "?comp=lease", "?comp=snapshot", "?comp=tags", "?comp=undelete",
    "?comp=tier", "?comp=page"])
def test_queries_that_nobody_should_send(storage, query):
    status, headers, answer = storage.ask("PUT", f"{storage.container}/query{query}", b"x")
    assert status in (400, 404, 501), (status, answer[:200])
    assert headers.get("x-ms-error-code") or "%" in query, answer[:200]  # bad escapes never reach a face


@pytest.mark.parametrize("headers, code", [
    ({"x-ms-blob-type": "Elephant"}, "InvalidHeaderValue"), ({"x-ms-meta-": "1"}, "EmptyMetadataKey"),
    ({"x-ms-meta-a.b": "1"}, "InvalidMetadata"), ({"x-ms-meta-1a": "1"}, "InvalidMetadata"),
    ({"x-ms-meta-a": "x" * 9000}, "MetadataTooLarge"), ({"If-Modified-Since": "tomorrow"}, "InvalidHeaderValue"),
    ({"Content-MD5": "not a digest"}, "Md5Mismatch"), ({"x-ms-content-crc64": "AAAA"}, "Crc64Mismatch"),
    ({"x-ms-copy-source": "http://169.254.169.254/latest"}, "InvalidHeaderValue"),
    ({"x-ms-copy-source": "https://localhost:1/azureml-x/y"}, "CannotVerifyCopySource"),
    ({"x-ms-copy-source": "https://"}, "InvalidHeaderValue"),
    ({"x-ms-lease-id": "1"}, "LeaseNotPresentWithBlobOperation")])
def test_headers_that_say_nothing_good(storage, headers, code):
    body = b"" if "x-ms-copy-source" in headers else b"x"
    status, answered, _ = storage.ask("PUT", f"{storage.container}/headers", body, {**BLOCK_BLOB, **headers})
    assert 400 <= status <= 501 and status != 500 and answered.get("x-ms-error-code") == code
    assert storage.get("headers") == 404


@pytest.mark.parametrize("name", [
    "..", "%2e%2e", "a/../b", "a//b", "%2Fetc%2Fpasswd", "a%5cb", "%00", "%zz", "a/%2e/b"])
def test_names_that_are_no_names(storage, name):
    assert storage.put(name, b"x") == 400
    assert storage.put("x" * 4000, b"x") in (201, 400, 404, 414, 431)


@pytest.mark.parametrize("query", [
    "sig=", "sig=x", "sv=2025-11-05&sig=x", "sv=2025-11-05&sr=c&sp=racwdl&se=2099-01-01&sig=AAAA",
    "sv=2025-11-05&sr=c&sp=r&sp=w&se=2099-01-01&sig=AAAA", "sv=9999-99-99&sr=c&sp=r&se=2099-01-01&sig=AAAA",
    "sv=2025-11-05&sr=d&sdd=99999999999999999999&sp=r&se=2099-01-01&sig=A",
    "sv=2025-11-05&sr=d&sdd=-1&sp=r&se=2099&sig=A",
    "sv=2025-11-05&ss=b&srt=sco&sp=rwdl&se=2099-01-01&sig=AAAA", "sv=2025-11-05&sr=c&si=policy&sig=AAAA",
    "sv=2025-11-05&sr=b&skoid=a&sktid=b&skt=c&ske=d&sks=b&skv=e&sp=r&se=2099-01-01&sig=AAAA",
    "sv=%ff&sr=%00&sig=%", "&".join(f"s{i}=1" for i in range(500)) + "&sig=A", "sig=" + "A" * 7000])
def test_signatures_that_nobody_made(storage, query):
    for path in (storage.container + "/x", storage.account + storage.container + "/x", storage.account):
        status, headers, answer = storage.ask("GET", f"{path}?{query}", token=False)
        assert status in (400, 401, 403, 404, 431, 501), (status, answer[:200])
        assert status != 404 or path == storage.account


@pytest.mark.parametrize("value", [
    "SharedKey", "SharedKey :", "SharedKey a:b", "SharedKey " + "x" * 4000, "SharedKeyLite a:b",
    "SharedKey devstoreaccount1:" + base64.b64encode(b"x" * 32).decode()])
def test_shared_keys_that_nobody_has(storage, value):
    for path in (storage.container + "/x", storage.account + storage.container + "/x"):
        status, _, _ = storage.ask("GET", path, headers={"Authorization": value, "x-ms-date":
                                                         "Sat, 21 Nov 2026 12:00:00 GMT"}, token=False)
        assert status in (401, 403)
    status, headers, answer = storage.ask("GET", "/devstoreaccount1.blob.core.lazurite.test/box/x",
                                          headers={"Authorization": value}, token=False)
    assert status in (401, 403) and b"lz" in answer + b"lz"


def test_ranges_of_all_kinds(storage):
    assert storage.put("range", b"0123456789") == 201
    for text, status, body in (("bytes=0-0", 206, b"0"), ("bytes=9-", 206, b"9"), ("bytes=5-99", 206, b"56789"),
                               ("bytes=10-", 416, None), ("bytes=99999999999999999999-", None, None),
                               ("bytes=5-1", None, None), ("bytes=a-b", 200, b"0123456789"), ("lines=1-2", 200, None)):
        seen, headers, answer = storage.ask("GET", f"{storage.container}/range", headers={"x-ms-range": text})
        assert seen in ((status,) if status else (200, 416)), (text, seen)
        assert body is None or answer == body


def test_what_the_server_says_after_all_this(storage):
    """Nothing above cost it its life, a descriptor or a temporary file."""
    assert storage.put("after", b"all") == 201 and storage.get("after") == b"all"
    wait_until(lambda: not storage.temporary())
    assert len(os.listdir(f"/proc/{storage.server.process.pid}/fd")) < 200
