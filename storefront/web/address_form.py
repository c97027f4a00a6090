"""The form of a postal address: checkout, address book and corrections share it."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

from babel import Locale
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TelField

from storefront.domain.addresses import LENGTHS, PostalAddress
from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.services import address_rules
from storefront.web import forms
from storefront.web.context import settings
from storefront.web.validators import Text, stripped


class AddressForm(FlaskForm):
    """A postal address. Which fields are needed hangs on the country, so the service decides that."""

    country = SelectField("Country", validate_choice=False)
    name = StringField("Full name", [Text(LENGTHS["name"], "Enter your name")], filters=[stripped])
    line1 = StringField(
        "Address", [Text(LENGTHS["line1"], "Enter the street and house number")], filters=[stripped]
    )
    line2 = StringField("Flat, floor or company (optional)", [Text(LENGTHS["line2"])], filters=[stripped])
    city = StringField("Town or city", [Text(LENGTHS["city"])], filters=[stripped])
    region = StringField("State or region", [Text(LENGTHS["region"])], filters=[stripped])
    zip = StringField("Postcode", [Text(LENGTHS["zip"])], filters=[stripped])
    phone = TelField("Phone (optional)", [Text(LENGTHS["phone"])], filters=[stripped])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.country.choices = _countries(settings().locale, settings().calendar)

    def address(self) -> PostalAddress:
        """The address that was typed.

        Raises:
            Invalid: a field is missing, too long or can't be read.
        """
        typed = forms.checked(self)
        return PostalAddress(**{name: typed[name] for name in LENGTHS}, country=typed["country"])


@lru_cache(maxsize=8)
def _countries(locale: str, calendar: DeliveryCalendar) -> tuple[tuple[str, str], ...]:
    """What can be chosen, by name: the countries that are served."""
    names = Locale.parse(locale).territories
    served = [(code, names.get(code, code)) for code in address_rules.countries() if calendar.serves(code)]
    return ("", "Choose a country"), *sorted(served, key=itemgetter(1))
