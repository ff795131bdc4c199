"""Spans of OpenTelemetry, where the operator names a collector: without one nothing of it is imported or made."""

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from loco_server.telemetry.fields import fields
from loco_spec.errors import UsageError
from loco_spec.version import VERSION

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""These and all other `OTEL_` variables are read by the library, as its own documentation tells."""
END_SECONDS = 3.0
"""For so long the last spans are sent at the end of the process."""


class Span(Protocol):
    def update_name(self, name: str) -> None: ...

    def set_attribute(self, key: str, value: str | float | bool) -> None: ...


class _Nothing:
    def update_name(self, name: str) -> None: ...

    def set_attribute(self, key: str, value: str | float | bool) -> None: ...


_NOTHING = _Nothing()


class _Tracing:
    """The process has one, as it has one log."""

    provider: Any = None
    tracer: Any = None


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the operator names a collector."""
    return any(environment.get(name) for name in ENDPOINTS) and environment.get("OTEL_SDK_DISABLED") != "true"


def begin() -> None:
    """Send spans from now on, if a collector is named.

    Raises:
        UsageError: one is named, and the extra `otel` is not installed.
    """
    if not wanted():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as e:
        raise UsageError(
            f"{ENDPOINTS[0]} is set, and what sends traces there is not installed",
            hint="pip install 'loco-deploy[otel]', or leave the variable out",
        ) from e
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    about = {"service.version": VERSION} | ({} if named else {"service.name": "loco-server"})
    # Of our own, and not the process's global one: what is installed beside loco does not begin to send anything.
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("loco", VERSION)


async def end() -> None:
    """Send what is left, for a moment; a collector that does not answer holds nothing up."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is None:
        return
    loop, sent = asyncio.get_running_loop(), asyncio.Event()

    def send() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(sent.set)

    threading.Thread(target=send, daemon=True).start()  # one of the loop's own would be waited for
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await sent.wait()


@contextmanager
def span(name: str) -> Iterator[Span]:
    """Tell of a piece of work, within the one that is under way here."""
    with _span(name, None, "INTERNAL") as found:
        yield found


@contextmanager
def request_span(name: str, carried: Mapping[str, str]) -> Iterator[Span]:
    """Tell of a request. `carried`: `traceparent` and `tracestate` of who may name the trace; else nothing."""
    with _span(name, carried, "SERVER") as found:
        yield found


@contextmanager
def _span(name: str, carried: Mapping[str, str] | None, kind: str) -> Iterator[Span]:
    if _Tracing.tracer is None:
        yield _NOTHING
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = None if carried is None else TraceContextTextMapPropagator().extract(carried, context=Context())
    # What an exception says may be a tenant's, or name hosts: its type alone is told.
    with _Tracing.tracer.start_as_current_span(
        name,
        context=parent,
        kind=SpanKind[kind],
        attributes={f"loco.{key}": value for key, value in fields().items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as found:
        try:
            yield found
        except asyncio.CancelledError:
            raise
        except BaseException as e:
            found.set_status(Status(StatusCode.ERROR, type(e).__name__))
            raise


def ids() -> dict[str, str]:
    """Give the ids of the span that is under way, for the log's lines."""
    if _Tracing.tracer is None:
        return {}
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    found = get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {"trace_id": format_trace_id(found.trace_id), "span_id": format_span_id(found.span_id)}
