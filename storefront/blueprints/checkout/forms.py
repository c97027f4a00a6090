"""The checkout's form: shapes of its fields; the rules of addresses are the service's."""

from __future__ import annotations

from uuid import UUID

from wtforms import BooleanField, EmailField, HiddenField

from storefront.domain.accounts import EMAIL_MAX
from storefront.domain.errors import NotFound
from storefront.web.address_form import AddressForm
from storefront.web.validators import Email, Text, stripped


class CheckoutForm(AddressForm):
    email = EmailField("E-mail", [Text(EMAIL_MAX, "Enter your e-mail address"), Email()], filters=[stripped])
    cart_id = HiddenField()
    seen = HiddenField()
    address_id = HiddenField()
    """A customer's saved address; radio buttons on the page. Empty: the typed one."""
    keep_address = BooleanField("Keep this address in my account")
    payment_token = HiddenField()
    """A customer's saved card; radio buttons on the page. Empty: another one, on Stripe's page."""
    keep_card = BooleanField("Keep the card I pay with for next time")

    def cart(self) -> UUID:
        """The cart the page showed.

        Raises:
            NotFound: that is no cart's id.
        """
        try:
            return UUID(self.cart_id.data or "")
        except ValueError:
            raise NotFound("This cart is not here any more") from None
