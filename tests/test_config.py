"""Settings that are wrong are refused by name; those with several spellings mean one thing."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, text

from storefront.config import Settings

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_spelling_of_a_database_url_reaches_it(database_url: str, scheme: str) -> None:
    settings = Settings(database_url=f"{scheme}://{database_url.partition('://')[2]}")
    with psycopg.connect(settings.libpq_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_readers_go_to_the_writer_where_there_is_no_reader() -> None:
    alone = Settings(database_url="postgres://writer/shop")
    assert alone.sqlalchemy_reader_url == "postgresql+psycopg://writer/shop"
    both = Settings(database_url="postgres://writer/shop", database_reader_url="postgres://reader/shop")
    assert both.sqlalchemy_reader_url == "postgresql+psycopg://reader/shop"


def test_no_database_url_stays_none() -> None:
    assert (Settings(database_url="").libpq_url, Settings(database_url="").sqlalchemy_url) == ("", "")


@pytest.mark.parametrize("url", ["mysql://u:secret@db/shop", "postgresql+asyncpg://u:secret@db/shop"])
@pytest.mark.parametrize("name", ["database_url", "database_reader_url"])
def test_another_databases_url_is_refused_without_being_told(name: str, url: str) -> None:
    with pytest.raises(ValidationError, match=r"begins with postgresql://") as refused:
        Settings.model_validate({name: url})
    assert "secret" not in str(refused.value)


PRODUCTION = {
    "env": "production",
    "secret_key": "k" * 40,
    "database_url": "postgresql:///shop",
    "stripe_key": "sk_live_x",
    "stripe_webhook_secret": "whsec_x",
    "carrier_webhook_secret": "whsec_eA==",
    "base_url": "https://shop.example.com",
}
VERIFIED = "sslmode=verify-full&sslrootcert=/etc/ssl/rds/global-bundle.pem"


@pytest.mark.parametrize("name", ["database_url", "database_reader_url"])
@pytest.mark.parametrize(
    "url",
    [
        f"postgres://shop@db.example/shop?{VERIFIED}",
        f"postgresql+psycopg://shop@db.example,other.example/shop?{VERIFIED}",
        "postgresql:///shop",
        "postgresql://shop@%2Frun%2Fpostgresql/shop?sslmode=disable",
        "postgresql://shop@/shop?host=/run/postgresql",
        "postgresql://shop@127.0.0.1:5433/shop?sslmode=disable",
        "postgresql://shop@localhost,[::1]/shop",
    ],
)
def test_what_nobody_can_read_along_is_taken_in_production(name: str, url: str) -> None:
    assert Settings.model_validate(PRODUCTION | {name: url}).production


@pytest.mark.parametrize("name", ["database_url", "database_reader_url"])
@pytest.mark.parametrize(
    "url",
    [
        "postgres://shop:secret@db.example/shop",
        "postgresql+psycopg://shop:secret@db.example/shop?sslmode=disable",
        "postgresql://shop:secret@db.example/shop?sslmode=require",
        "postgresql://shop:secret@db.example/shop?sslmode=verify-ca",
        "postgresql://shop:secret@127.0.0.1,db.example/shop",
        "postgresql://shop:secret@/shop?host=db.example",
        "postgresql://shop:secret@127.0.0.1/shop?hostaddr=10.0.0.7",
        "postgresql://shop:secret@127.0.0.1.evil.example/shop",
        "postgresql://shop:secret@[db/shop",
    ],
)
def test_production_goes_to_no_other_machine_without_its_proof(name: str, url: str) -> None:
    with pytest.raises(
        ValidationError, match=f"STOREFRONT_{name.upper()} leads to another machine"
    ) as refused:
        Settings.model_validate(PRODUCTION | {name: url})
    assert "secret" not in str(refused.value)
    # Where one develops, each may do as it likes.
    if "[" not in url:
        Settings.model_validate({name: url})


@pytest.mark.parametrize("keys", ["short", f"{'o' * 40}, short", "development-only-secret-of-the-repository"])
def test_a_fall_back_key_is_as_good_as_a_key(keys: str) -> None:
    assert Settings.model_validate(
        PRODUCTION | {"secret_key_fallbacks": f"{'o' * 40}, {'n' * 32}"}
    ).production
    with pytest.raises(ValidationError, match="STOREFRONT_SECRET_KEY_FALLBACKS"):
        Settings.model_validate(PRODUCTION | {"secret_key_fallbacks": keys})


@pytest.mark.parametrize(
    "given",
    [
        {"media_url": "https://cdn.example; script-src *"},
        {"media_url": "https://cdn.example/a b"},
        {"media_url": "//cdn.example"},
        {"media_url": "cdn.example"},
        {"media_bucket": "a/b"},
        {"media_bucket": "Bucket"},
    ],
)
def test_where_pictures_are_must_be_an_address_and_a_bucket(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="media_"):
        Settings.model_validate(given)


def test_a_bucket_in_production_needs_the_address_that_pages_find_it_at() -> None:
    bucket = {"media_bucket": "larkfield-media"}
    with pytest.raises(ValidationError, match="STOREFRONT_MEDIA_URL is missing"):
        Settings.model_validate(PRODUCTION | bucket)
    with pytest.raises(ValidationError, match="STOREFRONT_MEDIA_URL must be https"):
        Settings.model_validate(PRODUCTION | bucket | {"media_url": "http://cdn.example/media"})
    settings = Settings.model_validate(PRODUCTION | bucket | {"media_url": "https://cdn.example/media/"})
    assert settings.media_url == "https://cdn.example/media"


def test_pictures_lie_in_the_folder_of_this_machine() -> None:
    assert Settings(data="/srv/shop").media_folder == Path("/srv/shop/media")
    assert Settings(data="").media_folder == Path(".storefront/media")
