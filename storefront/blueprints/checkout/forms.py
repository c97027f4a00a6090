"""The checkout's form: shapes of its fields; the rules of addresses are the service's."""

from __future__ import annotations

from uuid import UUID

from babel import Locale
from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectField, StringField, TelField, ValidationError

from storefront.domain.customers import PostalAddress
from storefront.domain.errors import NotFound
from storefront.services import addresses
from storefront.web.context import settings
from storefront.web.fields import Text, stripped


class Email:
    """A validator: an address mail can be sent to, by its form alone; no host is asked."""

    def __call__(self, _form: FlaskForm, field: EmailField) -> None:
        try:
            validate_email(field.data or "", check_deliverability=False)
        except EmailNotValidError:
            raise ValidationError("Enter an e-mail address, such as name@example.com") from None


class AddressForm(FlaskForm):
    """A postal address; customers' address books use it too."""

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


class CheckoutForm(AddressForm):
    email = EmailField("E-mail", [Text(254, "Enter your e-mail address"), Email()], filters=[stripped])
    cart_id = HiddenField()
    seen = HiddenField()

    def cart(self) -> UUID:
        """The cart the page showed.

        Raises:
            NotFound: that is no cart's id.
        """
        try:
            return UUID(self.cart_id.data or "")
        except ValueError:
            raise NotFound("This cart is not here any more") from None
