"""Whether a gateway's certificate is good, and for how long: after its end nobody can reach the positions behind it."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

from connectors.base import ConnectorError
from connectors.mt5.certificate_dates import earliest_end, end_of
from connectors.mt5.gateway_link import WARNING_DAYS
from connectors.mt5.gateway_tls import client_context, plain_host
from connectors.reaching import reach
from console.check import Check, State
from console.errors import CommandError
from console.figures import clock
from trading.market import DAY, Instant

MADE_ANEW = (
    "make a new certificate (docs/metatrader.md, 'The gateway'), start run.py gateway with it, and copy it to where "
    "mt5.gateway_certificate says"
)

LOOK_SECONDS = 5.0

log = logging.getLogger("watchbill.gateway")


def certificate_check(name: str, file: Path, address: tuple[str, int], now: Instant) -> Check:
    """What `doctor` says of the file of `mt5.gateway_certificate`, and of what the gateway at that address shows.

    ``now``: by this computer's clock.
    """
    try:
        ends_at = earliest_end(file)
    except ConnectorError as error:
        return Check(name, "failed", str(error), "copy it from the gateway's machine, or correct the setting")
    if ends_at is None:
        return Check(name, "failed", f"{file} holds no certificate", "name the file that the gateway was started with")
    shown_until = _shown_until(file, address)
    if shown_until is not None and shown_until < ends_at:
        what, ends_at = "what the gateway shows", shown_until
    else:
        what = str(file)
    saw = f"{what} {_said(ends_at, now)}"
    if ends_at <= now:
        return Check(name, "failed", saw, MADE_ANEW)
    return Check(name, "warning", saw, MADE_ANEW) if _is_soon(ends_at, now) else Check(name, "ok", saw)


def file_check(name: str, file: Path, now: Instant, advice: str) -> Check:
    """What `doctor` says of a certificate that this machine shows. ``now``: by this computer's clock."""
    try:
        ends_at = earliest_end(file)
    except ConnectorError as error:
        return Check(name, "failed", str(error), advice)
    if ends_at is None:
        return Check(name, "failed", f"{file} holds no certificate", advice)
    state: State = "failed" if ends_at <= now else "warning" if _is_soon(ends_at, now) else "ok"
    return Check(name, state, f"{file} {_said(ends_at, now)}", "" if state == "ok" else advice)


def _shown_until(file: Path, address: tuple[str, int]) -> Instant | None:
    """When that runs out which the authority in the file has signed; None: it is not shown, or not believed.

    Why not, whoever calls for the account's worker is told.
    """
    host = plain_host(address[0])
    try:
        with (
            reach(host, address[1], time.monotonic() + LOOK_SECONDS) as connection,
            client_context(file).wrap_socket(connection, server_hostname=host) as secured,
        ):
            return end_of(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError, ConnectorError):
        return None


def require_good(file: Path, now: Instant) -> None:
    """Let no gateway start that nobody would believe: `CommandError` for what has run out, a warning some weeks before.

    What is no certificate at all is for whoever reads all of it to refuse. Raises `ConnectorError`, too.
    """
    ends_at = earliest_end(file)
    if ends_at is None:
        return
    if ends_at <= now:
        raise CommandError(f"--certificate is {file}, which {_said(ends_at, now)}; expected one that is still good")
    if _is_soon(ends_at, now):
        log.warning("%s %s; afterwards no client believes it", file, _said(ends_at, now))


def _is_soon(ends_at: Instant, now: Instant) -> bool:
    return ends_at - now < WARNING_DAYS * DAY


def _said(ends_at: Instant, now: Instant) -> str:
    days = math.floor((ends_at - now) / DAY)
    if ends_at <= now:
        return f"ran out on {clock(ends_at)} UTC"
    return f"is good until {clock(ends_at)} UTC, for {days:,} day{'' if days == 1 else 's'}"
