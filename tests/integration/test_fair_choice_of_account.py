"""The choice between accounts through the real actors: nothing but cost, room and turn decides, whatever restarts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, TypeAlias

import pytest
from crew_helpers import StartCrew, account, answers, decisions, must_agree, sent
from made_choices import PAUSE_SECONDS, close_all, decide_once, sequence, settings_of, told

from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import as_usual, delay, hang, lost_reply, reject, requote
from trading.market import DAY, SECOND
from trading.selection import COST_MATERIALITY
from trading.settings import Settings
from trading.settings_accounts import PaperSettings
from trading.trade import TradeState

ANALYSES = 60
SETTLED_SECONDS = 300.0  # whatever became of an order, it was found or given up


@dataclass
class Lives:
    """One crew after the other, on one ledger and with the same brokers."""

    world: VirtualWorld
    url: str
    settings: Settings
    running: ExitStack
    crew: ScriptedCrew = field(init=False)

    def __post_init__(self) -> None:
        self.crew = self._next(None)

    def end(self, *, by_kill: bool) -> None:
        """Stop it in order, or kill it and let its leases expire; then begin the next one."""
        if by_kill:
            self.crew.kill()
            self.world.run_for(61)
        else:
            self.crew.close()
        self.crew = self._next(self.crew.brokers)

    def _next(self, brokers: dict[str, Any] | None) -> ScriptedCrew:
        crew = ScriptedCrew(self.settings, self.world.now(), world=self.world, database_url=self.url, brokers=brokers)
        self.running.callback(crew.close)
        crew.start()
        crew.run_for(PAUSE_SECONDS)
        return crew


Begin: TypeAlias = Callable[[Settings], Lives]


@pytest.fixture
def begin(world: VirtualWorld, ledger_url: str) -> Iterator[Begin]:
    """Begins the first of several lives."""
    with ExitStack() as running:
        yield lambda settings: Lives(world, ledger_url, settings, running)


def decide_and_die(lives: Lives, seconds: float) -> None:
    """Let the process be killed so long after an analysis came, while orders take two seconds; then go on."""
    for broker in lives.crew.brokers.values():
        broker.script(open=[delay(2)])
    lives.crew.analyse(lives.crew.opinion())
    lives.crew.run_for(seconds)
    lives.end(by_kill=True)
    for broker in lives.crew.brokers.values():
        broker.script(open=[as_usual()])
    lives.crew.run_for(SETTLED_SECONDS)
    close_all(lives.crew)
    lives.crew.run_for(PAUSE_SECONDS)


def sequence_over(lives: Lives, analyses: int, restarts: int) -> list[str | None]:
    """Who was chosen by so many equal analyses, with restarts in between, each second one a kill at any moment."""
    chance = random.Random(analyses)
    endings = sorted(chance.sample(range(1, analyses), restarts))
    while (number := len(sequence(lives.crew))) < analyses:
        if endings and number >= endings[0]:
            endings.pop(0)
            if len(endings) % 2:
                lives.end(by_kill=False)
            else:
                decide_and_die(lives, chance.uniform(0, 3))
        else:
            decide_once(lives.crew)
    must_agree(lives.crew)
    return sequence(lives.crew)


def test_equal_accounts_take_turns_exactly_through_restarts_and_kills_at_any_moment(begin: Begin) -> None:
    assert sequence_over(begin(settings_of("alpha", "beta")), ANALYSES, 12) == ["alpha", "beta"] * (ANALYSES // 2)


@pytest.mark.soak
def test_two_equal_accounts_share_a_thousand_equal_analyses_exactly_through_restarts(begin: Begin) -> None:
    chosen = sequence_over(begin(settings_of("alpha", "beta")), 1_000, 60)
    assert Counter(chosen) == {"alpha": 500, "beta": 500}


def test_three_equal_accounts_get_a_third_each(begin: Begin) -> None:
    assert sequence_over(begin(settings_of("alpha", "beta", "gamma")), 60, 6) == ["alpha", "beta", "gamma"] * 20


def test_the_turn_is_remembered_where_the_open_was_refused_before_any_order(begin: Begin) -> None:
    lives = begin(settings_of("alpha", "beta"))
    for broker in lives.crew.brokers.values():
        broker.script(account=[delay(15)])
    lives.crew.run_for(1)
    lives.crew.analyse(lives.crew.opinion(made_at=lives.crew.now - 290 * SECOND))
    lives.crew.run_for(20)
    assert answers(lives.crew) == ["refused:analysis too old"]
    lives.end(by_kill=False)
    decide_once(lives.crew)
    assert sequence(lives.crew) == ["alpha", "beta"]


def test_the_turn_is_remembered_when_the_journal_is_pruned(begin: Begin) -> None:
    lives = begin(settings_of("alpha", "beta"))
    decide_once(lives.crew)
    lives.crew.brokers["beta"].script(open=[reject("no_money")])
    lives.crew.brokers["alpha"].script(open=[reject("no_money")])
    decide_once(lives.crew)
    assert sequence(lives.crew) == ["alpha", "beta", "alpha"]
    retention, later = lives.crew.ledger.retention, lives.crew.now + 100 * DAY
    assert retention.step(later, 90, valuations_keep_days=90).lines > 0
    lives.end(by_kill=False)
    decide_once(lives.crew)
    assert sequence(lives.crew)[-1] == "beta"


def test_the_order_of_the_configuration_does_not_change_who_is_chosen(start_crew: StartCrew) -> None:
    names = ("alpha", "beta", "gamma")
    outcomes = set()
    for order in permutations(names):
        crew = start_crew(settings_of(*order))
        crew.run_for(2)
        for _ in range(9):
            decide_once(crew)
        outcomes.add(tuple(sequence(crew)))
    assert outcomes == {names * 3}


def test_doubling_one_balance_does_not_change_who_is_chosen(start_crew: StartCrew) -> None:
    outcomes = []
    for balance in (10_000.0, 20_000.0):
        crew = start_crew(settings_of(account("alpha", paper=PaperSettings(balance=balance)), "beta"))
        crew.run_for(2)
        for _ in range(20):
            decide_once(crew)
        outcomes.append(sequence(crew))
    assert outcomes[0] == outcomes[1] == ["alpha", "beta"] * 10


def test_widening_one_spread_moves_exactly_the_analyses_where_that_is_material(start_crew: StartCrew) -> None:
    """The stop of half of the analyses is so near that the wider spread is material, and that of the others is not."""
    crew = start_crew(settings_of("alpha", "beta"))
    crew.brokers["beta"].price("EURUSD", 1.10000, 1.10010 + 0.00016)
    crew.run_for(2)
    chance = random.Random(5)
    expected, last = [], {"alpha": 0, "beta": 0}
    for number in range(1, 41):
        volatility = chance.choice((0.005, 0.012))
        chosen = decide_once(crew, daily_volatility=volatility)
        material = 0.00016 / (1.10 * volatility) > COST_MATERIALITY
        expected.append("alpha" if material else min(sorted(last), key=last.__getitem__))
        last[expected[-1]] = number
        assert chosen == expected[-1]
        assert told(crew, 3)[-1].detail["decided_by"] == ("cost" if material else "rotation")
    assert sequence(crew) == expected
    assert 0 < expected.count("beta") < 20


def instants(crew: ScriptedCrew, platform: str) -> list[int]:
    """When the orders to open reached the broker."""
    return [request.now for request in crew.brokers[platform].asked("open")]


def test_a_slow_account_costs_the_others_no_time(start_crew: StartCrew) -> None:
    """While it does not answer for twenty seconds, analyses are decided as ever, and what it said grows too old."""
    crew = start_crew(settings_of("alpha", "beta", "slow", quote_max_age_seconds=10))
    crew.run_for(2)
    crew.brokers["slow"].script(quotes=[hang()] * 100)
    made, reasons = [], []
    for _ in range(30):
        made.append(crew.now)
        decide_once(crew, 7.0)
        rows = {row["platform"]: row for row in told(crew, 1)[-1].detail["candidates"]}
        reasons.append(rows["slow"]["reason"])
    in_time = sorted(instants(crew, "alpha") + instants(crew, "beta"))
    late = [at for at, chosen in zip(made, sequence(crew), strict=True) if chosen == "slow"]
    assert in_time == [at for at in made if at not in late]
    assert {"no usable quote", "not connected"} <= set(reasons)
    assert len(late) <= 1, "and it is not chosen again before it has answered"
    must_agree(crew)


@pytest.mark.parametrize("refusals", [[reject("no_money")], [reject("market_closed")], [requote()] * 3])
def test_what_one_account_refuses_goes_to_the_next_at_once(start_crew: StartCrew, refusals: list[Any]) -> None:
    """Though the one that refuses is the cheapest each time, and is chosen by that."""
    crew = start_crew(settings_of("alpha", "beta", "failing"))
    for name in ("alpha", "beta"):
        crew.brokers[name].price("EURUSD", 1.10000, 1.10010 + 0.0002)
    crew.brokers["failing"].script(open=refusals * 20)
    crew.run_for(2)
    made = []
    for _ in range(10):
        made.append(crew.now)
        decide_once(crew)
    assert sequence(crew) == ["failing", "alpha", "failing", "beta"] * 5
    assert sorted(instants(crew, "alpha") + instants(crew, "beta")) == made
    second = told(crew, 1)[-1].detail["candidates"]
    assert [row["reason"] for row in second] == [None, None, "refused it"]
    must_agree(crew)


def test_an_account_that_fails_has_had_its_turn(start_crew: StartCrew) -> None:
    crew = start_crew(settings_of("alpha", "beta", "failing"))
    crew.brokers["failing"].script(open=[reject("no_money")] * 20)
    crew.run_for(2)
    for _ in range(12):
        decide_once(crew)
    opened = [trade.platform for trade in crew.ledger.trades.list() if trade.state is not TradeState.FAILED]
    assert Counter(opened) == {"alpha": 6, "beta": 6}
    assert Counter(sequence(crew))["failing"] <= 6


def test_an_analysis_that_every_account_refuses_ends_there(start_crew: StartCrew) -> None:
    crew = start_crew(settings_of("alpha", "beta"))
    for broker in crew.brokers.values():
        broker.script(open=[reject("no_money")])
    crew.run_for(2)
    decide_once(crew)
    assert decisions(crew) == ["open_told", "open_told"]
    assert answers(crew) == ["failed", "failed"]


def test_what_may_be_at_a_broker_goes_to_nobody_else(start_crew: StartCrew) -> None:
    crew = start_crew(settings_of("alpha", "beta"))
    crew.brokers["alpha"].script(open=[lost_reply(executed=True)])
    crew.run_for(2)
    crew.analyse(crew.opinion())
    crew.run_for(60)
    assert decisions(crew) == ["open_told"]
    assert (len(sent(crew)), len(sent(crew, "beta"))) == (1, 0)
    must_agree(crew)
