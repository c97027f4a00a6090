"""The form of the guest look-up."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, StringField

from storefront.domain.accounts import EMAIL_MAX
from storefront.web.validators import Text, stripped


class LookupForm(FlaskForm):
    number = StringField(
        "Order number", [Text(40, "Enter the order number, such as 7K3M-Q9TX")], filters=[stripped]
    )
    email = EmailField(
        "E-mail", [Text(EMAIL_MAX, "Enter the e-mail address of the order")], filters=[stripped]
    )
