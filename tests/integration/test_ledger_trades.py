"""What the ledger promises of trades."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from made_ledger import NOON, TTL_SECONDS, Clock, Holder, a_ledger, a_line, a_new_trade
from sqlalchemy import text

from persistence.errors import (
    AnalysisSeen,
    JobFired,
    LedgerError,
    SlotTaken,
    StaleToken,
    TradeChanged,
    UnknownAccount,
    UnknownTrade,
)
from persistence.ledger import Ledger
from trading.market import Side
from trading.order_numbers import magic_number
from trading.trade import ACTIVE, ARROWS, CloseReason, ForbiddenTransition, Trade, TradeState

PATHS: dict[TradeState, tuple[TradeState, ...]] = {
    TradeState.SUBMITTED: (),
    TradeState.UNKNOWN: (TradeState.UNKNOWN,),
    TradeState.OPEN: (TradeState.OPEN,),
    TradeState.CLOSING: (TradeState.OPEN, TradeState.CLOSING),
    TradeState.CLOSED: (TradeState.OPEN, TradeState.CLOSED),
    TradeState.FAILED: (TradeState.FAILED,),
    TradeState.LATE: (TradeState.FAILED, TradeState.LATE),
}
"""How to get to each state from SUBMITTED."""


@pytest.fixture
def clock() -> Clock:
    """The lease clock of `ledger`."""
    return Clock()


@pytest.fixture
def ledger(clock: Clock, any_ledger: str) -> Iterator[Ledger]:
    """A ledger of either kind, in a time of its own."""
    with a_ledger(any_ledger, lease_clock=clock) as opened:
        yield opened


@pytest.fixture
def me(ledger: Ledger) -> Holder:
    """The process that holds what it needs."""
    return Holder(ledger)


def brought_to(me: Holder, state: TradeState, **changes: Any) -> Trade:
    trade = me.submit(**changes)
    for step in PATHS[state]:
        trade = me.advance(trade, step)
    return trade


def everything(ledger: Ledger) -> tuple[object, ...]:
    """All that a refused write must leave as it was, the accounts' sequences among it."""
    with ledger.reading() as connection:
        accounts = connection.exec_driver_sql("SELECT * FROM account ORDER BY platform").all()
        fired = connection.exec_driver_sql("SELECT * FROM scheduled ORDER BY key").all()
    return (ledger.trades.list(), ledger.journal.export(), accounts, fired)


# ---------------------------------------------------------------- submitting


def test_a_submitted_trade_is_read_back_as_it_was_returned(me: Holder) -> None:
    trade = me.submit()
    assert me.ledger.trades.get(trade.trade_id) == trade
    assert trade.state is TradeState.SUBMITTED
    assert trade.account_token == me.account().token
    assert trade.commodity_token == me.hold("alpha:EURUSD").token


def test_submitting_writes_the_trade_and_its_journal_together(me: Holder) -> None:
    trade = me.submit(a_line(reason="strong enough"), a_line(kind="other", trade_id=99))
    assert [(line.trade_id, line.kind) for line in me.ledger.journal.list(newest_first=False)] == [
        (trade.trade_id, "transition"),
        (99, "other"),
    ]


def test_every_order_of_an_account_has_the_next_number(me: Holder) -> None:
    prefix = me.ledger.trades.register_account("alpha")
    first = me.fail(me.submit())
    second = me.submit()
    assert (first.magic, second.magic) == (magic_number(prefix, 1), magic_number(prefix, 2))


def test_one_account_has_one_active_trade_in_a_commodity(me: Holder) -> None:
    me.submit()
    before = everything(me.ledger)
    with pytest.raises(SlotTaken, match="alpha:EURUSD"):
        me.submit(a_line(), analysis_id="analysis-2")
    assert everything(me.ledger) == before


@pytest.mark.parametrize("state", sorted(TradeState))
def test_the_slot_is_taken_exactly_while_the_trade_is_active(me: Holder, state: TradeState) -> None:
    brought_to(me, state)
    if state in ACTIVE:
        with pytest.raises(SlotTaken):
            me.submit(analysis_id="analysis-2")
    else:
        me.submit(analysis_id="analysis-2")


@pytest.mark.parametrize("elsewhere", [{"platform": "beta"}, {"commodity": "GOLD"}])
def test_another_account_or_commodity_is_another_slot(me: Holder, elsewhere: dict[str, str]) -> None:
    me.submit()
    me.submit(analysis_id="analysis-2", **elsewhere)
    assert len(me.ledger.trades.active()) == 2


def test_an_analysis_becomes_one_trade_on_all_accounts_together(me: Holder) -> None:
    me.close(me.open())
    before = everything(me.ledger)
    with pytest.raises(AnalysisSeen, match="analysis-1"):
        me.submit(a_line(), platform="beta")
    assert everything(me.ledger)[:2] == before[:2]
    assert me.ledger.trades.knows_analysis("analysis-1")
    assert not me.ledger.trades.knows_analysis("analysis-2")


