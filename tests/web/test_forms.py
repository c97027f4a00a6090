"""Forms: lengths from one place, and the page again when something does not do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_wtf import FlaskForm
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.fields.simple import BooleanField, HiddenField

from storefront.blueprints.accounts import forms as accounts
from storefront.blueprints.checkout.forms import CheckoutForm
from storefront.blueprints.lookup.forms import LookupForm
from storefront.domain.errors import Conflict, Invalid, NotFound, ShopError, StoreUnavailable
from storefront.web import forms
from storefront.web.address_form import AddressForm
from storefront.web.validators import Text

TEMPLATES = Path(__file__).parents[2] / "templates"
FORMS = (
    AddressForm,
    CheckoutForm,
    LookupForm,
    *(
        one
        for one in vars(accounts).values()
        if isinstance(one, type) and one.__module__ == accounts.__name__
    ),
)


class _Form(FlaskForm):
    word = StringField("Word", [Text(5, "Enter a word")])
    other = StringField("Other", [Text(5)])


def _page(_form: _Form, problem: forms.Problem) -> Response:
    return Response(f"{problem.message} {dict(problem.errors)}", problem.status)


def _typed(app: Flask, **data: str):  # a context manager of Flask's
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_request_context("/", method="POST", data=data)


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_every_field_is_rendered_with_the_length_its_validator_holds(
    app: Flask, kind: type[FlaskForm]
) -> None:
    with app.test_request_context():
        for field in kind():
            if not isinstance(field, StringField) or isinstance(field, (HiddenField, BooleanField)):
                continue
            (text,) = [one for one in field.validators if isinstance(one, Text)]
            page = render_template_string(
                "{% from 'macros/forms.html' import field %}{{ field(f) }}", f=field
            )
            assert f'maxlength="{text.most}"' in page, field.name


def test_no_template_has_a_length_of_its_own() -> None:
    """But the quantity's two digits, which its pattern names too."""
    found = [
        path.relative_to(TEMPLATES).as_posix()
        for path in TEMPLATES.rglob("*.html")
        if re.search(r'maxlength="?=?\d', path.read_text())
    ]
    assert found == ["macros/product.html"]


@pytest.mark.parametrize(
    ("error", "status"), [(Invalid(errors={"word": "No"}), 422), (Conflict("Gone"), 409)]
)
def test_what_does_not_do_shows_the_form_again(app: Flask, error: ShopError, status: int) -> None:
    with _typed(app), pytest.raises(HTTPException) as answer, forms.shown_again(_Form(), _page):
        raise error
    response = answer.value.get_response()
    assert response.status_code == status
    assert str(error) in response.get_data(as_text=True)


def test_other_errors_pass_unless_they_are_named(app: Flask) -> None:
    with _typed(app):
        for error in (NotFound("Not here"), StoreUnavailable("aurora")):
            with pytest.raises(type(error)), forms.shown_again(_Form(), _page):
                raise error
        with pytest.raises(HTTPException) as answer, forms.shown_again(_Form(), _page, NotFound):
            raise NotFound("Not here")
        assert answer.value.get_response().status_code == 404


def test_checked_fields_come_as_text_and_wrong_ones_with_their_words(app: Flask) -> None:
    with _typed(app, word="tin"):
        assert forms.checked(_Form()) == {"word": "tin", "other": ""}
    with _typed(app, word="", other="too long"):
        with pytest.raises(Invalid) as refused:
            forms.checked(_Form())
        assert refused.value.errors == {"word": "Enter a word", "other": "Use at most 5 characters"}
        with pytest.raises(Invalid) as refused:
            forms.checked(_Form(), "word")
        assert refused.value.errors == {"word": "Enter a word"}
