"""Static files: served by WhiteNoise under a name that holds their fingerprint, compressed beforehand.

The style sheet and the script are kept in parts, ``css/*.css`` and ``js/*.js``; pages link ``shop.css`` and
``shop.js``, which are joined from them. Colours and ``brand/*.svg`` come from the folder of the brand:
those of the standard one are written among the others, of another one into a folder of this process alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

from storefront.brand import folder
from storefront.brand.folder import PICTURES, STANDARD

STATIC = Path(__file__).parents[2] / "static"
VARIANTS = (".br", ".gz")
SHEET, SCRIPT, BRAND = "shop.css", "shop.js", "brand"
PARTS, SCRIPTS = "css", "js"
IMPORT = re.compile(r'^@import "([a-z]+\.css)";$', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SCRIPT_COMMENT = re.compile(r"^\s*(//.*|/\*\*.*\*/)\n", re.MULTILINE)
INDENT = re.compile(r"\s*\n\s*")


class Assets:
    """The static files as they are at start: each at its own name, kept an hour, and at a fingerprinted
    one, kept for ever, since new content has a new address."""

    def __init__(self, root: Path = STATIC, brand: Path = STANDARD) -> None:
        self._folders = [root]
        if brand == STANDARD:
            join(root)
        else:
            # Two shops of one checkout may differ in this alone, and an image can't be written to.
            self._own = tempfile.TemporaryDirectory(prefix="storefront-brand-")
            own = Path(self._own.name)
            _write_brand(root, own, brand)
            _compress(own)
            self._folders.append(own)
        self._paths = {
            path.relative_to(one).as_posix(): path for one in self._folders for path in _sources(one)
        }
        self._hashed = {name: _fingerprinted(name, path) for name, path in self._paths.items()}

    def url(self, name: str) -> str:
        """The fingerprinted address of a file below static/.

        Raises:
            KeyError: there is no such file; a template named it wrongly.
        """
        return self._hashed[name]

    def files(self) -> Iterator[tuple[str, str, Path]]:
        """Each file that is served: its name below static/, its fingerprinted address, and where it lies."""
        for name, url in self._hashed.items():
            yield name, url, self._paths[name]

    def serve(self, app: Flask) -> None:
        forever = set(self._hashed.values())
        white = WhiteNoise(
            app.wsgi_app,
            max_age=3600,
            # Would otherwise send Access-Control-Allow-Origin: * with every file.
            allow_all_origins=False,
            immutable_file_test=lambda _path, url: url in forever,
        )
        fresh = {name: told for one in self._folders for name, told in _fresh_files(one).items()}
        for name, url in self._hashed.items():
            path = str(self._paths[name])
            white.add_file_to_dictionary(f"/static/{name}", path, stat_cache=fresh)
            white.add_file_to_dictionary(url, path, stat_cache=fresh)
        app.wsgi_app = white  # type: ignore[method-assign]  # Flask's way of wrapping
        app.add_template_global(self.url, "asset")


def join(root: Path = STATIC) -> None:
    """Write the style sheet and the script anew if a part of them changed; a read-only image has them.

    Raises:
        OSError: a part is missing, or a file that is not up to date can't be written.
    """
    _write_brand(root, root, STANDARD)
    _replace(root, SCRIPT, joined_scripts(root))


def _write_brand(root: Path, to: Path, brand: Path) -> None:
    """What is made of a brand: its pictures, and the sheet that ``root``'s parts and its colours give."""
    words = folder.of(brand)
    (to / BRAND).mkdir(exist_ok=True)
    for name in PICTURES:
        _replace(to, f"{BRAND}/{name}.svg", words.picture(name).read_text(encoding="utf-8"))
    _replace(to, SHEET, joined_parts(root, words.words.colours.css))


def _fingerprinted(name: str, path: Path) -> str:
    print_ = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"/static/{name.removesuffix(path.suffix)}.{print_}{path.suffix}"


def _replace(root: Path, name: str, joined: str) -> None:
    whole = root / name
    if whole.exists() and whole.read_text(encoding="utf-8") == joined:
        return
    # Complete before it is in its place, and begun outside the folder: other processes may be reading there.
    with tempfile.NamedTemporaryFile(
        "w", dir=root.parent, suffix=whole.suffix, delete=False, encoding="utf-8"
    ) as new:
        new.write(joined)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(whole)


def joined_parts(root: Path, colours: str) -> str:
    """``css/index.css`` with each part where it is imported, ``colours`` for ``brand.css``;
    without comments, indents and empty lines.

    What else a minifier takes saves nothing once it is compressed, and one that took the space out of
    ``.a :focus`` changed what it says.
    """
    parts = root / PARTS

    def part(found: re.Match[str]) -> str:
        return colours if found[1] == "brand.css" else (parts / found[1]).read_text()

    whole = IMPORT.sub(part, (parts / "index.css").read_text())
    return INDENT.sub("\n", COMMENT.sub("", whole)).strip() + "\n"


def joined_scripts(root: Path = STATIC) -> str:
    """``js/*.js`` by name, without indents and the comments that have a line of their own.

    Each part is a function that calls itself, so that nothing of one is known in another; none has a text of
    several lines.
    """
    parts = (path.read_text() for path in sorted((root / SCRIPTS).glob("*.js")))
    return "".join(INDENT.sub("\n", SCRIPT_COMMENT.sub("", part)).strip() + "\n" for part in parts)


def compress(root: Path = STATIC) -> None:
    """Join style sheet and script, and write ``.br`` and ``.gz`` beside every static file that changed.

    To be run once before serving, or when an image is built.
    """
    join(root)
    _compress(root)


def _compress(root: Path) -> None:
    compressor = Compressor(quiet=True)
    for path in _sources(root):
        if not compressor.should_compress(path.name):
            continue
        variant = Path(f"{path}.br")
        if not variant.exists() or variant.stat().st_mtime != path.stat().st_mtime:
            compressor.compress(str(path))


def _sources(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and path.suffix not in VARIANTS
        and path.parent not in (root / PARTS, root / SCRIPTS)
    )


def _fresh_files(root: Path) -> dict[str, os.stat_result]:
    """Files WhiteNoise may use: the compressor gives a variant its source's time; any other is stale."""
    files = {str(p): p.stat() for p in root.rglob("*") if p.is_file()}
    return {
        path: stat
        for path, stat in files.items()
        if not path.endswith(VARIANTS) or files.get(path[:-3], stat).st_mtime == stat.st_mtime
    }
