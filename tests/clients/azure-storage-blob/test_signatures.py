"""Who may: signatures of clients in all their forms, tokens, delegation keys."""
import ssl
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError
from azure.storage.blob import (AccountSasPermissions, BlobClient, BlobSasPermissions, ContainerClient,
                                ContainerSasPermissions, ResourceTypes, generate_account_sas, generate_blob_sas,
                                generate_container_sas)

SOON = {"expiry": datetime.now(timezone.utc) + timedelta(hours=1)}


class Token:
    def __init__(self, text):
        self.text = text

    def get_token(self, *scopes, **options):
        return AccessToken(self.text, int(datetime.now().timestamp()) + 3600)


def blob_by(account, url):
    return BlobClient.from_blob_url(url, connection_verify=account.ca, retry_total=0)


def test_a_blob_signature_opens_one_blob(account, box):
    box.upload_blob("a b/ö%.txt", b"1")
    box.upload_blob("other", b"2")
    sas = generate_blob_sas(account.name, box.container_name, "a b/ö%.txt", account_key=account.key,
                            permission=BlobSasPermissions(read=True), **SOON)
    blob = blob_by(account, box.get_blob_client("a b/ö%.txt").url + "?" + sas)
    assert blob.download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError) as caught:
        blob.upload_blob(b"2", overwrite=True)
    assert caught.value.status_code == 403 and caught.value.error_code == "AuthorizationPermissionMismatch"
    with pytest.raises(ClientAuthenticationError) as caught:
        blob_by(account, box.get_blob_client("other").url + "?" + sas).download_blob()
    assert caught.value.error_code == "AuthenticationFailed"


def test_a_container_signature_says_which_verbs(account, box):
    box.upload_blob("x", b"1")
    sas = generate_container_sas(account.name, box.container_name, account_key=account.key,
                                 permission=ContainerSasPermissions(list=True, create=True), **SOON)
    there = ContainerClient.from_container_url(box.url + "?" + sas, connection_verify=account.ca, retry_total=0)
    assert [b.name for b in there.list_blobs()] == ["x"]
    there.upload_blob("new", b"1")
    with pytest.raises(ResourceExistsError):  # to create is not to write
        there.upload_blob("x", b"2", overwrite=True)
    for refused in (lambda: there.download_blob("x"), lambda: there.delete_blob("x"), there.delete_container):
        with pytest.raises(HttpResponseError) as caught:
            refused()
        assert caught.value.status_code == 403
    assert box.download_blob("x").readall() == b"1"


def test_a_signature_sets_headers_of_the_reply(account, box):
    box.upload_blob("x", b"1,2")
    sas = generate_blob_sas(account.name, box.container_name, "x", account_key=account.key, permission="r",
                            cache_control="no-store", content_disposition="attachment; filename=\"a.csv\"",
                            content_encoding="identity", content_language="de", content_type="text/csv", **SOON)
    seen = blob_by(account, box.get_blob_client("x").url + "?" + sas).download_blob().properties.content_settings
    assert seen.cache_control == "no-store" and seen.content_language == "de" and seen.content_type == "text/csv"
    assert seen.content_disposition == "attachment; filename=\"a.csv\"" and seen.content_encoding == "identity"
    page = generate_blob_sas(account.name, box.container_name, "x", account_key=account.key, permission="r",
                             content_type="text/html", content_disposition="inline", **SOON)
    seen = blob_by(account, box.get_blob_client("x").url + "?" + page).download_blob().properties.content_settings
    assert seen.content_type == "application/octet-stream" and seen.content_disposition == "attachment"


@pytest.mark.parametrize("options, code", [
    ({"expiry": datetime.now(timezone.utc) - timedelta(minutes=1)}, "AuthenticationFailed"),
    ({"start": datetime.now(timezone.utc) + timedelta(hours=2), "expiry": datetime.now(timezone.utc) +
      timedelta(hours=3)}, "AuthenticationFailed"),
    ({"ip": "10.9.8.7", **SOON}, "AuthorizationSourceIPMismatch"),
    ({"ip": "127.0.0.0-127.0.0.9", "protocol": "https", "start": "2026-01-01T00:00:00Z", **SOON}, None),
    ({"expiry": (datetime.now(timezone.utc) + timedelta(days=2)).strftime("%Y-%m-%d")}, None),
])
def test_a_signature_is_narrowed(account, box, options, code):
    box.upload_blob("x", b"1")
    sas = generate_blob_sas(account.name, box.container_name, "x", account_key=account.key, permission="r", **options)
    blob = blob_by(account, box.get_blob_client("x").url + "?" + sas)
    if code is None:
        assert blob.download_blob().readall() == b"1"
        return
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob()
    assert caught.value.status_code == 403 and caught.value.error_code == code