def test_a_failed_order_leaves_its_analysis_free(me: Holder) -> None:
    me.fail(me.submit())
    assert not me.ledger.trades.knows_analysis("analysis-1")
    me.submit()
    assert me.ledger.trades.knows_analysis("analysis-1")


def test_a_failed_order_that_turns_up_late_is_recorded_though_its_analysis_was_used_again(me: Holder) -> None:
    lost = me.fail(me.submit())
    retried = me.open()
    late = me.advance(lost, TradeState.LATE, ticket=7)
    with pytest.raises(SlotTaken):
        me.advance(late, TradeState.OPEN)
    closed = me.advance(late, TradeState.CLOSED, profit=-1.0)
    assert me.ledger.trades.get(lost.trade_id) == closed
    assert me.ledger.trades.active() == [retried]


def test_the_analysis_of_an_order_that_turned_up_late_is_known(me: Holder) -> None:
    me.advance(me.fail(me.submit()), TradeState.LATE)
    assert me.ledger.trades.knows_analysis("analysis-1")
    with pytest.raises(AnalysisSeen):
        me.submit()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"analysis_id": "another"}, "trade.platform, trade.commodity|trade_one_active"),
        ({"commodity": "GOLD"}, "trade.crew, trade.analysis_id|trade_one_per_analysis"),
        ({"commodity": "GOLD", "analysis_id": "another", "magic": None}, "trade.magic|trade_magic_key"),
    ],
)
def test_the_tables_themselves_refuse_what_the_program_must_never_write(
    me: Holder, changes: dict[str, Any], refusal: str
) -> None:
    me.submit()
    with me.ledger.reading() as connection:
        row = connection.exec_driver_sql("SELECT * FROM trade").mappings().one()
    twin = {**row, "trade_id": 2, "magic": 1, **changes}
    twin["magic"] = twin["magic"] or row["magic"]
    columns, places = ", ".join(twin), ", ".join(f":{name}" for name in twin)
    with pytest.raises(LedgerError, match=refusal), me.ledger.writing() as connection:
        connection.execute(text(f"INSERT INTO trade ({columns}) VALUES ({places})"), twin)


# ---------------------------------------------------------------- fences


@pytest.mark.parametrize("stale", ["account:alpha", "alpha:EURUSD"])
def test_a_stale_token_submits_nothing_and_uses_no_number(me: Holder, clock: Clock, stale: str) -> None:
    account, slot = me.account(), me.hold("alpha:EURUSD")
    before = everything(me.ledger)
    clock.pass_seconds(TTL_SECONDS / 2)
    for fence in (account, slot):
        if fence.resource != stale:
            assert me.ledger.reservations.renew_resource(fence, TTL_SECONDS)
    clock.pass_seconds(TTL_SECONDS / 2)
    with pytest.raises(StaleToken, match=stale):
        me.ledger.trades.submit(a_new_trade(), account, slot, a_line())
    assert everything(me.ledger) == before


def test_a_stale_token_advances_nothing_even_after_its_owner_took_the_lease_again(me: Holder, clock: Clock) -> None:
    trade, stale = me.open(), me.account()
    clock.pass_seconds(TTL_SECONDS)
    fresh = me.account()
    assert fresh.token == stale.token + 1
    before = everything(me.ledger)
    closing = replace(trade, state=TradeState.CLOSING)
    with pytest.raises(StaleToken):
        me.ledger.trades.advance(trade, closing, stale, a_line())
    assert everything(me.ledger) == before
    assert me.ledger.trades.advance(trade, closing, fresh).account_token == fresh.token


def test_the_fence_must_be_that_of_the_trades_own_account(me: Holder) -> None:
    trade, other = me.open(), me.account("beta")
    with pytest.raises(ValueError, match=r"account:beta.*expected that of 'account:alpha'"):
        me.ledger.trades.advance(trade, replace(trade, state=TradeState.CLOSING), other)
    with pytest.raises(ValueError, match="expected that of 'beta:EURUSD'"):
        me.ledger.trades.submit(a_new_trade(platform="beta"), other, me.hold("alpha:EURUSD"))


def test_orders_of_an_unregistered_account_are_refused(me: Holder) -> None:
    account, slot = me.hold("account:alpha"), me.hold("alpha:EURUSD")
    with pytest.raises(UnknownAccount, match="alpha"):
        me.ledger.trades.submit(a_new_trade(), account, slot)


# ---------------------------------------------------------------- transitions


@pytest.mark.parametrize("before", sorted(TradeState))
def test_exactly_the_named_arrows_can_be_gone(me: Holder, before: TradeState) -> None:
    for after in TradeState:
        trade = brought_to(me, before, commodity=f"for_{after}", analysis_id=f"for_{after}")
        if (before, after) in ARROWS:
            written = me.advance(trade, after, a_line(reason=ARROWS[before, after]))
            assert written == replace(trade, state=after)
            assert me.ledger.journal.list(limit=1)[0].trade_id == trade.trade_id
        else:
            written = trade
            with pytest.raises(ForbiddenTransition):
                me.advance(trade, after, a_line())
        assert me.ledger.trades.get(trade.trade_id) == written


