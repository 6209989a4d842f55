"""What azure-identity must be able to do against a real server, unmodified: nine ways to a token, each used
for a real call. The `azure-identity-…/` folders hold the pinned packages of one release and import these tests.
"""
import base64
import datetime
import hashlib
import html.parser
import http.client
import json
import os
import re
import secrets
import socket
import sys
import textwrap
import threading
import time
import urllib.parse
import uuid
import webbrowser

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.rest import HttpRequest
from azure.identity import (CertificateCredential, ClientSecretCredential, DefaultAzureCredential,
                            DeviceCodeCredential, InteractiveBrowserCredential, WorkloadIdentityCredential)
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy, ARMHttpLoggingPolicy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from harness import wait_for

SDK = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PASSWORD = "correct horse battery staple"


class SocketConnection(http.client.HTTPConnection):
    """The folder's owner over the Unix socket: the admin."""

    def __init__(self, path, host):
        super().__init__(host)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class World:
    """The server's addresses, and people and programs that exist on it."""

    def __init__(self, server):
        told = server.connect()
        self.server = server
        self.endpoint = told["endpoint"]
        self.host = urllib.parse.urlsplit(self.endpoint).netloc
        self.ca = told["caFile"]
        self.tenant = told["tenant"]
        self.scope = self.endpoint + "/.default"
        self.workspace = ("/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/"
                          "Microsoft.MachineLearningServices/workspaces/{workspace}").format(**told)

    def admin(self, method, path, body=None):
        """A call over the socket; the answer's JSON."""
        connection = SocketConnection(self.server.folder / "run" / "lazurite.sock", self.host)
        connection.request(method, "/lazurite/v1" + path, json.dumps(body or {}),
                           {"Content-Type": "application/json", "Host": self.host})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in (200, 201), (answer.status, text)
        return json.loads(text)

    def program(self, role="Reader"):
        """A new service principal with a secret."""
        return self.admin("POST", "/servicePrincipals",
                          {"name": f"ci-{uuid.uuid4().hex[:8]}", "role": role, "scope": "/"})

    def person(self, role="Reader"):
        """A new user; {name, objectId, …}."""
        return self.admin("POST", "/users", {"name": f"ana-{uuid.uuid4().hex[:8]}@example.org", "password": PASSWORD,
                                             "role": role, "scope": "/"})

    def post(self, path, **fields):
        """A form, as a program without any library would send it."""
        return requests.post(f"{self.endpoint}/adfs{path}", data=fields, verify=self.ca, allow_redirects=False,
                             timeout=60)

    def token(self, **fields):
        return self.post("/oauth2/v2.0/token", **fields)

    def arm(self, credential):
        """The pipeline of Azure's management libraries, which answers claims challenges."""
        return ARMPipelineClient(base_url=self.endpoint, policies=[
            ARMChallengeAuthenticationPolicy(credential, self.scope), ARMHttpLoggingPolicy()])

    def get_workspace(self, credential):
        """A real call with a token of that credential; the workspace's name."""
        with self.arm(credential) as client:
            return get_name(client, self.endpoint + self.workspace)


def get_name(client, url):
    answer = client.send_request(HttpRequest("GET", url + "?api-version=2024-10-01"))
    answer.raise_for_status()
    return answer.json()["name"]


@pytest.fixture(scope="session")
def world(server):
    for name in [n for n in os.environ if n.startswith(("AZURE_", "IDENTITY_", "MSI_", "ARM_"))]:
        del os.environ[name]
    made = World(server)
    os.environ["REQUESTS_CA_BUNDLE"] = made.ca
    os.environ["AZURE_AUTHORITY_HOST"] = made.endpoint
    return made


@pytest.fixture(scope="session")
def program(world):
    return world.program()


@pytest.fixture(scope="session")
def person(world):
    return world.person()


# --- Programs -------------------------------------------------------------------------------------------

def test_client_secret(world, program):
    credential = ClientSecretCredential("adfs", program["clientId"], program["secret"])
    assert world.get_workspace(credential) == "default"
    claims = jwt.decode(credential.get_token(world.scope).token, options={"verify_signature": False})
    assert claims["aud"] == world.endpoint and claims["tid"] == world.tenant
    assert claims["oid"] == program["objectId"] and claims["appid"] == program["clientId"]


def test_client_secret_with_our_guid_and_without_discovery(world, program):
    credential = ClientSecretCredential(world.tenant, program["clientId"], program["secret"],
                                        disable_instance_discovery=True)
    assert world.get_workspace(credential) == "default"


