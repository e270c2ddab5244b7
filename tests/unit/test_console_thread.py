"""The console's thread: what fails there is told and begun again, and holds up nobody."""

from __future__ import annotations

import logging
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.configuration import Configuration, load
from console.running import Running
from console.web import assembly
from console.web import console as consoles
from console.web.address import Told, address_now, url_at, url_of
from console.web.console import shown
from console.web.own_secret import SecretUnusable
from persistence.ledger import Ledger
from trading.settings_console import ConsoleSettings

DEADLINE_SECONDS = 20.0


class Heard(logging.Handler):
    """Lines of the log, and one to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self.lines.append(record.getMessage() + (" TRACEBACK" if record.exc_info else ""))
            self._changed.notify_all()

    def wait_for(self, text: str, times: int = 1) -> str:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._with(text)) >= times, DEADLINE_SECONDS), self.lines
            return self._with(text)[-1]

    def url(self) -> str:
        """Where the console says that it is."""
        found = re.search(r"the console is at (\S+); run\.py sign-in makes a link", self.wait_for("the console is at "))
        assert found is not None, self.lines
        return found[1]

    def _with(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setattr(consoles, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(consoles, "FIRST_PAUSE_SECONDS", 0.05)
    handler = Heard()
    log = logging.getLogger("watchbill.console")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Configuration]:
    def made(port: int = 0) -> Configuration:
        url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
        variables = {"WATCHBILL__DATABASE_URL": url, "WATCHBILL__CONSOLE__PORT": str(port)}
        configuration = load(environment=variables)
        Ledger.open(configuration.database_url, crew="default", ttl_seconds=60.0).close()
        return configuration

    return made


def answers(url: str) -> int:
    with urllib.request.urlopen(f"{url}/healthz", timeout=DEADLINE_SECONDS) as answer:
        status: int = answer.status
        return status


def test_it_says_where_it_is_in_the_log_and_in_a_file_until_its_end(
    heard: Heard, configured: Callable[..., Configuration]
) -> None:
    configuration = configured()
    with shown(configuration, running := Running()):
        url = heard.url()
        assert running.console_url == url
        assert answers(url) == 200
        found = address_now(configuration)
        assert found is not None
        assert (found.url, found.certificate) == (url, None)
        assert url_of(configuration) == url
    assert address_now(configuration) is None
    assert url_of(configuration) is None  # its port was any
    assert [line for line in heard.lines if "the console is at" not in line] == []


def test_of_two_consoles_the_one_whose_process_leads_is_the_one_to_be_found(
    heard: Heard, configured: Callable[..., Configuration]
) -> None:
    configuration = configured()
    with closing(Told(configuration, "http://127.0.0.1:1")) as first:
        first.keep(leads=False)
        assert url_of(configuration) == "http://127.0.0.1:1"
        with closing(Told(configuration, "http://127.0.0.1:2")) as second:
            second.keep(leads=False)
            assert url_of(configuration) == "http://127.0.0.1:1"
            second.keep(leads=True)
            assert url_of(configuration) == "http://127.0.0.1:2"
        first.keep(leads=False)
        assert url_of(configuration) == "http://127.0.0.1:1"


def test_a_port_that_somebody_has_is_told_once_and_taken_when_it_is_free(
    heard: Heard, configured: Callable[..., Configuration]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        console = shown(configured(port), Running())
        console.__enter__()
        heard.wait_for(f"127.0.0.1:{port}: Address already in use; another one can be set as console.port")
        threading.Event().wait(0.2)  # tried again meanwhile, more than once
    heard.wait_for(f"the console is at http://127.0.0.1:{port}")
    console.__exit__(None, None, None)
    assert len(heard.lines) == 2


def test_what_fails_is_begun_again_and_told_with_one_traceback(
    heard: Heard, configured: Callable[..., Configuration], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = assembly.assembled
    failures = iter([True, True, True, False])

    def sometimes(*words: Any) -> Any:
        if next(failures):
            raise ZeroDivisionError("it is broken")
        return whole(*words)

    monkeypatch.setattr(assembly, "assembled", sometimes)
    with shown(configured(), Running()):
        url = heard.url()
        assert answers(url) == 200
    failed = [line for line in heard.lines if "ZeroDivisionError: it is broken" in line]
    assert len(failed) == 3
    assert [line.endswith("TRACEBACK") for line in failed] == [True, False, False]


def test_a_ledger_that_is_not_there_is_waited_for(
    heard: Heard, configured: Callable[..., Configuration], tmp_path: Path
) -> None:
    configuration = configured()
    (tmp_path / "ledger.sqlite").rename(tmp_path / "elsewhere.sqlite")
    with shown(configuration, Running()):
        heard.wait_for("the console cannot be reached")
        (tmp_path / "elsewhere.sqlite").rename(tmp_path / "ledger.sqlite")
        heard.wait_for("the console is at ")


def test_an_address_that_cannot_be_written_down_is_told_and_the_console_serves_all_the_same(
    heard: Heard, configured: Callable[..., Configuration], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(told: Told, *, leads: bool) -> None:
        raise SecretUnusable("console-address.json: No space left on device")

    monkeypatch.setattr(Told, "keep", full)
    with shown(configured(), Running()):
        heard.wait_for("may not find the console: console-address.json: No space left on device")
        assert answers(heard.url()) == 200


def test_tokens_that_cannot_be_used_are_told(heard: Heard, configured: Callable[..., Configuration]) -> None:
    configuration = configured()
    file = Path(configuration.database_url.removeprefix("sqlite:///")).with_name("console-tokens.json")
    file.write_text("{}")
    with shown(configuration, Running()):
        heard.wait_for("console-tokens.json: it holds something else than the tokens; delete it")
        file.unlink()
        heard.wait_for("the console is at ")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (ConsoleSettings(), "http://127.0.0.1:1"),
        (ConsoleSettings(host="::1"), "http://[::1]:1"),
        (ConsoleSettings(host="0.0.0.0", certificate="c", names=("a.example",)), "https://a.example:1"),
        (ConsoleSettings(host="0.0.0.0", certificate="c", names=("a.example:443",)), "https://a.example:1"),
        (ConsoleSettings(host="::", certificate="c"), "https://[::]:1"),
    ],
)
def test_its_address_is_written_as_a_browser_takes_it(settings: ConsoleSettings, url: str) -> None:
    assert url_at(settings, 1) == url
