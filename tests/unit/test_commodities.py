"""The catalogue of commodities: the one that comes with the program, and the lines that are refused."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from made_trades import a_commodity

from trading.commodities import (
    REQUIRED,
    BadCatalogue,
    Commodity,
    UnknownCommodity,
    catalogue,
    find,
    require_known,
)
from trading.settings_accounts import PaperSettings, default_accounts
from trading.settings_commodities import CommodityOverride
from trading.settings_hours import Hours

SHIPPED: dict[str, dict[str, Any]] = tomllib.loads(files("trading").joinpath("commodities.toml").read_text("utf-8"))


def refusal(**changes: object) -> str:
    """What the catalogue says about a EURUSD with these changes."""
    with pytest.raises(BadCatalogue) as caught:
        catalogue({"EURUSD": {**SHIPPED["EURUSD"], **changes}})
    return str(caught.value)


def test_the_default_accounts_trade_what_the_catalogue_has() -> None:
    for account in default_accounts():
        require_known(account.symbols, catalogue(SHIPPED), f"symbols of account {account.name!r}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zone": "Europe/Atlantis"}, "commodity 'EURUSD': zone: 'Europe/Atlantis' is not a time zone; expected"),
        ({"zone": ""}, "zone: '' is not a time zone"),
        ({"asset_class": "wood"}, "asset_class: Input should be 'fx', 'metal', 'energy', 'grain', 'soft', 'index' or"),
        ({"calendar": "moon"}, "calendar: 'moon' is not a calendar; expected fx, always, ice_softs, lme, or one of "),
        ({"calendar": ""}, "calendar: String should match pattern"),
        ({"base_currency": "USD"}, "base_currency and profit_currency are both USD"),
        ({"three_nights_on": "sunday"}, "three_nights_on: Input should be 'monday', "),
        ({"group": ""}, "group: String should have at least 1 character"),
        ({"aliases": ["euro dollar"]}, "aliases.0: String should match pattern"),
        ({"symbols": {"generic": " EURUSD"}}, "symbols.generic: String should match pattern"),
        ({"symbols": {"my broker": "EURUSD"}}, "symbols.my broker.[key]: String should match pattern"),
        ({"hours": {"sessions": ["Mon-Fry 09:00-17:30"]}}, "hours.sessions: 'Mon-Fry 09:00-17:30'"),
        ({"hours": {"sessions": ["Mon-Fri 09:00-16:00"]}}, "day_end is 17:00, when none of hours.sessions trades"),
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


def test_changes_to_a_commodity_that_is_not_there_are_refused_with_what_a_new_one_needs() -> None:
    missing = ", ".join(REQUIRED)
    with pytest.raises(UnknownCommodity) as caught:
        catalogue(SHIPPED, {"TULIPS": CommodityOverride()})
    assert str(caught.value) == f"TULIPS, which is not a commodity of the catalogue; a new one needs {missing}"
    with pytest.raises(UnknownCommodity, match=r"did you mean SILVER\? A new one needs asset_class, calendar, zone, "):
        catalogue(SHIPPED, {"SILVRE": CommodityOverride(digits=2)})


TULIPS = CommodityOverride(
    asset_class="soft",
    calendar="always",
    zone="Europe/Amsterdam",
    day_end="17:30",
    profit_currency="EUR",
    digits=2,
    contract_size=100,
    typical_spread_points=5,
    group="flowers",
    aliases=("BULBS",),
)


def test_a_layer_may_bring_a_commodity_of_its_own_and_the_next_change_it() -> None:
    commodities = catalogue(SHIPPED, {"TULIPS": TULIPS}, {"TULIPS": CommodityOverride(digits=3)})
    assert commodities["TULIPS"].digits == 3
    assert commodities["TULIPS"].volume_step_lots == 0.01
    assert find(commodities, "bulbs").id == "TULIPS"


def test_every_field_of_a_commodity_can_be_overridden() -> None:
    assert set(CommodityOverride.model_fields) == set(Commodity.model_fields) - {"id"}


def test_symbols_are_laid_over_key_by_key_hours_as_a_layer_and_aliases_are_added() -> None:
    hours = Hours(early_closes={"12-31": "12:05"}, auto_close_minutes_before=30)
    override = CommodityOverride(symbols={"mine": "Mais"}, aliases=("MAIS",), hours=hours)
    before, after = catalogue(SHIPPED)["CORN"], catalogue(SHIPPED, {"CORN": override})["CORN"]
    assert after.symbols == {**before.symbols, "mine": "Mais"}
    assert after.aliases == (*before.aliases, "MAIS")
    assert after.hours == (*before.hours, hours)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GOLD", "GOLD"),
        ("xauusd", "GOLD"),
        ("XAU/USD", "GOLD"),
        ("eur_usd", "EURUSD"),
        ("wti", "WTI_CRUDE"),
        ("WTI crude", "WTI_CRUDE"),
        ("usoil", "WTI_CRUDE"),
        ("NAS100", "NASDAQ_100"),
        ("USTEC", "NASDAQ_100"),
        ("sp500", "SP_500"),
        ("btcusd", "BITCOIN"),
    ],
)
def test_a_commodity_is_found_by_any_of_its_names_however_they_are_written(name: str, meant: str) -> None:
    assert find(catalogue(SHIPPED), name).id == meant


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("GOLT", "there is no commodity 'GOLT'; did you mean GOLD?"),
        ("eurudsd", "there is no commodity 'eurudsd'; did you mean EURUSD?"),
        ("XAUUSDD", "there is no commodity 'XAUUSDD'; did you mean GOLD?"),
        ("soy", "there is no commodity 'soy'; did you mean SOYBEANS?"),
        ("oil", "there is no commodity 'oil'; did you mean BRENT_CRUDE or HEATING_OIL or WTI_CRUDE?"),
        ("", "there is no commodity ''; expected one of ALUMINIUM, AUDCAD, "),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_what_is_near(name: str, said: str) -> None:
    with pytest.raises(UnknownCommodity) as caught:
        find(catalogue(SHIPPED), name)
    assert str(caught.value).startswith(said)


def test_two_commodities_cannot_share_a_name() -> None:
    with pytest.raises(BadCatalogue, match="commodity 'TULIPS': 'XAU_USD' is a name of GOLD already"):
        catalogue(SHIPPED, {"TULIPS": TULIPS.model_copy(update={"aliases": ("XAU_USD",)})})
    with pytest.raises(BadCatalogue, match="commodity 'USOIL': 'USOIL' is a name of WTI_CRUDE already"):
        catalogue(SHIPPED, {"USOIL": TULIPS})


@pytest.mark.parametrize(("charged", "expected"), [(None, 2.5), (0.0, 0.0)])
def test_a_commission_of_the_commoditys_own_stands_in_for_the_accounts(charged: float | None, expected: float) -> None:
    terms = a_commodity(commission_per_lot=charged).instrument("EURUSD", PaperSettings(commission_per_lot=2.5))
    assert terms.commission_per_lot == expected


def test_the_terms_of_a_paper_account_join_the_commodity_and_the_account() -> None:
    terms = a_commodity().instrument("EURUSD.x", PaperSettings(leverage=50, commission_per_lot=2.5))
    assert (terms.commodity, terms.symbol) == ("EURUSD", "EURUSD.x")
    assert (terms.leverage, terms.commission_per_lot) == (50, 2.5)
    assert (terms.contract_size, terms.volume_step_lots, terms.profit_currency) == (100_000, 0.01, "USD")
    assert terms.point == a_commodity().point == pytest.approx(0.00001)
