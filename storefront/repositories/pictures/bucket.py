"""Pictures in a bucket of S3, from which a CDN serves them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storefront.aws import code_of, make_client
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.domain.pictures import CACHE_CONTROL, FILE_NAME, TYPES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "media/"
"""Of a picture's key: the CDN hands the path on as it is, and the bucket holds other things too."""


class Bucket:
    """For a command that takes its time: it tries again for longer than a request could wait."""

    def __init__(self, settings: Settings) -> None:
        self._name = settings.media_bucket
        self._region = settings.aws_region

    def names(self) -> set[str]:
        found = set()
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=PREFIX
            ):
                found |= {one["Key"].removeprefix(PREFIX) for one in page.get("Contents", [])}
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("s3", code_of(error)) from error
        return {name for name in found if FILE_NAME.fullmatch(name)}

    def put(self, name: str, content: bytes) -> None:
        try:
            self._client.put_object(
                Bucket=self._name,
                Key=PREFIX + name,
                Body=content,
                ContentType=TYPES[name.rpartition(".")[2]],
                CacheControl=CACHE_CONTROL,
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("s3", code_of(error)) from error

    @cached_property
    def _client(self) -> S3Client:
        return make_client(
            "s3",
            region_name=self._region,
            config=Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 5},
                max_pool_connections=1,
            ),
        )
