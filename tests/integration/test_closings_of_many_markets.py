"""The rules of day end and Friday on exchanges whose days end at different hours, through real actors: short days,
weeks that end on a Thursday, weeks in which only one side of the Atlantic has changed its clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from crew_helpers import StartCrew, account, alerts, decisions, must_agree, now, unanswered
from made_markets import (
    Begin,
    begun,
    bought,
    go_to,
    how_it_ended,
    keys,
    minutes_before,
    one_account,
    rich_account,
    rise,
)
from made_sessions import utc

from actors.messages import Close
from actors.names import LEFT_OPEN, platform_actor
from connectors.base import CloseOrder, Outcome, Rejected, Unknown
from connectors.mock_script import reject
from feeds.market_calendars import CalendarStore
from trading.analysis import Strategy
from trading.calendars import build
from trading.market import MINUTE, SECOND, Instant, iso
from trading.settings_hours import Hours
from trading.timetable import Timetable
from trading.trade import CloseReason, TradeState

QUARTER = 15 * MINUTE
WEEKDAYS = {"BITCOIN": Hours(sessions=("Mon-Fri 17:00-17:00",))}  # in New York: from Sunday evening to Friday's
SELDOM = {"price_poll_seconds": 60, "quote_max_age_seconds": 61, "ai_monitor_interval_seconds": 600}
DAY_END, FRIDAY = CloseReason.DAY_END, CloseReason.FRIDAY

# Wednesday, 11 March 2026: New York and Chicago have changed their clocks, London has not.
ENDS = {
    "COFFEE": "2026-03-11T17:30",
    "WHEAT": "2026-03-11T18:20",
    "ZINC": "2026-03-11T19:00",
    "GOLD": "2026-03-11T21:00",
    "EURUSD": "2026-03-11T21:00",
    "BITCOIN": "2026-03-11T21:00",
}


@pytest.fixture
def begin(start_crew: StartCrew, calendars: CalendarStore) -> Begin:
    """Begins a crew at an instant, with these accounts."""
    return partial(begun, start_crew, calendars)


def test_each_market_of_each_account_is_judged_before_its_own_end(begin: Begin) -> None:
    accounts = [rich_account(name, *ENDS) for name in ("alpha", "beta")]
    crew = begin("2026-03-11T16:00", *accounts, **SELDOM)
    trades = [bought(crew, name) for name in ENDS for _ in accounts]
    assert len({trade.resource for trade in trades}) == 2 * len(ENDS)
    rise(crew, *ENDS)
    go_to(crew, utc("2026-03-11T21:30"))
    for trade in trades:
        assert how_it_ended(crew, trade) == (DAY_END, utc(ENDS[trade.commodity]) - QUARTER), trade.resource
    assert keys(crew) == {f"day_end:{name}:{one.name}:2026-03-11": "closed" for name in ENDS for one in accounts}
    must_agree(crew)


@pytest.mark.parametrize(
    ("commodity", "end", "rule"),
    [
        # London has changed its clocks and New York has not, then both have; and in spring the other way round.
        ("ZINC", "2026-10-23T18:00", FRIDAY),
        ("ZINC", "2026-10-28T19:00", DAY_END),
        ("GOLD", "2026-10-28T21:00", DAY_END),
        ("GOLD", "2026-11-04T22:00", DAY_END),
        ("EURUSD", "2026-03-06T22:00", FRIDAY),
        ("EURUSD", "2026-03-13T21:00", FRIDAY),
        ("ZINC", "2026-03-13T19:00", FRIDAY),
        # Thanksgiving is a short Thursday with a Friday after it, and that Friday is short, too.
        ("GOLD", "2026-11-26T19:30", DAY_END),
        ("NASDAQ_100", "2026-11-26T18:00", DAY_END),
        ("GOLD", "2026-11-27T19:45", FRIDAY),
        ("NASDAQ_100", "2026-11-27T18:15", FRIDAY),
        ("WHEAT", "2026-11-27T18:05", FRIDAY),
        ("EURUSD", "2026-11-27T22:00", FRIDAY),
        # Good Friday: where it does not trade Thursday ends the week.
        ("GOLD", "2026-04-02T21:00", FRIDAY),
        ("WHEAT", "2026-04-02T18:20", FRIDAY),
        ("ZINC", "2026-04-02T18:00", FRIDAY),
        ("NASDAQ_100", "2026-04-02T21:00", DAY_END),
        ("NASDAQ_100", "2026-04-03T13:15", FRIDAY),
        ("EURUSD", "2026-04-03T21:00", FRIDAY),
        # Christmas is a Friday, and Independence Day a Saturday that is kept on the Friday.
        ("GOLD", "2026-12-24T18:45", FRIDAY),
        ("EURUSD", "2026-12-24T22:00", FRIDAY),
        ("GOLD", "2026-07-03T17:00", FRIDAY),
        # A market that never shuts has days, and no Friday.
        ("BITCOIN", "2026-03-13T21:00", DAY_END),
        ("BITCOIN", "2026-03-14T21:00", DAY_END),
    ],
)
def test_a_profit_is_taken_a_quarter_of_an_hour_before_the_end(
    begin: Begin, commodity: str, end: str, rule: CloseReason
) -> None:
    crew = begin(iso(minutes_before(end))[:-1], one_account(commodity))
    trade = bought(crew, commodity)
    rise(crew, commodity)
    go_to(crew, utc(end) - QUARTER - SECOND)
    assert now(crew, trade) == trade
    go_to(crew, utc(end) + MINUTE)
    assert how_it_ended(crew, trade) == (rule, utc(end) - QUARTER)
    assert keys(crew) == {f"{rule.value}:{commodity}:alpha:{end[:10]}": "closed"}
    assert crew.market.times[commodity].day_end(utc(end) - 1) == utc(end)
    must_agree(crew)


@pytest.mark.parametrize("commodity", ["GOLD", "NASDAQ_100"])
def test_what_may_stay_over_night_stays_on_a_short_thursday_and_goes_on_the_short_friday(
    begin: Begin, commodity: str
) -> None:
    for end, closes in (("2026-11-26", None), ("2026-11-27", FRIDAY)):
        crew = begin(f"{end}T17:30", one_account(commodity))
        trade = bought(crew, commodity, Strategy.SWING)
        rise(crew, commodity)
        go_to(crew, utc(f"{end}T20:00"))
        assert how_it_ended(crew, trade)[0] is closes


def test_only_what_is_lost_is_kept_unless_everything_goes_before_the_weekend(begin: Begin) -> None:
    for everything in (False, True):
        crew = begin("2026-04-02T20:40", one_account("GOLD", "EURUSD"), auto_close_all_friday=everything)
        gold, euro = bought(crew, "GOLD", Strategy.SWING), bought(crew, "EURUSD", Strategy.SWING)
        rise(crew, "GOLD", "EURUSD", by=-0.005)
        go_to(crew, utc("2026-04-02T21:05"))
        assert how_it_ended(crew, gold)[0] is (FRIDAY if everything else None), "this Thursday ends the week of gold"
        assert how_it_ended(crew, euro)[0] is None, "and not that of the euro"
        assert keys(crew)["friday:GOLD:alpha:2026-04-02"] == ("closed" if everything else "kept")
        assert "friday:EURUSD:alpha:2026-04-02" not in keys(crew)


# ------------------------------------------------------------ what one account's broker does otherwise


def test_a_broker_that_shuts_at_weekends_gives_crypto_a_friday_on_its_account_alone(begin: Begin) -> None:
    accounts = (rich_account("alpha", "BITCOIN", hours=WEEKDAYS), rich_account("beta", "BITCOIN"))
    crew = begin("2026-03-13T20:40", *accounts)
    trades = [bought(crew, "BITCOIN", Strategy.SWING) for _ in accounts]
    assert [trade.platform for trade in trades] == ["alpha", "beta"]
    rise(crew, "BITCOIN")
    go_to(crew, utc("2026-03-13T21:10"))
    assert [how_it_ended(crew, trade)[0] for trade in trades] == [FRIDAY, None]
    assert keys(crew) == {
        "friday:BITCOIN:alpha:2026-03-13": "closed",
        "day_end:BITCOIN:beta:2026-03-13": "kept",
    }
    must_agree(crew)


@pytest.mark.parametrize(
    ("hours", "closes_at"),
    [
        ({"day_end": "16:30"}, "20:15"),
        ({"friday_end": "16:00"}, "19:45"),
        ({"auto_close_minutes_before": 40}, "20:20"),
        ({"early_closes": {"2026-03-13": "15:50"}}, "19:35"),
    ],
)
@pytest.mark.parametrize("whose", ["account", "commodity"])
def test_hours_of_an_account_or_a_commodity_move_its_window(
    begin: Begin, hours: dict[str, object], closes_at: str, whose: str
) -> None:
    of_account = {"hours": {"EURUSD": hours}} if whose == "account" else {}
    of_commodity = {"commodities": {"EURUSD": {"hours": hours}}} if whose == "commodity" else {}
    alpha, beta = account("alpha", **of_account), account("beta")
    crew = begin("2026-03-13T19:30", alpha, beta, **of_commodity)
    trades = [bought(crew, "EURUSD") for _ in range(2)]
    rise(crew, "EURUSD")
    go_to(crew, utc("2026-03-13T21:10"))
    expected = {"alpha": closes_at, "beta": "20:45" if whose == "account" else closes_at}
    for trade in trades:
        assert how_it_ended(crew, trade) == (FRIDAY, utc(f"2026-03-13T{expected[trade.platform]}"))


def test_an_account_whose_day_ends_earlier_is_passed_over_inside_its_own_window(begin: Begin) -> None:
    alpha = account("alpha", hours={"EURUSD": Hours(day_end="16:00")})
    crew = begin("2026-03-11T19:50", alpha, account("beta"))
    assert {bought(crew, "EURUSD").platform} == {"beta"}
    crew.analyse(crew.opinion(daily_volatility=0.02))
    crew.run_for(1)
    (line,) = crew.ledger.journal.list(kind="decision", limit=1)
    rows = {row["platform"]: row["ineligible"] for row in line.detail["candidates"]}
    assert rows["alpha"] == "inside the pre-close window"


def test_a_longest_hold_ends_when_the_accounts_own_market_is_open(begin: Begin) -> None:
    """Alpha's broker rests for two hours in which the hold is over; beta's does not."""
    rests = Hours(sessions=("Mon-Fri 17:00-12:00", "Mon-Fri 14:00-17:00"))
    crew = begin(
        "2026-03-11T15:30",
        account("alpha", hours={"EURUSD": rests}),
        account("beta"),
        strategies={"day": {"longest_hold_seconds": 3_600.0}},
    )
    trades = {trade.platform: trade for trade in (bought(crew, "EURUSD"), bought(crew, "EURUSD"))}
    go_to(crew, utc("2026-03-11T18:02"))
    assert how_it_ended(crew, trades["beta"]) == (CloseReason.TIME_STOP, utc("2026-03-11T16:30"))
    reason, at = how_it_ended(crew, trades["alpha"])
    assert reason is CloseReason.TIME_STOP
    assert at is not None
    assert 0 <= at - utc("2026-03-11T18:00") < MINUTE
    assert not alerts(crew, "stuck")


# ------------------------------------------------------------ a close that does not go through


def refused(order: CloseOrder, token: int, deadline: float) -> Outcome:
    return Rejected("no_liquidity", "nobody buys")


def unknown(order: CloseOrder, token: int, deadline: float) -> Outcome:
    return Unknown("no answer in time")


@pytest.mark.parametrize("answer", [refused, unknown, unanswered])
def test_a_close_is_tried_until_the_market_shuts_then_a_person_is_told_and_it_goes_on_at_the_opening(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Outcome]
) -> None:
    crew = begin("2026-03-06T21:40", one_account("EURUSD"))
    trade = bought(crew, "EURUSD", Strategy.SWING)
    rise(crew, "EURUSD")
    tried: list[Instant] = []

    def close(order: CloseOrder, token: int, deadline: float) -> Outcome:
        tried.append(crew.now)
        return answer(order, token, deadline)

    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], "close", close)
        go_to(crew, utc("2026-03-06T22:00") - 1)
        assert now(crew, trade).state is TradeState.CLOSING
        assert keys(crew) == {"friday:EURUSD:alpha:2026-03-06": "closed"}
        assert alerts(crew, LEFT_OPEN) == []
        go_to(crew, utc("2026-03-06T23:00"))
    assert len(tried) > 5
    assert max(tried) < utc("2026-03-06T22:00")
    (said,) = alerts(crew, LEFT_OPEN)
    assert f"alpha:EURUSD: trade {trade.trade_id}" in said
    assert "2026-03-08T21:00:00Z" in said, "when it opens again"
    crew.world.step_market((utc("2026-03-08T20:58") - crew.now) / SECOND)
    go_to(crew, utc("2026-03-08T21:06"))
    reason, at = how_it_ended(crew, trade)
    assert reason is FRIDAY
    assert at is not None
    assert at >= utc("2026-03-08T21:00")
    assert len(keys(crew)) == 1
    must_agree(crew)


def test_what_a_person_closes_is_tried_whatever_the_calendar_says(begin: Begin) -> None:
    crew = begin("2026-03-06T21:30", one_account("EURUSD"))
    trade = bought(crew, "EURUSD", Strategy.SWING)
    rise(crew, "EURUSD", by=-0.001)
    go_to(crew, utc("2026-03-06T23:00"))
    crew.brokers["alpha"].script(close=[reject("market_closed")] * 2)
    order = Close(trade.trade_id, trade.commodity, CloseReason.OPERATOR, price=None)
    crew.tell(platform_actor("alpha"), order)
    crew.run_for(30)
    assert how_it_ended(crew, trade)[0] is CloseReason.OPERATOR
    assert alerts(crew, LEFT_OPEN) == []


def test_a_broker_that_answers_again_inside_the_window_closes_then(begin: Begin) -> None:
    crew = begin("2026-11-27T19:25", one_account("GOLD"))
    trade = bought(crew, "GOLD")
    rise(crew, "GOLD")
    crew.brokers["alpha"].script(close=[reject("requote")] * 4)
    go_to(crew, utc("2026-11-27T19:45"))
    reason, at = how_it_ended(crew, trade)
    assert reason is FRIDAY
    assert at is not None
    assert utc("2026-11-27T19:30") < at < utc("2026-11-27T19:32")
    assert alerts(crew, LEFT_OPEN) == []
    must_agree(crew)


# ------------------------------------------------------------ calendars that change under way


def test_later_calendars_are_heeded_from_the_next_look_at_the_clock(begin: Begin) -> None:
    """An exchange announces at noon that it ends early today."""
    crew = begin("2026-03-11T18:00", one_account("EURUSD"))
    trade = bought(crew, "EURUSD")
    rise(crew, "EURUSD")
    go_to(crew, utc("2026-03-11T18:20"))
    known = crew.market.times["EURUSD"]
    today = [Hours(early_closes={"2026-03-11": "15:00"})]
    commodity = crew.market.commodities["EURUSD"]
    crew.market.times.take(Timetable({"EURUSD": build(commodity, known.first, known.last, hours=today)}))
    go_to(crew, utc("2026-03-11T19:10"))
    assert how_it_ended(crew, trade) == (DAY_END, utc("2026-03-11T18:45"))
    crew.analyse(crew.opinion(daily_volatility=0.02))
    crew.run_for(1)
    assert decisions(crew)[-1] == "refused:market shut"


def test_between_two_days_nothing_is_due(begin: Begin) -> None:
    """Gold rests for an hour; a trade that was kept is judged again only before the next day's end."""
    crew = begin("2026-03-10T20:40", one_account("GOLD"), **SELDOM)
    trade = bought(crew, "GOLD")
    rise(crew, "GOLD", by=-0.002)
    go_to(crew, utc("2026-03-10T20:55"))
    rise(crew, "GOLD")
    go_to(crew, utc("2026-03-11T04:15"))  # past midnight in New York
    assert now(crew, trade).state is TradeState.OPEN
    crew.world.step_market(16 * 3_600)
    go_to(crew, utc("2026-03-11T20:46"))
    assert how_it_ended(crew, trade) == (DAY_END, utc("2026-03-11T20:45"))
    assert keys(crew) == {"day_end:GOLD:alpha:2026-03-10": "kept", "day_end:GOLD:alpha:2026-03-11": "closed"}
