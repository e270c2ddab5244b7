"""Positions that this ledger did not open, and positions that no trade of it explains."""

from __future__ import annotations

import math

from crew_helpers import (
    BID,
    StartCrew,
    account,
    alerts,
    answers,
    decisions,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    sent,
    told,
)

from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import OpenOrder
from trading.market import Side
from trading.order_numbers import SEQUENCE_BITS, magic_number, sequence_of
from trading.settings import Settings
from trading.trade import TradeState


def test_positions_without_our_prefix_are_never_touched(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    prefix = crew.ledger.trades.register_account("alpha")
    stranger = OpenOrder("EURUSD", Side.SELL, 0.07, magic_number(prefix % 65_535 + 1, 1), "another program", BID)
    alpha.open(stranger, 1, math.inf)
    theirs = {position.ticket: position.volume_lots for position in positions(crew)}
    alpha.requests.clear()
    trade = opened(crew)
    alpha.price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)
    crew.run_for(20 * 60)
    assert now(crew, trade).state is TradeState.CLOSED
    opened(crew)
    crew.run_for(3_600)
    closed = {request.arguments[0].ticket for request in alpha.asked("close")}  # type: ignore[attr-defined]
    assert closed.isdisjoint(theirs)
    held = {position.ticket: position.volume_lots for position in positions(crew)}
    assert theirs.items() <= held.items()
    must_agree(crew)


def test_a_position_of_a_stranger_is_told_of_once(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    crew.run_for(120)
    (said,) = alerts(crew, "external")
    assert said == f"alpha: the account holds 1 position of others, never touched: [{positions(crew)[0].position_id}]"
    opened(crew)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.05)
    crew.run_for(120)
    assert len(alerts(crew, "external")) == 2


def test_a_position_of_our_prefix_that_no_row_explains_shuts_the_account(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))))
    alpha = crew.brokers["alpha"]
    prefix = crew.ledger.trades.register_account("alpha")
    alpha.open(OpenOrder("EURUSD", Side.BUY, 0.05, magic_number(prefix, 4_000), "restored", BID), 1, math.inf)
    crew.run_for(31)
    assert len(alerts(crew, "unaccounted")) == 1
    assert opened(crew).platform == "beta"
    assert alpha.asked("close") == []


def test_a_restored_ledger_uses_no_number_that_the_broker_has_seen(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    prefix = crew.ledger.trades.register_account("alpha")
    forgotten = OpenOrder("EURUSD", Side.BUY, 0.05, magic_number(prefix, 4_000), "forgotten", BID)
    alpha.open(forgotten, 1, math.inf)
    alpha.close_by_hand(positions(crew)[0].ticket)
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(1)
    assert sequence_of(opened(crew).magic) == 4_001
    must_agree(crew)


def externals(crew: ScriptedCrew) -> list[list[int]]:
    """The volumes, in hundredths of a lot, that each line about strangers' positions shows; oldest first."""
    lines = crew.ledger.journal.list(kind="externals", newest_first=False)
    return [[round(shown["volume_lots"] * 100) for shown in line.detail["positions"]] for line in lines]


def test_the_coming_and_going_of_strangers_is_journalled_with_all_that_are_there(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    crew.run_for(60)
    assert externals(crew) == []
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    crew.run_for(90)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.07)
    crew.run_for(90)
    assert externals(crew) == [[5], [5, 7]]
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(60)
    assert externals(crew) == [[5], [5, 7]], "a restart finds them where they were"
    alpha.close_by_hand(positions(crew)[0].ticket)
    crew.run_for(31)
    assert externals(crew) == [[5], [5, 7], [7]]
    newest = crew.ledger.journal.list(kind="externals", limit=1)[0]
    assert (newest.platform, newest.reason) == ("alpha", "went")


def test_strangers_that_left_while_the_program_was_away_are_noticed(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str
) -> None:
    first = start_crew(only_alpha(), world=world, database_url=ledger_url)
    first.brokers["alpha"].open_by_hand("EURUSD", Side.SELL, 0.05)
    first.run_for(31)
    first.kill()
    first.brokers["alpha"].close_by_hand(1)
    world.run_for(61)
    second = start_crew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(2)
    assert externals(second) == [[5], []]


def test_a_strangers_position_takes_a_place_among_the_trades_of_its_account(start_crew: StartCrew) -> None:
    settings = Settings(accounts=(account("alpha", "EURUSD", "GBPUSD", limits={"max_open_trades": 2}),))
    crew = start_crew(settings, prices={"EURUSD": (BID, 1.1001), "GBPUSD": (1.25, 1.2501)})
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("GBPUSD", Side.SELL, 0.05)
    crew.run_for(31)
    opened(crew)
    crew.run_for(31)
    assert told(crew, commodity="GBPUSD") is None
    assert decisions(crew)[-1] == "refused:exposure limit"
    theirs = next(position for position in positions(crew) if position.magic == 0)
    alpha.close_by_hand(theirs.ticket)
    crew.run_for(31)
    opened(crew, commodity="GBPUSD")


def test_an_account_with_positions_that_the_ledger_never_heard_of_is_not_begun(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    prefix = crew.ledger.trades.register_account("alpha")
    magic = magic_number(prefix, 4_000)
    alpha.open(OpenOrder("EURUSD", Side.BUY, 0.05, magic, "restored", BID), 1, math.inf)
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(60)
    (said,) = alerts(crew, "standing_by")
    assert f"run.py adopt alpha {magic} --stop-price" in said
    assert f"run.py disown alpha {magic}`" in said
    assert told(crew) is None
    assert crew.ledger.reservations.holder("account:alpha") is None, "whoever adopts it needs the lease"
    crew.ledger.disowned.add("alpha", magic, by="somebody@somewhere", at=crew.now)
    crew.run_for(60)
    assert len(alerts(crew, "external")) == 1
    trade = opened(crew)
    assert sequence_of(trade.magic) == 4_001
    move(crew, trade.stop_price)
    crew.run_for(60)
    assert [position.magic for position in positions(crew)] == [magic], "a stranger's from now on"


def test_an_account_whose_numbers_are_used_up_refuses_to_open_and_goes_on_guarding(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.ledger.trades.raise_sequence("alpha", (1 << SEQUENCE_BITS) - 1)
    move(crew, trade.stop_price)
    crew.run_for(15 * 60)
    assert now(crew, trade).state is TradeState.CLOSED
    for _ in range(7):
        assert told(crew) is None
        crew.run_for(1)
    assert answers(crew)[-1].startswith("refused:order numbers of alpha are used up")
    assert (crew.escalated, alerts(crew, "crashed"), len(sent(crew))) == ([], [], 1)


def test_positions_of_this_program_under_another_ledger_are_told_of_once(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    other = crew.ledger.trades.register_account("alpha") % 65_535 + 1
    alpha.open(OpenOrder("EURUSD", Side.SELL, 0.07, magic_number(other, 1), "another program", BID), 1, math.inf)
    crew.run_for(120)
    assert alerts(crew, "positions_of_another_ledger") == []
    for number in (2, 3):
        alpha.open(OpenOrder("EURUSD", Side.SELL, 0.07, magic_number(other, number), "watchbill 7", BID), 1, math.inf)
        crew.run_for(120)
    theirs = [position.position_id for position in positions(crew) if position.comment == "watchbill 7"]
    (said,) = alerts(crew, "positions_of_another_ledger")
    assert "two programs with two ledgers may be trading this account" in said
    assert str(theirs[:1]) in said
    opened(crew)
    must_agree(crew)
