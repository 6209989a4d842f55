"""The asynchronous client: the same wire by another transport, which spells paths in its own way."""
import asyncio
import os

from azure.storage.blob.aio import BlobServiceClient

NAMES = ["a/b c%.txt", "ö;1", "plain", "q'(x)"]


def test_blobs_by_the_asynchronous_client(account, box):
    async def story():
        bytes_ = os.urandom(9 << 20)
        async with BlobServiceClient(account.url, credential=account.shared_key, connection_verify=account.ca,
                                     max_single_put_size=1 << 20, max_block_size=1 << 20) as service:
            there = service.get_container_client(box.container_name)
            await asyncio.gather(*(there.upload_blob(name, name.encode()) for name in NAMES))
            await there.upload_blob("large", bytes_, max_concurrency=4)
            assert sorted([b.name async for b in there.list_blobs()]) == sorted(NAMES + ["large"])
            for name in NAMES:
                assert await (await there.download_blob(name)).readall() == name.encode()
            assert await (await there.download_blob("large", max_concurrency=4)).readall() == bytes_
            await there.delete_blob(NAMES[0])
            assert not await there.get_blob_client(NAMES[0]).exists()
    asyncio.run(story())
