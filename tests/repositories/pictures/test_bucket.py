"""Pictures in a bucket: as a CDN hands them on, for ever."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.repositories import pictures
from storefront.repositories.pictures.bucket import Bucket

NAME = "0123456789abcdef0123-{}.{}"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="larkfield-media")
        yield client


def test_a_picture_is_kept_with_its_type_for_ever(s3) -> None:
    files = Bucket(Settings(media_bucket="larkfield-media"))
    files.put(NAME.format(400, "avif"), b"picture")
    files.put(NAME.format(400, "webp"), b"other")
    found = s3.get_object(Bucket="larkfield-media", Key="media/" + NAME.format(400, "avif"))
    assert found["Body"].read() == b"picture"
    assert found["ContentType"] == "image/avif"
    assert found["CacheControl"] == "public, max-age=31536000, immutable"
    other = s3.head_object(Bucket="larkfield-media", Key="media/" + NAME.format(400, "webp"))
    assert other["ContentType"] == "image/webp"


def test_all_names_are_found_and_no_others(s3) -> None:
    files = Bucket(Settings(media_bucket="larkfield-media"))
    assert files.names() == set()
    # More than one answer of S3 holds.
    names = {NAME.format(width, "webp") for width in range(1, 1_005)}
    for name in names:
        files.put(name, b"")
    for key in ("media/notes.txt", "static/" + NAME.format(400, "webp")):
        s3.put_object(Bucket="larkfield-media", Key=key, Body=b"")
    assert files.names() == names


def test_a_bucket_that_is_not_there_is_an_outage(s3) -> None:
    files = Bucket(Settings(media_bucket="nobodys"))
    with pytest.raises(StoreUnavailable) as refused:
        files.put(NAME.format(400, "avif"), b"picture")
    assert (refused.value.store, refused.value.code) == ("s3", "NoSuchBucket")
    with pytest.raises(StoreUnavailable):
        files.names()


def test_the_setting_says_where_pictures_are_kept() -> None:
    assert isinstance(pictures.of(Settings(media_bucket="larkfield-media")), Bucket)
    assert not isinstance(pictures.of(Settings()), Bucket)
