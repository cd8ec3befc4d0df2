"""Buckets for backups: signed addresses and uploads in parts. Nodes and browsers talk to the bucket themselves.

The client library blocks and is large, so it is loaded at the first use and called in a thread.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from rookery.panel.settings import PanelSettings
from rookery.protocol.problems import Unavailable

_DOWNLOAD_SECONDS = 300


class BucketFailed(Unavailable):
    """The bucket did not do it."""

    status = 500
    code = "HttpException"


class Storage:
    """The bucket of the settings; blocking calls in threads."""

    def __init__(self, settings: PanelSettings) -> None:
        self._settings = settings
        self._client: Any = None

    async def begin_upload(self, key: str, size: int) -> tuple[str, list[str]]:
        """An upload and the addresses of its parts."""
        begun: tuple[str, list[str]] = await self._do(self._begin, key, size)
        return begun

    async def complete_upload(self, key: str, upload: str, parts: Sequence[dict[str, Any]] | None) -> None:
        """Put the parts together; without a list those the bucket has."""
        await self._do(self._complete, key, upload, parts)

    async def abort_upload(self, key: str, upload: str) -> None:
        """Forget an upload."""
        await self._do(lambda: self._bucket().abort_multipart_upload(**self._object(key), UploadId=upload))

    async def download_url(self, key: str) -> str:
        """An address for some minutes."""
        url: str = await self._do(self._download_url, key)
        return url

    async def delete(self, key: str) -> None:
        """Delete an object; one that is gone is no error."""
        await self._do(lambda: self._bucket().delete_object(**self._object(key)))

    async def _do(self, call: Any, *args: Any) -> Any:
        try:
            return await asyncio.to_thread(call, *args)
        except Exception as err:
            if type(err).__module__.partition(".")[0] not in ("botocore", "boto3"):
                raise
            raise BucketFailed("The bucket for backups did not answer as expected.") from err

    def _bucket(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            settings = self._settings
            style = "path" if settings.aws_use_path_style_endpoint else "auto"
            self._client = boto3.client(
                "s3",
                region_name=settings.aws_default_region or None,
                endpoint_url=settings.aws_endpoint or None,
                aws_access_key_id=settings.aws_access_key_id or None,
                aws_secret_access_key=settings.aws_secret_access_key or None,
                config=Config(
                    signature_version="s3v4",
                    s3={
                        "addressing_style": style,
                        "use_accelerate_endpoint": settings.aws_backups_use_accelerate,
                    },
                ),
            )
        return self._client

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._settings.aws_backups_bucket, "Key": key}

    def _begin(self, key: str, size: int) -> tuple[str, list[str]]:
        bucket, settings = self._bucket(), self._settings
        more = {"StorageClass": settings.aws_backups_storage_class} if settings.aws_backups_storage_class else {}
        upload = bucket.create_multipart_upload(**self._object(key), ContentType="application/x-gzip", **more)[
            "UploadId"
        ]
        count = -(-size // settings.backup_part_size)
        seconds = settings.backup_presigned_url_lifespan * 60
        parts = [
            bucket.generate_presigned_url(
                "upload_part",
                Params={**self._object(key), "UploadId": upload, "PartNumber": number},
                ExpiresIn=seconds,
            )
            for number in range(1, count + 1)
        ]
        return upload, parts

    def _complete(self, key: str, upload: str, parts: Sequence[dict[str, Any]] | None) -> None:
        bucket = self._bucket()
        if parts is None:
            listed = bucket.list_parts(**self._object(key), UploadId=upload)
            done = [{"ETag": part["ETag"], "PartNumber": part["PartNumber"]} for part in listed.get("Parts", ())]
        else:
            done = [{"ETag": part["etag"], "PartNumber": int(part["part_number"])} for part in parts]
        bucket.complete_multipart_upload(**self._object(key), UploadId=upload, MultipartUpload={"Parts": done})

    def _download_url(self, key: str) -> str:
        url: str = self._bucket().generate_presigned_url(
            "get_object", Params=self._object(key), ExpiresIn=_DOWNLOAD_SECONDS
        )
        return url
