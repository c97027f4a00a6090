"""Pictures in a folder of this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.pictures import FILE_NAME


class Folder:
    """Made with the first picture that it gets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> set[str]:
        try:
            return {one.name for one in self._folder.iterdir() if FILE_NAME.fullmatch(one.name)}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise StoreUnavailable("media", error.strerror or "") from None

    def put(self, name: str, content: bytes) -> None:
        """On the disk before it has its name: what is there by name is whole, whatever ends meanwhile."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as new:
                try:
                    new.write(content)
                    new.flush()
                    os.fsync(new.fileno())
                    Path(new.name).chmod(0o644)
                    Path(new.name).replace(self._folder / name)
                except BaseException:
                    Path(new.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreUnavailable("media", error.strerror or "") from None

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            NotFound: there is none of this name.
        """
        if FILE_NAME.fullmatch(name):
            try:
                return (self._folder / name).read_bytes()
            except OSError:
                pass
        raise NotFound("There is no such picture")
