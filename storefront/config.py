"""Every setting of the shop, typed. The only module that reads the environment."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from babel import Locale
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from storefront import delivery_file
from storefront.brand import folder as brand_folder
from storefront.brand.folder import Brand
from storefront.domain.delivery_calendar import DeliveryCalendar

DEVELOPMENT_SECRET = "development-only-secret"  # noqa: S105 - production refuses it

# Stripe counts these in units other than hundredths (https://docs.stripe.com/currencies#zero-decimal
# and #three-decimal); every amount here is an integer of hundredths, so they are refused.
NOT_TWO_DECIMAL = frozenset([
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF", "BHD", "JOD", "KWD", "OMR", "TND", "ISK", "HUF", "TWD",
])  # fmt: skip


class Settings(BaseSettings):
    """Settings as they come from ``STOREFRONT_*`` and, for AWS, from boto3's own variables."""

    _calendar: DeliveryCalendar = PrivateAttr()
    _house: Brand = PrivateAttr()

    # What is wrong may be a secret, or hold a password, and errors end up in logs.
    model_config = SettingsConfigDict(
        env_prefix="STOREFRONT_", populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    env: Literal["development", "production"] = "development"
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    secret_key_fallbacks: SecretStr = SecretStr("")
    """Comma-separated: still read, never used to sign."""

    database_url: SecretStr = SecretStr("")
    database_reader_url: SecretStr = SecretStr("")
    database_password_secret: str = ""
    database_iam: bool = False
    web_workers: int = Field(2, ge=1, le=64)
    web_threads: int = Field(4, ge=1, le=64)
    # Longer than a balancer keeps an idle connection, or it would send a request into one that just ended.
    keep_alive_seconds: float = Field(75.0, ge=1, le=600)
    dynamodb_prefix: str = Field("storefront-", pattern=r"^[a-zA-Z0-9_.-]{0,64}$")
    aws_region: str = Field("us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    locale: str = "en_US"
    timezone: str = "UTC"
    # Twice the hold and 35 minutes must fit into the 24 hours that one of Stripe's pages may live.
    hold_minutes: float = Field(15.0, gt=0, le=690)

    stripe_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    stripe_api_base: str = "https://api.stripe.com"
    stripe_checkout_origin: str = "https://checkout.stripe.com"
    carrier_webhook_secret: SecretStr = SecretStr("")

    mail_from: str = "shop@example.com"
    operator_mail: str = ""
    """Who is mailed of what needs a person; nobody if it is empty."""
    base_url: str = "http://127.0.0.1:8000"
    image_hosts: str = ""
    data: str = ".storefront"
    """The folder of what this machine keeps: pictures, where no bucket has them; and all of the stand-ins."""
    # Both end up in headers or requests, where a blank or a semicolon would begin something else.
    media_url: str = Field("", pattern=r"^(https?://[a-zA-Z0-9.:\[\]-]+(/[a-zA-Z0-9._~/-]*)?)?$")
    media_bucket: str = Field("", pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")
    holds_per_address: int = Field(50, ge=0)
    """Unpaid orders that may be held from one client address at a time; 0 for no limit."""
    keep_orders_days: int = Field(3650, ge=1)
    delivery_file: str = ""
    """What is promised to whom (delivery_file.py); without one, three working days to every country."""
    carrier_step_seconds: float = Field(10.0, gt=0)

    brand: str = ""
    """The folder of the shop's name, words, colours and marks (brand/folder.py); empty: brand/ beside us."""
    shop_name: str = ""
    """Instead of the brand's."""
    trusted_proxies: int = Field(0, ge=0, le=5)
    metrics_token: SecretStr = SecretStr("")
    worker_metrics_port: int = Field(0, ge=0, le=65535)
    """Where on loopback a worker answers with its figures; nowhere if it is 0."""
    standins: bool = False
    """Set by the launcher for its children: some stand-in is in use."""
    mail_folder: str = ""
    """Set by the launcher for its children: where the stand-in of SES keeps every mail, a file each."""

    @field_validator("currency")
    @classmethod
    def _two_decimals(cls, value: str) -> str:
        if value in NOT_TWO_DECIMAL:
            raise ValueError(f"{value} does not have two decimals; only such currencies are supported")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception:
            raise ValueError(f"{value!r} is not an IANA time zone") from None
        return value

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        try:
            Locale.parse(value)
        except Exception:
            raise ValueError(f"{value!r} is not a locale such as en_US") from None
        return value

    @field_validator("database_url", "database_reader_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        # libpq's two spellings and SQLAlchemy's, since each is somewhere the one that people have at hand.
        schemes = ("postgresql://", "postgres://", "postgresql+psycopg://")
        if value.get_secret_value() and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"a database's address begins with {', '.join(schemes[:-1])} or {schemes[-1]}")
        return value

    @field_validator("media_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("base_url", "stripe_api_base", "stripe_checkout_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an http(s) address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.env == "production" and (wrong := self._wrong_for_production()):
            raise ValueError("; ".join(wrong))
        return self

    def _wrong_for_production(self) -> list[str]:
        wrong = []
        if self.standins:
            wrong.append("a stand-in is in use")
        if not _is_strong(self.secret_key.get_secret_value()):
            wrong.append("STOREFRONT_SECRET_KEY is missing, a default, or under 32 characters")
        if not all(map(_is_strong, self.fallback_keys)):
            wrong.append("STOREFRONT_SECRET_KEY_FALLBACKS has a default, or a key under 32 characters")
        wrong += [
            f"STOREFRONT_{name.upper()} leads to another machine without sslmode=verify-full"
            for name in ("database_url", "database_reader_url")
            if not _is_private(_spelled(getattr(self, name), "postgresql"))
        ]
        for name in ("database_url", "stripe_key", "stripe_webhook_secret", "carrier_webhook_secret"):
            if not getattr(self, name).get_secret_value():
                wrong.append(f"STOREFRONT_{name.upper()} is missing")
        if not self.base_url.startswith("https://"):
            wrong.append("STOREFRONT_BASE_URL must be https")
        if self.media_url and not self.media_url.startswith("https://"):
            wrong.append("STOREFRONT_MEDIA_URL must be https")
        if self.media_bucket and not self.media_url:
            wrong.append(
                "STOREFRONT_MEDIA_URL is missing: pages would not find what STOREFRONT_MEDIA_BUCKET keeps"
            )
        return wrong

    @model_validator(mode="after")
    def _delivery_file_can_be_used(self) -> Self:
        # Read once, at the start: an order must not be the one that finds out.
        self._calendar = (
            delivery_file.read(Path(self.delivery_file), self.zone)
            if self.delivery_file
            else DeliveryCalendar(self.zone)
        )
        return self

    @model_validator(mode="after")
    def _brand_can_be_used(self) -> Self:
        # As above: no page may be the one that finds out.
        self._house = brand_folder.of(Path(self.brand) if self.brand else brand_folder.STANDARD)
        self.shop_name = self.shop_name or self._house.words.name
        return self

    @property
    def house(self) -> Brand:
        """The owner's own name, words, colours and marks."""
        return self._house

    @property
    def contact(self) -> str:
        """The e-mail address that shoppers write to."""
        return self._house.words.contact.email or self.mail_from

    @property
    def sender(self) -> str:
        """Who mails say they are from."""
        return self._house.words.contact.sender or self.shop_name

    @property
    def fallback_keys(self) -> list[str]:
        told = self.secret_key_fallbacks.get_secret_value()
        return [key.strip() for key in told.split(",") if key.strip()]

    @property
    def signing_keys(self) -> list[str]:
        """For itsdangerous: all are read, the last one signs."""
        return [*self.fallback_keys, self.secret_key.get_secret_value()]

    @property
    def calendar(self) -> DeliveryCalendar:
        """What the shop promises."""
        return self._calendar

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def hold(self) -> timedelta:
        return timedelta(minutes=self.hold_minutes)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def picture_hosts(self) -> tuple[str, ...]:
        """Hosts, comma-separated in the setting, from which product pictures may be shown."""
        return tuple(h.strip().lower() for h in self.image_hosts.split(",") if h.strip())

    @property
    def media_folder(self) -> Path:
        """Where pictures are kept if no bucket has them."""
        return Path(self.data or ".storefront") / "media"

    @property
    def libpq_url(self) -> str:
        """The database, as psycopg itself and PostgreSQL's own programs take it."""
        return _spelled(self.database_url, "postgresql")

    @property
    def sqlalchemy_url(self) -> str:
        """The database, by SQLAlchemy's psycopg 3 driver."""
        return _spelled(self.database_url, "postgresql+psycopg")

    @property
    def sqlalchemy_reader_url(self) -> str:
        return _spelled(self.database_reader_url, "postgresql+psycopg") or self.sqlalchemy_url


def _is_strong(key: str) -> bool:
    return len(key) >= 32 and "development" not in key


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read along or answer in the server's place.

    The server proves its name, or there is no way between: a socket or a loopback address.
    """
    try:
        told = conninfo_to_dict(url)
    except ProgrammingError:
        return False
    hosts = str(told.get("hostaddr") or told.get("host") or "").split(",")
    return told.get("sslmode") == "verify-full" or all(map(_is_here, hosts))


def _is_here(host: str) -> bool:
    if not host or host == "localhost" or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _spelled(url: SecretStr, scheme: str) -> str:
    """The same URL under another of PostgreSQL's schemes; empty where none is set."""
    _, separator, rest = url.get_secret_value().partition("://")
    return f"{scheme}://{rest}" if separator else ""
