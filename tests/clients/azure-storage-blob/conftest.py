"""azure-storage-blob as it is, on the storage account of the default workspace: by path and by host name."""
import json
import os
import socket
import ssl
import urllib.parse
import urllib.request
import uuid

import pytest

DOMAIN = "lazurite.test"
resolve = socket.getaddrinfo


def resolve_here(host, *rest, **options):
    """Host names of accounts lead here, as a line in a name server would have it."""
    text = host.decode() if isinstance(host, bytes) else host
    return resolve("127.0.0.1" if text and text.endswith("." + DOMAIN) else host, *rest, **options)


class Account:
    """What a client needs to know of an account: names, key, token, and how it is addressed."""

    def __init__(self, server, told, mode):
        self.server, self.mode, self.ca, self.token = server, mode, told["caFile"], told["token"]
        self.endpoint = told["endpoint"]
        self.port = urllib.parse.urlsplit(self.endpoint).port
        self.workspace = (f"/subscriptions/{told['subscription']}/resourceGroups/{told['resourceGroup']}"
                          f"/providers/Microsoft.MachineLearningServices/workspaces/{told['workspace']}")
        store = self.arm("GET", "/datastores/workspaceartifactstore")["properties"]
        self.container = store["containerName"]
        self.name = store["accountName"].rsplit("/", 1)[-1]
        self.key = self.arm("POST", "/datastores/workspaceartifactstore/listSecrets", {})["key"]
        host = f"localhost:{self.port}/{self.name}.blob.core.{DOMAIN}"
        if mode == "host":
            host = f"{self.name}.blob.core.{DOMAIN}:{self.port}"
        self.url = "https://" + host

    def arm(self, method, path, body=None):
        return self.ask(method, f"{self.workspace}{path}?api-version=2024-10-01", body)

    def ask(self, method, path, body=None):
        """With the admin's token; bytes are a form."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": kind} | ({} if isinstance(body, bytes) else {"Authorization": "Bearer " + self.token})
        request = urllib.request.Request(self.endpoint + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.ca)) as reply:
            return json.loads(reply.read() or b"{}")

    @property
    def shared_key(self):
        return {"account_name": self.name, "account_key": self.key}

    def service(self, credential=None, **options):
        from azure.storage.blob import BlobServiceClient
        return BlobServiceClient(self.url, credential=self.shared_key if credential is None else credential,
                                 connection_verify=self.ca, retry_total=options.pop("retry_total", 0), **options)

    def raw(self, method, path, headers=None, data=None):
        """A request that no library would make: status, headers, body."""
        request = urllib.request.Request(self.url + path, method=method, data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.ca)) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()


@pytest.fixture(scope="session", autouse=True)
def names():
    socket.getaddrinfo = resolve_here
    yield
    socket.getaddrinfo = resolve


@pytest.fixture(scope="session", params=["path", "host"])
def account(server, request):
    for name in [n for n in os.environ if n.startswith(("AZURE_", "REQUESTS_CA", "SSL_CERT"))]:
        del os.environ[name]
    return Account(server, server.connect(), request.param)


@pytest.fixture(scope="session")
def service(account):
    return account.service()


@pytest.fixture()
def box(service):
    """A container of this test alone, in the account of the workspace."""
    made = service.create_container("box-" + uuid.uuid4().hex[:12])
    yield made
    try:
        made.delete_container()
    except Exception:  # the test did
        pass
