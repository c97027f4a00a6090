"""Photographs become pictures: the right way up, small enough, and with nothing told beside them."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from storefront.services.picture_making import BadPicture, Photograph, picture_id
from tests.support.photographs import BLUE, GREEN, RED, photograph, png_that_tells_of, profiled


def made(content: bytes) -> dict[str, Image.Image]:
    return {name: Image.open(BytesIO(file)) for name, file in Photograph(content).files(but=set())}


def near(seen: object, wanted: tuple[int, int, int], within: int = 12) -> bool:
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= within for a, b in zip(seen[:3], wanted, strict=True))


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (2000, [1600, 1200, 800, 400]),
        (1600, [1600, 1200, 800, 400]),
        (1599, [1599, 1200, 800, 400]),
        (1300, [1200, 800, 400]),
        (640, [640, 400]),
        (400, [400]),
        (399, [399]),
        (1, [1]),
    ],
)
def test_the_widths_go_up_to_the_photographs_own(width: int, widths: list[int]) -> None:
    files = made(photograph(width, max(1, width // 2)))
    sizes = {(image.format, image.size) for image in files.values()}
    heights = [max(1, round(w * max(1, width // 2) / width)) for w in widths]
    assert sizes == {(kind, size) for kind in ("AVIF", "WEBP") for size in zip(widths, heights, strict=True)}


def test_names_stand_for_the_content() -> None:
    content = photograph(500, 500)
    photo = Photograph(content)
    assert str(photo.picture).startswith(f"{picture_id(content)}-500x500-")
    assert picture_id(content) != picture_id(content + b"\0")
    names = [name for name, _ in photo.files(but=set())]
    assert names == [f"{picture_id(content)}-{w}.{kind}" for w in (500, 400) for kind in ("avif", "webp")]
    assert [name for name, _ in photo.files(but=set(names[1:]))] == names[:1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_shown_the_right_way_up(orientation: int) -> None:
    # Where EXIF says that the stored image's top left quarter is seen, by orientation.
    seen = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}
    content = photograph(400, 300, orientation=orientation)
    picture = Photograph(content).picture
    assert (picture.width, picture.height) == ((400, 300) if orientation < 5 else (300, 400))
    for image in made(content).values():
        corners = {
            (x, y): image.convert("RGB").getpixel(
                ((image.width - 1) * (1 + 2 * x) // 4, (image.height - 1) * (1 + 2 * y) // 4)
            )
            for x in (0, 1)
            for y in (0, 1)
        }
        assert {at for at, pixel in corners.items() if near(pixel, GREEN)} == {seen[orientation]}


def test_nothing_is_told_beside_a_picture() -> None:
    content = photograph()
    assert Image.open(BytesIO(content)).getexif(), "the photograph tells of itself"
    assert "icc_profile" in Image.open(BytesIO(profiled())).info
    for one in (content, profiled(), photograph(kind="WEBP"), photograph(kind="PNG")):
        for name, file in Photograph(one).files(but=set()):
            image = Image.open(BytesIO(file))
            image.load()
            assert not image.getexif(), name
            assert not {"exif", "xmp", "icc_profile"} & image.info.keys(), name
            assert b"Ada" not in file


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_colour_is_the_edges_commonest(kind: str) -> None:
    assert near(tuple(bytes.fromhex(Photograph(photograph(kind=kind)).picture.colour)), RED)


def test_what_stands_on_white_has_white_beside_it() -> None:
    image = Image.new("RGB", (500, 500), (255, 255, 255))
    image.paste(RED, (20, 20, 480, 480))
    content = BytesIO()
    image.save(content, "PNG")
    assert near(tuple(bytes.fromhex(Photograph(content.getvalue()).picture.colour)), (255, 255, 255))


def test_an_edge_of_many_colours_leaves_it_to_the_commonest() -> None:
    image = Image.new("RGB", (400, 400), BLUE)
    for n, colour in enumerate([(255, 255, 255), (0, 0, 0), RED, GREEN]):
        image.paste(colour, [(0, 0, 400, 30), (0, 370, 400, 400), (0, 0, 30, 400), (370, 0, 400, 400)][n])
    content = BytesIO()
    image.save(content, "PNG")
    assert near(tuple(bytes.fromhex(Photograph(content.getvalue()).picture.colour)), BLUE)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "I;16"),
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
    ],
)
def test_every_kind_of_pixels_can_be_taken(kind: str, mode: str) -> None:
    if mode == "I;16":
        content = BytesIO()
        Image.linear_gradient("L").convert("I").point(lambda v: v * 257).convert("I;16").save(content, kind)
        (_, bottom) = made(content.getvalue()).popitem()
        assert near(bottom.convert("RGB").getpixel((128, 250)), (250, 250, 250))
        return
    files = made(photograph(600, 400, kind=kind, mode=mode))
    assert {image.size for image in files.values()} == {(600, 400), (400, 267)}


def test_one_can_see_through_what_one_could_see_through() -> None:
    image = Image.new("RGBA", (500, 500), (*RED, 255))
    image.paste((0, 0, 0, 0), (0, 0, 250, 500))
    content = BytesIO()
    image.save(content, "PNG")
    photo = Photograph(content.getvalue())
    assert photo.picture.colour == ""
    for file in made(content.getvalue()).values():
        alpha = file.convert("RGBA").getchannel("A")
        assert (alpha.getpixel((20, 200)), alpha.getpixel((350, 200))) == (0, 255)


def test_an_alpha_channel_that_hides_nothing_is_left_out() -> None:
    content = BytesIO()
    Image.new("RGBA", (500, 500), (*RED, 255)).save(content, "PNG")
    assert Photograph(content.getvalue()).picture.colour
    assert {image.mode for image in made(content.getvalue()).values()} == {"RGB"}


def gif() -> bytes:
    content = BytesIO()
    Image.new("RGB", (10, 10)).save(content, "GIF")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JPEG, PNG or WebP"),
        (b"<svg/>", "is no JPEG, PNG or WebP"),
        (gif(), "is no JPEG, PNG or WebP"),
        (photograph()[:2000], "is damaged"),
        (photograph(kind="PNG")[:300], "is damaged"),
        (photograph(kind="WEBP")[:200], "is"),
        (png_that_tells_of(8000, 5001), "has 40.0 megapixels, more than 40"),
        (png_that_tells_of(10_000, 9_000), "has more than 40 megapixels"),
        (png_that_tells_of(60_000, 60_000), "has more than 40 megapixels"),
        (photograph(1101, 100), "one side is more than 10 times the other"),
        (photograph(100, 1101), "one side is more than 10 times the other"),
    ],
)
def test_a_bad_file_is_told_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        Photograph(content)


LARGE = """
import sys
from storefront.services.picture_making import Photograph
from tests.support.photographs import photograph
photo = Photograph(photograph(8000, 5000, kind=sys.argv[1]))
print([name[21:] for name, _ in photo.files(but=set())])
"""


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_forty_megapixels_can_be_taken(kind: str) -> None:
    # In a process of its own: others of this one look at how much memory they have taken.
    done = subprocess.run(
        [sys.executable, "-c", LARGE, kind], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    names = [f"{width}.{kind}" for width in (1600, 1200, 800, 400) for kind in ("avif", "webp")]
    assert (done.stdout, done.stderr) == (f"{names}\n", "")


def test_a_damaged_note_beside_a_good_picture_is_left_out() -> None:
    content = (
        photograph(500, 400)
        .replace(b"Exif\0\0MM", b"Exif\0\0\xff\xff")
        .replace(b"Exif\0\0II", b"Exif\0\0\xff\xff")
    )
    assert content != photograph(500, 400)
    assert Photograph(content).picture.width == 500
