"""Pictures on pages: in two formats, as wide as their place, where they lie."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from storefront.config import Settings
from storefront.domain.pictures import Picture
from storefront.media import PLACES, Media
from storefront.repositories.pictures.folder import Folder
from storefront.services.catalog_import import import_catalog
from storefront.services.picture_making import picture_id
from storefront.services.pictures import make_pictures
from storefront.stores import Stores
from storefront.web.security import content_security_policy
from tests.support.photographs import asking, photograph, put

PICTURE = re.compile(r"<picture>.*?</picture>", re.DOTALL)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    settings.data = str(tmp_path)
    return settings


@pytest.fixture
def picture(stores: Stores, settings: Settings, tmp_path: Path) -> Picture:
    """Of the product "pot"."""
    asking(stores, "pot", "photos/pot.jpg")
    put(tmp_path, "pot.jpg", photograph(1300, 1000))
    make_pictures(stores, Folder(settings.media_folder), tmp_path)
    found = Picture.read(stores.products.page("pot").picture)
    assert found is not None
    return found


def test_a_products_page_shows_its_picture(client: FlaskClient, picture: Picture) -> None:
    text = client.get("/products/pot").text
    (shown,) = PICTURE.findall(text)
    sizes = PLACES["big"][0]
    for kind in ("avif", "webp"):
        addresses = ", ".join(f"/media/{picture.picture_id}-{w}.{kind} {w}w" for w in (400, 800, 1200))
        assert f'<source type="image/{kind}" srcset="{addresses}" sizes="{sizes}"' in shown
    assert f'src="/media/{picture.picture_id}-800.webp"' in shown
    assert 'width="800" height="615"' in shown
    assert 'fetchpriority="high"' in shown
    assert "loading" not in shown
    assert f'<path fill="#{picture.colour}"' in text
    # Other sites and search engines need an address of its own.
    social = f"http://127.0.0.1/media/{picture.picture_id}-800.webp"
    assert f'<meta property="og:image" content="{social}">' in text
    (about, _) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text)
    assert json.loads(about)["image"] == [social]


def test_every_address_on_a_page_is_answered(client: FlaskClient, picture: Picture) -> None:
    found = set()
    for page in ("/", "/products", "/products?q=pot", "/products/pot"):
        text = client.get(page).text
        assert PICTURE.search(text), page
        found |= set(re.findall(r"/media/[^ \",]+", text))
    assert len(found) == 6
    for address in found:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.content_type == f"image/{address.rpartition('.')[2]}"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_the_cart_shows_small_ones(client: FlaskClient, picture: Picture) -> None:
    client.post("/cart/items", data={"sku": "pot", "quantity": "1"})
    for page in ("/cart", "/checkout"):
        (shown,) = PICTURE.findall(client.get(page).text)
        assert set(re.findall(r"-(\d+)\.", shown)) == {"400"}, page


def test_related_products_have_their_pictures(client: FlaskClient, stores: Stores, picture: Picture) -> None:
    asking(stores, "pan", "")
    assert picture.picture_id in client.get("/products/pan").text


def test_several_pictures_are_a_gallery(
    client: FlaskClient, stores: Stores, picture: Picture, settings: Settings, tmp_path: Path
) -> None:
    assert 'class="thumbs"' not in client.get("/products/pot").text, "one picture needs no small ones"
    catalog = tmp_path / "catalog.csv"
    catalog.write_text("sku,name,price_cents,image_urls\npot,Pot,1,b.jpg lost.jpg /static/c.svg\n")
    import_catalog(stores, catalog)
    put(tmp_path, "b.jpg", photograph(1700, 900))
    make_pictures(stores, Folder(settings.media_folder), tmp_path)
    text = client.get("/products/pot").text
    assert re.findall(r'<li id="(view-\d)"><a class="view" href="([^"]+)"', text) == [
        ("view-1", f"/media/{picture.picture_id}-1200.webp"),
        ("view-2", f"/media/{picture_id((tmp_path / 'b.jpg').read_bytes())}-1600.webp"),
        ("view-3", "/static/c.svg"),
    ]
    assert re.findall(r'<a href="#(view-\d)" aria-label="([^"]+)"', text) == [
        (f"view-{n}", f"Picture {n} of 3") for n in (1, 2, 3)
    ]
    assert text.count('fetchpriority="high"') == 1
    assert text.count("tile-big") == 1, "two of them could not travel between pages"


@pytest.mark.parametrize("name", ["none", "0123456789abcdef0123-400.avif", "..%2Fsecret", "%00"])
def test_another_name_is_not_found(name: str, client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    answer = client.get(f"/media/{name}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


def test_a_photograph_that_has_not_come_yet_is_drawn(client: FlaskClient, stores: Stores) -> None:
    asking(stores, "pot", "photos/pot.jpg")
    text = client.get("/products/pot").text
    assert "photos/pot.jpg" not in text
    assert 'class="tile drawn' in text


def test_a_cdn_is_pointed_to_and_may_show_pictures() -> None:
    settings = Settings(media_url="https://cdn.example/shop/media", image_hosts="elsewhere.example")
    told = str(Picture("0" * 20, 900, 600, "c81e1e"))
    shown = Media(settings).shown(told, "big")
    assert shown is not None
    assert shown.src == f"https://cdn.example/shop/media/{'0' * 20}-800.webp"
    policy = content_security_policy(settings)
    assert "img-src 'self' data: https://elsewhere.example https://cdn.example;" in policy
    assert "cdn" not in content_security_policy(Settings())


def test_what_is_told_in_another_way_is_drawn() -> None:
    media = Media(Settings())
    picture = Picture("0" * 20, 900, 600, "c81e1e")
    assert Picture.read(str(picture)) == picture
    assert Picture.read(str(replace(picture, colour=""))) == replace(picture, colour="")
    assert [media.shown(told) for told in ("", "v2:whatever", f"{picture}\n", f"x{picture}")] == [None] * 4


def test_a_small_photograph_is_the_only_one_of_its_set() -> None:
    shown = Media(Settings()).shown(str(Picture("0" * 20, 300, 300)), "big")
    assert shown is not None
    assert (shown.webp, shown.sizes) == (f"/media/{'0' * 20}-300.webp", "")
    assert (shown.width, shown.height) == (300, 300)
