"""Photographs to make pictures of, and files that look like some."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms

from storefront.stores import Stores
from tests.support.factories import product

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (20, 40, 180)
ORIENTATION, GPS, ARTIST = 0x0112, 0x8825, 0x013B


def photograph(
    width: int = 900,
    height: int = 600,
    *,
    kind: str = "JPEG",
    mode: str = "RGB",
    orientation: int = 1,
    **how: object,
) -> bytes:
    """Red, with a green quarter at the top left that tells which way up it is; taken by Ada somewhere."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (0, 0, width // 2, height // 2))
    about = Image.Exif()
    about[ORIENTATION] = orientation
    about[ARTIST] = "Ada Marsh"
    about.get_ifd(GPS)[1] = "N"
    content = BytesIO()
    image.convert(mode).save(content, kind, exif=about, **how)
    return content.getvalue()


def profiled() -> bytes:
    """One with a profile of colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return photograph(icc_profile=profile)


def png_that_tells_of(width: int, height: int) -> bytes:
    """A few bytes that would be so many pixels."""
    content = bytearray(photograph(1, 1, kind="PNG"))
    header = content.index(b"IHDR")
    content[header + 4 : header + 12] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    check = zlib.crc32(content[header : header + 17])
    content[header + 17 : header + 21] = check.to_bytes(4, "big")
    return bytes(content)


def asking(stores: Stores, sku: str, image_url: str) -> str:
    """A product that asks for a photograph; its SKU."""
    return product(stores, sku, image_url=image_url)


def put(folder: Path, name: str, content: bytes = b"") -> Path:
    path = folder / name
    path.write_bytes(content or photograph())
    return path
