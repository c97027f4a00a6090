"""What every request and answer must keep to: same site, small, no caching of what is personal."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from storefront.config import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WEBHOOKS = "/webhooks/"
MAX_BODY = 256 * 1024


def content_security_policy(settings: Settings) -> str:
    pictures = " ".join(f"https://{host}" for host in settings.picture_hosts)
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


def register(app: Flask, settings: Settings) -> None:
    policy = content_security_policy(settings)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_PARTS=200,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
    )

    @app.before_request
    def refuse_cross_site() -> None:
        if request.method not in SAFE and not request.path.startswith(WEBHOOKS) and not _same_site():
            raise Forbidden("This came from another site, so nothing was changed.")

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if settings.production:
            headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        return response


def _same_site() -> bool:
    """Whether the browser says that our own page sent this.

    Browsers send ``Sec-Fetch-Site`` to trustworthy addresses; where it is missing ``Origin`` must match
    the host, and with neither the request is refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    try:
        origin = urlsplit(request.headers.get("Origin", "")).netloc
    except ValueError:
        return False
    # A host that can't be read is empty, as is the origin of a sandboxed page.
    return bool(origin) and origin == request.host
