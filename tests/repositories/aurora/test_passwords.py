"""Fault 32: the database's password changes while the shop runs. A real PostgreSQL asks for it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from standins.postgres import Postgres
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.repositories.aurora.connections import BoundedConnection
from storefront.repositories.aurora.engine import make_engine
from storefront.repositories.aurora.passwords import SecretPassword, TokenPassword

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:database"


class Vault:
    """Secrets Manager, as far as it is asked for one secret; ``asked`` counts."""

    def __init__(self) -> None:
        self.secret, self.asked = "", 0
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert told == {"SecretId": SECRET}
                vault.asked += 1
                body = json.dumps({"ARN": SECRET, "SecretString": vault.secret}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    made = Vault()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", made.address)
    yield made
    made.stop()


class Guarded:
    """A PostgreSQL that lets the role ``shop`` in by its password alone."""

    def __init__(self, folder: Path) -> None:
        self._server = Postgres(folder, durable=False)
        self._owner = self._server.start()
        self._admin = psycopg.connect(self._owner, autocommit=True)
        self._admin.execute("CREATE ROLE shop LOGIN")
        (hba,) = self._admin.execute("SHOW hba_file").fetchone() or ("",)
        path = Path(hba)
        path.write_text("local all shop scram-sha-256\n" + path.read_text())
        self._admin.execute("SELECT pg_reload_conf()")
        host = quote(str(self._admin.info.host), safe="")
        self.url = f"postgresql+psycopg://shop@/storefront?host={host}"

    def change(self, password: str) -> None:
        self._admin.execute(f"ALTER ROLE shop PASSWORD '{password}'")

    def stop(self) -> None:
        self._admin.close()
        self._server.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    yield made
    made.stop()


@pytest.fixture
def settings(guarded: Guarded) -> Settings:
    return Settings(database_url=SecretStr(guarded.url), database_password_secret=SECRET)


def test_32_a_rotated_password_is_fetched_anew_on_the_first_refusal(
    vault: Vault, guarded: Guarded, settings: Settings
) -> None:
    guarded.change("one")
    vault.secret = json.dumps({"username": "shop", "password": "one"})
    engine = make_engine(settings.sqlalchemy_url, settings, pool_size=3)
    with engine.connect() as first, engine.connect() as second:
        assert [one.execute(text("SELECT 1")).scalar() for one in (first, second)] == [1, 1]
        assert vault.asked == 1, "it is remembered"
        guarded.change("two")
        vault.secret = "two"
        with engine.connect() as third:
            assert third.execute(text("SELECT current_user")).scalar() == "shop"
        assert vault.asked == 2
        assert first.execute(text("SELECT 1")).scalar() == 1, "who is in stays in"
    engine.dispose()


def test_32_control_without_it_the_new_password_is_never_learned(
    vault: Vault, guarded: Guarded, settings: Settings
) -> None:
    guarded.change("three")
    vault.secret = "three"
    known = SecretPassword(settings).current()
    guarded.change("four")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        BoundedConnection.connect(guarded.url.replace("+psycopg", ""), password=known)


def test_32_a_secret_that_does_not_fit_is_asked_for_once_a_connection(
    vault: Vault, guarded: Guarded, settings: Settings
) -> None:
    guarded.change("five")
    vault.secret = "wrong"
    engine = make_engine(settings.sqlalchemy_url, settings)
    with pytest.raises(OperationalError):
        engine.connect()
    assert vault.asked == 2
    engine.dispose()


def test_a_vault_that_is_away_is_a_store_that_is_unavailable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        SecretPassword(settings).current()


def test_a_token_is_signed_for_host_and_user_and_kept_for_a_while() -> None:
    aurora = Settings(database_url=SecretStr("postgresql://shop@db.example:5433/shop"), database_iam=True)
    password = TokenPassword(aurora)
    token = password.current()
    assert token.startswith("db.example:5433/?Action=connect&DBUser=shop&")
    assert "X-Amz-Signature=" in token
    assert password.current() == token
    assert password.renew().startswith("db.example:5433/")
