"""What happens before and after every request, in this order.

One function each way: every hook that Flask knows of costs each request a look at it, and each use of
``request`` finds the request anew.
"""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from storefront.config import Settings
from storefront.web import login, logs, metrics, security


def register(app: Flask, settings: Settings) -> None:
    harden = security.hardening(settings)

    @app.before_request
    def before() -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug documents it
        g.began = time.perf_counter()
        logs.start(asked)
        security.refuse_cross_site(asked)
        login.check_session(asked)

    @app.after_request
    def after(response: Response) -> Response:
        asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug documents it
        seconds = time.perf_counter() - g.began if "began" in g else 0.0
        login.tell_header(response)
        harden(response)
        # The endpoint, never the path: paths hold order ids and what strangers type.
        metrics.observe(asked.endpoint or "none", asked.method, response.status_code, seconds)
        logs.finish(asked, response, seconds)
        return response
