"""Making pictures of a photograph: the right way up, in the web's colours, with nothing told beside them."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from statistics import median_low

from PIL import Image, ImageCms, UnidentifiedImageError

from storefront.domain.pictures import WIDTHS, Picture

BYTES_MAX = 30_000_000
PIXELS_MAX = 40_000_000
SIDES_MAX = 10
"""How many times longer one side may be than the other: WebP can't be higher than 16,383 pixels."""

FORMATS = ("JPEG", "PNG", "WEBP")
_RECIPE = b"avif 60 6, webp 80 4; 400 800 1200 1600 own\n"
"""Whoever changes how pictures are made changes this, and with it all their names."""
_SAVED: dict[str, dict[str, int]] = {
    "avif": {"quality": 60, "speed": 6},
    "webp": {"quality": 80, "method": 4},
}
_ORIENTATION = 0x0112
_FEW = 64
"""Pixels of a side are enough to see its colours."""
_ALIKE = 16
"""Of 255, in each channel: the grain of a photograph."""
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of EXIF (CIPA DC-008, 4.6.4)."""


class BadPicture(Exception):
    """No pictures can be made of this file; ``str()`` is the reason."""


def picture_id(content: bytes) -> str:
    """The beginning of the names of all pictures of a photograph: of its content, and how they are made."""
    return hashlib.sha256(_RECIPE + content).hexdigest()[:20]


class Photograph:
    """A photograph, read and ready to be made into pictures.

    Raises:
        BadPicture: it is no JPEG, PNG or WebP, is damaged, or has too many pixels.
    """

    def __init__(self, content: bytes) -> None:
        try:
            image, width, height = _decoded(content)
        except BadPicture:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise BadPicture(f"has more than {PIXELS_MAX // 1_000_000} megapixels") from None
        except UnidentifiedImageError:
            raise BadPicture("is no JPEG, PNG or WebP") from None
        # Pillow's decoders raise as many kinds as there are ways to be damaged.
        except Exception as error:
            raise BadPicture(f"is damaged ({str(error) or type(error).__name__})") from None
        widest = min(width, WIDTHS[-1])
        self._image = _plain(_scaled(image, widest, max(1, round(height * widest / width))))
        self.picture = Picture(picture_id(content), width, height, _colour(self._image))

    def files(self, but: set[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of each file, except for those that are there already."""
        for name, width, ending in self.picture.files():
            if name in but:
                continue
            made = BytesIO()
            image = _scaled(self._image, width, self.picture.height_at(width))
            image.save(made, ending.upper(), **_SAVED[ending])
            yield name, made.getvalue()


def _decoded(content: bytes) -> tuple[Image.Image, int, int]:
    """The photograph the right way up, and its width and height; a large JPEG is read at less than these."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image: Image.Image = Image.open(BytesIO(content), formats=FORMATS)
    width, height = image.size
    if width * height > PIXELS_MAX:
        # Before its pixels are read: a few bytes can tell of billions.
        raise BadPicture(f"has {width * height / 1e6:.1f} megapixels, more than {PIXELS_MAX // 1_000_000}")
    if max(width, height) > SIDES_MAX * min(width, height):
        raise BadPicture(f"is {width:,} by {height:,}: one side is more than {SIDES_MAX} times the other")
    image.draft(None, (WIDTHS[-1], WIDTHS[-1]))
    image.load()
    turn = None
    # What is told beside a picture may be damaged without the picture being so.
    with suppress(Exception):
        turn = _TURNED.get(image.getexif().get(_ORIENTATION, 1))
    if turn is None:
        return image, width, height
    if turn in (_TURNED[5], _TURNED[6], _TURNED[7], _TURNED[8]):
        width, height = height, width
    return image.transpose(turn), width, height


def _scaled(image: Image.Image, width: int, height: int) -> Image.Image:
    if image.mode in ("P", "PA", "1"):
        # Colours of a palette can't be mixed.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        # Sixteen bits of grey.
        image = image.point(lambda value: value / 256).convert("L")
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _plain(image: Image.Image) -> Image.Image:
    """The same in sRGB, with an alpha channel only if one sees through it, and with nothing beside it: a
    photograph can tell where it was taken, and by whom."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    profile = image.info.get("icc_profile")
    base = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    if profile:
        # Without its profile a wide-gamut picture would look dull. One that can't be used is left out.
        with suppress(ImageCms.PyCMSError, OSError):
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            base = (
                ImageCms.profileToProfile(base, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
                or base
            )
    base = base.convert("RGB")
    if alpha is not None:
        base.putalpha(alpha)
    plain = Image.new(base.mode, base.size)
    plain.paste(base)
    return plain


def _colour(image: Image.Image) -> str:
    """What the picture can stand on, as six hexadecimal digits; nothing where one sees through.

    That of its edge, if most of the edge has one: the picture then has no edge on its tile. Else the
    commonest of a few.
    """
    if image.mode != "RGB":
        return ""
    small = image.resize((_FEW, _FEW), Image.Resampling.NEAREST)
    rows = list(_batched(small.tobytes(), 3 * _FEW))
    edge = list(_batched(rows[0] + rows[-1] + b"".join(row[:3] + row[-3:] for row in rows), 3))
    middle = [median_low(channel) for channel in zip(*edge, strict=True)]
    alike = sum(max(abs(a - b) for a, b in zip(pixel, middle, strict=True)) <= _ALIKE for pixel in edge)
    if alike >= len(edge) / 2:
        return bytes(middle).hex()
    few = small.quantize(8)
    index = Counter(few.tobytes()).most_common(1)[0][0]
    palette = few.getpalette() or [0, 0, 0]
    return bytes(palette[3 * index : 3 * index + 3]).hex()


def _batched(values: bytes, size: int) -> Iterator[bytes]:
    """So many at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))
