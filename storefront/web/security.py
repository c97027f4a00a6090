"""What every request and answer must keep to: same site, small, no caching of what is personal."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Request, Response
from werkzeug.exceptions import Forbidden

from storefront.config import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WEBHOOKS = "/webhooks/"
MAX_BODY = 256 * 1024


def content_security_policy(settings: Settings) -> str:
    sources = [f"https://{host}" for host in settings.picture_hosts]
    if settings.media_url:
        sources.append("{0.scheme}://{0.netloc}".format(urlsplit(settings.media_url)))
    pictures = " ".join(sources)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: {pictures}".strip(),
            "connect-src 'self'",
            "manifest-src 'self'",
            # Chromium holds form-action against every hop of a redirected post: "Place order" ends there.
            f"form-action 'self' {settings.stripe_checkout_origin}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def register(app: Flask) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_PARTS=200,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
    )


def refuse_cross_site(asked: Request) -> None:
    """Let nothing be changed by another site's page.

    Raises:
        Forbidden: this one would.
    """
    if asked.method not in SAFE and not asked.path.startswith(WEBHOOKS) and not _same_site(asked):
        raise Forbidden("This came from another site, so nothing was changed.")


def hardening(settings: Settings) -> Callable[[Response], None]:
    """What gives an answer the headers that it doesn't have yet."""
    fields = {
        "Content-Security-Policy": content_security_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    if settings.production:
        fields["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

    def harden(response: Response) -> None:
        given = {name.lower() for name, _ in response.headers}
        response.headers.extend((name, value) for name, value in fields.items() if name.lower() not in given)

    return harden


def _same_site(asked: Request) -> bool:
    """Whether the browser says that our own page sent this.

    Browsers send ``Sec-Fetch-Site`` to trustworthy addresses; where it is missing ``Origin`` must match
    the host, and with neither the request is refused.
    """
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    try:
        origin = urlsplit(asked.headers.get("Origin", "")).netloc
    except ValueError:
        return False
    # A host that can't be read is empty, as is the origin of a sandboxed page.
    return bool(origin) and origin == asked.host
