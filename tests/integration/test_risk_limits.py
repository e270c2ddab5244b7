"""What an account's own results forbid, in a whole crew: opens stop, closes go on, and no restart forgets it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from crew_helpers import (
    StartCrew,
    account,
    alerts,
    answers,
    decisions,
    move,
    must_agree,
    now,
    opened,
    positions,
    told,
)
from made_brokers import COMMODITIES
from made_ledger import NOON, Holder, a_ledger

from actors.messages import Open
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from actors.track_record import DAILY_LOSS, DRAWDOWN, LOSSES_IN_A_ROW, RISK_DAY
from connectors.mock import MockConnector
from persistence.journal import DRAWDOWN_FORGIVEN, JournalEntry
from trading.analysis import Pillar, Pillars
from trading.market import HOUR, Side
from trading.settings import Settings
from trading.settings_accounts import PaperSettings
from trading.settings_risk import DrawdownTier, Risk
from trading.trade import CloseReason, Trade, TradePlan, TradeState

PRICES = {"EURUSD": (1.10000, 1.10010), "GBPUSD": (1.30000, 1.30014), "USDJPY": (150.000, 150.012)}
NO_LIMITS: dict[str, Any] = {
    "group_risk_fraction": None,
    "volatility_cut_from": None,
    "daily_loss_fraction": None,
    "losses_in_a_row": None,
    "drawdown_tiers": (),
}


def limited(*commodities: str, **risk: Any) -> Settings:
    """One account with no limit but these, looked at once a minute, whose trades do not end by themselves."""
    return Settings(
        accounts=(account("alpha", *commodities),),
        risk=Risk(**{**NO_LIMITS, **risk}),
        ai_per_account_cooldown_minutes=0,
        auto_close_profitable_daily=False,
        price_poll_seconds=60,
        quote_max_age_seconds=600,
    )


def lose(crew: ScriptedCrew) -> Trade:
    """A trade that is closed at its stop, one per cent of the equity lower; then the price is where it was."""
    trade = opened(crew)
    move(crew, trade.stop_price - 0.0001)
    crew.run_for(121)
    move(crew, 1.1)
    crew.run_for(61)
    lost = now(crew, trade)
    assert (lost.state, lost.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    return lost


def kinds(crew: ScriptedCrew, kind: str) -> list[dict[str, Any]]:
    """The details of the journal's lines of one kind, oldest first."""
    return [dict(line.detail) for line in crew.ledger.journal.list(kind=kind, newest_first=False)]


# ------------------------------------------------------------ the day's loss


def test_after_a_lost_day_nothing_is_opened_until_it_ends(start_crew: StartCrew) -> None:
    crew = start_crew(limited(daily_loss_fraction=0.005))
    trade = lose(crew)
    for _ in range(3):
        assert told(crew) is None
        crew.run_for(600)
    assert decisions(crew)[1:] == ["refused:daily loss"] * 3
    (line,) = kinds(crew, DAILY_LOSS)
    assert line["result"] == pytest.approx(trade.profit, abs=0.1)
    assert line["fraction"] == pytest.approx(-line["result"] / 10_000, rel=1e-3)
    assert len(alerts(crew, DAILY_LOSS)) == 1
    crew.run_for((line["until"] - crew.now) / 1_000 - 60)
    assert told(crew) is None
    crew.run_for(120)
    opened(crew)
    must_agree(crew)


def test_a_day_may_be_lost_by_what_is_open_and_its_trades_are_guarded_all_the_same(start_crew: StartCrew) -> None:
    crew = start_crew(limited("EURUSD", "GBPUSD", daily_loss_fraction=0.005), prices=PRICES)
    trade = opened(crew)
    move(crew, 1.0960)
    crew.run_for(61)
    assert len(kinds(crew, DAILY_LOSS)) == 1
    move(crew, 1.1020)
    crew.run_for(61)
    assert told(crew, commodity="GBPUSD") is None
    assert decisions(crew)[-1] == "refused:daily loss"
    assert trade.target_price is not None
    move(crew, trade.target_price + 0.0001)
    crew.run_for(121)
    assert now(crew, trade).close_reason is CloseReason.TARGET
    assert len(alerts(crew, DAILY_LOSS)) == 1
    must_agree(crew)


