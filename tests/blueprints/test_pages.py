"""Plain texts an owner edits."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support.client import readable


@pytest.mark.parametrize("path", ["/help", "/returns", "/privacy", "/terms"])
def test_texts_are_public_pages(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert readable(page)
    assert "public" in page.headers["Cache-Control"]
    assert "Set-Cookie" not in page.headers
    assert "Cookie" not in page.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/help", "/returns", "/privacy", "/terms"])
def test_texts_take_no_forms(client: FlaskClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 405
    assert readable(answer)
