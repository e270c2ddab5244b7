"""In which currency profits are paid is the broker's to say, and sizing goes by that."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import trading
from actors.accounts import Market, conversion_rate
from actors.messages import AccountSnapshot
from actors.virtual_crew import market_for
from trading.commodities import catalogue
from trading.market import Account, Instrument, Quote
from trading.settings import Settings
from trading.settings_accounts import PaperSettings
from trading.timetable import Timetable

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
MARKET = Market(Settings(), COMMODITIES, Timetable({}))
EURUSD = COMMODITIES["EURUSD"].instrument("EURUSD", PaperSettings())


def snapshot(*instruments: Instrument) -> AccountSnapshot:
    return AccountSnapshot(
        platform="alpha",
        at=0,
        ready=True,
        reason="",
        netting=False,
        account=Account("alpha", "USD", 10_000.0, 10_000.0, 0.0, 0),
        quotes={"EURUSD": Quote("EURUSD", 1.0999, 1.1001, 0)},
        instruments={instrument.commodity: instrument for instrument in instruments},
        trades={},
        cooldown_until={},
        unaccounted=0,
        external=(),
    )


@pytest.mark.parametrize(("paid_in", "rate"), [("USD", 1.0), ("EUR", 1.1), ("CHF", None)])
def test_a_profit_is_converted_from_the_currency_that_the_broker_pays_it_in(paid_in: str, rate: float | None) -> None:
    there = replace(EURUSD, profit_currency=paid_in)
    assert conversion_rate(snapshot(there), "EURUSD", MARKET) == (None if rate is None else pytest.approx(rate))


def test_without_a_pair_of_both_currencies_the_way_leads_through_the_dollar() -> None:
    there = replace(EURUSD, profit_currency="JPY")
    quotes = {"GBPUSD": Quote("GBPUSD", 1.25, 1.25, 0), "USDJPY": Quote("USDJPY", 150.0, 150.0, 0)}
    in_pounds = replace(snapshot(there), account=Account("alpha", "GBP", 10_000.0, 10_000.0, 0.0, 0), quotes=quotes)
    assert conversion_rate(in_pounds, "EURUSD", MARKET) == pytest.approx(1 / 150 / 1.25)
    half_known = replace(in_pounds, quotes={"USDJPY": quotes["USDJPY"]})
    assert conversion_rate(half_known, "EURUSD", MARKET) is None


def test_a_crew_knows_the_pairs_that_only_convert_for_brokers_quote_them() -> None:
    market = market_for(Settings(), COMMODITIES, 0)
    assert list(market.times) == ["EURUSD"]
    assert "GBPUSD" in market.commodities


def test_without_the_brokers_terms_nothing_is_converted() -> None:
    assert conversion_rate(snapshot(), "EURUSD", MARKET) is None
