"""A span for each call of boto3, its repetitions within it, by botocore's own events."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.model import OperationModel
from opentelemetry.trace import Span, Status, StatusCode

from storefront.tracing.spans import begin_call, end_call

KEPT = "storefront.span"
"""Under which a call's own context holds its span."""


def trace(client: BaseClient) -> None:
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-call.{service}", _begin)
    # First: others make an error of an answer, and whoever comes after them is not asked.
    client.meta.events.register_first(f"after-call.{service}", _answered)
    client.meta.events.register(f"after-call-error.{service}", _failed)


def _begin(model: OperationModel, context: dict[str, object], **_: object) -> None:
    service = str(model.service_model.service_id)
    about = {"rpc.system": "aws-api", "rpc.service": service, "rpc.method": model.name}
    context[KEPT] = begin_call(f"{service}.{model.name}", about)


def _answered(
    http_response: AWSResponse,
    parsed: Mapping[str, Mapping[str, object]],
    context: dict[str, object],
    **_: object,
) -> None:
    span = context.pop(KEPT, None)
    if not isinstance(span, Span):
        return
    span.set_attribute("http.response.status_code", http_response.status_code)
    if "Error" in parsed:
        span.set_attribute("error.type", str(parsed["Error"].get("Code", "")))
        # A condition that does not hold is an answer; what is cut off is an error under a good status.
        if not 400 <= http_response.status_code < 500:
            span.set_status(Status(StatusCode.ERROR))
    end_call(span)


def _failed(exception: BaseException, context: dict[str, object], **_: object) -> None:
    span = context.pop(KEPT, None)
    if isinstance(span, Span):
        end_call(span, exception)
