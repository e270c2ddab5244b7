"""What a user may say about commodities: other names, changes, new ones, a catalogue of their own."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from console.commodity_settings import not_converted
from console.configuration import Configuration, load
from console.errors import CommandError, ConfigurationError
from console.reading import require_commodity

GOLD_ACCOUNT = "[[accounts]]\nname = 'a'\nsymbols = { XAUUSD = 'GOLD.x' }\n"
TULIPS = """
[TULIPS]
asset_class = "soft"
calendar = "always"
zone = "Europe/Amsterdam"
day_end = "17:30"
profit_currency = "EUR"
digits = 2
contract_size = 100
typical_spread_points = 5
group = "flowers"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `watchbill.toml` of the one who runs the tests takes part in them."""
    monkeypatch.chdir(tmp_path)


def read(text: str = "", catalogue: str = "", given: tuple[str, ...] = (), **environment: str) -> Configuration:
    Path("mine.toml").write_text(text, encoding="utf-8")
    if catalogue:
        Path("more.toml").write_text(catalogue, encoding="utf-8")
    return load(Path("mine.toml"), environment, given)


def refusal(*arguments: Any, **named: Any) -> list[str]:
    """The faults that are listed under the heading, or the only line."""
    with pytest.raises(ConfigurationError) as caught:
        read(*arguments, **named)
    lines = str(caught.value).splitlines()
    return [line.strip() for line in lines[1:] or lines]


class TestNames:
    def test_any_name_of_a_commodity_stands_for_it_wherever_one_is_named(self) -> None:
        configuration = read(
            """
            [commodities.xauusd]
            contract_size = 10
            [[accounts]]
            name = "a"
            symbols = { XAUUSD = "GOLD.x", eurusd = "EURUSD.x", WTI = "OIL" }
            paper = { spread_points = { "XAU" = 50 } }
            hours = { USOIL = { day_end = "16:00" } }
            [[analyses.sources]]
            name = "model"
            commodities = ["gold", "NAS100"]
            [[feeds.headlines]]
            name = "wire"
            source = "wire.xml"
            keywords = { XAUUSD = { bullion = 1.0 } }
            """
        )
        settings = configuration.settings
        assert settings.accounts[0].symbols == {"GOLD": "GOLD.x", "EURUSD": "EURUSD.x", "WTI_CRUDE": "OIL"}
        assert settings.accounts[0].paper.spread_points == {"GOLD": 50}
        assert list(settings.accounts[0].hours) == ["WTI_CRUDE"]
        assert settings.analyses.sources[0].commodities == ("GOLD", "NASDAQ_100")
        assert settings.feeds.headlines[0].keywords == {"GOLD": {"bullion": 1.0}}
        assert configuration.commodities["GOLD"].contract_size == 10

    def test_the_environment_and_options_may_use_them_too(self) -> None:
        configuration = read(GOLD_ACCOUNT, given=("commodities.xauusd.digits=3",))
        assert configuration.commodities["GOLD"].digits == 3
        configuration = read(GOLD_ACCOUNT, WATCHBILL__COMMODITIES__XAUUSD__SYMBOLS__GENERIC="GOLD.z")
        assert configuration.commodities["GOLD"].symbols["generic"] == "GOLD.z"

    def test_one_commodity_under_two_names_is_refused(self) -> None:
        text = "[[accounts]]\nname = 'a'\nsymbols = { XAUUSD = 'A', GOLD = 'B' }"
        assert refusal(text) == ["accounts[0].symbols has XAUUSD and GOLD, which are one commodity; expected one"]

    def test_on_the_command_line_the_id_of_what_is_meant_is_found(self) -> None:
        configuration = read()
        assert require_commodity("xauusd", configuration, "COMMODITY") == "GOLD"
        assert require_commodity(None, configuration, "COMMODITY") is None
        with pytest.raises(CommandError, match="COMMODITY is 'GODL', which is no commodity; did you mean GOLD"):
            require_commodity("GODL", configuration, "COMMODITY")


class TestChanges:
    def test_when_a_commodity_trades_can_be_changed_like_everything_else(self) -> None:
        text = GOLD_ACCOUNT + "[commodities.GOLD]\ncalendar = 'fx'\nasset_class = 'energy'\naliases = ['AU']\n"
        gold = read(text + "[commodities.GOLD.hours]\nauto_close_minutes_before = 20").commodities["GOLD"]
        assert (gold.calendar, gold.asset_class, gold.books_three_nights_on) == ("fx", "energy", "friday")
        assert "AU" in gold.aliases
        assert "XAU" in gold.aliases
        assert [hours.auto_close_minutes_before for hours in gold.hours] == [20]

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ("zone = 'Mars'", "commodities.GOLD.zone: 'Mars' is not a time zone; expected one such as Europe/Berlin"),
            ("digits = 9", "commodities.GOLD.digits is 9; expected a number from 0 to 8"),
            ("asset_class = 'metall'", "did you mean metal?"),
            ("calender = 'fx'", "commodities.GOLD.calender is not a setting; did you mean commodities.GOLD.calendar?"),
            ("base_currency = 'gold'", "commodities.GOLD.base_currency is 'gold'; expected three capital letters"),
            ("calendar = 'forex'", "commodities.GOLD.calendar: 'forex' is not a calendar; expected fx, always, "),
            ("base_currency = 'USD'", "commodities.GOLD: base_currency and profit_currency are both USD"),
            ("aliases = ['EURUSD']", "commodities.GOLD: commodity 'GOLD': 'EURUSD' is a name of EURUSD already"),
            ("[commodities.GOLD.hours]\nsessions = ['Mon-Fri 09:00-12:00']", "commodities.GOLD: day_end is 17:00, wh"),
        ],
    )
    def test_a_change_that_cannot_be_used_is_named(self, line: str, fault: str) -> None:
        (said,) = refusal(f"{GOLD_ACCOUNT}[commodities.GOLD]\n{line}")
        assert fault in said

    def test_a_table_of_another_id_makes_a_new_commodity(self) -> None:
        table = TULIPS.replace("[TULIPS]", "[commodities.TULIPS]")
        configuration = read(f"[[accounts]]\nname = 'a'\nsymbols = {{ TULIPS = 'TLP' }}\n{table}")
        assert configuration.commodities["TULIPS"].zone == "Europe/Amsterdam"
        assert configuration.traded == ("TULIPS",)

    def test_a_new_one_of_which_something_is_missing_is_refused(self) -> None:
        table = TULIPS.replace("[TULIPS]", "[commodities.TULIPS]").replace("digits = 2\n", "")
        assert refusal(f"[[accounts]]\nname = 'a'\nsymbols = {{ TULIPS = 'TLP' }}\n{table}")[0] == (
            "commodities names TULIPS, which is not a commodity of the catalogue; a new one needs digits"
        )


class TestACatalogueOfOnesOwn:
    SETTINGS = "catalogue_file = 'more.toml'\n"

    def test_it_is_laid_over_that_of_the_program_and_the_settings_over_both(self) -> None:
        text = f"{self.SETTINGS}[commodities.TULIPS]\ndigits = 3\n[[accounts]]\nname = 'a'\nsymbols.TULIPS = 'TLP'"
        commodities = read(text, f"{TULIPS}[XAUUSD]\ncontract_size = 10\n").commodities
        assert (commodities["TULIPS"].digits, commodities["TULIPS"].group) == (3, "flowers")
        assert commodities["GOLD"].contract_size == 10

    def test_the_programs_own_file_is_one(self) -> None:
        shipped = files("trading").joinpath("commodities.toml").read_text("utf-8")
        assert read(self.SETTINGS, shipped).commodities == load(None, {}).commodities
        assert len(tomllib.loads(shipped)) == len(load(None, {}).commodities)

    def test_each_fault_in_it_has_a_line_with_table_field_and_value(self) -> None:
        wrong = TULIPS.replace("digits = 2", "digits = -2").replace('"Europe/Amsterdam"', '"Amsterdam"')
        with pytest.raises(ConfigurationError) as caught:
            read(self.SETTINGS, f"{wrong}colour = 'red'\n[GOLD]\ncontract_size = 0")
        assert str(caught.value).splitlines() == [
            "the settings cannot be used (catalogue_file: more.toml):",
            "  TULIPS.zone: 'Amsterdam' is not a time zone; expected one such as Europe/Berlin",
            "  TULIPS.digits is -2; expected a number from 0 to 8, or 'none'",
            "  TULIPS.colour is not a setting; expected one of asset_class, calendar, zone, day_end, base_currency, "
            "profit_currency, digits, contract_size, volume_min_lots, volume_max_lots, volume_step_lots, "
            "typical_spread_points, commission_per_lot, swap_long_per_lot, swap_short_per_lot, three_nights_on, group, "
            "may_be_negative, aliases, symbols, hours",
            "  GOLD.contract_size is 0; expected a number greater than 0, at most 1000000000, or 'none'",
        ]

    @pytest.mark.parametrize(
        ("catalogue", "fault"),
        [
            ("[GODL]\ndigits = 2", "GODL, which is not a commodity of the catalogue; did you mean GOLD? A new one"),
            ("TULIPS = 5", "TULIPS is 5; expected a table"),
            ("[GOLD]\nvolume_min_lots = 200", "commodity 'GOLD': volume_min_lots is 200, above volume_max_lots"),
            ("[GOLD", "catalogue_file: more.toml is not TOML: "),
        ],
    )
    def test_what_cannot_be_used_is_told(self, catalogue: str, fault: str) -> None:
        assert fault in refusal(self.SETTINGS, catalogue)[0]

    def test_a_file_that_is_not_there_is_told(self) -> None:
        (said,) = refusal("catalogue_file = 'nowhere.toml'")
        assert said.startswith("catalogue_file: nowhere.toml cannot be read: ")

    def test_none_is_no_file(self) -> None:
        assert read("catalogue_file = 'none'").settings.catalogue_file is None
        assert refusal("catalogue_file = ''") == ["catalogue_file is ''; expected at least 1 character(s)"]


def test_an_account_that_cannot_tell_what_a_profit_is_worth_is_named() -> None:
    text = "[[accounts]]\nname = 'a'\nsymbols = { EURGBP = 'E', DAX_40 = 'D' }\n"
    configuration = read(text)
    assert list(not_converted(configuration.settings, configuration.commodities)) == [
        "a: EURGBP pays in GBP, and no symbol of it converts that into USD",
        "a: DAX_40 pays in EUR, and no symbol of it converts that into USD",
    ]
    with_dollars = text.replace("DAX_40", "EURUSD = 'U', GBPUSD = 'G', DAX_40")
    configuration = read(with_dollars + "paper = { currency = 'CHF' }\n")
    assert len(list(not_converted(configuration.settings, configuration.commodities))) == 4
    configuration = read(text.replace("DAX_40", "USDCHF = 'C', EURUSD = 'U', GBPUSD = 'G', DAX_40"))
    assert list(not_converted(configuration.settings, configuration.commodities)) == []
