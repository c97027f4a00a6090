"""The form of a postal address: checkout, address book and corrections share it."""

from __future__ import annotations

from babel import Locale
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TelField

from storefront.domain.customers import PostalAddress
from storefront.services import addresses
from storefront.web.context import settings
from storefront.web.fields import Text, stripped


class AddressForm(FlaskForm):
    """A postal address. Which fields are needed hangs on the country, so the service decides that."""

    country = SelectField("Country", validate_choice=False)
    name = StringField("Full name", [Text(100, "Enter your name")], filters=[stripped])
    line1 = StringField("Address", [Text(200, "Enter the street and house number")], filters=[stripped])
    line2 = StringField("Flat, floor or company (optional)", [Text(200)], filters=[stripped])
    city = StringField("Town or city", [Text(100)], filters=[stripped])
    region = StringField("State or region", [Text(100)], filters=[stripped])
    zip = StringField("Postcode", [Text(20)], filters=[stripped])
    phone = TelField("Phone (optional)", [Text(30)], filters=[stripped])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        names = Locale.parse(settings().locale).territories
        choices = sorted(
            ((code, names.get(code, code)) for code in addresses.countries()), key=lambda c: c[1]
        )
        self.country.choices = [("", "Choose a country"), *choices]

    def address(self) -> PostalAddress:
        return PostalAddress(
            name=self.name.data or "",
            line1=self.line1.data or "",
            line2=self.line2.data or "",
            city=self.city.data or "",
            region=self.region.data or "",
            zip=self.zip.data or "",
            country=self.country.data or "",
            phone=self.phone.data or "",
        )
