"""The cooldown: after an open, the same account opens nothing in the same commodity for a while, to the second."""

from __future__ import annotations

from pathlib import Path

import pytest
from crew_helpers import StartCrew, account, decisions, must_agree, now, only_alpha, opened, states, told

from actors.messages import Close
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import lost_reply, reject
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

WINDOW_SECONDS = 15 * 60
TWO_COMMODITIES = {"EURUSD": (1.10000, 1.10010), "GBPUSD": (1.30000, 1.30014)}


def close_by_order(crew: ScriptedCrew, trade: Trade) -> None:
    """Close a trade as an operator does."""
    crew.tell(platform_actor(trade.platform), Close(trade.trade_id, trade.commodity, CloseReason.OPERATOR, None))
    crew.run_for(0)
    assert now(crew, trade).state is TradeState.CLOSED


def test_nothing_is_opened_inside_the_window_on_the_same_account_and_commodity(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    close_by_order(crew, opened(crew))
    for _ in range(14):
        crew.run_for(60)
        assert told(crew) is None
    assert decisions(crew)[1:] == ["refused:cooling down"] * 14
    must_agree(crew)


def test_it_ends_to_the_second(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    first = opened(crew)
    close_by_order(crew, first)
    crew.run_for(WINDOW_SECONDS - 0.001)
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:cooling down"
    crew.run_for(0.001)
    second = opened(crew)
    assert second.submitted_at - first.submitted_at == WINDOW_SECONDS * 1_000


@pytest.mark.parametrize("minutes", [0.0, 0.5, 60.0])
def test_its_length_is_a_setting(start_crew: StartCrew, minutes: float) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=minutes))
    close_by_order(crew, opened(crew))
    if minutes:
        crew.run_for(minutes * 60 - 1)
        assert told(crew) is None
        crew.run_for(1)
    opened(crew)


def test_another_account_may_open_the_same_commodity(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))))
    first = opened(crew)
    close_by_order(crew, first)
    second = opened(crew)
    assert (first.platform, second.platform) == ("alpha", "beta")
    close_by_order(crew, second)
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:cooling down"


def test_the_same_account_may_open_another_commodity(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha", "EURUSD", "GBPUSD"),)), prices=TWO_COMMODITIES)
    close_by_order(crew, opened(crew, commodity="EURUSD"))
    close_by_order(crew, opened(crew, commodity="GBPUSD"))
    assert [told(crew, commodity=name) for name in TWO_COMMODITIES] == [None, None]


def test_it_survives_a_restart(start_crew: StartCrew, world: VirtualWorld, tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with ScriptedCrew(only_alpha(), world=world, database_url=url) as before:
        close_by_order(before, opened(before))
        before.run_for(WINDOW_SECONDS - 60)
    after = start_crew(only_alpha(), world.now(), world=world, database_url=url, brokers=before.brokers)
    assert told(after) is None
    assert decisions(after)[-1] == "refused:cooling down"
    after.run_for(60)
    opened(after)
    must_agree(after)


def test_it_counts_from_the_open_and_not_from_the_close(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    first = opened(crew)
    crew.run_for(WINDOW_SECONDS - 60)
    close_by_order(crew, first)
    crew.run_for(60)
    opened(crew)


def test_an_open_that_failed_does_not_count(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    crew.brokers["alpha"].script(open=[reject("no_money")])
    failed = told(crew)
    assert failed is not None
    assert failed.state is TradeState.FAILED
    opened(crew)
    assert states(crew) == ["failed", "open"]


def test_an_open_whose_fate_is_unknown_counts(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.script(open=[lost_reply(executed=True)])
    unknown = told(crew)
    assert unknown is not None
    assert unknown.state is TradeState.UNKNOWN
    alpha.close_by_hand(alpha.positions(float("inf"))[0].ticket)
    crew.run_for(60)
    assert now(crew, unknown).state is TradeState.CLOSED
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:cooling down"
    crew.run_for(WINDOW_SECONDS - 60)
    opened(crew)
    must_agree(crew)


def test_an_order_that_was_never_executed_stops_counting_once_that_is_proven(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    crew.brokers["alpha"].script(open=[lost_reply(executed=False)])
    lost = told(crew)
    assert lost is not None
    crew.run_for(200)
    assert now(crew, lost).state is TradeState.FAILED
    opened(crew)
