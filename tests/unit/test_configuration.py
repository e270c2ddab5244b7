"""What a user writes is what the program runs on; what cannot be used is named in the user's own words."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from console import settings_tree
from console.configuration import Configuration, load, masked_url, stray_variables
from console.errors import ConfigurationError
from trading.analysis import Strategy
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

TWO_ACCOUNTS = """
[[accounts]]
name = "first"
symbols = { EURUSD = "EURUSD" }

[[accounts]]
name = "second"
symbols = { GBPUSD = "GBPUSD.m" }
"""

PARTS = st.sampled_from(["ACCOUNTS", "0", "2", "PAPER", "BALANCE", "RISK", "CREW", "SYMBOLS", "EURUSD", "X", ""])
VALUES = st.sampled_from(["", "1", "-1", "nan", "none", "x", "{}", "[]", "[1]", '{"a": 1}'])
VARIABLES = st.lists(PARTS, max_size=5).map(lambda parts: "__".join(["WATCHBILL", *parts]))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `watchbill.toml` of the one who runs the tests takes part in them."""
    monkeypatch.chdir(tmp_path)


def read(text: str, **environment: str) -> Configuration:
    Path("mine.toml").write_text(text, encoding="utf-8")
    return load(Path("mine.toml"), environment)


def refusal(text: str = "", **environment: str) -> list[str]:
    """The faults that are listed under the heading."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, **environment)
    heading, *faults = str(caught.value).splitlines()
    assert heading.startswith("the settings cannot be used (mine.toml")
    return [fault.removeprefix("  ") for fault in faults]


class TestWhereSettingsComeFrom:
    def test_without_a_file_and_variables_they_are_the_defaults(self) -> None:
        configuration = load(None, {})
        assert configuration.settings == Settings()
        assert configuration.path is None
        assert configuration.source == "the defaults"

    def test_the_file_of_the_working_directory_is_read_when_there_is_one(self) -> None:
        Path("watchbill.toml").write_text('confidence_profile = "conservative"', encoding="utf-8")
        assert load(None, {}).settings.confidence_profile == "conservative"

    def test_a_file_that_was_named_must_exist(self) -> None:
        with pytest.raises(ConfigurationError, match=r"there is no file nowhere\.toml"):
            load(Path("nowhere.toml"), {})

    def test_a_directory_is_not_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="is not a file"):
            load(tmp_path, {})

    def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(self) -> None:
        text = "ai_per_account_cooldown_minutes = 20\nai_monitor_interval_seconds = 40"
        settings = read(text, WATCHBILL__AI_MONITOR_INTERVAL_SECONDS="50").settings
        assert settings.ai_per_account_cooldown_minutes == 20
        assert settings.ai_monitor_interval_seconds == 50
        assert settings.ai_db_reservation_ttl_seconds == 60

    def test_a_part_of_a_nested_table_keeps_the_rest_of_its_defaults(self) -> None:
        text = "[thresholds.standard]\ntrend = 66\n[strategies.day.weights]\nbase = 0.30\ntrend = 0.30"
        settings = read(text).settings
        assert settings.thresholds.standard.trend == 66
        assert settings.thresholds.standard.chaos == Settings().thresholds.standard.chaos
        weights = settings.strategies[Strategy.DAY].weights
        assert (weights.base, weights.trend, weights.volatility, weights.sentiment) == (0.30, 0.30, 0.20, 0.20)
        assert settings.strategies[Strategy.SWING] == Settings().strategies[Strategy.SWING]

    def test_the_word_none_means_nothing_where_a_setting_may_be_absent(self) -> None:
        settings = read('[strategies.day]\ntarget_volatilities = "none"').settings
        assert settings.strategies[Strategy.DAY].target_volatilities is None
        assert refusal('crew = "none"\n[strategies.day]\nstop_volatilities = "none"') == [
            "strategies.day.stop_volatilities is 'none'; expected a number"
        ]


class TestTheEnvironment:
    def test_reaches_into_a_list_by_number_and_leaves_its_other_members(self) -> None:
        settings = read(TWO_ACCOUNTS, WATCHBILL__ACCOUNTS__1__PASSWORD="hunter2").settings
        assert [account.name for account in settings.accounts] == ["first", "second"]
        assert settings.accounts[1].password == SecretStr("hunter2")
        assert settings.accounts[0].password is None

    def test_reaches_into_the_default_accounts_too(self) -> None:
        settings = load(None, {"WATCHBILL__ACCOUNTS__0__PAPER__BALANCE": "500"}).settings
        assert [account.paper.balance for account in settings.accounts] == [500, 10_000]

    def test_can_add_one_member_to_a_list_but_leave_no_gap(self) -> None:
        added = {"WATCHBILL__ACCOUNTS__2__NAME": "third", "WATCHBILL__ACCOUNTS__2__SYMBOLS__EURUSD": "EURUSD"}
        assert [account.name for account in load(None, added).settings.accounts] == ["alpha", "beta", "third"]
        with pytest.raises(ConfigurationError, match="WATCHBILL__ACCOUNTS__5__NAME: the next of them is 2"):
            load(None, {"WATCHBILL__ACCOUNTS__5__NAME": "sixth"})

    def test_finds_the_case_of_free_keys_by_itself(self) -> None:
        variables = {
            "WATCHBILL__COMMODITIES__EURUSD__DAY_END": "16:00",
            "WATCHBILL__STRATEGIES__MEAN_REVERSION__ENABLED": "false",
        }
        settings = load(None, variables).settings
        assert settings.commodities["EURUSD"].day_end == "16:00"
        assert not settings.strategies[Strategy.MEAN_REVERSION].enabled

    def test_takes_a_whole_table_or_list_as_json(self) -> None:
        whole = {"WATCHBILL__ACCOUNTS": '[{"name": "only", "symbols": {"BITCOIN": "BTCUSD"}}]'}
        configuration = load(None, whole)
        assert configuration.traded == ("BITCOIN",)
        with pytest.raises(ConfigurationError, match="WATCHBILL__RISK is not JSON"):
            load(None, {"WATCHBILL__RISK": "a little"})

    def test_a_misspelled_variable_is_refused_and_named(self) -> None:
        assert refusal(WATCHBILL__CONFIDENCE_PROFIL="standard") == [
            "confidence_profil is not a setting; did you mean confidence_profile? (from WATCHBILL__CONFIDENCE_PROFIL)"
        ]
        assert refusal(WATCHBILL__STRATEGIES__DAI__ENABLED="1") == [
            "strategies.dai is not a setting; did you mean strategies.day? (from WATCHBILL__STRATEGIES__DAI__ENABLED)"
        ]

    def test_a_wrong_value_names_its_variable(self) -> None:
        assert refusal(WATCHBILL__RISK__RISK_PER_TRADE_FRACTION="0.5") == [
            "risk.risk_per_trade_fraction is '0.5'; expected a number greater than 0, at most 0.05 "
            "(from WATCHBILL__RISK__RISK_PER_TRADE_FRACTION)"
        ]

    def test_a_list_is_reached_by_number_only(self) -> None:
        with pytest.raises(ConfigurationError, match="accounts are numbered from 0; expected WATCHBILL__ACCOUNTS__0"):
            load(None, {"WATCHBILL__ACCOUNTS__ALPHA__PASSWORD": "hunter2"})

    def test_nothing_can_stand_below_a_single_value(self) -> None:
        assert refusal(WATCHBILL__CREW__NAME="x") == ["crew is a table; expected text (from WATCHBILL__CREW__NAME)"]

    def test_an_empty_part_of_a_name_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="a part of its name is empty"):
            load(None, {"WATCHBILL__": "x"})

    def test_variables_that_lack_an_underscore_are_found(self) -> None:
        given_variables = {"WATCHBILL_CREW": "x", "WATCHBILL__CREW": "y", "HOME": "z"}
        assert stray_variables(given_variables) == ["WATCHBILL_CREW"]

    @given(st.dictionaries(VARIABLES, VALUES))
    def test_whatever_is_in_it_nothing_but_a_clear_refusal_is_raised(self, variables: dict[str, str]) -> None:
        with contextlib.suppress(ConfigurationError):
            load(None, variables)


class TestSetOnTheCommandLine:
    def test_it_is_laid_over_the_file_and_the_environment(self) -> None:
        Path("mine.toml").write_text('crew = "file"\n[risk]\nportfolio_risk_fraction = 0.05\n')
        environment = {"WATCHBILL__CREW": "environment", "WATCHBILL__RISK__RISK_PER_TRADE_FRACTION": "0.001"}
        configuration = load(Path("mine.toml"), environment, ["crew=option", "risk.risk_per_trade_fraction = 0.002"])
        risk = configuration.settings.risk

        assert configuration.settings.crew == "option"
        assert (risk.risk_per_trade_fraction, risk.portfolio_risk_fraction) == (0.002, 0.05)
        assert configuration.source == "mine.toml and 2 of --set"

    def test_the_last_of_two_wins(self) -> None:
        assert load(None, {}, ["crew=first", "crew=second"]).settings.crew == "second"

    @pytest.mark.parametrize("name", ["accounts.second", "accounts.1", "accounts[1]"])
    def test_an_account_has_a_name_or_a_number(self, name: str) -> None:
        Path("mine.toml").write_text(TWO_ACCOUNTS)
        settings = load(Path("mine.toml"), {}, [f"{name}.paper.balance=500", f"{name}.symbols.USDJPY=USDJPY"]).settings

        assert [account.paper.balance for account in settings.accounts] == [10_000, 500]
        assert dict(settings.accounts[1].symbols) == {"GBPUSD": "GBPUSD.m", "USDJPY": "USDJPY"}

    def test_tables_are_json_and_nothing_is_none(self) -> None:
        spread, cap = 'paper.spread_points={"EURUSD": 3}', "limits.portfolio_risk_fraction=none"
        account = load(None, {}, [f"accounts.alpha.{spread}", f"accounts.alpha.{cap}"]).settings.accounts[0]

        assert dict(account.paper.spread_points) == {"EURUSD": 3}
        assert account.limits.portfolio_risk_fraction is None

    @pytest.mark.parametrize(
        ("given", "fault"),
        [
            ("crew", "--set crew: expected KEY=VALUE, such as risk.risk_per_trade_fraction=0.005"),
            ("=1", "--set =1: expected KEY=VALUE"),
            ("risk..x=1", "--set risk..x: a part of its name is empty; expected --set KEY=VALUE"),
            ("accounts.gamma.enabled=no", "--set accounts.gamma.enabled: accounts are numbered from 0; expected "),
            ("accounts.7.enabled=no", "--set accounts.7.enabled: the next of them is 2; expected 0 to 2"),
            ("risk=much", "--set risk is not JSON; expected a table or a list as JSON"),
            ("crw=x", "crw is not a setting; did you mean crew? (from --set crw)"),
            (
                "price_poll_seconds=soon",
                "price_poll_seconds is 'soon'; expected a number (from --set price_poll_seconds)",
            ),
        ],
    )
    def test_its_faults_are_those_of_the_file_and_name_it(self, given: str, fault: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load(None, {}, [given])
        assert fault in str(caught.value)


class TestWrongKeys:
    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (
                "ai_per_acount_cooldown_minutes = 3",
                "ai_per_acount_cooldown_minutes is not a setting; did you mean ai_per_account_cooldown_minutes?",
            ),
            (
                TWO_ACCOUNTS + "[accounts.limits]\nmax_open_trade = 3",
                "accounts[1].limits.max_open_trade is not a setting; did you mean accounts[1].limits.max_open_trades?",
            ),
            (
                "[strategies.swing]\nstop_volatilites = 3",
                "strategies.swing.stop_volatilites is not a setting; did you mean strategies.swing.stop_volatilities?",
            ),
            ("[strategies.swng]\n", "strategies.swng is not a setting; did you mean strategies.swing?"),
            (
                "max_open_trades = 3",
                "max_open_trades is not a setting; did you mean accounts[].limits.max_open_trades?",
            ),
            (
                "[thresholds.standard]\nzzz = 1",
                "thresholds.standard.zzz is not a setting; expected one of strong_trend, trend, range, "
                "high_volatility, chaos",
            ),
        ],
    )
    def test_a_wrong_key_names_itself_and_its_nearest_right_one(self, text: str, fault: str) -> None:
        assert refusal(text) == [fault]

    @pytest.mark.parametrize("key", ["self", "model_config", "_env_file", '"a b"', '""', '"accounts[0]"'])
    def test_no_key_is_so_odd_that_it_is_taken(self, key: str) -> None:
        (fault,) = refusal(f"{key} = 1")
        assert fault.startswith(f"{key.replace(chr(34), chr(39))} is not a setting")

    def test_the_value_of_an_unknown_key_is_not_shown_since_it_may_be_a_secret(self) -> None:
        text = TWO_ACCOUNTS + 'pasword = "hunter2"'
        assert refusal(text) == ["accounts[1].pasword is not a setting; did you mean accounts[1].password?"]


class TestWrongValues:
    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (
                TWO_ACCOUNTS + "[accounts.limits]\nmax_open_trades = -3",
                "accounts[1].limits.max_open_trades is -3; expected a number greater than 0, at most 1000",
            ),
            ("price_poll_seconds = 0.01", "price_poll_seconds is 0.01; expected a number from 0.1 to 60"),
            ("price_poll_seconds = nan", "price_poll_seconds is nan; expected a number from 0.1 to 60"),
            (
                "quote_max_age_seconds = inf",
                "quote_max_age_seconds is inf; expected a number greater than 0, at most 2592000",
            ),
            (
                "strategies.swing.longest_hold_seconds = 1e300",
                "strategies.swing.longest_hold_seconds is 1e+300; expected a number greater than 0, at most 315360000",
            ),
            (
                'confidence_profile = "agressive"',
                "confidence_profile is 'agressive'; expected 'conservative', 'standard' or 'aggressive'; "
                "did you mean aggressive?",
            ),
            ('auto_close_minutes_before = "soon"', "auto_close_minutes_before is 'soon'; expected a whole number"),
            ("auto_close_minutes_before = 14", "auto_close_minutes_before is 14; expected a number from 15 to 1440"),
            ('opposite_signal_closes = "perhaps"', "opposite_signal_closes is 'perhaps'; expected true or false"),
            ('crew = "night watch"', "crew is 'night watch'; expected letters, digits, - and _"),
            ("crew = 7", "crew is 7; expected text"),
            ("risk = 3", "risk is 3; expected a table"),
            ("accounts = 3", "accounts is 3; expected a list of tables"),
            ("[commodities.EURUSD.hours]\nopen = '12-24'", "commodities.EURUSD.hours.open is '12-24'; expected a list"),
            ("accounts = []", "accounts is empty; expected at least 1"),
            ("[[accounts]]\nsymbols = { EURUSD = 'E' }", "accounts[0].name is missing"),
            (
                "[[accounts]]\nname = 'a'\nsymbols = { 'eur usd!!x' = 'E' }",
                "accounts[0].symbols.'eur usd!!x': the name 'eur usd!!x' cannot be used; "
                "expected capital letters, digits and _; did you mean EUR USD!!X?",
            ),
            (
                '[commodities.EURUSD]\nday_end = "5pm"',
                "commodities.EURUSD.day_end is '5pm'; expected a time of day, such as 17:00",
            ),
            (
                "[strategies.day.weights]\nbase = 0.9",
                "strategies.day.weights: the four weights sum to 1.55; expected 1 (fractions, not hundredths)",
            ),
            (
                "[[accounts]]\nname = 'a'\nsymbols = { EURUSD = ' E' }",
                "accounts[0].symbols.EURUSD is ' E'; expected text without blanks at its ends",
            ),
            (
                "[risk]\nrisk_per_trade_fraction = 0.06",
                "risk.risk_per_trade_fraction is 0.06; expected a number greater than 0, at most 0.05",
            ),
            (
                "[[risk.drawdown_tiers]]\ndrawdown_fraction = 0.1\nrisk_factor = 5",
                "risk.drawdown_tiers[0].risk_factor is 5; expected a number of at least 0, below 1",
            ),
            (
                "[risk]\ndaily_loss_fraction = 0",
                "risk.daily_loss_fraction is 0; expected a number greater than 0, below 1, or 'none'",
            ),
            (
                "[risk]\nlosses_in_a_row = 'off'",
                "risk.losses_in_a_row is 'off'; expected a whole number, or 'none'",
            ),
        ],
    )
    def test_a_wrong_value_names_its_field_the_value_and_what_was_expected(self, text: str, fault: str) -> None:
        assert refusal(text) == [fault]

    def test_every_fault_has_a_line_of_its_own(self) -> None:
        assert len(refusal('crew = ""\nconfidence_profile = "bold"\nprice_poll_seconds = -1')) == 3

    def test_two_accounts_with_one_name_are_refused(self) -> None:
        text = TWO_ACCOUNTS.replace("second", "First")
        assert refusal(text) == ["accounts: two accounts are named 'First'; expected one name each"]

    def test_two_commodities_on_one_symbol_are_refused(self) -> None:
        text = "[[accounts]]\nname = 'a'\nsymbols = { EURUSD = 'X', GBPUSD = 'X' }"
        assert refusal(text) == [
            "accounts[0]: symbols of account 'a': EURUSD and GBPUSD are both 'X', in capitals or not; "
            "expected one commodity per symbol"
        ]

    def test_an_error_in_the_toml_names_file_and_line(self) -> None:
        with pytest.raises(ConfigurationError, match=r"mine\.toml is not TOML: .*line 2"):
            read("crew = 'a'\nrisk = = 3")

    def test_text_that_is_not_utf_8_is_refused(self) -> None:
        Path("mine.toml").write_bytes(b'crew = "\xff"')
        with pytest.raises(ConfigurationError, match=r"mine\.toml is not UTF-8 text"):
            load(Path("mine.toml"), {})

    @pytest.mark.parametrize("value", ['["hunter2"]', "12345", '{ a = "hunter2" }'])
    def test_a_secret_is_masked_even_where_it_is_wrong(self, value: str) -> None:
        assert refusal(TWO_ACCOUNTS + f"password = {value}") == ["accounts[1].password is ********; expected text"]

    def test_a_secret_that_is_too_short_is_masked_too(self) -> None:
        assert refusal(TWO_ACCOUNTS + 'mt5 = { gateway_secret = "hunter2" }') == [
            "accounts[1].mt5.gateway_secret is ********; expected at least 32 characters"
        ]

    def test_a_table_in_the_wrong_place_is_not_spelled_out(self) -> None:
        assert "hunter2" not in "".join(refusal('crew = { password = "hunter2" }'))


class TestCommodities:
    def test_a_symbol_must_be_of_a_commodity_in_the_catalogue(self) -> None:
        text = TWO_ACCOUNTS.replace("GBPUSD =", "GPBUSD =")
        assert refusal(text) == [
            "accounts[1].symbols names GPBUSD, which is not a commodity of the catalogue; did you mean GBPUSD?"
        ]

    def test_a_commodity_without_a_symbol_on_an_account_is_refused(self) -> None:
        assert refusal(TWO_ACCOUNTS + "[commodities.USDJPY]\ncontract_size = 1000") == [
            "commodities.USDJPY has no symbol on an account; expected it in one account's symbols"
        ]

    def test_an_override_of_an_unknown_commodity_is_refused(self) -> None:
        assert refusal("[commodities.EURUDS]\ncontract_size = 1000") == [
            "commodities names EURUDS, which is not a commodity of the catalogue; did you mean EURUSD? A new one needs "
            "asset_class, calendar, zone, day_end, profit_currency, digits, typical_spread_points, group"
        ]

    def test_a_paper_spread_needs_a_symbol_on_its_own_account(self) -> None:
        assert refusal(TWO_ACCOUNTS + "[accounts.paper.spread_points]\nEURUSD = 5") == [
            "accounts[1].paper.spread_points.EURUSD has no symbol in accounts[1].symbols"
        ]

    def test_overrides_are_laid_over_the_catalogue(self) -> None:
        configuration = read("[commodities.EURUSD]\ncontract_size = 1000")
        assert configuration.commodities["EURUSD"].contract_size == 1000
        assert configuration.commodities["EURUSD"].digits == 5
        assert "BITCOIN" in configuration.commodities

    def test_an_override_that_contradicts_the_rest_of_its_line_is_refused(self) -> None:
        assert refusal("[commodities.EURUSD]\nvolume_min_lots = 200") == [
            "commodities.EURUSD: volume_min_lots is 200, above volume_max_lots, which is 100"
        ]

    def test_what_is_traded_is_what_an_enabled_account_has_a_symbol_for(self) -> None:
        assert read(TWO_ACCOUNTS).traded == ("EURUSD", "GBPUSD")
        assert read(TWO_ACCOUNTS + "enabled = false").traded == ("EURUSD",)


class TestTheDatabase:
    def test_its_password_is_masked_when_the_url_is_shown(self) -> None:
        configuration = load(None, {"WATCHBILL__DATABASE_URL": "postgresql+psycopg://me:hunter2@host/ledger"})
        assert configuration.shown_database_url == "postgresql+psycopg://me:***@host/ledger"
        assert "hunter2" in configuration.database_url
        assert configuration.secrets == ("hunter2",)
        assert "hunter2" not in repr(configuration)

    def test_a_password_in_the_query_is_left_out_too(self) -> None:
        shown = masked_url("postgresql+psycopg://host/ledger?password=hunter2&sslmode=require")
        assert shown == "postgresql+psycopg://host/ledger?sslmode=require"
        configuration = load(None, {"WATCHBILL__DATABASE_URL": "postgresql+psycopg://host/ledger?password=hunter2"})
        assert configuration.secrets == ("hunter2",)

    def test_what_is_no_url_is_refused_without_being_shown(self) -> None:
        faults = refusal('database_url = "me:hunter2"')
        assert faults == ["database_url is ********; expected a URL such as sqlite:///state/ledger.sqlite"]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ('[notifications]\nurls = "json://x:hunter2@host"', "notifications.urls is ********; expected a list"),
            ('accounts = "hunter2"', "accounts is ********; expected a list of tables"),
            ('notifications = "hunter2"', "notifications is ********; expected a table"),
        ],
    )
    def test_a_text_where_something_with_secrets_in_it_should_be_is_not_shown(self, text: str, fault: str) -> None:
        assert refusal(text) == [fault]


def test_every_secret_of_the_settings_is_found_and_masked() -> None:
    """A secret that is added to the settings must come to be known as one."""
    secret = {place for place, annotation in fields_of(Settings, "") if settings_tree.is_secret(annotation)}
    assert secret == {"database_url", "accounts.password", "accounts.mt5.gateway_secret"}


def test_every_place_in_the_settings_is_reached_by_the_tree() -> None:
    assert settings_tree.at(("accounts", 1, "limits", "max_open_trades")) is int
    assert settings_tree.at(("strategies", "day", "weights", "base")) is float
    assert settings_tree.at(("accounts", "x")) is None
    assert settings_tree.at(("crew", "x")) is None
    assert settings_tree.model_of(settings_tree.at(("accounts", 0))) is AccountSettings


def fields_of(model: type[BaseModel], place: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        inner = f"{place}.{name}".lstrip(".")
        yield inner, field.annotation
        kinds = (settings_tree.model_of(below) for below in below_of(field.annotation))
        yield from itertools.chain.from_iterable(fields_of(kind, inner) for kind in kinds if kind is not None)


def below_of(annotation: Any) -> list[Any]:
    if settings_tree.is_table(annotation):
        return [settings_tree.child(annotation, "EURUSD")]
    return [settings_tree.child(annotation, 0)] if settings_tree.is_list(annotation) else [annotation]
