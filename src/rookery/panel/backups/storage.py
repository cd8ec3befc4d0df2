"""Buckets for backups: signed addresses and uploads in parts. Nodes and browsers talk to the bucket themselves.

The client library blocks and is large, so it is loaded at the first use and called in a thread.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from rookery.panel.settings import PanelSettings
from rookery.protocol.problems import Unavailable

_DOWNLOAD_SECONDS = 300
_ORDER = {
    name: place
    for place, name in enumerate(
        (
            "X-Amz-Content-Sha256",
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-SignedHeaders",
            "X-Amz-Expires",
            "X-Amz-Signature",
        )
    )
}
"""Order of a signed address' parameters; those of the call itself come first. Signatures do not depend on it."""


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
            events = self._client.meta.events
            events.register("before-sign.s3", _say_unsigned)
            events.register("before-call.s3.CompleteMultipartUpload", _with_declaration)
        return self._client

    def _signed(self, call: str, seconds: int, **more: Any) -> str:
        """An address that does one call, its parameters in the order nodes have always seen."""
        key = more.pop("key")
        url = self._bucket().generate_presigned_url(call, Params={**self._object(key), **more}, ExpiresIn=seconds)
        parts = urlsplit(url)
        query = sorted(parts.query.split("&"), key=lambda pair: _ORDER.get(pair.partition("=")[0], -1))
        ordered: str = urlunsplit(parts._replace(query="&".join(query)))
        return ordered

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
        numbers = range(1, count + 1)
        return upload, [
            self._signed("upload_part", seconds, key=key, UploadId=upload, PartNumber=number) for number in numbers
        ]

    def _complete(self, key: str, upload: str, parts: Sequence[dict[str, Any]] | None) -> None:
        bucket = self._bucket()
        if parts is None:
            listed = bucket.list_parts(**self._object(key), UploadId=upload)
            done = [{"ETag": part["ETag"], "PartNumber": part["PartNumber"]} for part in listed.get("Parts", ())]
        else:
            done = [{"ETag": part["etag"], "PartNumber": int(part["part_number"])} for part in parts]
        bucket.complete_multipart_upload(**self._object(key), UploadId=upload, MultipartUpload={"Parts": done})

    def _download_url(self, key: str) -> str:
        return self._signed("get_object", _DOWNLOAD_SECONDS, key=key)


def _say_unsigned(request: Any, signature_version: str, **_: Any) -> None:
    """Signed addresses name what is not signed, the content, as those of the reference do."""
    if signature_version.endswith("-query"):
        joint = "&" if "?" in request.url else "?"
        request.url += f"{joint}X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"


def _with_declaration(params: dict[str, Any], **_: Any) -> None:
    body = params["body"]
    params["body"] = b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"
