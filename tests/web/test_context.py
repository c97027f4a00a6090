"""What a view may reach for."""

from __future__ import annotations

from flask import Flask

from storefront.process import Process
from storefront.web import context


def test_a_request_has_one_set_of_stores_and_another_request_another(app: Flask, process: Process) -> None:
    with app.test_request_context():
        first = context.stores()
        assert context.stores() is first
        assert context.process() is process
        assert context.settings() is process.settings
        assert context.stripe() is process.stripe
    with app.test_request_context():
        assert context.stores() is not first


def test_making_the_app_makes_no_connection(process: Process, app: Flask) -> None:
    assert "dynamodb" not in vars(process)
    assert "stripe" not in vars(process)
