"""A serve whose trading times cannot be built: refused, unless open trades would be left unguarded."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from made_ledger_file import NOON, History

from console import last_good, serve
from console.arguments import Serve
from console.configuration import Configuration, load
from console.errors import CommandError, ConfigurationError, TryAgain
from console.output import Output
from feeds.errors import CalendarUnavailable

GOOD = "[[accounts]]\nname = 'alpha'\nsymbols = { EURUSD = 'EURUSD' }\n"
CONTRADICTS = GOOD + "[accounts.hours.EURUSD]\nlate_opens = { '2017-09-08' = '17:30' }\n"  # of a day that ends at 17:00


@dataclass
class Started:
    """A `serve` up to where it would stand by, in a directory with a ledger."""

    file: Path
    stood_by: list[Configuration] = field(default_factory=list)

    def with_settings(self, text: str) -> Configuration:
        self.file.write_text(text, encoding="utf-8")
        return load(self.file)

    def serve(self, text: str) -> int:
        configuration = self.with_settings(text)
        return serve.run(Serve(config=self.file, view=False), configuration, Output())


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    found = Started(tmp_path / "watchbill.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir()

    def stand_by(term: serve.Term, *_parts: object) -> bool:
        found.stood_by.append(term.configuration)
        term.ending.stop(signal.SIGTERM, None)
        return False

    monkeypatch.setattr(serve.Term, "_stand_by", stand_by)
    return found


def has_served(started: Started, *, with_a_trade: bool) -> None:
    good = started.with_settings(GOOD)
    history = History(good)
    last_good.keep(good)
    if with_a_trade:
        history.open(NOON)
    history.close()


def test_with_open_trades_hours_that_contradict_their_calendar_are_served_by_the_last_good_settings(
    started: Started,
) -> None:
    has_served(started, with_a_trade=True)
    assert started.serve(CONTRADICTS) == 0
    (configuration,) = started.stood_by
    assert not configuration.settings.accounts[0].hours
    assert "EURUSD: hours.late_opens.2017-09-08 is '17:30'" in configuration.broken


def test_without_open_trades_they_are_refused(started: Started) -> None:
    has_served(started, with_a_trade=False)
    with pytest.raises(ConfigurationError, match=r"EURUSD: hours\.late_opens\.2017-09-08 is '17:30'"):
        started.serve(CONTRADICTS)
    assert started.stood_by == []


def failing(after: int) -> Callable[[serve.Term], None]:
    """A term whose trading times cannot be built once so many were served."""
    served: list[serve.Term] = []

    def term(term: serve.Term) -> None:
        if len(served) == after:
            raise CalendarUnavailable("GOLD (CMEGlobex_GC): it was not done within 60 s")
        served.append(term)
        term.has_led = True

    return term


@pytest.mark.parametrize(
    ("after", "with_a_trade", "refusal"),
    [(0, False, ConfigurationError), (0, True, TryAgain), (1, False, TryAgain), (1, True, TryAgain)],
)
def test_a_calendar_that_cannot_be_had_where_positions_may_be_open_is_tried_again_by_the_service_manager(
    started: Started, monkeypatch: pytest.MonkeyPatch, after: int, with_a_trade: bool, refusal: type[CommandError]
) -> None:
    has_served(started, with_a_trade=with_a_trade)
    monkeypatch.setattr(serve.Term, "serve", failing(after))
    with pytest.raises(refusal, match="not done within 60 s") as raised:
        started.serve(GOOD)
    assert raised.type is refusal
