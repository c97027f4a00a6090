"""Settings that are wrong are refused by name; those with several spellings mean one thing."""

from __future__ import annotations

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
