"""The catalogue of commodities: the one that comes with the program, and the lines that are refused."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from made_trades import a_commodity, utc

from trading.calendars import build
from trading.commodities import BadCatalogue, UnknownCommodity, catalogue, require_known
from trading.settings import CommodityOverride
from trading.settings_accounts import PaperSettings, default_accounts

SHIPPED: dict[str, dict[str, Any]] = tomllib.loads(files("trading").joinpath("commodities.toml").read_text("utf-8"))


def refusal(**changes: object) -> str:
    """What the catalogue says about a EURUSD with these changes."""
    with pytest.raises(BadCatalogue) as caught:
        catalogue({"EURUSD": {**SHIPPED["EURUSD"], **changes}})
    return str(caught.value)


def test_every_commodity_of_the_shipped_catalogue_is_usable() -> None:
    commodities = catalogue(SHIPPED)
    assert list(commodities) == list(SHIPPED)
    for name, commodity in commodities.items():
        assert commodity.id == name
        assert 0 < commodity.volume_step_lots <= commodity.volume_min_lots <= commodity.volume_max_lots
        assert build(commodity, utc("2026-01-01T00:00"), utc("2026-02-01T00:00")).is_open(utc("2026-01-06T12:00"))


def test_the_default_accounts_trade_what_the_catalogue_has() -> None:
    for account in default_accounts():
        require_known(account.symbols, catalogue(SHIPPED), f"symbols of account {account.name!r}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zone": "Europe/Atlantis"}, "commodity 'EURUSD': zone: Value error, 'Europe/Atlantis' is not a time zone"),
        ({"zone": ""}, "zone: Value error, '' is not a time zone"),
        ({"class": "wood"}, "class: Input should be 'fx', 'metal' or 'crypto' (it is 'wood')"),
        ({"calendar": "moon"}, "calendar: Input should be 'fx', 'metals' or 'always'"),
        ({"day_end": "24:00"}, "day_end: String should match pattern"),
        ({"digits": -1}, "digits: Input should be greater than or equal to 0 (it is -1)"),
        ({"contract_size": 0}, "contract_size: Input should be greater than 0"),
        ({"contract_size": float("nan")}, "contract_size"),
        ({"contract_size": 1e300}, "contract_size: Input should be less than or equal to 1000000000 (it is 1e+300)"),
        ({"volume_max_lots": 1e300}, "volume_max_lots: Input should be less than or equal to 1000000 "),
        ({"typical_spread_points": 1e300}, "typical_spread_points: Input should be less than or equal to 100000 "),
        ({"swap_long_per_lot": -1e300}, "swap_long_per_lot: Input should be greater than or equal to -1000000 "),
        ({"volume_step_lots": 0}, "volume_step_lots"),
        ({"typical_spread_points": -1}, "typical_spread_points"),
        ({"profit_currency": "dollars"}, "profit_currency"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_table(changes: dict[str, object], words: str) -> None:
    assert words in refusal(**changes)


def test_a_missing_line_is_named() -> None:
    table = {key: value for key, value in SHIPPED["EURUSD"].items() if key != "digits"}
    with pytest.raises(BadCatalogue, match="commodity 'EURUSD': digits: Field required"):
        catalogue({"EURUSD": table})


@pytest.mark.parametrize("name", ["eurusd", "EUR/USD", ""])
def test_an_identifier_is_in_capitals(name: str) -> None:
    with pytest.raises(BadCatalogue, match=f"commodity '{name}': id"):
        catalogue({name: SHIPPED["EURUSD"]})


def test_an_entry_that_is_no_table_is_refused() -> None:
    with pytest.raises(BadCatalogue, match="commodity 'EURUSD' is 5; expected a table"):
        catalogue({"EURUSD": 5})


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    override = CommodityOverride(typical_spread_points=25, day_end="16:00")
    changed = catalogue(SHIPPED, {"EURUSD": override})
    plain = catalogue(SHIPPED)
    assert changed["EURUSD"].typical_spread_points == 25
    assert changed["EURUSD"].day_end == "16:00"
    assert changed["EURUSD"].swap_long_per_lot == plain["EURUSD"].swap_long_per_lot
    assert changed["GBPUSD"] == plain["GBPUSD"]


def test_an_override_of_a_commodity_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownCommodity, match="commodities: there is no commodity 'TULIPS'; expected one of AUDUSD, "):
        catalogue(SHIPPED, {"TULIPS": CommodityOverride()})


def test_the_terms_of_a_paper_account_join_the_commodity_and_the_account() -> None:
    terms = a_commodity().instrument("EURUSD.x", PaperSettings(leverage=50, commission_per_lot=2.5))
    assert (terms.commodity, terms.symbol) == ("EURUSD", "EURUSD.x")
    assert (terms.leverage, terms.commission_per_lot) == (50, 2.5)
    assert (terms.contract_size, terms.volume_step_lots, terms.profit_currency) == (100_000, 0.01, "USD")
    assert terms.point == a_commodity().point == pytest.approx(0.00001)
