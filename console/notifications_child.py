"""The process that sends notices: whatever apprise or a service does there, it can be killed, and keeps nobody busy.

apprise takes a second and 50 MB to load, and runs code for more than a hundred services. Its parent
(`notification_sender.py`) leaves a request on standard input, secrets and all, and reads a line of JSON for everything
that came of it, as it comes. The process ends at its deadline by itself.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO
from urllib.parse import unquote

LEAST_SECRET = 3  # characters; a shorter piece of an address hides in any word
LONGEST_ERROR = 200
EARLIER_SECONDS = 1.0  # than the deadline, so that what is known by then is said
NOT_INSTALLED = "apprise is not installed: pip install 'watchbill[notify]'"
UNKNOWN_ADDRESS = "apprise knows no service of such an address"
REFUSED = "the service did not take it"


def main() -> None:
    """Do what standard input asks for, and say so on standard output."""
    request = json.loads(sys.stdin.buffer.read())
    out, sys.stdout = sys.stdout, sys.stderr  # a library may print
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(request["seconds"], exit=True, file=nowhere)
        _give_way()
        Errand(request, out).run()
    os._exit(0)  # a thread may be waiting for a service that never answers


class Errand:
    """One request: ``services`` (addresses), ``parcels`` (title, text, is_urgent, services), and ``seconds``.

    A request without parcels asks what the addresses are.
    """

    def __init__(self, request: Mapping[str, Any], out: TextIO) -> None:
        self._addresses: Sequence[str] = request["services"]
        self._parcels: Sequence[Mapping[str, Any]] = request["parcels"]
        self._until = time.monotonic() + request["seconds"] - EARLIER_SECONDS
        self._out = out
        self._lock = threading.Lock()

    def run(self) -> None:
        """Each service on a thread of its own: one that hangs holds up no other."""
        try:
            import apprise
        except ImportError:
            self._say({"fault": NOT_INSTALLED})
            return
        wanted = {service for parcel in self._parcels for service in parcel["services"]}
        services = wanted if self._parcels else range(len(self._addresses))
        apprise.Apprise.instantiate("json://127.0.0.1")  # loads all services: once, and not on many threads at a time
        threads = [
            threading.Thread(target=self._serve, args=(service, apprise), name=f"service-{service}", daemon=True)
            for service in services
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(self._until - time.monotonic(), 0.0))

    def _serve(self, service: int, apprise: Any) -> None:
        secrets = secret_pieces(self._addresses[service])
        words = LastWords(threading.get_ident())
        logging.getLogger("apprise").addHandler(words)
        logging.getLogger("apprise").propagate = False
        name = ""
        for place in self._parcels_for(service):
            said: dict[str, Any] = {"parcel": place, "service": service}
            try:
                plugin = apprise.Apprise.instantiate(self._addresses[service])
                error = "" if plugin else UNKNOWN_ADDRESS
                name = str(plugin.service_name) if plugin else ""
                if plugin and place is not None:
                    error = self._send(plugin, self._parcels[place], words)
            except Exception as fault:  # whatever a service's code does, the others are served
                error = f"{type(fault).__name__}: {fault}"
            self._say({**said, "name": name, "error": redacted(error, secrets)})

    def _parcels_for(self, service: int) -> Iterator[int | None]:
        if not self._parcels:
            yield None
        for place, parcel in enumerate(self._parcels):
            if service in parcel["services"]:
                yield place

    def _send(self, plugin: Any, parcel: Mapping[str, Any], words: LastWords) -> str:
        words.said = ""
        kind = "warning" if parcel["is_urgent"] else "info"
        is_taken = plugin.notify(body=parcel["text"], title=parcel["title"], notify_type=kind)
        return "" if is_taken else words.said or REFUSED

    def _say(self, said: Mapping[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(said) + "\n")
            self._out.flush()


class LastWords(logging.Handler):
    """Keeps what a service's code warned of last, on one thread."""

    def __init__(self, thread: int) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, if it is of our thread."""
        if record.thread == self._thread:
            self.said = record.getMessage()


def secret_pieces(address: str) -> list[str]:
    """What of an address may be a secret, the longest first: all of it but the kind of service.

    In some it is the password, in some the path, and in some what stands in the place of the host.
    """
    _, _, rest = address.partition("://")
    pieces = {address, rest, *re.split(r"[/@:?&=#,]+", rest)}
    return sorted({form for piece in pieces for form in (piece, unquote(piece)) if len(form) >= LEAST_SECRET}, key=len)[
        ::-1
    ]


def redacted(text: str, secrets: Sequence[str]) -> str:
    """The text without them, on one line."""
    for secret in secrets:
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_ERROR]


def _give_way() -> None:
    """Trading comes first."""
    if hasattr(os, "nice"):
        os.nice(10)
