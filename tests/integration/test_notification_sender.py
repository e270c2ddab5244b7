"""Sending by apprise, for real: a service that answers, refuses, hangs or is away, and a process that misbehaves."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from made_servers import silent_server

from actors.notices import Delivery, Notice, Parcel, Urgency
from console.notification_sender import ChildSender, child_command, services_of
from console.notifications_child import redacted, secret_pieces
from trading.settings_notifications import Event

pytest.importorskip("apprise")

DEADLINE_SECONDS = 60.0
SECRET = "8f3aT0pSecret"


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted to `/taken`, and answers 403 to everything else."""

    def do_POST(self) -> None:  # the base class asks for the name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_wanted = self.path.startswith("/taken")
        if is_wanted:
            self.server.taken.append(body)  # type: ignore[attr-defined]  # made by `hook`
        self.send_response(200 if is_wanted else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A service's host and port, and what it takes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.taken = []  # type: ignore[attr-defined]  # read by `Hook`
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", server.taken  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def parcel(*services: int, title: str = "alpha:EURUSD: opened") -> Parcel:
    """A notice for these services."""
    return Parcel(Notice("k", Event.OPENED, Urgency.LOW, 0, title, "buy 0.1 lots"), services)


def awaited(sender: ChildSender) -> Sequence[Delivery]:
    """What came of it."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        if (found := sender.result()) is not None:
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"nothing came of it within {DEADLINE_SECONDS:g} s")


def saying(code: str) -> tuple[str, ...]:
    """A process in the place of the one that sends."""
    return (sys.executable, "-c", code)


def test_each_service_has_its_own_outcome_and_no_secret_is_in_any() -> None:
    with hook() as (host, taken), silent_server() as silent:
        silent_host = silent.removeprefix("http://").partition("/")[0]
        addresses = [
            f"json://{host}/taken/{SECRET}",
            f"json://user:{SECRET}@{host}/refused/{SECRET}",
            f"json://{silent_host}/{SECRET}?rto=30",
            f"json://127.0.0.1:1/{SECRET}",
            f"nosuchservice://{SECRET}",
        ]
        sender = ChildSender(addresses, seconds=8.0)
        sender.begin([parcel(0, 1, 2, 3, 4), parcel(0, title="second")])
        found = awaited(sender)
    assert [body["title"] for body in taken] == ["alpha:EURUSD: opened", "second"]
    outcomes = {(delivery.parcel, delivery.service): delivery for delivery in found}
    assert (outcomes[0, 0].error, outcomes[1, 0].error, outcomes[0, 0].name) == ("", "", "JSON")
    assert all(outcomes[0, service].error for service in (1, 2, 3, 4))
    assert "403" in outcomes[0, 1].error
    assert SECRET not in repr(found)


def test_what_the_services_are_is_found_out_without_sending_anything() -> None:
    with hook() as (host, taken):
        found = services_of([f"json://{host}/taken", "ntfy://ntfy.sh/topic", "tgram://nonsense", "mailto://"])
    assert [name for name, _ in found][:2] == ["JSON", "ntfy"]
    assert [bool(error) for _, error in found] == [False, False, True, True]
    assert taken == []


def test_giving_up_takes_no_time_also_while_a_service_hangs() -> None:
    with silent_server() as silent:
        sender = ChildSender([silent.replace("http://", "json://")])
        sender.begin([parcel(0)])
        began = time.monotonic()
        sender.cancel()
        assert time.monotonic() - began < 0.5
    assert sender.result() is None


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os._exit(9)", "the process that sends ended with 9"),
        ("import sys; sys.stdout.write('nonsense' * 999)", "no answer"),
        ('import sys; sys.stdout.write(\'[1]\\n{"service": [0]}\\n{"parcel": 7, "service": 7}\\n\')', "no answer"),
        ("import time; time.sleep(60)", "no answer within 1 s"),
        ("while True: print('x' * 65536)", "the process that sends ended with -9"),
        ('print(\'{"fault": "apprise is not installed"}\')', "apprise is not installed"),
    ],
    ids=["crashes", "nonsense", "other-nonsense", "hangs", "floods", "without-apprise"],
)
def test_a_process_that_misbehaves_has_delivered_nothing(code: str, error: str) -> None:
    if sys.platform == "win32" and error.endswith("-9"):
        pytest.skip("a killed process ends with 1 there")
    sender = ChildSender(["json://127.0.0.1"], seconds=1.0 if "sleep" in code else 20.0, command=saying(code))
    sender.begin([parcel(0)])
    assert awaited(sender) == [Delivery(0, 0, "", error)]


def test_what_was_said_before_the_deadline_counts() -> None:
    said = json.dumps({"parcel": 0, "service": 0, "name": "JSON", "error": ""})
    code = f"import time; print({said!r}, flush=True); time.sleep(60)"
    sender = ChildSender(["json://a", "json://b"], seconds=2.0, command=saying(code))
    sender.begin([parcel(0, 1)])
    assert awaited(sender) == [Delivery(0, 0, "JSON", ""), Delivery(0, 1, "", "no answer within 2 s")]


def test_a_process_that_cannot_be_started_is_told_of() -> None:
    sender = ChildSender(["json://a"], command=("there-is-no-such-program",))
    sender.begin([parcel(0)])
    (delivery,) = awaited(sender)
    assert delivery.error.startswith("no process can be started")


def test_the_addresses_are_on_no_command_line() -> None:
    assert not any(SECRET in word for word in child_command())


@pytest.mark.parametrize(
    "address",
    [f"tgram://{SECRET}/12345", f"mailto://me:{SECRET}@example.org", f"json://h/{SECRET}?token=abc{SECRET}#x"],
)
def test_no_piece_of_an_address_is_left_in_a_text(address: str) -> None:
    text = f"could not reach {address}: {SECRET.lower()} is refused; abc{SECRET}"
    assert SECRET.lower() not in redacted(text, secret_pieces(address)).lower()
