"""The process's tracer, and how a span is begun. Imported only where traces are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

Attributes = Mapping[str, str | int]


@cache
def provider() -> TracerProvider:
    """Made on first use, hence after any fork: it sends in a thread of its own.

    Sampler, bounds of the queue, headers and the rest are as the standard variables say.
    """
    # What the variables say of the service counts more than the name that it has by itself.
    resource = Resource({"service.name": "storefront"}).merge(OTELResourceDetector().detect())
    made = TracerProvider(resource=resource)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def tracer() -> Tracer:
    return provider().get_tracer("storefront")


@contextmanager
def request_span(method: str) -> Iterator[Span]:
    """The root of a trace. Who sends the request is a stranger, so a trace of theirs is not continued."""
    attributes = {"http.request.method": method}
    kind = SpanKind.SERVER
    with tracer().start_as_current_span(method, Context(), kind=kind, attributes=attributes) as span:
        yield span


def begin_call(name: str, attributes: Attributes) -> Span | None:
    """A call that the request at hand makes; None outside of one: a worker's rounds ask every second, and
    nobody could find anything among that."""
    if not trace.get_current_span().is_recording():
        return None
    return tracer().start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def end_call(span: Span, error: BaseException | None = None) -> None:
    """Errors are told by their kind alone: their texts may quote what shoppers typed."""
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


@contextmanager
def call_span(name: str, attributes: Attributes) -> Iterator[Span | None]:
    span = begin_call(name, attributes)
    if span is None:
        yield None
        return
    try:
        yield span
    except BaseException as error:
        end_call(span, error)
        raise
    end_call(span)
