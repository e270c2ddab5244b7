"""Taking profit before the day ends, and before the weekend: once, on net figures, in the window and not after."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from crew_helpers import (
    ASK,
    BID,
    StartCrew,
    account,
    alerts,
    closes_sent,
    decisions,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    states,
    told,
    unanswered,
)
from made_sessions import FRIDAY, WEDNESDAY, WEDNESDAYS_KEY, WINDOW_SECONDS, lose, rules, to_window, win

from actors.messages import Poll
from actors.names import RULE_MISSED, RULE_WAITS, platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import CloseOrder, Done
from connectors.mock_script import delay, fills_later, lost_reply, reject
from trading.analysis import Strategy
from trading.market import MINUTE, Position, Side
from trading.settings import Settings
from trading.trade import CloseReason, TradeState

BOTH_SIDES = pytest.mark.parametrize("side", list(Side))


@BOTH_SIDES
def test_a_profit_is_taken_at_the_first_tick_of_the_window(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew, side)
    win(crew, side)
    to_window(crew, -1)
    assert now(crew, trade) == trade
    crew.run_for(1)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.DAY_END)
    assert closed.closed_at == WEDNESDAY + 5 * MINUTE
    assert closed.profit is not None
    assert closed.profit > 0
    assert rules(crew) == ["day_end:closed"]
    must_agree(crew)


def test_what_a_person_has_left_of_a_position_is_closed_and_not_what_the_row_says(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(ai_monitor_interval_seconds=3600), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    to_window(crew, -1)
    (held,) = positions(crew)
    alpha = crew.brokers["alpha"]
    by_hand = CloseOrder(held.ticket, held.commodity, held.side, round(held.volume_lots / 2, 2), 0, math.nan)
    assert isinstance(alpha.close(by_hand, 1, math.inf), Done)
    (left,) = positions(crew)
    crew.run_for(1)
    assert alpha.asked("close")[-1].arguments[0].volume_lots == left.volume_lots  # type: ignore[attr-defined]
    assert now(crew, trade).state is TradeState.CLOSED
    must_agree(crew)


@BOTH_SIDES
def test_a_loss_is_kept_over_night_and_not_judged_again_when_it_turns(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew, side)
    lose(crew, side)
    to_window(crew, 60)
    win(crew, side)
    crew.run_for(WINDOW_SECONDS)
    assert now(crew, trade) == trade
    assert rules(crew) == ["day_end:kept"]
    must_agree(crew)


def test_a_strategy_that_stays_over_night_is_kept_with_its_profit(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew, strategy=Strategy.SWING)
    win(crew)
    to_window(crew, 60)
    assert now(crew, trade) == trade
    assert rules(crew) == ["day_end:kept"]


@pytest.mark.parametrize("strategy", [Strategy.DAY, Strategy.SWING])
@pytest.mark.parametrize(
    ("everything", "wins", "closes"),
    [(False, True, True), (False, False, False), (True, True, True), (True, False, True)],
)
def test_before_the_weekend_profits_are_taken_whatever_the_strategy_and_losses_where_the_user_says_so(
    start_crew: StartCrew, strategy: Strategy, everything: bool, wins: bool, closes: bool
) -> None:
    crew = start_crew(only_alpha(auto_close_all_friday=everything), FRIDAY)
    trade = opened(crew, strategy=strategy)
    (win if wins else lose)(crew)
    to_window(crew, 60)
    assert now(crew, trade).close_reason is (CloseReason.FRIDAY if closes else None)
    assert rules(crew)[0] == ("friday:closed" if closes else "friday:kept")
    assert closes_sent(crew) == closes
    must_agree(crew)


def test_a_clock_that_was_hours_ahead_makes_nobody_miss_the_window(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    crew.run_for(1)
    crew.world.step_market(2 * 3_600)
    crew.run_for(60)
    crew.world.step_market(-2 * 3_600)
    opened(crew)
    win(crew)
    to_window(crew, 60)
    assert rules(crew) == ["day_end:closed"]


def test_rules_that_are_switched_off_judge_nothing(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(auto_close_profitable_daily=False, auto_close_profitable_friday=False), FRIDAY)
    trade = opened(crew)
    win(crew)
    to_window(crew, 60)
    assert now(crew, trade) == trade
    assert rules(crew) == []


def test_each_account_and_commodity_is_judged_by_itself(start_crew: StartCrew) -> None:
    accounts = (account("alpha", "EURUSD", "GBPUSD"), account("beta"))
    prices = {"EURUSD": (BID, ASK), "GBPUSD": (1.30000, 1.30014)}
    crew = start_crew(Settings(accounts=accounts), WEDNESDAY, prices=prices)
    first, second = opened(crew), opened(crew)
    third = opened(crew, commodity="GBPUSD")
    assert [first.platform, second.platform, third.platform] == ["alpha", "beta", "alpha"]
    move(crew, BID + 0.0020, platform="beta")
    to_window(crew, 60)
    assert [now(crew, trade).state.value for trade in (first, second, third)] == ["open", "closed", "open"]
    assert sorted(line.detail["key"] for line in crew.ledger.journal.list(kind="rule")) == [
        "day_end:EURUSD:alpha:2026-03-04",
        "day_end:EURUSD:beta:2026-03-04",
        "day_end:GBPUSD:alpha:2026-03-04",
    ]


def test_each_day_is_judged_once(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=30, opposite_signal_closes=False), WEDNESDAY)
    trade = opened(crew)
    crew.run_for(24 * 3_600 + 20 * 60)
    assert [line.detail["key"] for line in crew.ledger.journal.list(kind="rule", newest_first=False)] == [
        "day_end:EURUSD:alpha:2026-03-04",
        "day_end:EURUSD:alpha:2026-03-05",
    ]
    assert now(crew, trade) == trade


def test_the_buffer_before_the_end_is_a_setting_of_the_account(start_crew: StartCrew) -> None:
    settings = Settings(accounts=(account(auto_close_minutes_before=18),))
    crew = start_crew(settings, WEDNESDAY)
    trade = opened(crew)
    win(crew)
    crew.run_for(2 * 60 - 1)
    assert now(crew, trade) == trade
    crew.run_for(1)
    assert now(crew, trade).close_reason is CloseReason.DAY_END


# ------------------------------------------------------------ net, not gross


@BOTH_SIDES
def test_a_profit_that_the_commission_eats_is_no_profit(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew, side)
    assert trade.entry_price is not None
    five_points_up = trade.entry_price + side.sign * 0.00005
    move(crew, five_points_up if side is Side.BUY else five_points_up - 0.0001)
    to_window(crew, 1)
    assert positions(crew)[0].profit > 0
    assert now(crew, trade) == trade
    judged = crew.ledger.journal.list(kind="rule")[0]
    commission = 3.5 * trade.volume_lots
    assert judged.detail["net_profit"] == pytest.approx(positions(crew)[0].profit - 2 * commission, abs=0.011)
    assert judged.detail["net_profit"] < 0


def test_a_profit_that_the_swap_eats_is_no_profit(start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    as_they_are = crew.brokers["alpha"].positions

    def charged(deadline: float) -> tuple[Position, ...]:
        return tuple(replace(position, swap=-100.0) for position in as_they_are(deadline))

    monkeypatch.setattr(crew.brokers["alpha"], "positions", charged)
    to_window(crew, 60)
    assert now(crew, trade) == trade
    assert rules(crew) == ["day_end:kept"]


# ------------------------------------------------------------ when there is nothing to judge by


def test_the_judgement_waits_for_a_valid_tick(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    to_window(crew, -120)
    crew.brokers["alpha"].freeze("EURUSD")
    crew.run_for(180)
    crew.brokers["alpha"].price("EURUSD", float("nan"), float("nan"))
    crew.run_for(60)
    assert (now(crew, trade), rules(crew)) == (trade, [])
    win(crew)
    crew.run_for(1)
    assert now(crew, trade).close_reason is CloseReason.DAY_END


def test_a_window_without_a_valid_tick_ends_without_a_judgement(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    to_window(crew, -60)
    crew.brokers["alpha"].freeze("EURUSD")
    to_window(crew, WINDOW_SECONDS - 0.5)
    win(crew)
    crew.run_for(3_600)
    assert (now(crew, trade), rules(crew)) == (trade, ["day_end:missed"])


@pytest.mark.parametrize("question", ["positions", "deals"])
def test_the_judgement_waits_for_the_brokers_figures(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], question, unanswered)
        to_window(crew, 60)
    assert (now(crew, trade), rules(crew)) == (trade, [])
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.DAY_END


def test_a_close_that_is_refused_until_the_market_shuts_stays_and_a_person_is_told(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), FRIDAY)
    trade = opened(crew)
    win(crew)
    crew.brokers["alpha"].script(close=[reject("market_closed")] * 10_000)
    to_window(crew, 3_600)
    assert now(crew, trade).state is TradeState.CLOSING
    assert (rules(crew), len(alerts(crew, "stuck"))) == (["friday:closed"], 1)


# ------------------------------------------------------------ opens and entries around the window


def test_nothing_is_opened_inside_the_window(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    to_window(crew)
    assert told(crew) is None
    crew.run_for(WINDOW_SECONDS - 1)
    assert told(crew) is None
    assert decisions(crew) == ["refused:inside the pre-close window"] * 2
    crew.run_for(1)
    opened(crew)


def test_an_open_that_was_told_before_the_window_is_refused_inside_it(start_crew: StartCrew) -> None:
    """The account is slow, and what was true at the decision is checked again."""
    crew = start_crew(only_alpha(price_poll_seconds=60, quote_max_age_seconds=61), WEDNESDAY)
    to_window(crew, -60.5)
    crew.run_for(59)
    crew.brokers["alpha"].script(account=[delay(3)])
    crew.tell(platform_actor("alpha"), Poll())
    crew.analyse(crew.opinion())
    crew.run_for(10)
    assert decisions(crew) == ["open_told"]
    assert crew.ledger.journal.list(kind="open_result")[0].reason == "refused:inside the pre-close window"
    assert states(crew) == []


def test_a_trade_that_enters_after_the_judgement_is_not_judged_that_day(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(analysis_max_age_seconds=3_600, ai_per_account_cooldown_minutes=0), WEDNESDAY)
    alpha = crew.brokers["alpha"]
    alpha.script(open=[fills_later(6 * 60)])
    late = told(crew)
    assert late is not None
    crew.run_for(200)
    assert now(crew, late).state is TradeState.FAILED
    judged = opened(crew)
    to_window(crew, 5)
    assert rules(crew) == ["day_end:kept"]
    assert judged.ticket is not None
    alpha.close_by_hand(judged.ticket)
    crew.run_for(40)
    assert now(crew, judged).state is TradeState.CLOSED
    win(crew)
    crew.run_for(5 * 60)
    assert now(crew, late).state is TradeState.OPEN
    assert rules(crew) == ["day_end:kept"]
    must_agree(crew)


def test_a_trade_that_turns_out_to_be_open_inside_the_window_is_judged_then(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    alpha = crew.brokers["alpha"]
    to_window(crew, -2)
    alpha.script(open=[lost_reply(executed=True)])
    trade = told(crew)
    assert trade is not None
    alpha.fail("positions", times=5)
    win(crew)
    crew.run_for(5)
    assert (now(crew, trade).state, rules(crew)) == (TradeState.UNKNOWN, [])
    crew.run_for(60)
    assert now(crew, trade).close_reason is CloseReason.DAY_END
    must_agree(crew)


# ------------------------------------------------------------ markets that never shut


def test_the_weekend_does_not_concern_a_market_that_has_none(start_crew: StartCrew) -> None:
    settings = Settings(accounts=(account("alpha", "EURUSD", "BITCOIN"),), auto_close_all_friday=True)
    crew = start_crew(settings, FRIDAY, prices={"EURUSD": (BID, ASK), "BITCOIN": (60_000.0, 60_010.0)})
    euro, bitcoin = opened(crew), opened(crew, commodity="BITCOIN", daily_volatility=0.03)
    crew.run_for(30 * 60)
    assert now(crew, euro).close_reason is CloseReason.FRIDAY
    assert now(crew, bitcoin).state is TradeState.OPEN, "a loss, which no rule of the day closes"
    assert rules(crew) == ["friday:closed", "day_end:kept"]
    lines = crew.ledger.journal.list(kind="rule", commodity="BITCOIN")
    assert [line.detail["key"] for line in lines] == ["day_end:BITCOIN:alpha:2026-03-06"]
    must_agree(crew)


# ------------------------------------------------------------ nothing to judge by


def missed(crew: ScriptedCrew) -> list[tuple[str, str]]:
    """Which keys were not judged and why, oldest first."""
    lines = crew.ledger.journal.list(kind="rule", newest_first=False)
    return [(line.detail["key"], line.detail["why"]) for line in lines if line.reason.endswith(":missed")]


def test_a_rule_that_finds_no_fresh_price_says_once_that_it_was_missed(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(auto_close_all_friday=True), FRIDAY)
    trade = opened(crew)
    to_window(crew, -1)
    crew.brokers["alpha"].freeze("EURUSD")  # as of a broker that stops quoting before its hours end
    crew.run_for(WINDOW_SECONDS / 2)
    assert alerts(crew, RULE_WAITS) == []
    crew.run_for(WINDOW_SECONDS / 2)
    assert [said.split(", ")[1].partition(":")[0] for said in alerts(crew, RULE_WAITS)] == [
        "8 minutes before the day ends"
    ] * 2
    assert (missed(crew), alerts(crew, RULE_MISSED)) == ([], []), "its window is not over"
    crew.run_for(120)
    why = "no price since 2026-03-06T21:45:00Z: the last is of 2026-03-06T21:44:59Z"
    assert missed(crew) == [
        ("friday:EURUSD:alpha:2026-03-06", why),
        ("day_end:EURUSD:alpha:2026-03-06", why),
    ]
    assert len(alerts(crew, RULE_MISSED)) == 2
    assert now(crew, trade) == trade
    line = crew.ledger.journal.list(kind="rule")[0]
    assert (line.trade_id, line.analysis_id) == (trade.trade_id, trade.analysis_id)


def test_a_rule_that_gets_no_figures_says_so(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    opened(crew)
    to_window(crew, -1)
    crew.brokers["alpha"].fail("deals", times=10_000)
    crew.run_for(WINDOW_SECONDS + 60)
    assert missed(crew) == [(WEDNESDAYS_KEY, "the broker gives no figures: scripted")]


def test_nothing_is_missed_where_there_is_nothing_to_judge(start_crew: StartCrew) -> None:
    accounts = (account("alpha", "EURUSD", "GBPUSD"),)
    prices = {"EURUSD": (BID, ASK), "GBPUSD": (1.30000, 1.30014)}
    crew = start_crew(Settings(accounts=accounts), WEDNESDAY, prices=prices)
    opened(crew, strategy=Strategy.SWING)  # it stays over night
    to_window(crew, -1)
    for commodity in prices:
        crew.brokers["alpha"].freeze(commodity)
    crew.run_for(WINDOW_SECONDS + 60)
    assert (rules(crew), alerts(crew, RULE_MISSED)) == ([], [])


def test_what_was_judged_in_time_by_another_process_is_not_missed(start_crew: StartCrew, ledger_url: str) -> None:
    with VirtualWorld(WEDNESDAY) as world:
        first = start_crew(only_alpha(), world=world, database_url=ledger_url)
        opened(first)
        lose(first)
        to_window(first, 5)
        assert rules(first) == ["day_end:kept"]
        first.kill()
        first.brokers["alpha"].freeze("EURUSD")
        world.run_for(120)
        second = start_crew(only_alpha(), world=world, database_url=ledger_url, brokers=first.brokers)
        second.run_for(WINDOW_SECONDS)
        assert rules(second) == ["day_end:kept"]
        assert alerts(second, RULE_WAITS) == []


def test_a_rule_that_was_missed_by_a_clock_that_ran_ahead_is_judged_when_it_is_set_right(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    opened(crew)
    lose(crew)
    crew.brokers["alpha"].freeze("EURUSD")
    to_window(crew, 30)
    for _ in range(2):
        crew.world.step_market(2 * 3_600)
        crew.run_for(5)
        crew.world.step_market(-2 * 3_600)
        crew.run_for(5)
    assert rules(crew) == ["day_end:missed"]
    lose(crew)
    crew.run_for(120)
    assert rules(crew) == ["day_end:missed", "day_end:kept"]


def test_whoever_was_not_there_in_the_window_says_afterwards_what_was_missed(
    start_crew: StartCrew, ledger_url: str
) -> None:
    settings = only_alpha(auto_close_profitable_daily=False, auto_close_all_friday=True)
    why = "inside its window there was no tick, or nobody to see it"
    with VirtualWorld(FRIDAY) as world:
        first = start_crew(settings, world=world, database_url=ledger_url)
        trade = opened(first)
        first.kill()
        world.run_for(30 * 60)
        for _ in range(2):
            crew = start_crew(settings, FRIDAY, world=world, database_url=ledger_url, brokers=first.brokers)
            crew.run_for(180)
            assert missed(crew) == [("friday:EURUSD:alpha:2026-03-06", why)]
            assert now(crew, trade).state is TradeState.OPEN
            crew.kill()
            world.run_for(30 * 60)


def test_a_trade_that_ends_at_the_first_tick_after_the_window_was_missed_all_the_same(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(auto_close_profitable_daily=False, auto_close_all_friday=True), FRIDAY)
    trade = opened(crew)
    move(crew, trade.stop_price - 0.0010)
    crew.world.step_market(48 * 3_600 + 40 * 60)  # to Sunday's opening, as a suspended machine sees it
    crew.run_for(5)
    assert now(crew, trade).state is TradeState.CLOSED
    crew.run_for(60)
    assert [key for key, _ in missed(crew)] == ["friday:EURUSD:alpha:2026-03-06"]