def test_of_two_adjustments_of_one_copy_only_the_first_is_written(me: Holder) -> None:
    trade = me.open()
    tighter = me.advance(trade, TradeState.OPEN, stop_price=1.098)
    with pytest.raises(TradeChanged, match=r"stop_price is 1\.098 and not 1\.095"):
        me.advance(trade, TradeState.OPEN, a_line(), stop_price=1.096)
    assert me.ledger.trades.get(trade.trade_id) == tighter
    assert me.ledger.journal.list() == []


def test_a_late_reply_does_not_move_a_trade_that_has_gone_on(me: Holder) -> None:
    submitted = me.submit()
    unknown = me.advance(submitted, TradeState.UNKNOWN)
    with pytest.raises(TradeChanged, match="state is"):
        me.advance(submitted, TradeState.OPEN, ticket=3)
    assert me.ledger.trades.get(submitted.trade_id) == unknown


def test_a_new_leader_goes_on_from_the_row_that_the_old_one_wrote(me: Holder, clock: Clock) -> None:
    trade = me.open()
    clock.pass_seconds(TTL_SECONDS)
    heir = Holder(me.ledger, "heir")
    taken_over = heir.advance(me.ledger.trades.get(trade.trade_id), TradeState.CLOSING)
    assert taken_over.account_token == trade.account_token + 1
    with pytest.raises(TradeChanged, match="account_token"):
        heir.advance(replace(taken_over, account_token=trade.account_token), TradeState.CLOSED)


@pytest.mark.parametrize(
    "change",
    [{"platform": "alpha", "commodity": "GOLD"}, {"magic": 5}, {"side": Side.SELL}, {"analysis_id": "other"}],
)
def test_what_makes_it_this_trade_never_changes(me: Holder, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{list(change)[-1]} of trade 1 is .* for good"):
        me.advance(me.open(), TradeState.OPEN, **change)


def test_a_trade_that_is_not_in_the_ledger_is_named(me: Holder) -> None:
    stranger = replace(me.open(), trade_id=77)
    with pytest.raises(UnknownTrade, match="77"):
        me.advance(stranger, TradeState.CLOSING)
    with pytest.raises(UnknownTrade, match="77"):
        me.ledger.trades.get(77)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_by_name(me: Holder, value: float) -> None:
    with pytest.raises(ValueError, match="expected_price of alpha:EURUSD"):
        me.submit(expected_price=value)
    with pytest.raises(ValueError, match="profit of alpha:EURUSD"):
        me.close(me.open(), profit=value)
    assert me.ledger.trades.active()[0].state is TradeState.CLOSING


def test_a_number_beyond_what_the_database_holds_is_refused_by_name(me: Holder) -> None:
    with pytest.raises(ValueError, match="ticket of alpha:EURUSD is 9223372036854775808"):
        me.advance(me.submit(), TradeState.OPEN, ticket=1 << 63)


def test_several_trades_advance_together_with_the_job_that_asks_for_it(me: Holder) -> None:
    pairs = [
        (trade, replace(trade, state=TradeState.CLOSING, close_reason=CloseReason.DAY_END))
        for trade in (me.open(), me.open(commodity="GOLD", analysis_id="analysis-2"))
    ]
    closing = me.ledger.trades.advance_all(pairs, me.account(), a_line(reason="day end"), fired="day_end:alpha")
    assert me.ledger.trades.active() == closing
    assert {trade.state for trade in closing} == {TradeState.CLOSING}
    assert me.ledger.schedule.has_fired("day_end:alpha")


def test_several_trades_advance_together_or_not_at_all(me: Holder) -> None:
    one, other = me.open(), me.open(commodity="GOLD", analysis_id="analysis-2")
    pairs = [(trade, replace(trade, state=TradeState.CLOSING)) for trade in (one, replace(other, ticket=4711))]
    before = everything(me.ledger)
    with pytest.raises(TradeChanged):
        me.ledger.trades.advance_all(pairs, me.account(), a_line(), fired="day_end:alpha")
    assert everything(me.ledger) == before
    assert not me.ledger.schedule.has_fired("day_end:alpha")


def test_a_job_runs_once(me: Holder) -> None:
    me.ledger.trades.advance_all([], me.account(), a_line(), fired="friday:alpha")
    trade = me.open()
    before = everything(me.ledger)
    with pytest.raises(JobFired, match="friday:alpha"):
        me.ledger.trades.advance(
            trade, replace(trade, state=TradeState.CLOSING), me.account(), a_line(), fired="friday:alpha"
        )
    with pytest.raises(JobFired, match="friday:alpha"):
        me.ledger.schedule.fire("friday:alpha", NOON)
    assert everything(me.ledger) == before


def test_a_job_says_when_and_why(me: Holder) -> None:
    trade = me.open()
    with pytest.raises(ValueError, match=r"friday:alpha.*journal entry"):
        me.ledger.trades.advance(trade, replace(trade, state=TradeState.CLOSING), me.account(), fired="friday:alpha")


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_job_has_a_key_that_fits(me: Holder, key: str) -> None:
    with pytest.raises(ValueError, match="key of the scheduled job"):
        me.ledger.schedule.fire(key, NOON)