def test_a_stored_policy_is_refused_by_name(account, box):
    sas = generate_container_sas(account.name, box.container_name, account_key=account.key, policy_id="mine")
    there = ContainerClient.from_container_url(box.url + "?" + sas, connection_verify=account.ca, retry_total=0)
    with pytest.raises(HttpResponseError) as caught:
        list(there.list_blobs())
    assert caught.value.status_code == 501 and "policies" in str(caught.value)


def test_an_account_signature_opens_levels(account, box):
    def service(types, permission):
        sas = generate_account_sas(account.name, account.key, ResourceTypes.from_string(types),
                                   AccountSasPermissions.from_string(permission), **SOON)
        return account.service(sas)
    full = service("sco", "rwdlac")
    made = full.create_container(box.container_name + "-2")
    made.upload_blob("x", b"1")
    assert box.container_name in [c.name for c in full.list_containers()]
    made.delete_container()
    box.upload_blob("x", b"1")
    assert service("o", "r").get_blob_client(box.container_name, "x").download_blob().readall() == b"1"
    with pytest.raises(HttpResponseError) as caught:
        list(service("o", "rl").get_container_client(box.container_name).list_blobs())
    assert caught.value.error_code == "AuthorizationResourceTypeMismatch"
    with pytest.raises(HttpResponseError) as caught:
        service("sco", "rl").create_container("never")
    assert caught.value.error_code == "AuthorizationPermissionMismatch"


def test_a_token_and_a_key_lent_by_it(account, box):
    service = account.service(Token(account.token))
    box.upload_blob("x", b"1")
    assert service.get_blob_client(box.container_name, "x").download_blob().readall() == b"1"
    now = datetime.now(timezone.utc)
    key = service.get_user_delegation_key(now - timedelta(minutes=1), now + timedelta(hours=1))
    sas = generate_blob_sas(account.name, box.container_name, "x", user_delegation_key=key, permission="r", **SOON)
    assert blob_by(account, box.get_blob_client("x").url + "?" + sas).download_blob().readall() == b"1"
    sas = generate_container_sas(account.name, box.container_name, user_delegation_key=key, permission="rl", **SOON)
    there = ContainerClient.from_container_url(box.url + "?" + sas, connection_verify=account.ca, retry_total=0)
    assert [b.name for b in there.list_blobs()] == ["x"]
    with pytest.raises(HttpResponseError) as caught:
        service.get_user_delegation_key(now, now + timedelta(days=30))
    assert caught.value.status_code == 400
    with pytest.raises(HttpResponseError):  # a key lends nothing further
        account.service().get_user_delegation_key(now, now + timedelta(hours=1))


