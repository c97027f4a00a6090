"""What opens the database where its password is not in the URL: a secret that rotates, or a token of IAM."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Protocol, cast

import structlog
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.conninfo import conninfo_to_dict

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable

log = structlog.get_logger()

TOKEN_SECONDS = 600.0
"""A token opens connections for fifteen minutes, and making one costs a millisecond."""


class Password(Protocol):
    """Safe to share between threads."""

    def current(self) -> str:
        """The one that opened it last, or the first.

        Raises:
            StoreUnavailable: it can't be had.
        """

    def renew(self) -> str:
        """The one of this moment, after the database has refused the current one; raises as ``current``."""


def password_of(settings: Settings) -> Password | None:
    """Where the password comes from; None where the URL has it, or none is needed."""
    if settings.database_password_secret:
        return SecretPassword(settings)
    return TokenPassword(settings) if settings.database_iam else None


class _Secrets(Protocol):
    def get_secret_value(self, *, SecretId: str) -> Mapping[str, str]: ...  # noqa: N803 - AWS's name


class SecretPassword:
    """Of Secrets Manager, as RDS writes it (JSON with ``password``) or bare. Asked for once, and again when
    the database refuses what it said, which is how a process that runs learns of a rotation.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._known = ""

    def current(self) -> str:
        with self._lock:
            return self._known or self._fetch()

    def renew(self) -> str:
        with self._lock:
            log.warning("database_password_renewed")
            return self._fetch()

    def _fetch(self) -> str:
        config = Config(connect_timeout=1.0, read_timeout=2.0, retries={"total_max_attempts": 1})
        region = self._settings.aws_region
        client = cast(_Secrets, Session().client("secretsmanager", region_name=region, config=config))
        try:
            told = client.get_secret_value(SecretId=self._settings.database_password_secret)["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise StoreUnavailable("aurora", "password") from error
        self._known = _bare(told)
        return self._known


def _bare(secret: str) -> str:
    try:
        told = json.loads(secret)
    except ValueError:
        return secret
    return str(told["password"]) if isinstance(told, dict) and "password" in told else secret


class TokenPassword:
    """Signed here for the host, port and user of the URL; nobody is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._token, self._made = "", 0.0

    def current(self) -> str:
        with self._lock:
            if not self._token or time.monotonic() - self._made > TOKEN_SECONDS:
                self._sign()
            return self._token

    def renew(self) -> str:
        with self._lock:
            self._sign()
            return self._token

    def _sign(self) -> None:
        told = conninfo_to_dict(self._settings.libpq_url)
        region = self._settings.aws_region
        try:
            self._token = (
                Session()
                .client("rds", region_name=region)
                .generate_db_auth_token(
                    DBHostname=str(told.get("host", "")),
                    Port=int(told.get("port") or 5432),
                    DBUsername=str(told.get("user", "")),
                    Region=region,
                )
            )
        except BotoCoreError as error:
            raise StoreUnavailable("aurora", "password") from error
        self._made = time.monotonic()