def test_by_another_of_our_names(world, program):
    address = world.endpoint.replace("localhost", "127.0.0.1")
    key, public = certificate("by-address")
    world.admin("POST", f"/servicePrincipals/{program['name']}/certificates", {"pem": public.decode()})
    configuration = requests.get(f"{address}/adfs/.well-known/openid-configuration", timeout=30).json()
    assert configuration["token_endpoint"].startswith(address)
    credential = CertificateCredential("adfs", program["clientId"], certificate_data=key + public, authority=address)
    assert world.get_workspace(credential) == "default"


def test_the_token_verifies_by_the_published_keys(world, program):
    text = ClientSecretCredential("adfs", program["clientId"], program["secret"]).get_token(world.scope).token
    configuration = requests.get(f"{world.endpoint}/adfs/.well-known/openid-configuration", timeout=30).json()
    keys = jwt.PyJWKSet.from_dict(requests.get(configuration["jwks_uri"], timeout=30).json())
    key = next(k for k in keys.keys if k.key_id == jwt.get_unverified_header(text)["kid"])
    claims = jwt.decode(text, key.key, algorithms=["RS256"], audience=world.endpoint, issuer=configuration["issuer"])
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("audience", ["https://ml.azure.com/", "https://ml.azure.com", "https://management.azure.com/"])
def test_the_audience_is_the_scope_byte_for_byte(world, program, audience):
    credential = ClientSecretCredential("adfs", program["clientId"], program["secret"])
    claims = jwt.decode(credential.get_token(audience + "/.default").token, options={"verify_signature": False})
    assert claims["aud"] == audience


def test_default_credential_from_the_environment(world, program, monkeypatch):
    monkeypatch.setenv("AZURE_TENANT_ID", "adfs")
    monkeypatch.setenv("AZURE_CLIENT_ID", program["clientId"])
    monkeypatch.setenv("AZURE_CLIENT_SECRET", program["secret"])
    assert world.get_workspace(DefaultAzureCredential()) == "default"


def certificate(name):
    """A key and a certificate that it signed itself, as PEM: what a person makes with openssl."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return private, made.public_bytes(serialization.Encoding.PEM)


def test_certificate(world, program):
    key, public = certificate("ci")
    world.admin("POST", f"/servicePrincipals/{program['name']}/certificates", {"pem": public.decode()})
    credential = CertificateCredential("adfs", program["clientId"], certificate_data=key + public)
    assert world.get_workspace(credential) == "default"


def test_a_certificate_that_nobody_entered(world, program):
    key, public = certificate("stranger")
    credential = CertificateCredential("adfs", program["clientId"], certificate_data=key + public)
    with pytest.raises(ClientAuthenticationError, match="is wrong"):
        credential.get_token(world.scope)


@pytest.fixture()
def federation(world, tmp_path, monkeypatch):
    """An issuer of tokens as a CI system is one, entered for a program."""
    program = world.program()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    public.update(kid="one", use="sig", alg="RS256")
    world.admin("POST", f"/servicePrincipals/{program['name']}/federations",
                {"issuer": "https://ci.test", "subject": "repo:a/b", "audience": "api://AzureADTokenExchange",
                 "jwks": {"keys": [public]}})
    file = tmp_path / "token"

    def issue(**changes):
        now = int(time.time())
        claims = {"iss": "https://ci.test", "sub": "repo:a/b", "aud": "api://AzureADTokenExchange", "iat": now,
                  "nbf": now, "exp": now + 600, **changes}
        file.write_text(jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"}))

    monkeypatch.setenv("AZURE_TENANT_ID", world.tenant)
    monkeypatch.setenv("AZURE_CLIENT_ID", program["clientId"])
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    issue()
    return issue


def test_workload_identity(world, federation):
    assert world.get_workspace(WorkloadIdentityCredential()) == "default"


def test_default_credential_with_a_federated_token(world, federation):
    assert world.get_workspace(DefaultAzureCredential()) == "default"


@pytest.mark.parametrize("changes", [{"sub": "repo:a/fork"}, {"iss": "https://other.test"}, {"aud": "x"}, {"exp": 1}])
def test_a_federated_token_that_says_something_else(world, federation, changes):
    federation(**changes)
    with pytest.raises(ClientAuthenticationError, match="is wrong"):
        WorkloadIdentityCredential().get_token(world.scope)


# --- People ---------------------------------------------------------------------------------------------

class Form(html.parser.HTMLParser):
    """The fields of a page's form, its address, and the scripts and policy a browser would obey."""

    def __init__(self, answer):
        super().__init__()
        self.url, self.action, self.fields, self.scripts, self.inline = answer.url, None, {}, [], False
        self.policy = answer.headers["Content-Security-Policy"]
        self.feed(answer.text)
        assert "script-src 'self'" in self.policy and "unsafe" not in self.policy and not self.inline

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = urllib.parse.urljoin(self.url, attributes.get("action", self.url))
        elif tag == "input":
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "script":
            self.scripts.append(attributes["src"])
        self.inline |= any(name.startswith("on") for name in attributes)


