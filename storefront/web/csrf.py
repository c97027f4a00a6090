"""Flask-WTF's token on every form of a page with a session, beside the same-site check of all."""

from __future__ import annotations

from flask_wtf import CSRFProtect

csrf = CSRFProtect()
"""Exempt are the cart's forms, which stand on pages that are the same for everybody, and the webhooks."""
