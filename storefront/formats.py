"""How values read: money, times and numbers in the shop's locale, on pages and in mails alike."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal
from markupsafe import Markup

from storefront.config import Settings


class Formats:
    """Formats in one locale, currency and time zone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._locale = settings.locale
        self._zone = settings.zone

    def money(self, cents: int) -> str:
        """Hundredths of the shop's currency, such as ``$42.10``."""
        return format_currency(cents / 100, self._settings.currency, locale=self._locale)

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self._locale)

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
        return format_date(value, "EEE d MMM", locale=self._locale)

    def country(self, code: str) -> str:
        """A country's name by its ISO 3166 alpha-2 code."""
        return str(Locale.parse(self._locale).territories.get(code, code))

    def picture(self, url: str) -> str:
        """The address of a picture if the page may show it, else nothing."""
        if url.startswith("/static/"):
            return url
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        if parts.scheme == "https" and (parts.hostname or "") in self._settings.picture_hosts:
            return url
        return ""

    def _zone_name(self, at: datetime) -> str:
        return at.astimezone(self._zone).tzname() or self._settings.timezone


def _time(at: datetime, words: str, style: str) -> Markup:
    iso = at.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" data-{}>{}</time>').format(iso, style, words)
