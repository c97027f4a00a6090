"""Pictures that the shop draws."""

from __future__ import annotations

import re
from io import BytesIO
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from storefront.blueprints.pictures.routes import DRAWING
from storefront.config import Settings
from storefront.drawing import social
from storefront.drawing.colours import oklch
from storefront.drawing.lettering import can_write, font, lines
from storefront.drawing.tile import HUES, LABELS, SIZE, Tile
from storefront.stores import Stores
from storefront.web.pictures import Pictures
from tests.support.factories import product


def image(data: bytes) -> Image.Image:
    opened = Image.open(BytesIO(data))
    opened.load()
    assert opened.format == "PNG"
    return opened.convert("RGB")


def social_address(client: FlaskClient, path: str, settings: Settings) -> str:
    found = re.search(r'<meta property="og:image" content="([^"]*)">', client.get(path).text)
    assert found
    return found[1].replace("&amp;", "&").replace("&#39;", "'").removeprefix(settings.base_url)


@pytest.mark.parametrize("sku", ["mug", "a b/é & <c>", "100%?#'\"+;"])
def test_a_product_shows_a_picture_where_it_is_shared(
    client: FlaskClient, stores: Stores, settings: Settings, sku: str
) -> None:
    product(stores, sku, name="Stoneware mug")
    address = social_address(
        client, f"/products/{sku.replace('%', '%25').replace('?', '%3F').replace('#', '%23')}", settings
    )
    answer = client.get(address)
    assert answer.status_code == 200
    assert image(answer.data).size == social.SIZE
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.data) < 100_000


def test_the_shop_does_too(client: FlaskClient, stores: Stores, settings: Settings) -> None:
    product(stores)
    address = social_address(client, "/", settings)
    assert image(client.get(address).data).size == social.SIZE


def test_another_name_has_another_address_and_an_old_one_is_kept_for_a_day(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    product(stores, "mug", name="Mug")
    product(stores, "cup", name="Cup")
    first = social_address(client, "/products/mug", settings)
    other = social_address(client, "/products/cup", settings)
    assert first.split("/")[2] != other.split("/")[2]
    stale = client.get(f"/pictures/{other.split('/')[2]}/mug.png")
    assert stale.status_code == 200
    assert "immutable" not in stale.headers["Cache-Control"]
    assert stale.data == client.get(first).data


def test_few_are_drawn_at_a_time_and_those_that_are_drawn_cost_nothing(
    client: FlaskClient, stores: Stores
) -> None:
    for sku in ("drawn", "next"):
        product(stores, sku, name=f"Quite new {sku} {uuid4()}")
    assert client.get("/pictures/social-x/drawn.png").status_code == 200
    with DRAWING, DRAWING:
        assert client.get("/pictures/social-x/drawn.png").status_code == 200
        refused = client.get("/pictures/social-x/next.png")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert client.get("/pictures/social-x/next.png").status_code == 200


def test_what_is_not_for_sale_has_no_picture(client: FlaskClient, stores: Stores) -> None:
    product(stores, "gone")
    with stores.transaction():
        stores.products.unlist("gone")
    for path in ("social-x/gone.png", "social-x/never.png", "social-x/.png", "drawn-x.png"):
        assert client.get(f"/pictures/{path}").status_code == 404, path


def test_nobody_has_a_picture_drawn_that_no_page_asks_for(client: FlaskClient, app: Flask) -> None:
    made: Pictures = app.extensions["pictures"]
    address = made.drawn(product_named("Mug"))
    answer = client.get(address)
    assert image(answer.data).size == (SIZE, SIZE)
    assert "immutable" in answer.headers["Cache-Control"]
    drawing = address.removeprefix("/pictures/drawn-").removesuffix(".png")
    told, signature = drawing.split("-")
    for forged in (
        f"{told[:2]}41-{signature}",
        f"{told}-{'0' * 16}",
        told,
        f"{drawing}0",
        f"90{told[2:]}-{signature}",
    ):
        assert made.read(forged) is None, forged
        assert client.get(f"/pictures/drawn-{forged}.png").status_code == 404


def test_addresses_outlive_a_change_of_the_key() -> None:
    old, new = "o" * 40, "n" * 40
    before = Pictures(Settings(secret_key=old)).drawn(product_named("Mug"))
    drawing = before.removeprefix("/pictures/drawn-").removesuffix(".png")
    assert Pictures(Settings(secret_key=new, secret_key_fallbacks=old)).read(drawing) is not None
    assert Pictures(Settings(secret_key=new)).read(drawing) is None


class Product:
    category, image_url, picture, sku = "", "", "", "x"

    def __init__(self, name: str) -> None:
        self.name = name


def product_named(name: str) -> Product:
    return Product(name)


@pytest.mark.parametrize("tint", range(len(HUES)))
@pytest.mark.parametrize("label", range(LABELS))
def test_every_kind_can_be_drawn(tint: int, label: int) -> None:
    drawn = image(Tile(tint, label, "M").png())
    assert drawn.size == (SIZE, SIZE)
    blank = image(Tile(tint, label, "中").png())
    assert drawn.tobytes() != blank.tobytes(), "the letter shows"


def test_a_name_that_the_letters_lack_is_left_out_rather_than_boxes() -> None:
    assert can_write("Crème brûlée, Ελλάς, Борщ – 1.1 l")
    assert not can_write("緑茶")
    palette = Pictures(Settings()).palette
    tile = Tile(0, 0, "緑")
    assert social.of_product("緑茶", "", "Shop", tile, palette) == social.of_product(
        "", "", "Shop", tile, palette
    )


def test_lines_are_no_wider_than_their_room_and_a_long_name_ends_in_dots() -> None:
    for text in ("one two three four five six seven " * 5, "x" * 300, "short", "a " + "y" * 200):
        found = lines(text, 46, 544, 4)
        assert len(found) <= 4
        assert all(font(46).getlength(line) <= 544 for line in found), text
    assert lines("short", 46, 544, 4) == ["short"]
    assert lines("x" * 300, 46, 544, 4)[-1].endswith("…")


def test_colours_are_those_of_the_style_sheet() -> None:
    assert oklch(100, 0, 0) == (255, 255, 255)
    assert oklch(0, 0, 0) == (0, 0, 0)
    assert oklch(62.796, 0.25768, 29.234) == (255, 0, 0)
    assert oklch(86.644, 0.29483, 142.495) == (0, 255, 0)
