"""Blobs by the account's key: bytes, names, metadata, conditions, lists, blocks, copies."""
import hashlib
import io
import os
import time
from base64 import b64encode
from datetime import datetime, timedelta, timezone

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (ClientAuthenticationError, HttpResponseError, ResourceExistsError,
                                   ResourceModifiedError, ResourceNotFoundError)
from azure.core.credentials import AccessToken
from azure.storage.blob import (BlobBlock, BlobType, BlockState, ContentSettings, PartialBatchErrorException,
                                StandardBlobTier, generate_container_sas)

NAMES = ["plain.txt", "a/b/c", "100%.csv", "semi;colon", "blank in it", "ümläut/日本.txt", "a+b&c=d", "~!*'()", "q?#x",
         "per%20cent", "trailing.", "emoji-😀"]


class AccountToken:
    """A token that is there already, as a credential."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_, **__):
        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back(box, name):
    blob = box.get_blob_client(name)
    blob.upload_blob(name.encode())
    assert blob.download_blob().readall() == name.encode()
    assert [b.name for b in box.list_blobs()] == [name]
    assert blob.get_blob_properties().name == name
    blob.delete_blob()
    assert not blob.exists()


def test_an_empty_blob_is_read_without_a_range(box):
    blob = box.get_blob_client("empty")
    blob.upload_blob(b"")
    assert blob.download_blob().readall() == b""
    assert blob.get_blob_properties().size == 0
    with pytest.raises(HttpResponseError) as caught:
        blob._client.blob.download(range="bytes=0-1")
    assert caught.value.status_code == 416
    assert caught.value.response.headers["x-ms-error-code"] == "InvalidRange"


def test_what_is_there_is_not_overwritten_unless_asked(box):
    blob = box.get_blob_client("x")
    blob.upload_blob(b"1")
    with pytest.raises(ResourceExistsError) as caught:
        blob.upload_blob(b"2")
    assert caught.value.error_code == "BlobAlreadyExists" and caught.value.status_code == 409
    assert blob.download_blob().readall() == b"1"
    blob.upload_blob(b"3", overwrite=True)
    assert blob.download_blob().readall() == b"3"


def test_properties_and_metadata_come_back_as_they_were_set(box):
    blob = box.get_blob_client("x")
    settings = ContentSettings(content_type="text/html; charset=utf-8", content_encoding="gzip", content_language="de",
                               content_disposition="inline", cache_control="no-store")
    blob.upload_blob(b"<p>", metadata={"Owner": "Ana", "x_1": "ü".encode().hex()}, content_settings=settings,
                     standard_blob_tier=StandardBlobTier.COOL)
    seen = blob.get_blob_properties()
    assert seen.metadata == {"Owner": "Ana", "x_1": "c3bc"}
    assert seen.content_settings.content_type == "text/html; charset=utf-8"
    assert seen.content_settings.content_language == "de" and seen.content_settings.content_encoding == "gzip"
    assert seen.content_settings.content_disposition == "inline" and seen.content_settings.cache_control == "no-store"
    assert seen.content_settings.content_md5 == bytearray(hashlib.md5(b"<p>").digest())
    assert seen.blob_type == BlobType.BLOCKBLOB and seen.blob_tier == "Cool"
    blob.set_standard_blob_tier(StandardBlobTier.HOT)
    assert blob.get_blob_properties().blob_tier == "Hot"
    blob.set_blob_metadata({"other": "1"})
    assert blob.get_blob_properties().metadata == {"other": "1"}
    blob.set_http_headers(ContentSettings(content_type="text/csv"))
    seen = blob.get_blob_properties()
    assert seen.content_settings.content_type == "text/csv" and seen.content_settings.content_language is None
    assert seen.metadata == {"other": "1"}
    listed = next(iter(box.list_blobs(include=["metadata"])))
    assert listed.metadata == {"other": "1"} and listed.content_settings.content_type == "text/csv"
    assert listed.etag and listed.last_modified == seen.last_modified and listed.size == 3


def test_conditions_hold_a_write_and_a_read(box):
    blob = box.get_blob_client("x")
    first = blob.upload_blob(b"1")["etag"]
    second = blob.upload_blob(b"2", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)["etag"]
    assert first != second
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"3", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob(etag=second, match_condition=MatchConditions.IfModified)
    assert caught.value.status_code == 304
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    with pytest.raises(HttpResponseError) as caught:
        blob.set_blob_metadata({"a": "1"}, if_modified_since=soon)
    assert caught.value.status_code == 412 and caught.value.error_code == "ConditionNotMet"
    with pytest.raises(HttpResponseError):
        blob.download_blob(if_unmodified_since=datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert blob.download_blob(if_unmodified_since=soon).readall() == b"2"


def test_bytes_that_do_not_fit_their_digest_change_nothing(box, account):
    blob = box.get_blob_client("x")
    blob.upload_blob(b"old")
    with pytest.raises(HttpResponseError) as caught:
        blob._client.block_blob.upload(3, io.BytesIO(b"new"), transactional_content_md5=hashlib.md5(b"neu").digest())
    assert caught.value.status_code == 400
    assert caught.value.response.headers["x-ms-error-code"] == "Md5Mismatch"
    with pytest.raises(HttpResponseError) as caught:
        blob.stage_block("one", b"new", length=3, headers={"x-ms-content-crc64": "AAAAAAAAAAA="})
    assert caught.value.error_code == "Crc64Mismatch"
    assert blob.download_blob().readall() == b"old"
    blob.upload_blob(b"good", overwrite=True, validate_content=True)
    assert blob.download_blob(validate_content=True).readall() == b"good"
    assert blob.download_blob(offset=1, length=2, validate_content=True).readall() == b"oo"


def test_parallel_blocks_of_a_large_file_and_a_download_in_pieces(box, tmp_path):
    bytes_ = os.urandom(1 << 20) * 75  # blocks repeat: the same chunk is many blocks
    blob = box.get_blob_client("large/file.bin")
    blob.upload_blob(io.BytesIO(bytes_), length=len(bytes_), max_concurrency=8, metadata={"upload_status": "completed"})
    seen = blob.get_blob_properties()
    assert seen.size == len(bytes_) and seen.metadata == {"upload_status": "completed"}
    committed, waiting = blob.get_block_list("all")
    assert len(committed) == 19 and waiting == [] and sum(b.size for b in committed) == len(bytes_)
    target = tmp_path / "back"
    with open(target, "wb") as file:
        blob.download_blob(max_concurrency=8).readinto(file)
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(bytes_).digest()
    assert blob.download_blob(offset=4 << 20, length=10).readall() == bytes_[4 << 20:(4 << 20) + 10]
    assert blob.download_blob(offset=(4 << 20) - 3, length=6).readall() == bytes_[(4 << 20) - 3:(4 << 20) + 3]


def test_a_list_of_blocks_builds_on_the_blob(box):
    blob = box.get_blob_client("x")
    for name in ("a", "b"):
        blob.stage_block(name, name.encode() * 3)
    committed, waiting = blob.get_block_list("all")
    assert committed == [] and {b.id for b in waiting} == {"a", "b"}
    assert not blob.exists()
    blob.commit_block_list([BlobBlock("a"), BlobBlock("b")])
    blob.stage_block("c", b"ccc")
    assert blob.download_blob().readall() == b"aaabbb"
    blob.commit_block_list([BlobBlock("c"), BlobBlock("a", state=BlockState.COMMITTED),
                            BlobBlock("c", state=BlockState.UNCOMMITTED)])
    assert blob.download_blob().readall() == b"cccaaaccc"
    assert [b.id for b in blob.get_block_list()[0]] == ["c", "a", "c"]
    with pytest.raises(HttpResponseError) as caught:
        blob.commit_block_list([BlobBlock("b", state=BlockState.COMMITTED)])
    assert caught.value.error_code == "InvalidBlockList"
    blob.commit_block_list([])
    assert blob.download_blob().readall() == b""


def test_a_copy_has_the_bytes_and_the_metadata(box):
    source, target = box.get_blob_client("from/ö%.txt"), box.get_blob_client("to")
    source.upload_blob(b"bytes", metadata={"k": "v"}, content_settings=ContentSettings(content_type="text/csv"))
    done = target.start_copy_from_url(source.url)
    assert done["copy_status"] == "success"
    seen = target.get_blob_properties()
    assert seen.copy.status == "success" and seen.copy.id == done["copy_id"]
    assert seen.metadata == {"k": "v"} and seen.content_settings.content_type == "text/csv"
    target.start_copy_from_url(source.url, metadata={"other": "1"}, requires_sync=True)
    assert target.get_blob_properties().metadata == {"other": "1"}
    assert target.download_blob().readall() == b"bytes"
    target.upload_blob_from_url(source.url, overwrite=True)
    with pytest.raises(HttpResponseError):
        target.start_copy_from_url(source.url + "x")
    with pytest.raises(HttpResponseError) as caught:
        target.start_copy_from_url("https://example.com/a/b")
    assert caught.value.error_code == "CannotVerifyCopySource"


def test_an_append_blob_grows(box):
    blob = box.get_blob_client("log")
    blob.create_append_blob(metadata={"k": "v"})
    offsets = [int(blob.append_block(text)["blob_append_offset"]) for text in (b"one ", b"two ", b"three")]
    assert offsets == [0, 4, 8]
    assert blob.download_blob().readall() == b"one two three"
    seen = blob.get_blob_properties()
    assert seen.blob_type == BlobType.APPENDBLOB and seen.append_blob_committed_block_count == 3
    assert seen.metadata == {"k": "v"}
    with pytest.raises(HttpResponseError) as caught:
        blob.append_block(b"x", appendpos_condition=1)
    assert caught.value.error_code == "AppendPositionConditionNotMet"
    with pytest.raises(HttpResponseError) as caught:
        blob.append_block(b"x", maxsize_condition=13)
    assert caught.value.error_code == "MaxBlobSizeConditionNotMet"
    with pytest.raises(HttpResponseError) as caught:
        blob.commit_block_list([])
    assert caught.value.error_code == "InvalidBlobType"
    box.upload_blob("block", b"1")
    with pytest.raises(HttpResponseError) as caught:
        box.get_blob_client("block").append_block(b"x")
    assert caught.value.error_code == "InvalidBlobType"
    box.upload_blob("other log", b"by upload", blob_type=BlobType.APPENDBLOB)
    assert box.download_blob("other log").readall() == b"by upload"


def test_folders_and_pages_of_a_list(box):
    for name in ("a/1", "a/2", "a/b/1", "c", "d/1"):
        box.upload_blob(name, b"x")
    assert sorted(b.name for b in box.walk_blobs()) == ["a/", "c", "d/"]
    assert sorted(b.name for b in box.walk_blobs("a/")) == ["a/1", "a/2", "a/b/"]
    assert [b.name for b in box.list_blobs(name_starts_with="a/")] == ["a/1", "a/2", "a/b/1"]
    pages = [[b.name for b in page] for page in box.list_blobs(results_per_page=2).by_page()]
    assert pages == [["a/1", "a/2"], ["a/b/1", "c"], ["d/1"]]
    assert list(box.list_blob_names()) == ["a/1", "a/2", "a/b/1", "c", "d/1"]


def test_errors_are_those_of_the_service(box, service):
    with pytest.raises(ResourceNotFoundError) as caught:
        box.download_blob("none")
    assert caught.value.error_code == "BlobNotFound"
    with pytest.raises(ResourceNotFoundError) as caught:
        service.get_blob_client("no-such-box", "x").upload_blob(b"1")
    assert caught.value.error_code == "ContainerNotFound"
    box.upload_blob("x", b"1")
    for call in (lambda b: b.create_snapshot(), lambda b: b.acquire_lease(), lambda b: b.set_blob_tags({"a": "b"}),
                 lambda b: b.create_page_blob(512)):
        with pytest.raises(HttpResponseError) as caught:
            call(box.get_blob_client("x"))
        assert caught.value.status_code == 501 and caught.value.error_code == "FeatureNotYetSupported"
    with pytest.raises(HttpResponseError) as caught:
        box.get_blob_client("x").set_blob_metadata({"not-a-name": "1"})
    assert caught.value.error_code == "InvalidMetadata"


def test_containers_are_made_described_and_deleted(service, account):
    name = f"made-{time.time_ns()}"
    box = service.get_container_client(name)
    assert not box.exists()
    with pytest.raises(ResourceNotFoundError):
        box.get_container_properties()
    box.create_container(metadata={"a": "1"})
    with pytest.raises(ResourceExistsError) as caught:
        box.create_container()
    assert caught.value.error_code == "ContainerAlreadyExists"
    assert box.exists() and box.get_container_properties().metadata == {"a": "1"}
    box.set_container_metadata({"b": "2"})
    box.upload_blob("x", b"1")
    listed = {c.name: c.metadata for c in service.list_containers(include_metadata=True)}
    assert listed[name] == {"b": "2"} and account.container in listed
    assert [c.name for c in service.list_containers(name_starts_with=name)] == [name]
    assert box.get_container_access_policy()["signed_identifiers"] == []
    box.delete_container()
    assert not box.exists() and name not in [c.name for c in service.list_containers()]
    box.create_container()
    assert list(box.list_blobs()) == []  # what was there is gone
    box.delete_container()


@pytest.mark.parametrize("name", ["Upper", "a", "two--hyphens", "-first", "under_score", "azureml-mine"])
def test_names_that_no_container_may_have(service, name):
    with pytest.raises(HttpResponseError) as caught:
        service.create_container(name)
    assert caught.value.error_code == "InvalidResourceName"


def test_containers_of_the_workspace_stay(service, account):
    ours = service.get_container_client(account.container)
    assert ours.exists()
    with pytest.raises(HttpResponseError):
        ours.delete_container()
    with pytest.raises(ResourceExistsError):
        ours.create_container()


def test_what_the_account_is(service):
    assert service.get_account_information()["account_kind"] == "StorageV2"
    assert service.get_service_properties()["cors"] == []


def test_a_thousand_blobs_are_listed_in_pages(box):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: box.upload_blob(f"many/{i:05}", b""), range(1000)))
    pages = list(box.list_blobs("many/", results_per_page=300).by_page())
    sizes = [len(list(page)) for page in pages]
    assert sizes == [300, 300, 300, 100]


def test_many_blobs_go_in_one_request(box, account):
    sas = generate_container_sas(account.name, box.container_name, account_key=account.key, permission="d",
                                 expiry=datetime.now(timezone.utc) + timedelta(hours=1))
    for credential, name in ((None, "key"), (sas, "signature"), (AccountToken(account.token), "token")):
        mine = account.service(credential).get_container_client(box.container_name)
        for number in range(3):
            box.upload_blob(f"{name}/{number} ü", b"1")
        replies = list(mine.delete_blobs(f"{name}/0 ü", f"{name}/none", f"{name}/2 ü", raise_on_any_failure=False))
        assert [reply.status_code for reply in replies] == [202, 404, 202]
        assert [b.name for b in box.list_blobs(name_starts_with=name)] == [f"{name}/1 ü"]
    with pytest.raises(PartialBatchErrorException):
        box.delete_blobs("key/1 ü", "none")
    assert not box.get_blob_client("key/1 ü").exists()


def test_the_snapshots_alone_leave_the_blob(box):
    box.upload_blob("x", b"1")
    box.delete_blob("x", delete_snapshots="only")
    assert box.download_blob("x").readall() == b"1"


def test_a_foreign_account_is_not_found(account):
    other = "lz" + "0" * 20
    client = account.service({"account_name": other, "account_key": account.key})
    with pytest.raises((ClientAuthenticationError, ResourceNotFoundError)):
        list(client.list_containers())
    status, headers, _ = account.raw("GET", "/azureml-00000000-0000-4000-8000-000000000009/x?sig=x")
    assert status in (400, 403, 404)
    assert headers["x-ms-error-code"]
    assert b64encode(b"x")