def person(account, role):
    """The service of a new service principal with a role at the account's workspace, or with none."""
    name = "sp-" + uuid.uuid4().hex[:8]
    made = account.ask("POST", "/lazurite/v1/servicePrincipals", {"name": name})
    if role:
        account.ask("PUT", f"{account.workspace}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
                    "?api-version=2022-04-01",
                    {"properties": {"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/" + role,
                                    "principalId": made["objectId"]}})
    form = {"grant_type": "client_credentials", "client_id": made["clientId"], "client_secret": made["secret"],
            "scope": "https://storage.azure.com/.default"}
    reply = account.ask("POST", "/adfs/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())
    return account.service(Token(reply["access_token"]))


READER, SCIENTIST = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "f6c7c914-8db3-469d-8ca1-694a8f32e121"


def refused(call, status):
    with pytest.raises(HttpResponseError) as caught:
        call()
    assert caught.value.status_code == status, caught.value
    return caught.value.error_code


def test_roles_open_what_they_say(account, box):
    box.upload_blob("x", b"1")
    reader = person(account, READER).get_container_client(box.container_name)
    assert reader.download_blob("x").readall() == b"1"
    assert [b.name for b in reader.list_blobs()] == ["x"]
    assert refused(lambda: reader.upload_blob("y", b"2"), 403) == "AuthorizationFailure"
    assert refused(lambda: reader.delete_blob("x"), 403) == "AuthorizationFailure"
    scientist = person(account, SCIENTIST).get_container_client(box.container_name)
    scientist.upload_blob("y", b"2")
    scientist.delete_blob("y")
    stranger = person(account, None).get_container_client(box.container_name)
    assert refused(lambda: stranger.download_blob("x").readall(), 404) == "ContainerNotFound"
    assert refused(lambda: stranger.upload_blob("y", b"2"), 404) == "ContainerNotFound"


def status_of(account, token, method, path):
    """Of a request to ARM or the data plane with somebody's token."""
    request = urllib.request.Request(account.endpoint + path, method=method, data=b"{}" if method == "POST" else None,
                                     headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account.ca)) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def test_keys_leave_for_those_who_may(account):
    group = account.workspace.split("/providers/")[0]
    asks = {("GET", f"/datastore/v1.0{account.workspace}/datastores/workspaceblobstore"): (403, 200, 404),
            ("POST", f"{group}/providers/Microsoft.Storage/storageAccounts/{account.name}/listKeys"
                     "?api-version=2023-01-01"): (403, 403, 403)}
    tokens = [person(account, role).credential.text for role in (READER, SCIENTIST, None)]
    for (method, path), wanted in asks.items():
        assert tuple(status_of(account, token, method, path) for token in tokens) == wanted
        assert status_of(account, account.token, method, path) == 200


def test_a_key_lends_no_more_than_its_owner_may(account, box):
    box.upload_blob("x", b"1")
    now = datetime.now(timezone.utc)
    key = person(account, READER).get_user_delegation_key(now - timedelta(minutes=1), now + timedelta(hours=1))
    sas = generate_container_sas(account.name, box.container_name, user_delegation_key=key, permission="racwdl", **SOON)
    there = ContainerClient.from_container_url(box.url + "?" + sas, connection_verify=account.ca, retry_total=0)
    assert there.download_blob("x").readall() == b"1"
    assert refused(lambda: there.upload_blob("x", b"2", overwrite=True), 403) == "AuthorizationPermissionMismatch"
    assert refused(lambda: there.delete_blob("x"), 403) == "AuthorizationPermissionMismatch"
    assert box.download_blob("x").readall() == b"1"
    refused(lambda: person(account, None).get_user_delegation_key(now, now + timedelta(hours=1)), 404)


def test_keys_that_are_not_ours_open_nothing(account, box):
    wrong = {"account_name": account.name, "account_key": "AAAA" + account.key[4:]}
    with pytest.raises(ClientAuthenticationError) as caught:
        list(account.service(wrong).list_containers())
    assert caught.value.status_code == 403 and caught.value.error_code == "AuthenticationFailed"
    with pytest.raises(ClientAuthenticationError):
        list(account.service(Token("not.a.token")).list_containers())
    status, headers, body = account.raw("GET", f"/{box.container_name}/x")
    assert status == 401 and b"<Error>" in body and headers["x-ms-error-code"]
    status, headers, body = account.raw("GET", f"/{box.container_name}/x", {
        "Authorization": f"SharedKeyLite {account.name}:c2ln", "x-ms-date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    assert status == 403 and b"SharedKeyLite" in body and headers["x-ms-error-code"] == "AuthenticationFailed"


def test_a_copy_needs_its_source_open(account, box, service):
    secret = service.create_container(box.container_name + "-secret")
    try:
        secret.upload_blob("x", b"secret")
        sas = generate_container_sas(account.name, box.container_name, account_key=account.key, permission="racwdl",
                                     **SOON)
        there = ContainerClient.from_container_url(box.url + "?" + sas, connection_verify=account.ca, retry_total=0)
        with pytest.raises(HttpResponseError) as caught:
            there.get_blob_client("stolen").start_copy_from_url(secret.get_blob_client("x").url)
        assert caught.value.error_code == "CannotVerifyCopySource"
        read = generate_blob_sas(account.name, secret.container_name, "x", account_key=account.key, permission="r",
                                 **SOON)
        there.get_blob_client("lent").start_copy_from_url(secret.get_blob_client("x").url + "?" + read)
        assert box.download_blob("lent").readall() == b"secret"
    finally:
        secret.delete_container()
