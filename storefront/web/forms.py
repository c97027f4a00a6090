"""Forms: what was typed, once each field can be read, and the same page again when it does not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from flask import Response, abort
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import Conflict, Invalid, ShopError, TooMuch
from storefront.web import errors, htmx

F = TypeVar("F", bound=FlaskForm)


@dataclass(frozen=True)
class Problem:
    """Why a form is shown again: the words above it and, by the name of a field, those beside its fields."""

    status: int
    message: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    error: ShopError | None = None


NONE = Problem(200)
"""The form is shown for the first time."""


def checked(form: FlaskForm, *names: str) -> dict[str, str]:
    """What was typed, by the name of the field. With ``names``, only those fields are looked at.

    Raises:
        Invalid: with words for each field that is missing, too long or can't be read.
    """
    if names:
        wrong = {name: form[name].errors for name in names if not form[name].validate(form)}
    else:
        wrong = {} if form.validate() else form.errors
    if wrong:
        raise Invalid(errors={name: str(words[0]) for name, words in wrong.items() if name and words})
    return {name: value or "" for name, value in form.data.items() if value is None or isinstance(value, str)}


@contextmanager
def shown_again(
    form: F, page: Callable[[F, Problem], BaseResponse], *also: type[ShopError]
) -> Iterator[None]:
    """Answer with the form's page, its entries kept, when the block raises Invalid, Conflict or one of
    ``also``; the rest of the view is left out then. Other errors pass.
    """
    try:
        yield
    except ShopError as error:
        if not isinstance(error, (Invalid, Conflict, *also)):
            raise
        beside = error.errors if isinstance(error, Invalid) else {}
        abort(page(form, Problem(errors.status_of(error), str(error), beside, error)))


def render(template: str, form: FlaskForm, problem: Problem = NONE, **values: object) -> Response:
    """The page of a form. Its template shows ``message`` and ``errors`` as a summary that takes the focus."""
    response = htmx.render(
        template,
        status=problem.status,
        form=form,
        message=problem.message,
        errors=problem.errors,
        **values,
    )
    if isinstance(problem.error, TooMuch):
        response.headers["Retry-After"] = str(problem.error.retry_after)
    if problem.status == 503:
        response.headers["Retry-After"] = errors.RETRY_AFTER
    return response
