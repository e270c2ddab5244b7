"""`/metrics` of a console: what it answers while leading, standing by, with a hung actor, and without its ledger."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from crew_helpers import StartCrew, only_alpha
from made_console import MadeConsole, a_snapshot, a_trade, made_console, written_trade
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from actors.messages import FeedState, HowIsFeed, TradeChanged, WatchAges
from actors.monitor import MonitorActor
from actors.names import ANALYST, MONITOR, RESERVATION_LEVEL, UPPER_LEVEL, feed_actor, platform_actor
from actors.system.context import Context
from actors.system.spec import Spec
from console.api.window import Window
from console.observer import OBSERVER, Look, ObserverActor
from console.web.metric_catalogue import CATALOGUE
from console.web.metric_ledger import CALIBRATION_SECONDS, Calibration
from console.web.metric_samples import Samples
from console.web.metrics import KEPT_SECONDS, Scrapes
from feeds.reading import Outcome
from persistence.errors import LedgerUnavailable
from trading.moods import Scores
from trading.settings_feeds import Feeds, ScoreFeed

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


class Nobody:
    """Takes everything and does nothing."""

    def receive(self, message: object, context: Context) -> None:
        """Nothing."""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[MadeConsole]:
    with made_console(tmp_path) as made:
        yield made


def with_monitor(made: MadeConsole) -> None:
    names = [platform_actor(account.name) for account in made.configuration.settings.accounts]
    made.system.start([Spec(name, Nobody, RESERVATION_LEVEL) for name in (*names, ANALYST)])
    made.system.start([Spec(MONITOR, lambda: MonitorActor(made.market), UPPER_LEVEL)])


def scrape(made: MadeConsole, accept: str = "text/plain", token: str = "read") -> tuple[int, str, str]:
    """Status, type and text."""
    with closing(http.client.HTTPConnection("127.0.0.1", made.port, timeout=30)) as connection:
        shown = {"Authorization": f"Bearer {made.token(token)}"} if token else {}
        connection.request("GET", "/metrics", headers={"Accept": accept, **shown})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def figures(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, and the values of the labels in the order of their names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in plain_text(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def scraper(made: MadeConsole) -> Scrapes:
    return Scrapes(Window(made.configuration, made.running, made.ledger))


def test_it_takes_the_read_token_and_answers_both_formats(console: MadeConsole) -> None:
    assert scrape(console, token="")[0] == 401
    status, kind, text = scrape(console)
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert figures(text)["watchbill_leader"] == {(): 0.0}

    status, kind, text = scrape(console, OPEN_METRICS)
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
    parsed: Callable[[str], Iterator[Metric]] = open_metrics
    assert {family.name for family in parsed(text)} >= {"watchbill_leader", "watchbill_ledger_errors"}


def test_a_process_without_a_term_says_so_and_what_the_ledger_knows(console: MadeConsole) -> None:
    written_trade(console)
    found = figures(scrape(console)[2])

    assert found["watchbill_leader"] == found["watchbill_ready"] == {(): 0.0}
    assert found["watchbill_ledger_up"] == {(): 1.0}
    assert found["watchbill_trades_opened_total"] == {("alpha",): 1.0, ("beta",): 0.0}
    assert found["watchbill_trades"]["alpha", "open"] == 1.0
    assert found["watchbill_trades"]["alpha", "unknown"] == 0.0
    assert 0 < found["watchbill_lease_seconds_left"]["account:alpha",] <= 60
    assert "watchbill_account_equity" not in found
    assert all(count == 0 for count in found["watchbill_scrape_failures_total"].values())


def test_a_leader_shows_its_accounts_and_how_long_ago_each_position_was_watched(console: MadeConsole) -> None:
    with_monitor(console)
    trade = a_trade(console)
    console.tell(a_snapshot(console, trade, bid=1.12))
    console.system.tell(MONITOR, TradeChanged(trade))
    console.lead()
    found = scraper(console).collected().found

    assert found["watchbill_leader"] == {(): True}
    assert found["watchbill_ready"] == {(): True}
    assert found["watchbill_account_equity"] == {("alpha", "USD"): 10_000.0}
    # 0.01 on 0.10 lots of 100,000, and the commission of both sides.
    assert found["watchbill_account_open_risk"]["alpha", "USD"] == pytest.approx(100.7)
    assert found["watchbill_account_drawdown_ratio"]["alpha",] == 0.0
    assert found["watchbill_mailbox_depth"].keys() >= {(MONITOR,), (OBSERVER,)}
    is_open = console.market.times.of("alpha", "EURUSD").is_open(console.now)
    ages = found.get("watchbill_position_watch_age_seconds", {})
    assert ages.keys() == ({("alpha", "EURUSD", "1")} if is_open else set())
    assert found["watchbill_market_open"]["alpha", "EURUSD"] is is_open


def test_every_figure_that_is_found_is_in_the_catalogue_with_its_labels() -> None:
    samples = Samples()
    with pytest.raises(KeyError):
        samples.add("watchbill_of_nothing", 1.0)
    with pytest.raises(ValueError, match="watchbill_mailbox_depth has the labels"):
        samples.add("watchbill_mailbox_depth", 1.0)
    assert all(name.startswith("watchbill_") for name in CATALOGUE)


@pytest.mark.parametrize("hung", [OBSERVER, MONITOR])
def test_a_hung_actor_takes_its_own_figures_away_and_no_others(
    console: MadeConsole, hung: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_monitor(console)
    console.tell(a_snapshot(console, a_trade(console)))
    console.lead()
    begun, release = threading.Event(), threading.Event()

    def hang(*arguments: object) -> None:
        begun.set()
        release.wait(30)

    monkeypatch.setattr(ObserverActor if hung == OBSERVER else MonitorActor, "receive", hang)
    console.system.tell(hung, Look() if hung == OBSERVER else WatchAges())
    assert begun.wait(30)
    try:
        found = scraper(console).collected().found
    finally:
        release.set()

    assert found["watchbill_ready"] == {(): False}
    assert found["watchbill_actor_answers"][hung,] is False
    failed = {part for (part,), count in found["watchbill_scrape_failures_total"].items() if count}
    assert failed == ({"accounts"} if hung == OBSERVER else {"watching"})
    assert ("watchbill_account_equity" in found) is (hung == MONITOR)
    assert found["watchbill_ledger_up"] == {(): 1}


def test_a_ledger_that_is_away_takes_its_own_figures_away(
    console: MadeConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.tell(a_snapshot(console))
    console.lead()
    scrapes = scraper(console)
    assert scrapes.collected().found["watchbill_ledger_up"] == {(): 1}

    def away(*arguments: object) -> Any:
        raise LedgerUnavailable("ledger.sqlite", "disk I/O error")

    monkeypatch.setattr(type(console.ledger.reservations), "now", away)
    found = scrapes.collected().found
    assert found["watchbill_ledger_up"] == {(): 0}
    assert found["watchbill_ledger_errors_total"] == {(): 1}
    assert "watchbill_trades" not in found
    assert found["watchbill_account_balance"] == {("alpha", "USD"): 10_000.0}


def test_what_was_found_is_kept_for_a_second_for_all_who_ask(console: MadeConsole) -> None:
    now = [100.0]
    scrapes = Scrapes(Window(console.configuration, console.running, console.ledger), elapsed=lambda: now[0])
    first = scrapes.text("")
    console.lead()
    now[0] += KEPT_SECONDS / 2
    assert scrapes.text("") == first
    assert b"watchbill_leader 0.0" in scrapes.text(OPEN_METRICS)[0], "the other format shows the same moment"
    now[0] += KEPT_SECONDS
    assert b"watchbill_leader 1.0" in scrapes.text("")[0]


def test_two_scrapers_at_a_time_share_one_collection(console: MadeConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    scrapes, collected, both = scraper(console), Scrapes.collected, threading.Barrier(2)
    times: list[int] = []

    def noted(self: Scrapes) -> Samples:
        times.append(1)
        return collected(self)

    monkeypatch.setattr(Scrapes, "collected", noted)

    def work() -> None:
        both.wait()
        scrapes.text("")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(times) == 1


def test_the_calibration_error_is_found_out_beside_the_scrape_and_seldom(console: MadeConsole) -> None:
    begun: list[Any] = []
    now = [0.0]
    calibration = Calibration(console.ledger, begun.append, lambda: now[0])

    def asked(closed: int) -> Samples:
        samples = Samples()
        calibration.add_to(samples, closed)
        return samples

    asked(0)
    assert begun == [], "nothing has closed"
    asked(1)
    asked(2)
    assert len(begun) == 1, "one is under way"
    begun[0]()
    asked(3)
    assert len(begun) == 1, "it was found out just now"
    now[0] += CALIBRATION_SECONDS
    asked(1)
    assert len(begun) == 1, "no other trade has closed"
    asked(3)
    assert len(begun) == 2


class Reader:
    """A source that can be read every other time."""

    reads_again = True

    def __init__(self) -> None:
        self._begun = 0

    def begin(self) -> None:
        self._begun += 1

    def result(self) -> Outcome | None:
        return Outcome(Scores(())) if self._begun % 2 else Outcome(error="the server answers 503")

    def cancel(self) -> None:
        """There is nothing to leave behind."""


def test_a_feed_says_how_fresh_it_is(start_crew: StartCrew) -> None:
    feed = ScoreFeed(name="desk", source="scores.json", every_seconds=600)
    crew = start_crew(only_alpha(feeds=Feeds(scores=(feed,))), feeds={"desk": Reader()})

    def asked() -> FeedState:
        state = crew.system.ask(feed_actor("desk"), HowIsFeed())
        assert isinstance(state, FeedState)
        return state

    assert asked() == FeedState(is_dead=False, age_seconds=0.0)
    crew.run_for(599)
    assert asked() == FeedState(is_dead=False, age_seconds=599.0)
    crew.run_for(2)
    assert asked() == FeedState(is_dead=True, age_seconds=601.0)
    crew.run_for(15)
    assert asked() == FeedState(is_dead=False, age_seconds=1.0)
