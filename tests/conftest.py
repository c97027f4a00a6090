"""The stores of the tests: a real PostgreSQL and moto's server, or those the environment names."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text

from standins.postgres import Postgres
from storefront import create_app
from storefront.cli.migrate import migrate_aurora
from storefront.config import Settings
from storefront.domain.schema import metadata
from storefront.process import Process
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.outbox import Outbox
from storefront.repositories.dynamodb.tables import make_tables
from storefront.stores import Stores
from tests.support.mailbox import Mailbox
from tests.support.processes import Running

STRIPE_KEY = "sk_test_of_the_tests"
STRIPE_SECRET = "whsec_of_the_tests"
CARRIER_SECRET = "whsec_" + "dGVzdHMgb2YgdGhlIHNob3AgaGF2ZSBhIHNlY3JldA=="

# The shop keeps its id for as long as its database is there.
EMPTIED = [table for table in reversed(metadata.sorted_tables) if table.name != "shop"]
TRUNCATE = text(f"TRUNCATE {', '.join(table.name for table in EMPTIED)}")


@pytest.fixture(scope="session", autouse=True)
def no_logger_is_kept() -> Iterator[None]:
    """A shop in production keeps its loggers, and a test that listens later would not hear them."""
    configure = structlog.configure

    def without_keeping(**how: Any) -> None:
        configure(**how | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_keeping)
        yield


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database on a PostgreSQL of this run's own."""
    server = Postgres(tmp_path_factory.mktemp("pg"), durable=False)
    url = server.start()
    try:
        migrate_aurora(Settings(database_url=url).sqlalchemy_url)
        yield url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def dynamodb_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DynamoDB that AWS_ENDPOINT_URL_DYNAMODB names, else moto's server."""
    given = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    if given:
        yield given
        return
    moto = Running.module("standins.aws", "--port", "0", "--data", str(tmp_path_factory.mktemp("aws")))
    try:
        yield moto.address
    finally:
        moto.stop()


@pytest.fixture(scope="session", autouse=True)
def aws_environment() -> Iterator[None]:
    """Credentials that are nobody's, so that no test can reach anybody's account."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, os.environ.get(name, "tests"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # Nobody's: mail goes nowhere unless a test asks for ``mailbox``.
        patch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def stripe_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Stripe stand-in without webhooks: tests deliver those themselves."""
    standin = Running.module(
        "standins.stripe",
        "--port",
        "0",
        "--data",
        str(tmp_path_factory.mktemp("stripe")),
        env={"STANDIN_STRIPE_KEY": STRIPE_KEY, "STANDIN_STRIPE_WEBHOOK_SECRET": STRIPE_SECRET},
    )
    try:
        yield standin.address
    finally:
        standin.stop()


@pytest.fixture(scope="session")
def dynamodb_tables(dynamodb_endpoint: str) -> str:
    """The prefix of this run's tables; items are kept apart by their random keys."""
    prefix = f"tests-{secrets.token_hex(4)}-"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
        make_tables(DynamoDB(Settings(dynamodb_prefix=prefix)))
    return prefix


@pytest.fixture
def settings(
    database_url: str,
    dynamodb_endpoint: str,
    dynamodb_tables: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings of a shop on the tests' stores. Stripe's address is of nobody unless ``stripe`` is used."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    return Settings(
        database_url=database_url,
        dynamodb_prefix=dynamodb_tables,
        stripe_key=STRIPE_KEY,
        stripe_webhook_secret=STRIPE_SECRET,
        stripe_api_base="http://127.0.0.1:9",
        stripe_checkout_origin="http://127.0.0.1:9",
        carrier_webhook_secret=CARRIER_SECRET,
        base_url="http://127.0.0.1",
    )


@pytest.fixture
def stripe(settings: Settings, stripe_standin: str) -> str:
    """Points the test's shop at the Stripe stand-in; its address."""
    settings.stripe_api_base = stripe_standin
    settings.stripe_checkout_origin = stripe_standin
    return stripe_standin


@pytest.fixture(scope="session")
def ses_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    """A stand-in of SES of this run's own."""
    folder = tmp_path_factory.mktemp("ses")
    standin = Running.module("standins.aws", "--port", "0", "--data", str(folder))
    try:
        yield Mailbox(standin.address, folder / "mail")
    finally:
        standin.stop()


@pytest.fixture
def mailbox(settings: Settings, ses_standin: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """Everybody's letter box, empty: what the test's shop sends arrives here."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", ses_standin.address)
    settings.standins = True
    settings.mail_folder = str(ses_standin.folder)
    ses_standin.empty()
    # Tables of DynamoDB are not emptied: what other tests left to be sent is not this one's.
    outbox = Outbox(DynamoDB(settings))
    while left := outbox.claim(100, timedelta(minutes=5)):
        for one in left:
            outbox.done(one.item)
    return ses_standin


@pytest.fixture
def process(settings: Settings, caretaker: Engine) -> Iterator[Process]:
    """A process on empty tables."""
    empty(caretaker)
    made = Process(settings)
    yield made
    made.close()


@pytest.fixture(scope="session")
def caretaker(database_url: str) -> Iterator[Engine]:
    """The connection that empties the tables between tests."""
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url, pool_pre_ping=True)
    yield engine
    engine.dispose()


def empty(caretaker: Engine) -> None:
    """Few rows are deleted in a millisecond; truncating makes new files for each table and index."""
    with caretaker.begin() as connection:
        few = (
            connection.execute(text("SELECT count(*) FROM (SELECT FROM products LIMIT 1000)")).scalar_one()
            < 1000
        )
        if few:
            for table in EMPTIED:
                connection.execute(table.delete())
        else:
            connection.execute(TRUNCATE)


@pytest.fixture
def engines(process: Process) -> object:
    return process.engines


@pytest.fixture
def stores(process: Process) -> Stores:
    return process.stores()


@pytest.fixture(scope="session")
def apps() -> dict[str, Flask]:
    """The apps of a run by their settings: to make one takes as long as a dozen requests."""
    return {}


@pytest.fixture
def app(process: Process, apps: dict[str, Flask]) -> Iterator[Flask]:
    """The shop's app on the test's own process. What a test changes or has it keep is gone with the test."""
    kind = repr(process.settings.__dict__)
    if kind not in apps:
        apps[kind] = create_app(process.settings)
        apps[kind].config["WTF_CSRF_ENABLED"] = False
    made = apps[kind]
    before = (made.config, made.extensions, made.view_functions)
    after = [dict(one) for one in before]
    made.extensions["storefront"] = process
    yield made
    for one, was in zip(before, after, strict=True):
        one.clear()
        one.update(was)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser on the shop's own pages."""
    made = app.test_client()
    made.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    # An address of its own: limits count by it, over all tests of a run.
    made.environ_base["REMOTE_ADDR"] = ".".join(["10", *(str(byte) for byte in secrets.token_bytes(3))])
    return made


@pytest.fixture
def data() -> Path:
    """The folder of real catalogues beside the repository."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real catalogues are not beside this repository")
    return folder
