"""The forms of accounts: shapes of their fields; what a password must be is the service's."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, StringField, TelField

from storefront.domain.accounts import EMAIL_MAX
from storefront.domain.addresses import LENGTHS
from storefront.web.validators import Email, Text, stripped

MOST_TYPED = 1000
"""Longer than any password may be: the service says how long, in words of its own."""


class RegisterForm(FlaskForm):
    name = StringField("Full name", [Text(LENGTHS["name"], "Enter your name")], filters=[stripped])
    email = EmailField("E-mail", [Text(EMAIL_MAX, "Enter your e-mail address"), Email()], filters=[stripped])
    password = PasswordField("Password", [Text(MOST_TYPED, "Choose a password")])
    order_id = HiddenField()
    next = HiddenField()


class LoginForm(FlaskForm):
    email = EmailField("E-mail", [Text(EMAIL_MAX, "Enter your e-mail address")], filters=[stripped])
    password = PasswordField("Password", [Text(MOST_TYPED, "Enter your password")])
    next = HiddenField()


class ProfileForm(FlaskForm):
    name = StringField("Full name", [Text(LENGTHS["name"], "Enter your name")], filters=[stripped])
    phone = TelField("Phone (optional)", [Text(LENGTHS["phone"])], filters=[stripped])
    email = EmailField("E-mail", [Text(EMAIL_MAX, "Enter your e-mail address"), Email()], filters=[stripped])
    current_password = PasswordField("Current password", [Text(MOST_TYPED)])
    """Asked for with another e-mail address only."""


class PasswordForm(FlaskForm):
    current_password = PasswordField(
        "Current password", [Text(MOST_TYPED, "Enter the password you have now")]
    )
    new_password = PasswordField("New password", [Text(MOST_TYPED, "Choose a new password")])


class ForgottenForm(FlaskForm):
    email = EmailField("E-mail", [Text(EMAIL_MAX, "Enter your e-mail address"), Email()], filters=[stripped])


class ResetForm(FlaskForm):
    password = PasswordField("New password", [Text(MOST_TYPED, "Choose a new password")])


class DeletionForm(FlaskForm):
    password = PasswordField("Password", [Text(MOST_TYPED, "Enter your password")])
