"""Static files: served by WhiteNoise under a name that holds their fingerprint, compressed beforehand."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

STATIC = Path(__file__).parents[2] / "static"
VARIANTS = (".br", ".gz")


class Assets:
    """The static files as they are at start: each at its own name, kept an hour, and at a fingerprinted
    one, kept for ever, since new content has a new address."""

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root
        self._hashed: dict[str, str] = {}
        for path in _sources(root):
            name = path.relative_to(root).as_posix()
            print_ = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            self._hashed[name] = (
                f"/static/{path.relative_to(root).with_suffix('').as_posix()}.{print_}{path.suffix}"
            )

    def url(self, name: str) -> str:
        """The fingerprinted address of a file below static/.

        Raises:
            KeyError: there is no such file; a template named it wrongly.
        """
        return self._hashed[name]

    def serve(self, app: Flask) -> None:
        forever = set(self._hashed.values())
        white = WhiteNoise(
            app.wsgi_app,
            max_age=3600,
            # Would otherwise send Access-Control-Allow-Origin: * with every file.
            allow_all_origins=False,
            immutable_file_test=lambda _path, url: url in forever,
        )
        fresh = _fresh_files(self._root)
        for name, url in self._hashed.items():
            path = str(self._root / name)
            white.add_file_to_dictionary(f"/static/{name}", path, stat_cache=fresh)
            white.add_file_to_dictionary(url, path, stat_cache=fresh)
        app.wsgi_app = white  # type: ignore[method-assign]
        app.add_template_global(self.url, "asset")


def compress(root: Path = STATIC) -> None:
    """Write ``.br`` and ``.gz`` beside every static file that changed; run once before serving."""
    compressor = Compressor(quiet=True)
    for path in _sources(root):
        if not compressor.should_compress(path.name):
            continue
        variant = Path(f"{path}.br")
        if not variant.exists() or variant.stat().st_mtime != path.stat().st_mtime:
            compressor.compress(str(path))


def _sources(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in VARIANTS)


def _fresh_files(root: Path) -> dict[str, os.stat_result]:
    """Files WhiteNoise may use: the compressor gives a variant its source's time; any other is stale."""
    files = {str(p): p.stat() for p in root.rglob("*") if p.is_file()}
    return {
        path: stat
        for path, stat in files.items()
        if not path.endswith(VARIANTS) or files.get(path[:-3], stat).st_mtime == stat.st_mtime
    }
