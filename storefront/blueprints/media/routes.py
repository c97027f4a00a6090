"""Pictures of products, where no CDN serves them from a bucket."""

from __future__ import annotations

from flask import Blueprint, Response, request

from storefront.domain.pictures import CACHE_CONTROL, TYPES
from storefront.repositories.pictures.folder import Folder
from storefront.web.context import settings

media = Blueprint("media", __name__)


@media.get("/media/<string:name>")
def picture(name: str) -> Response:
    content = Folder(settings().media_folder).read(name)
    answer = Response(content, content_type=TYPES[name.rpartition(".")[2]])
    answer.headers["Cache-Control"] = CACHE_CONTROL
    # The name stands for the content, for ever.
    answer.set_etag(name)
    answer.make_conditional(request)
    return answer
