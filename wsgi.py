"""The entry for WSGI servers."""

from storefront import create_app

app = create_app()