class Browser(webbrowser.BaseBrowser):
    """A person with a browser: fills in the page, and lets its script send the answer on."""

    def __init__(self, world, name, password=PASSWORD):
        super().__init__()
        self.world, self.person, self.password, self.sent = world, name, password, []

    def open(self, url, new=0, autoraise=True):
        self.thread = threading.Thread(target=self.fill, args=(url,))
        self.thread.start()
        return True

    def fill(self, url):
        with requests.Session() as session:
            session.verify = self.world.ca
            page = Form(session.get(url, timeout=30))
            page.fields.update(username=self.person, password=self.password, answer="signin")
            answer = session.post(page.action, data=page.fields, timeout=30,
                                  headers={"Origin": self.world.endpoint, "Sec-Fetch-Site": "same-origin"})
            answer.raise_for_status()
            if "form-action" not in answer.headers.get("Content-Security-Policy", ""):
                return  # the redirect led to the waiting client
            back = Form(answer)
            script = session.get(urllib.parse.urljoin(answer.url, back.scripts[0]), timeout=30)
            assert script.headers["Content-Type"].startswith("text/javascript") and "submit" in script.text
            assert f"form-action 'self' {back.action.rstrip('/')};" in back.policy
            self.sent.append(back.fields)
            requests.post(back.action, data=back.fields, timeout=30).raise_for_status()


@pytest.fixture()
def browser(world, person):
    made = Browser(world, person["name"])
    webbrowser.register("person", None, made, preferred=True)
    yield made
    made.thread.join(30)


def test_interactive_browser(world, person, browser):
    credential = InteractiveBrowserCredential(tenant_id="adfs", timeout=60)
    assert world.get_workspace(credential) == "default"
    claims = jwt.decode(credential.get_token(world.scope).token, options={"verify_signature": False})
    assert claims["oid"] == person["objectId"] and claims["upn"] == person["name"]
    # A second audience comes by the refresh token, without asking the person again.
    other = jwt.decode(credential.get_token("https://ml.azure.com/.default").token, options={"verify_signature": False})
    assert other["aud"] == "https://ml.azure.com" and len(browser.sent) <= 1


def test_device_code(world, person):
    def prompt(uri, code, expires_on):
        page = Form(requests.get(uri, timeout=30))
        page.fields.update(user_code=code, username=person["name"], password=PASSWORD, answer="signin")
        answer = requests.post(page.action, data=page.fields, timeout=30)
        assert answer.status_code == 200 and "Signed in" in answer.text
        # Older releases give a time without a zone.
        assert expires_on.replace(tzinfo=datetime.timezone.utc) > datetime.datetime.now(datetime.timezone.utc)

    credential = DeviceCodeCredential(tenant_id="adfs", prompt_callback=prompt, timeout=60)
    assert world.get_workspace(credential) == "default"


def test_device_code_refused_by_the_person(world):
    def prompt(uri, code, _):
        requests.post(uri, data={"user_code": code, "answer": "refuse"}, timeout=30).raise_for_status()

    credential = DeviceCodeCredential(tenant_id="adfs", prompt_callback=prompt, timeout=60)
    with pytest.raises(ClientAuthenticationError, match="refused"):
        credential.get_token(world.scope)


# --- Inside a job ---------------------------------------------------------------------------------------

PROBE = textwrap.dedent("""
    import json, os, sys, urllib.request
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
    from azure.mgmt.core import ARMPipelineClient
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    FORMS = {"app-service": ["MSI_ENDPOINT", "MSI_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"],
             "azure-ml": ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"],
             "imds": ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"],
             "default": [], "named": [], "other": []}
    form, endpoint, workspace = sys.argv[1:4]
    for name in FORMS[form]:
        del os.environ[name]
    if form == "default":
        credential = DefaultAzureCredential()
    elif form == "named":
        credential = ManagedIdentityCredential(client_id=os.environ["DEFAULT_IDENTITY_CLIENT_ID"])
    elif form == "other":
        credential = ManagedIdentityCredential(client_id="11111111-1111-1111-1111-111111111111")
    else:
        credential = ManagedIdentityCredential()
    client = ARMPipelineClient(endpoint, policies=[
        ARMChallengeAuthenticationPolicy(credential, endpoint + "/.default")])
    answer = client.send_request(HttpRequest("GET", endpoint + workspace + "?api-version=2024-10-01"))
    answer.raise_for_status()
    print("workspace", answer.json()["name"])
    token = credential.get_token(endpoint + "/.default").token
    run = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"].replace("azureml:", "https:")
                                 + "/api/2.0/mlflow/runs/get?run_id=" + os.environ["MLFLOW_RUN_ID"],
                                 headers={"Authorization": "Bearer " + token})
    import ssl
    context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    print("run", json.load(urllib.request.urlopen(run, context=context))["run"]["info"]["run_id"])
    print("token", token)
    put = client.send_request(HttpRequest("PUT", endpoint + workspace + "/data/forbidden?api-version=2024-10-01",
                                          json={"properties": {}}))
    print("write", put.status_code)
""")


