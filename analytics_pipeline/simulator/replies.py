"""What goes back: a reply as plain data, the refusals, and the damaged ones."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil

from starlette.responses import Response

from analytics_pipeline.simulator.faults import FaultKind
from analytics_pipeline.simulator.quirks import RetryAfterForm

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer before it is sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def response_of(reply: Reply) -> Response:
    """Return the reply in the framework's own words."""
    return Response(
        reply.body,
        status_code=reply.status,
        headers=reply.headers,
        media_type=reply.content_type,
    )


def http_date(moment: datetime) -> str:
    """Return the moment as RFC 9110 writes it, in GMT."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def refusal(status: int, error: str, message: str) -> Reply:
    """Return a refusal with the body that most of the interface uses."""
    body = json.dumps({"error": error, "message": message}).encode()
    return Reply(status, body)


def not_found(message: str) -> Reply:
    """Return the answer to an unknown path, id or store."""
    return refusal(404, "Not Found", message)


def unauthorized() -> Reply:
    """Return the answer to a missing, wrong or revoked token."""
    return refusal(401, "Unauthorized", "The access token is not valid")


def method_not_allowed() -> Reply:
    """Return the answer to anything but GET: this store is read-only."""
    reply = refusal(405, "Method Not Allowed", "Only GET is served")
    return replace(reply, headers={"Allow": "GET"})


def too_many_requests(now: datetime, wait: float, form: RetryAfterForm) -> Reply:
    """Return a 429 that says when to come back, on the clock of ``Date``."""
    reply = refusal(429, "Too Many Requests", "Rate limiting enforced")
    written = {
        "http-date": http_date(now + timedelta(seconds=ceil(wait))),
        "seconds": str(ceil(wait)),
        "absent": None,
        "past": http_date(now - timedelta(minutes=1)),
    }[form]
    return replace(reply, headers={"Retry-After": written} if written else {})


_EDGE = {
    FaultKind.SERVER_ERROR: (500, "Internal Server Error"),
    FaultKind.BAD_GATEWAY: (502, "Bad Gateway"),
    FaultKind.UNAVAILABLE: (503, "Service Unavailable"),
    FaultKind.GATEWAY_TIMEOUT: (504, "Gateway Timeout"),
}


def reply_at_the_edge(fault: FaultKind | None) -> Reply | None:
    """Return what comes from before the store itself, if this fault does."""
    if fault in _EDGE:
        status, title = _EDGE[fault]
        return Reply(status, _page(title), HTML)
    if fault is FaultKind.HTML_BODY:
        return Reply(200, _page("Just a moment..."), HTML)
    if fault is FaultKind.EMPTY_BODY:
        return Reply(200, b"")
    return None


def damaged(reply: Reply, fault: FaultKind | None) -> Reply:
    """Return the reply as this fault leaves it."""
    if fault is FaultKind.TRUNCATED_JSON:
        return replace(reply, body=reply.body[: len(reply.body) * 2 // 3])
    if fault is FaultKind.WRONG_CONTENT_TYPE:
        return replace(reply, content_type=HTML)
    return reply


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body></body></html>".encode()