def test_what_was_lost_before_the_day_began_is_not_lost_again(start_crew: StartCrew) -> None:
    crew = start_crew(limited("EURUSD", "GBPUSD", daily_loss_fraction=0.007), prices=PRICES)
    trade = opened(crew)
    move(crew, 1.0975)  # half of the way to the stop
    crew.run_for(10 * HOUR / 1_000 + 61)
    (line,) = kinds(crew, RISK_DAY)
    assert line["floating"].keys() == {str(trade.trade_id)}
    assert -70 < line["floating"][str(trade.trade_id)] < -40
    move(crew, 1.0960)
    crew.run_for(61)
    assert kinds(crew, DAILY_LOSS) == []
    opened(crew, commodity="GBPUSD")


def test_the_account_itself_refuses_what_was_decided_before_the_day_was_lost(start_crew: StartCrew) -> None:
    crew = start_crew(limited(daily_loss_fraction=0.005))
    trade = lose(crew)
    plan = TradePlan(trade.strategy, 0.005, 0.01, None, None, 3_600.0, closes_at_day_end=True)
    crew.tell(platform_actor("alpha"), Open(crew.opinion(), plan))
    crew.run_for(0)
    assert answers(crew)[-1] == "refused:daily loss"


def test_whoever_takes_over_knows_that_the_day_is_lost_and_tells_nobody_again(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str
) -> None:
    settings = limited(daily_loss_fraction=0.005, losses_in_a_row=1)
    first = start_crew(settings, world=world, database_url=ledger_url)
    lose(first)
    first.kill()
    world.run_for(120)
    second = start_crew(settings, world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(120)
    assert told(second) is None
    assert decisions(second)[-1] == "refused:daily loss"
    assert [len(kinds(second, kind)) for kind in (DAILY_LOSS, LOSSES_IN_A_ROW)] == [1, 1]
    assert alerts(second, DAILY_LOSS) == []


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_day_is_not_lost_by_trades_whose_price_nobody_knows_yet(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str, is_lost: bool
) -> None:
    settings = limited("EURUSD", "GBPUSD", daily_loss_fraction=0.005)
    first = start_crew(settings, world=world, database_url=ledger_url, prices=PRICES)
    trade = opened(first)
    first.kill()
    world.run_for(120)
    broker = first.brokers["alpha"]
    quotes = broker.quotes
    unquoted = [quote for quote in quotes(math.inf) if quote.commodity == "GBPUSD"]
    broker.quotes = lambda deadline: unquoted  # type: ignore[method-assign]  # as after a start on a market that is shut
    second = start_crew(settings, world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(120)
    assert told(second, commodity="GBPUSD") is None
    assert decisions(second)[-1] == "refused:daily loss", "an open reckons with the worst"
    assert (kinds(second, DAILY_LOSS), alerts(second, DAILY_LOSS)) == ([], [])
    broker.quotes = quotes  # type: ignore[method-assign]
    if is_lost:
        move(second, 1.0960)
    second.run_for(120)
    assert len(kinds(second, DAILY_LOSS)) == is_lost
    assert (told(second, commodity="GBPUSD") is None) == is_lost
    assert now(second, trade).state is TradeState.OPEN


def test_what_is_closed_and_not_settled_yet_counts_as_lost_to_its_stop(start_crew: StartCrew) -> None:
    crew = start_crew(limited("EURUSD", "GBPUSD", daily_loss_fraction=0.005), prices=PRICES)
    trade = opened(crew)
    broker = crew.brokers["alpha"]
    deals = broker.deals
    broker.deals = lambda since, deadline: []  # type: ignore[method-assign]  # its history lags behind
    move(crew, trade.stop_price - 0.0001)
    crew.run_for(61)
    move(crew, 1.1)
    crew.run_for(5)
    assert now(crew, trade).state is TradeState.CLOSING
    assert positions(crew) == []
    assert told(crew, commodity="GBPUSD") is None
    assert decisions(crew)[-1] == "refused:daily loss"
    broker.deals = deals  # type: ignore[method-assign]
    crew.run_for(180)
    assert now(crew, trade).state is TradeState.CLOSED
    assert len(kinds(crew, DAILY_LOSS)) == 1


# ------------------------------------------------------------ losses in a row


def test_losses_in_a_row_pause_the_account_for_a_while(start_crew: StartCrew) -> None:
    crew = start_crew(limited(losses_in_a_row=2, losses_pause_seconds=3_600))
    lose(crew)
    last = lose(crew)
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:losses in a row"
    assert last.closed_at is not None
    (line,) = kinds(crew, LOSSES_IN_A_ROW)
    assert (line["losses"], line["until"]) == (2, last.closed_at + HOUR)
    assert line["said"].startswith("2 losses in a row; nothing is opened until 2026-03-04T")
    crew.run_for(3_600)
    opened(crew)


# ------------------------------------------------------------ drawdown


def tier(depth: float, factor: float) -> DrawdownTier:
    return DrawdownTier(drawdown_fraction=depth, risk_factor=factor)


def test_a_drawdown_makes_trades_smaller_and_the_journal_says_so(start_crew: StartCrew) -> None:
    crew = start_crew(limited(drawdown_tiers=(tier(0.005, 0.5), tier(0.5, 0.0))))
    first = lose(crew)
    second = opened(crew)
    assert second.volume_lots == pytest.approx(first.volume_lots / 2, abs=0.01)
    submitted = [
        line.detail["sizing"]["cuts"]
        for line in crew.ledger.journal.list(trade_id=second.trade_id)
        if line.reason == "submitted"
    ]
    assert [cut["limit"] for cut in submitted[0]] == ["drawdown", "lot step"]
    (line,) = kinds(crew, DRAWDOWN)
    assert (line["factor_before"], line["factor_after"]) == (1.0, 0.5)
    assert len(alerts(crew, DRAWDOWN)) == 1


def test_the_last_tier_opens_nothing_until_a_person_has_it_forgotten(start_crew: StartCrew) -> None:
    crew = start_crew(limited(drawdown_tiers=(tier(0.005, 0.0),)))
    lose(crew)
    assert told(crew) is None
    crew.run_for(2 * 3_600)
    assert told(crew) is None
    assert set(decisions(crew)[1:]) == {"refused:drawdown"}
    forgiven = JournalEntry(crew.now, DRAWDOWN_FORGIVEN, "by a person", "alpha", detail={"by": "me"})
    crew.ledger.journal.append(forgiven)
    crew.run_for(120)
    opened(crew)
    assert [line["factor_after"] for line in kinds(crew, DRAWDOWN)] == [0.0, 1.0]
    assert crew.ledger.journal.count_by_reason(DRAWDOWN) == {"more risk": 1, "no opens": 1}


# ------------------------------------------------------------ volatility and groups


def test_wild_hours_make_the_trade_smaller(start_crew: StartCrew) -> None:
    crew = start_crew(limited(volatility_cut_from=1.5))
    calm, wild = Pillar(score=0.9), Pillar(score=0.9, readings={"relative_volatility": 2.5})
    trade = opened(crew, pillars=Pillars(base=calm, trend=calm, volatility=wild, sentiment=calm))
    row = crew.ledger.journal.list(kind="decision")[0].detail["candidates"][0]
    assert row["sizing"]["cuts"][0]["limit"] == "volatility"
    assert row["sizing"]["cuts"][0]["to_lots"] == pytest.approx(0.6 * row["sizing"]["wanted_lots"])
    assert trade.volume_lots == row["volume_lots"]


def test_trades_that_bet_the_same_way_share_the_budget_of_their_group(start_crew: StartCrew) -> None:
    crew = start_crew(limited("EURUSD", "GBPUSD", "USDJPY", group_risk_fraction=0.015), prices=PRICES)
    opened(crew)  # against the dollar
    half = opened(crew, Side.SELL, commodity="USDJPY")  # against the dollar
    row = crew.ledger.journal.list(kind="decision")[0].detail["candidates"][0]
    assert [cut["limit"] for cut in row["sizing"]["cuts"]] == ["group risk", "lot step"]
    assert half.volume_lots < 0.6 * row["sizing"]["wanted_lots"]
    whole = opened(crew, Side.SELL, commodity="GBPUSD")  # for the dollar: it gets nothing and gives nothing
    row = crew.ledger.journal.list(kind="decision")[0].detail["candidates"][0]
    assert [cut["limit"] for cut in row["sizing"]["cuts"]] == ["lot step"]
    assert whole.volume_lots == row["volume_lots"]


# ------------------------------------------------------------ the broker's own terms


def test_the_broker_says_what_a_lot_is_and_not_the_catalogue(start_crew: StartCrew, world: VirtualWorld) -> None:
    terms = {"contract_size": 10_000.0, "volume_step_lots": 0.5, "volume_min_lots": 0.5, "volume_max_lots": 500.0}
    theirs = {**COMMODITIES, "EURUSD": COMMODITIES["EURUSD"].model_copy(update=terms)}
    paper = PaperSettings(commission_per_lot=0.0)
    broker = MockConnector("alpha", theirs, world, symbols={"EURUSD": "EURUSD.m"}, settings=paper)
    broker.price("EURUSD", 1.1, 1.1001)
    crew = start_crew(limited(), world=world, brokers={"alpha": broker})
    trade = opened(crew)
    assert trade.entry_price is not None
    loss_per_lot = trade.stop_distance * 10_000
    assert trade.volume_lots % 0.5 == 0
    assert 0.0 <= 100.0 - trade.volume_lots * loss_per_lot < 0.5 * loss_per_lot
    move(crew, trade.stop_price)
    crew.run_for(121)
    assert now(crew, trade).profit == pytest.approx(-trade.volume_lots * loss_per_lot, abs=trade.volume_lots * 3)


def test_a_budget_is_taken_at_the_brokers_contract_size(start_crew: StartCrew, world: VirtualWorld) -> None:
    theirs = {
        **COMMODITIES,
        **{name: COMMODITIES[name].model_copy(update={"contract_size": 10_000.0}) for name in ("EURUSD", "GBPUSD")},
    }
    symbols = {name: name for name in ("EURUSD", "GBPUSD")}
    broker = MockConnector("alpha", theirs, world, symbols=symbols, settings=PaperSettings(commission_per_lot=0.0))
    for name in symbols:
        broker.price(name, *PRICES[name])
    settings = limited(*symbols, group_risk_fraction=0.015)
    crew = start_crew(settings, world=world, brokers={"alpha": broker})
    first, second = opened(crew), opened(crew, commodity="GBPUSD")
    risks = [trade.volume_lots * trade.stop_distance * 10_000 for trade in (first, second)]
    assert 140.0 < sum(risks) <= 150.0


# ------------------------------------------------------------ the ledger


def test_either_ledger_tells_results_in_the_order_of_closing_and_when_a_kind_was_last_written(any_ledger: str) -> None:
    with a_ledger(any_ledger) as ledger:
        me = Holder(ledger)
        for number, (profit, after) in enumerate([(1.0, 9), (None, 5), (-2.0, 9), (3.25, 0)]):
            trade = me.open(analysis_id=f"analysis-{number}")
            closing = me.advance(trade, TradeState.CLOSING, close_reason=CloseReason.STOP)
            me.advance(closing, TradeState.CLOSED, exit_price=1.1, closed_at=NOON + after, profit=profit)
        found = ledger.trades.closed_results("alpha")
        assert [(trade.closed_at - NOON, trade.profit) for trade in found] == [(0, 3.25), (9, 1.0), (9, -2.0)]
        assert ledger.trades.closed_results("beta") == []
        assert ledger.journal.last_at(DRAWDOWN_FORGIVEN, "alpha") is None
        for at in (NOON, NOON + 5):
            ledger.journal.append(JournalEntry(at, DRAWDOWN_FORGIVEN, "by a person", "alpha"))
        assert ledger.journal.last_at(DRAWDOWN_FORGIVEN, "alpha") == NOON + 5
        assert ledger.journal.last_at(DRAWDOWN_FORGIVEN, "beta") is None
