"""Where the files of pictures are kept: in a folder of this machine, or in a bucket of S3."""

from __future__ import annotations

from typing import Protocol

from storefront.config import Settings
from storefront.repositories.pictures.bucket import Bucket
from storefront.repositories.pictures.folder import Folder


class PictureFiles(Protocol):
    """Files whose names stand for their content, so that none is ever changed."""

    def names(self) -> set[str]:
        """All that are kept."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Keep a file, all of it or nothing.

        Raises:
            StoreUnavailable: it can't be kept now.
        """
        ...


def of(settings: Settings) -> PictureFiles:
    return Bucket(settings) if settings.media_bucket else Folder(settings.media_folder)
