"""Reads STOREFRONT_DELIVERY_FILE, in which an owner says what the shop promises.

home = "US"              # the country that product page and cart speak of
cut_off_hour = 14        # paid before 14:00 (STOREFRONT_TIMEZONE), handed over the same day; 24: no such hour
holidays = [2026-12-25]  # nothing is handed over or delivered on these days

[working_days]           # from handing over to the door, by country (ISO 3166-1 alpha-2)
US = 2
CA = 5
default = 8              # every other country; without it, no other is served
"""

from __future__ import annotations

import tomllib
from datetime import date, tzinfo
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from storefront.domain.delivery_calendar import NO_CUT_OFF, DeliveryCalendar

MOST_DAYS = 90
"""Working days; what takes longer is a slip of the pen."""

Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|default)$")]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    home: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    cut_off_hour: Annotated[int, Field(ge=0, le=NO_CUT_OFF, strict=True)] = NO_CUT_OFF
    holidays: list[date] = []
    working_days: dict[Country, Days] = Field(min_length=1)

    @model_validator(mode="after")
    def _home_is_served(self) -> _File:
        if self.home not in self.working_days and "default" not in self.working_days:
            raise ValueError(f"working_days has neither {self.home}, the home country, nor a default")
        return self


class BadDeliveryFile(ValueError):
    """The file can't be used; the message says which, where in it, and why."""


def read(path: Path, zone: tzinfo) -> DeliveryCalendar:
    """What the file promises, by the calendar of ``zone``, the shop's.

    Raises:
        BadDeliveryFile: it is not there, no TOML, or says something that can't be meant.
    """
    try:
        told = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadDeliveryFile(f"{path}: {error}") from None
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in one['loc'] if part != '[key]') or 'the file'}: {one['msg']}"
            for one in error.errors()
        )
        raise BadDeliveryFile(f"{path}: {'; '.join(problems)}") from None
    days = dict(told.working_days)
    default = days.pop("default", None)
    return DeliveryCalendar(
        zone=zone,
        home=told.home,
        cut_off_hour=told.cut_off_hour,
        holidays=frozenset(told.holidays),
        working_days=days,
        default=default,
    )
