"""The answers that the console's guard gives by itself, and the headers that every answer has."""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.types import Message, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
OF_ALL = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
UNDER_TLS = (b"strict-transport-security", b"max-age=31536000")
NOT_KEPT = (b"cache-control", b"no-store")
KEPT = "/static/"  # the only answers that a browser may keep say so themselves

Headers = list[tuple[bytes, bytes]]


def with_headers(given: Iterable[tuple[bytes, bytes]], path: str, *, is_tls: bool) -> Headers:
    """An answer's headers with those that every answer has; those of the guard count, whatever else was given."""
    ours = [*OF_ALL, *([UNDER_TLS] if is_tls else [])]
    taken = {name for name, _ in ours} | {b"server"}
    headers = [(name, value) for name, value in given if name.lower() not in taken]
    if not path.startswith(KEPT):
        headers = [(name, value) for name, value in headers if name.lower() != b"cache-control"]
    if not any(name.lower() == b"cache-control" for name, _ in headers):
        headers.append(NOT_KEPT)
    return [*headers, *ours]


def problem(code: str, said: str, field: str | None = None) -> bytes:
    """The body of an answer that says why not, in the form that the API has for it."""
    return json.dumps({"code": code, "said": said, "field": field}).encode()


async def answer_problem(send: Send, status: int, code: str, said: str, *more: tuple[bytes, bytes]) -> None:
    """Refuse, in JSON."""
    body = problem(code, said)
    length = (b"content-length", str(len(body)).encode())
    await _answer(send, status, [(b"content-type", b"application/json"), length, *more], body)


async def answer_see(send: Send, place: str) -> None:
    """Send a browser elsewhere."""
    await _answer(send, 303, [(b"location", place.encode()), (b"content-length", b"0")], b"")


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
