"""Every mail the stand-in of SES took, to read in the browser. Not there where mail is real."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from storefront.blueprints.dev_mail.folder import MailFolder
from storefront.domain.errors import NotFound
from storefront.web.context import settings
from storefront.web.security import content_security_policy

dev_mail = Blueprint("dev_mail", __name__)

NEWEST = 200

# A mail brings its own inline styles. It may do nothing else, and only our own page may frame it.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dev_mail.after_request
def keep_out_of_search(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@dev_mail.get("/dev/mail")
def index() -> str:
    return render_template("dev_mail/index.html", mails=_folder().newest(NEWEST), most=NEWEST)


@dev_mail.get("/dev/mail/<mail_id>")
def show(mail_id: str) -> Response:
    response = make_response(render_template("dev_mail/show.html", mail=_folder().read(mail_id)))
    response.headers["Content-Security-Policy"] = content_security_policy(settings()) + "; frame-src 'self'"
    # Links in mails carry keys.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@dev_mail.get("/dev/mail/<mail_id>/html")
def html(mail_id: str) -> Response:
    response = Response(_folder().read(mail_id).html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@dev_mail.get("/dev/mail/<mail_id>/source")
def source(mail_id: str) -> Response:
    return Response(_folder().read(mail_id).source, content_type="text/plain; charset=utf-8")


def _folder() -> MailFolder:
    if not settings().standins or not settings().mail_folder:
        raise NotFound("Mail is not kept here")
    return MailFolder(settings().mail_folder)
