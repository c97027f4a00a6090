"""Every setting of the shop, typed. The only module that reads the environment."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from babel import Locale
from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret"  # noqa: S105 - production refuses it

# Stripe counts these in units other than hundredths (https://docs.stripe.com/currencies#zero-decimal
# and #three-decimal); every amount here is an integer of hundredths, so they are refused.
NOT_TWO_DECIMAL = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
        "BHD",
        "JOD",
        "KWD",
        "OMR",
        "TND",
        "ISK",
        "HUF",
        "TWD",
    ]
)


class Settings(BaseSettings):
    """Settings as they come from ``STOREFRONT_*`` and, for AWS, from boto3's own variables."""

    model_config = SettingsConfigDict(env_prefix="STOREFRONT_", populate_by_name=True, extra="ignore")

    env: Literal["development", "production"] = "development"
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)

    database_url: SecretStr = SecretStr("")
    database_reader_url: SecretStr = SecretStr("")
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
    base_url: str = "http://127.0.0.1:8000"
    image_hosts: str = ""
    keep_orders_days: int = Field(3650, ge=1)
    carrier_step_seconds: float = Field(10.0, gt=0)

    shop_name: str = "Larkfield"
    trusted_proxies: int = Field(0, ge=0, le=5)
    metrics_token: SecretStr = SecretStr("")
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

    @field_validator("base_url", "stripe_api_base", "stripe_checkout_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an http(s) address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.env != "production":
            return self
        wrong = []
        if self.standins:
            wrong.append("a stand-in is in use")
        if (
            len(self.secret_key.get_secret_value()) < 32
            or "development" in self.secret_key.get_secret_value()
        ):
            wrong.append("STOREFRONT_SECRET_KEY is missing, a default, or under 32 characters")
        for name in ("database_url", "stripe_key", "stripe_webhook_secret", "carrier_webhook_secret"):
            if not getattr(self, name).get_secret_value():
                wrong.append(f"STOREFRONT_{name.upper()} is missing")
        if not self.base_url.startswith("https://"):
            wrong.append("STOREFRONT_BASE_URL must be https")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

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
    def sqlalchemy_url(self) -> str:
        return _psycopg(self.database_url.get_secret_value())

    @property
    def sqlalchemy_reader_url(self) -> str:
        return _psycopg(self.database_reader_url.get_secret_value()) or self.sqlalchemy_url


def _psycopg(url: str) -> str:
    """Accept libpq's and Aurora's ``postgres://`` spellings for SQLAlchemy's psycopg 3 driver."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url
