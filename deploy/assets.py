"""Leaves this version's static files in the bucket, before its services start.

``python deploy/assets.py BUCKET``. While one version replaces the other, what a page of the one refers to may
be asked of a task of the other. The bucket has the files of both: no two share a fingerprinted name.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from storefront.brand.folder import STANDARD
from storefront.web.assets import Assets

HOUR = "public, max-age=3600"
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Upload:
    key: str
    path: Path
    content_type: str
    cache_control: str


def uploads(files: Assets) -> Iterator[Upload]:
    """Every static file at its own name, kept an hour, and at its fingerprinted one, kept for ever.

    Uncompressed: CloudFront compresses what it answers with.
    """
    for name, url, path in files.files():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        yield Upload(url.removeprefix("/"), path, kind, FOREVER)
        yield Upload(f"static/{name}", path, kind, HOUR)


def upload(client: Any, bucket: str, files: Assets) -> int:
    """Put them all; how many. Fingerprinted names first, so that no page refers to what isn't there yet."""
    wanted = sorted(uploads(files), key=lambda one: one.cache_control != FOREVER)
    for one in wanted:
        client.put_object(
            Bucket=bucket,
            Key=one.key,
            Body=one.path.read_bytes(),
            ContentType=one.content_type,
            CacheControl=one.cache_control,
        )
    return len(wanted)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python deploy/assets.py BUCKET", file=sys.stderr)
        return 2
    # Colours and marks are those that the services will have.
    files = Assets(brand=Path(os.environ.get("STOREFRONT_BRAND") or STANDARD))
    print(f"{upload(boto3.client('s3'), sys.argv[1], files)} files are in {sys.argv[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
