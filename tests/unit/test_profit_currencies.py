"""In which currency profits are paid is the broker's to say, and sizing goes by that."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import trading
from actors.accounts import Market, conversion_rate
from actors.messages import AccountSnapshot
from trading.commodities import catalogue
from trading.market import Account, Instrument, Quote
from trading.settings import Settings
from trading.settings_accounts import PaperSettings

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
MARKET = Market(Settings(), COMMODITIES, {})
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


def test_without_the_brokers_terms_nothing_is_converted() -> None:
    assert conversion_rate(snapshot(), "EURUSD", MARKET) is None