def run_job(world, tmp_path, form):
    """The probe as a job of its own; its log and how it ended."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "probe.py").write_text(PROBE)
    name = f"id-{form}-{uuid.uuid4().hex[:6]}"
    file = tmp_path / "job.yml"
    file.write_text(f"command: {sys.executable} probe.py {form} {world.endpoint} {world.workspace}\n"
                    "code: ./code\nenvironment:\n  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04\n")
    done = world.server.cli("job", "create", "-f", file, "-n", name, "--stream", check=False)
    return name, done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize("form", ["app-service", "azure-ml", "imds", "default", "named"])
def test_managed_identity_in_a_job(world, tmp_path, form):
    name, log, code = run_job(world, tmp_path, form)
    assert code == 0, log
    assert "workspace default" in log and f"run {name}" in log
    assert re.search("^write 40[0-9]$", log, re.M)
    # With the job its tokens die.
    token = re.search("^token (.*)$", log, re.M).group(1)

    def dead():
        answer = requests.get(world.endpoint + world.workspace, params={"api-version": "2024-10-01"},
                              headers={"Authorization": "Bearer " + token}, timeout=30)
        return answer.status_code == 401
    wait_for(dead, 10)


def test_another_identity_is_not_there(world, tmp_path):
    _, log, code = run_job(world, tmp_path, "other")
    assert code != 0 and "workspace default" not in log
    assert "this identity" in log or "No identity has been assigned" in log, log


# --- What must not work ---------------------------------------------------------------------------------

def error(answer, status, name):
    assert (answer.status_code, answer.json().get("error")) == (status, name), answer.text
    assert answer.json()["error_description"] and "access_token" not in answer.json()
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_wrong_secret(world, program):
    with pytest.raises(ClientAuthenticationError, match="is wrong"):
        ClientSecretCredential("adfs", program["clientId"], "wrong").get_token(world.scope)
    error(world.token(client_id=program["clientId"], client_secret="wrong", grant_type="client_credentials",
                      scope=world.scope), 401, "invalid_client")


def test_another_audience(world, program):
    credential = ClientSecretCredential("adfs", program["clientId"], program["secret"])
    with pytest.raises(ClientAuthenticationError, match="No tokens are given for"):
        credential.get_token("https://graph.microsoft.com/.default")


def test_no_role_no_workspace(world):
    made = world.admin("POST", "/servicePrincipals", {"name": f"bare-{uuid.uuid4().hex[:8]}"})
    credential = ClientSecretCredential("adfs", made["clientId"], made["secret"])
    with pytest.raises(HttpResponseError) as refused:
        world.get_workspace(credential)
    assert refused.value.status_code in (403, 404)


def test_ten_failures_and_then_not_even_the_right_secret(world):
    made = world.program()
    form = {"client_id": made["clientId"], "grant_type": "client_credentials", "scope": world.scope}
    for _ in range(10):
        error(world.token(client_secret="wrong", **form), 401, "invalid_client")
    answer = world.token(client_secret=made["secret"], **form)
    error(answer, 429, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def challenge():
    verifier = secrets.token_urlsafe(48)
    return verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def sign_in(world, person):
    """A code by the pages, and its verifier."""
    verifier, code_challenge = challenge()
    question = {"client_id": SDK, "response_type": "code", "redirect_uri": "http://localhost:8400", "state": "s",
                "scope": world.scope + " openid offline_access", "nonce": "n", "code_challenge": code_challenge,
                "code_challenge_method": "S256"}
    page = Form(requests.get(f"{world.endpoint}/adfs/oauth2/v2.0/authorize", params=question, timeout=30))
    page.fields.update(username=person["name"], password=PASSWORD, answer="signin")
    answer = requests.post(page.action, data=page.fields, timeout=30, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["s"]
    return query["code"][0], verifier


def redeem(world, code, verifier):
    return world.token(client_id=SDK, grant_type="authorization_code", code=code, code_verifier=verifier,
                       redirect_uri="http://localhost:8400", scope=world.scope)


def refresh(world, token):
    return world.token(client_id=SDK, grant_type="refresh_token", refresh_token=token, scope=world.scope)


def test_a_replayed_code_ends_what_came_of_it(world, person):
    code, verifier = sign_in(world, person)
    first = redeem(world, code, verifier)
    assert first.status_code == 200
    error(redeem(world, code, verifier), 400, "invalid_grant")
    error(refresh(world, first.json()["refresh_token"]), 400, "invalid_grant")


def test_a_code_with_another_verifier(world, person):
    code, _ = sign_in(world, person)
    error(redeem(world, code, challenge()[0]), 400, "invalid_grant")


def test_a_reused_refresh_token_ends_the_family(world, person):
    old = redeem(world, *sign_in(world, person)).json()["refresh_token"]
    new = refresh(world, old).json()["refresh_token"]
    error(refresh(world, old), 400, "invalid_grant")
    error(refresh(world, new), 400, "invalid_grant")


def test_refresh_tokens_survive_a_restart(world, person):
    token = redeem(world, *sign_in(world, person)).json()["refresh_token"]
    world.server.stop()
    world.server.start()
    answer = refresh(world, token)
    assert answer.status_code == 200
    assert token not in "".join(p.read_text(errors="replace") for p in (world.server.folder / "state").rglob("*")
                                if p.is_file())


def test_the_answer_goes_nowhere_else(world):
    question = {"client_id": SDK, "response_type": "code", "redirect_uri": "https://evil.test/", "scope": world.scope}
    answer = requests.get(f"{world.endpoint}/adfs/oauth2/v2.0/authorize", params=question, timeout=30,
                          allow_redirects=False)
    assert answer.status_code == 400 and "evil.test" not in answer.text


def test_a_revoked_token_is_replaced_by_the_pipeline_itself(world):
    made = world.program()
    credential = ClientSecretCredential("adfs", made["clientId"], made["secret"])
    with world.arm(credential) as client:
        assert get_name(client, world.endpoint + world.workspace) == "default"
        old = credential.get_token(world.scope).token
        world.admin("POST", f"/servicePrincipals/{made['name']}/revoke")
        answer = requests.get(world.endpoint + world.workspace, params={"api-version": "2024-10-01"},
                              headers={"Authorization": "Bearer " + old}, timeout=30)
        assert answer.status_code == 401 and "insufficient_claims" in answer.headers["WWW-Authenticate"]
        assert get_name(client, world.endpoint + world.workspace) == "default"
        assert credential.get_token(world.scope, claims="{}").token != old


# --- Inside a scoring script ----------------------------------------------------------------------------

SCORE = textwrap.dedent("""
    import json, os, ssl, urllib.parse, urllib.request

    def init():
        pass

    def run(raw):
        asked = json.loads(raw)
        question = urllib.parse.urlencode({"api-version": "2019-08-01", "resource": asked["endpoint"]})
        token = json.load(urllib.request.urlopen(urllib.request.Request(
            os.environ["IDENTITY_ENDPOINT"] + "?" + question,
            headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]})))["access_token"]
        context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
        found = urllib.request.urlopen(urllib.request.Request(
            asked["endpoint"] + asked["workspace"] + "?api-version=2024-10-01",
            headers={"Authorization": "Bearer " + token}), context=context)
        return json.load(found)["name"]
""")


def test_managed_identity_in_a_scoring_script(world, tmp_path):
    """The endpoint's identity, in the same way; here without the package, which no environment brings."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(SCORE)
    (tmp_path / "model.txt").write_text("1")
    (tmp_path / "endpoint.yml").write_text("name: who\nauth_mode: key\n")
    (tmp_path / "deployment.yml").write_text(
        "name: blue\nendpoint_name: who\nmodel:\n  path: ./model.txt\ncode_configuration:\n  code: ./code\n"
        "  scoring_script: score.py\nenvironment:\n  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04\n"
        "instance_type: Standard_DS3_v2\ninstance_count: 1\n")
    (tmp_path / "ask.json").write_text(json.dumps({"endpoint": world.endpoint, "workspace": world.workspace}))
    world.server.cli("online-endpoint", "create", "-f", tmp_path / "endpoint.yml")
    world.server.cli("online-deployment", "create", "-f", tmp_path / "deployment.yml", "--all-traffic", timeout=300)
    answer = world.server.cli("online-endpoint", "invoke", "-n", "who", "--request-file", tmp_path / "ask.json")
    assert "default" in answer.stdout
