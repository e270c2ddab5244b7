"""The settings: their defaults, and the mistakes that they refuse by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from console import settings_tree
from trading.analysis import Regime, Strategy
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, Limits, PaperSettings
from trading.settings_risk import HIGHEST_PORTFOLIO_RISK, HIGHEST_RISK_PER_TRADE, Risk
from trading.settings_strategies import Thresholds, Weights, default_strategies

ALPHA = {"name": "alpha", "symbols": {"EURUSD": "EURUSD"}}
BETA = {"name": "beta", "symbols": {"EURUSD": "EURUSD"}}
AT_A_TERMINAL = {"connector": "mt5", "login": 5, "server": "Broker-Demo", "mt5": {"terminal": "terminal64.exe"}}


def refusal(**values: Any) -> str:
    """What the settings say about these values."""
    with pytest.raises(ValidationError) as caught:
        Settings(**values)
    return str(caught.value)


def test_the_keys_that_the_specification_names_have_its_defaults() -> None:
    settings = Settings()
    assert settings.ai_per_account_cooldown_minutes == 15
    assert settings.ai_db_reservation_ttl_seconds == 60
    assert settings.ai_monitor_interval_seconds == 30
    assert settings.confidence_profile == "standard"
    assert settings.auto_close_profitable_daily is True
    assert settings.auto_close_all_friday is False


def test_the_defaults_are_two_equal_paper_accounts() -> None:
    alpha, beta = Settings().accounts
    assert alpha.name != beta.name
    assert alpha.model_copy(update={"name": "beta"}) == beta


def test_every_strategy_has_weights_that_sum_to_one() -> None:
    strategies = Settings().strategies
    assert set(strategies) == set(Strategy)
    for settings in strategies.values():
        assert sum(settings.weights.model_dump().values()) == pytest.approx(1)


def test_the_table_of_strategies_is_the_documented_one() -> None:
    rows = {
        name: (
            tuple(round(100 * weight) for weight in settings.weights.model_dump().values()),
            settings.stop_volatilities,
            settings.target_volatilities,
            settings.longest_hold_seconds / 3600,
            settings.closes_at_day_end,
        )
        for name, settings in default_strategies().items()
    }
    assert rows == {
        Strategy.SWING: ((30, 40, 10, 20), 2.0, 3.0, 168, False),
        Strategy.DAY: ((35, 25, 20, 20), 1.0, 1.5, 48, True),
        Strategy.SCALPING: ((40, 10, 40, 10), 0.15, 0.25, 0.5, True),
        Strategy.MOMENTUM: ((20, 30, 40, 10), 1.5, None, 72, True),
        Strategy.MEAN_REVERSION: ((50, 10, 30, 10), 2.0, None, 48, True),
        Strategy.BREAKOUT: ((30, 15, 45, 10), 1.5, None, 72, False),
    }
    strategies = default_strategies()
    assert [name for name in Strategy if strategies[name].trailing] == [Strategy.MOMENTUM, Strategy.BREAKOUT]
    assert [name for name in Strategy if strategies[name].targets_mean] == [Strategy.MEAN_REVERSION]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cooldown": 5}, "cooldown"),
        ({"risk": {"stop": 1}}, "risk.stop"),
        ({"accounts": [{**ALPHA, "magic": 1}]}, "accounts.0.magic"),
        ({"accounts": [{**ALPHA, "paper": {"stop_loss": 1}}]}, "accounts.0.paper.stop_loss"),
        ({"strategies": {"day": {"stops": 1}}}, "strategies.day.stops"),
    ],
)
def test_an_unknown_key_is_named(values: dict[str, Any], words: str) -> None:
    message = refusal(**values)
    assert words in message
    assert "Extra inputs are not permitted" in message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ai_per_account_cooldown_minutes": -1}, "ai_per_account_cooldown_minutes"),
        ({"ai_db_reservation_ttl_seconds": 1}, "ai_db_reservation_ttl_seconds"),
        ({"ai_db_reservation_ttl_seconds": float("nan")}, "ai_db_reservation_ttl_seconds"),
        ({"ai_monitor_interval_seconds": 0}, "ai_monitor_interval_seconds"),
        ({"price_poll_seconds": "nan"}, "price_poll_seconds"),
        ({"quote_max_age_seconds": float("inf")}, "quote_max_age_seconds"),
        ({"auto_close_minutes_before": 14}, "auto_close_minutes_before"),
        ({"confidence_profile": "reckless"}, "confidence_profile"),
        ({"accounts": []}, "accounts"),
        ({"strategies": {"grid": {}}}, "strategies"),
        ({"strategies": {"day": {"stop_volatilities": 0}}}, "strategies.day.stop_volatilities"),
        ({"accounts": [{**ALPHA, "connector": "abacus"}]}, "accounts.0.connector"),
        ({"accounts": [{**ALPHA, "name": "a:b"}]}, "accounts.0.name"),
        ({"accounts": [{"name": "alpha", "symbols": {}}]}, "accounts.0.symbols"),
        ({"accounts": [{"name": "alpha", "symbols": {"EURUSD": ""}}]}, "accounts.0.symbols.EURUSD"),
        ({"accounts": [{"name": "alpha"}]}, "accounts.0.symbols"),
    ],
)
def test_a_value_out_of_range_is_named(values: dict[str, Any], words: str) -> None:
    assert words in refusal(**values)


@pytest.mark.parametrize(
    ("values", "bound"),
    [
        ({"ai_per_account_cooldown_minutes": 525_601}, "525600"),
        ({"analysis_max_age_seconds": 2_592_001}, "2592000"),
        ({"quote_max_age_seconds": 2_592_001}, "2592000"),
        ({"strategies": {"swing": {"longest_hold_seconds": 315_360_001}}}, "315360000"),
        ({"strategies": {"swing": {"stop_volatilities": 21}}}, "20"),
        ({"strategies": {"swing": {"target_volatilities": 21}}}, "20"),
        ({"accounts": [{**ALPHA, "login": 10**18 + 1}]}, "1000000000000000000"),
        ({"accounts": [{**ALPHA, "limits": {"max_open_trades": 1_001}}]}, "1000"),
        ({"accounts": [{**ALPHA, "paper": {"balance": 1.1e12}}]}, "1000000000000"),
        ({"accounts": [{**ALPHA, "paper": {"leverage": 1_001}}]}, "1000"),
        ({"accounts": [{**ALPHA, "paper": {"slippage_points": 100_001}}]}, "100000"),
        ({"accounts": [{**ALPHA, "paper": {"commission_per_lot": 1_000_001}}]}, "1000000"),
        ({"accounts": [{**ALPHA, "paper": {"spread_points": {"EURUSD": 100_001}}}]}, "100000"),
        ({"commodities": {"EURUSD": {"typical_spread_points": 100_001}}}, "100000"),
        ({"commodities": {"EURUSD": {"contract_size": 1.1e9}}}, "1000000000"),
        ({"commodities": {"EURUSD": {"volume_min_lots": 1_000_001}}}, "1000000"),
        ({"commodities": {"EURUSD": {"volume_max_lots": 1_000_001}}}, "1000000"),
        ({"commodities": {"EURUSD": {"volume_step_lots": 1_000_001}}}, "1000000"),
        ({"commodities": {"EURUSD": {"swap_long_per_lot": 1_000_001}}}, "1000000"),
        ({"commodities": {"EURUSD": {"swap_short_per_lot": 1_000_001}}}, "1000000"),
    ],
)
def test_a_number_beyond_reason_is_refused_with_its_bound(values: dict[str, Any], bound: str) -> None:
    assert f"less than or equal to {bound} " in refusal(**values)


def numbers_of(model: type[BaseModel], above: settings_tree.Path = ()) -> Iterator[settings_tree.Path]:
    """Where in the settings a number stands."""
    for name, field in model.model_fields.items():
        yield from _numbers_at(field.annotation, (*above, name))


def _numbers_at(annotation: Any, path: settings_tree.Path) -> Iterator[settings_tree.Path]:
    kind, _ = settings_tree.plain(annotation)
    inner = settings_tree.model_of(kind)
    if inner is not None:
        yield from numbers_of(inner, path)
    elif settings_tree.is_table(kind):
        yield from _numbers_at(settings_tree.child(kind, "day"), (*path, "day"))
    elif settings_tree.is_list(kind):
        yield from _numbers_at(settings_tree.child(kind, 0), (*path, 0))
    elif kind in (int, float):
        yield path


def test_every_number_has_a_lower_and_an_upper_bound() -> None:
    found = list(numbers_of(Settings))
    assert len(found) > 30
    for path in found:
        bounds = settings_tree.bounds(path)
        assert {"gt", "ge"} & set(bounds), path
        assert {"lt", "le"} & set(bounds), path


def test_leverage_below_one_is_refused() -> None:
    assert "greater than or equal to 1 " in refusal(accounts=[{**ALPHA, "paper": {"leverage": 0.5}}])


def test_prices_that_are_looked_at_too_seldom_to_be_fresh_are_refused() -> None:
    message = refusal(price_poll_seconds=5, quote_max_age_seconds=5)
    assert "price_poll_seconds is 5, not below quote_max_age_seconds, which is 5" in message
    assert Settings(price_poll_seconds=4.9, quote_max_age_seconds=5).price_poll_seconds == 4.9


@pytest.mark.parametrize(
    ("risk", "words"),
    [
        ({"risk_per_trade_fraction": 0.051}, "less than or equal to 0.05"),
        ({"risk_per_trade_fraction": 0}, "greater than 0"),
        ({"portfolio_risk_fraction": 0.21}, "less than or equal to 0.2"),
        ({"risk_per_trade_fraction": 0.05, "portfolio_risk_fraction": 0.04}, "is 0.05, above portfolio_risk_fraction"),
        ({"risk_per_trade_fraction": float("nan")}, "risk_per_trade_fraction"),
    ],
)
def test_risk_above_its_limits_is_refused(risk: dict[str, float], words: str) -> None:
    assert words in refusal(risk=risk)


def test_risk_at_its_limits_is_allowed() -> None:
    risk = Risk(risk_per_trade_fraction=HIGHEST_RISK_PER_TRADE, portfolio_risk_fraction=HIGHEST_PORTFOLIO_RISK)
    assert risk.risk_per_trade_fraction == 0.05
    with pytest.raises(ValidationError):
        Limits(portfolio_risk_fraction=HIGHEST_PORTFOLIO_RISK + 0.01)


def test_two_accounts_with_one_name_are_refused_even_in_another_case() -> None:
    assert "two accounts are named 'alpha'" in refusal(accounts=[ALPHA, ALPHA])
    assert "two accounts are named 'Alpha'" in refusal(accounts=[ALPHA, {**BETA, "name": "Alpha"}])


def test_two_accounts_with_one_login_at_one_server_are_refused() -> None:
    login = {"login": 42, "server": "Demo"}
    assert "'alpha' and 'beta' have the same login 42" in refusal(accounts=[{**ALPHA, **login}, {**BETA, **login}])
    elsewhere = {**BETA, "login": 42, "server": "Live"}
    assert len(Settings.model_validate({"accounts": [{**ALPHA, **login}, elsewhere]}).accounts) == 2


def test_enabled_accounts_are_all_of_this_process_or_all_at_one_broker_process() -> None:
    remote = {"connector": "remote"}
    assert "'alpha' is remote and 'beta' is paper" in refusal(accounts=[{**ALPHA, **remote}, BETA])
    there, elsewhere = {**ALPHA, **remote, "server": "127.0.0.1:1"}, {**BETA, **remote, "server": "127.0.0.1:2"}
    assert "different servers, '127.0.0.1:1' and '127.0.0.1:2'" in refusal(accounts=[there, elsewhere])
    settings = Settings.model_validate({"accounts": [{**ALPHA, **remote}, {**BETA, "enabled": False}]})
    assert (settings.is_remote, settings.broker_address) == (True, ("127.0.0.1", 7080))
    assert not Settings().is_remote


@pytest.mark.parametrize("server", ["here", "here:", ":7080", "here:0", "here:65536", "here:-1", "here:7o80", "here:७"])
def test_a_remote_account_has_a_host_and_a_port(server: str) -> None:
    message = refusal(accounts=[{**ALPHA, "connector": "remote", "server": server}])
    assert f"server of account 'alpha' is {server!r}; expected a host and a port, such as 127.0.0.1:7080" in message
    assert Settings.model_validate({"accounts": [{**ALPHA, "server": server}]}).accounts[0].server == server


def test_a_metatrader_account_names_who_it_is_and_where_its_terminal_is() -> None:
    for key in ("login", "server"):
        wanted = f"{key} of account 'alpha' is missing; expected that of the account at its broker"
        assert wanted in refusal(accounts=[{**ALPHA, **AT_A_TERMINAL, key: None}])
    assert "mt5.terminal and mt5.gateway of account 'alpha' are both missing" in refusal(
        accounts=[{**ALPHA, **AT_A_TERMINAL, "mt5": {}}]
    )
    simulated = {"package": "simulator", "gateway": "here:7090"}
    assert "expected the file that run.py terminal writes" in refusal(
        accounts=[{**ALPHA, **AT_A_TERMINAL, "mt5": simulated}]
    )
    settings = Settings.model_validate({"accounts": [{**ALPHA, **AT_A_TERMINAL}]})
    assert settings.metatrader_package == "MetaTrader5"
    assert settings.accounts[0].mt5.gateway_address is None
    assert Settings().metatrader_package is None


def test_one_account_may_have_both_a_terminal_for_the_gateway_and_the_gateway_for_everybody_else() -> None:
    both = {"terminal": "terminal64.exe", "gateway": "10.0.0.7:7090", "gateway_certificate": "gateway.pem"}
    (account,) = Settings.model_validate({"accounts": [{**ALPHA, **AT_A_TERMINAL, "mt5": both}]}).accounts
    assert account.mt5.gateway_address == ("10.0.0.7", 7090)
    assert account.mt5.terminal == "terminal64.exe"


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::1]", "0.0.0.0", "cellar", "localhost.example.org"])
def test_a_gateway_that_may_be_another_machine_needs_a_certificate(host: str) -> None:
    gateway = {"gateway": f"{host}:7090"}
    said = refusal(accounts=[{**ALPHA, **AT_A_TERMINAL, "mt5": gateway}])
    assert f"mt5.gateway of account 'alpha' is '{host}:7090', which may be another machine" in said
    assert "expected mt5.gateway_certificate" in said
    known = {**gateway, "gateway_certificate": "gateway.pem"}
    assert Settings.model_validate({"accounts": [{**ALPHA, **AT_A_TERMINAL, "mt5": known}]})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LocalHost", "::1", "[::1]"])
def test_a_gateway_on_this_machine_needs_none(host: str) -> None:
    account = {**ALPHA, **AT_A_TERMINAL, "mt5": {"gateway": f"{host}:7090"}}
    assert Settings.model_validate({"accounts": [account]}).accounts[0].mt5.gateway_address == (host, 7090)


@pytest.mark.parametrize("gateway", ["here", ":7090", "here:0", "here:65536", "here:7o90", "he..re:7090", "h\0:7090"])
def test_a_gateway_is_a_host_and_a_port(gateway: str) -> None:
    message = refusal(accounts=[{**ALPHA, **AT_A_TERMINAL, "mt5": {"gateway": gateway}}])
    assert f"mt5.gateway is {gateway!r}; expected a host and a port, such as 127.0.0.1:7090" in message


def test_metatrader_accounts_of_a_real_and_of_a_simulated_terminal_do_not_mix() -> None:
    simulated = {"package": "simulator", "terminal": "terminal.json"}
    other = {**BETA, **AT_A_TERMINAL, "login": 6, "mt5": simulated}
    message = refusal(accounts=[{**ALPHA, **AT_A_TERMINAL}, other])
    assert "mt5.package of 'alpha' is MetaTrader5 and that of 'beta' is simulator" in message
    assert "'alpha' is mt5 and 'beta' is paper" in refusal(accounts=[{**ALPHA, **AT_A_TERMINAL}, BETA])


@pytest.mark.parametrize("same", ["C:/terminals/alpha/terminal64.exe", "c:\\Terminals\\alpha\\terminal64.exe"])
def test_two_accounts_at_one_terminal_are_refused_for_it_shows_one_of_them_at_a_time(same: str) -> None:
    at = {"terminal": "C:/terminals/alpha/terminal64.exe"}
    alpha = {**ALPHA, **AT_A_TERMINAL, "mt5": at}
    beta = {**BETA, **AT_A_TERMINAL, "login": 6, "mt5": {"terminal": same}}
    assert "mt5.terminal of 'alpha' and 'beta' is the same" in refusal(accounts=[alpha, beta])
    assert Settings.model_validate({"accounts": [alpha, {**beta, "enabled": False}]})


def test_terminals_on_two_machines_may_have_the_same_path() -> None:
    def behind(gateway: str) -> dict[str, str]:
        return {"terminal": "C:/mt5/terminal64.exe", "gateway": gateway, "gateway_certificate": "gateway.pem"}

    alpha = {**ALPHA, **AT_A_TERMINAL, "mt5": behind("10.0.0.7:7090")}
    beta = {**BETA, **AT_A_TERMINAL, "login": 6, "mt5": behind("10.0.0.8:7090")}
    assert Settings.model_validate({"accounts": [alpha, beta]})


def test_two_commodities_on_one_symbol_are_refused() -> None:
    symbols = {"EURUSD": "EURUSD.x", "GBPUSD": "EURUSD.x"}
    message = refusal(accounts=[{"name": "alpha", "symbols": symbols}])
    assert "symbols of account 'alpha': EURUSD and GBPUSD are both 'EURUSD.x'" in message
    message = refusal(accounts=[{"name": "alpha", "symbols": {"EURUSD": "E", "GBPUSD": "e"}}])
    assert "EURUSD and GBPUSD are both 'e', in capitals or not" in message


@pytest.mark.parametrize("name", ["account", "crew", "Crew"])
def test_an_account_may_not_be_named_like_another_kind_of_lease(name: str) -> None:
    assert "is a kind of lease" in refusal(accounts=[{**ALPHA, "name": name}])


@pytest.mark.parametrize(
    "values",
    [
        {"strategies": {"day": {"min_confidence": 0.6}}},
        {"thresholds": {"aggressive": {**dict.fromkeys(Regime, 60), Regime.CHAOS: 1}}},
    ],
)
def test_a_percentage_that_looks_like_a_fraction_is_refused(values: dict[str, Any]) -> None:
    assert "looks like a fraction; expected 0 to 100" in refusal(**values)


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"the four weights sum to 1\.1; expected 1"):
        Weights(base=0.35)
    message = refusal(strategies={"swing": {"weights": {"base": 30, "trend": 40, "volatility": 10, "sentiment": 20}}})
    assert "strategies.swing.weights.base" in message


def test_a_stricter_profile_may_not_ask_for_less_than_a_laxer_one() -> None:
    laxer = {"strong_trend": 50, "trend": 72, "range": 75, "high_volatility": 80, "chaos": 88}
    message = refusal(thresholds={"conservative": laxer})
    assert "conservative.strong_trend is 50, below standard.strong_trend, which is 62" in message


def test_profiles_are_nested_in_every_regime() -> None:
    thresholds = Thresholds()
    for regime in Regime:
        asked = [thresholds.of(profile).of(regime) for profile in ("conservative", "standard", "aggressive")]
        assert asked == sorted(asked, reverse=True)


def test_naming_one_key_of_a_strategy_keeps_its_others_and_the_other_strategies() -> None:
    settings = Settings.model_validate({"strategies": {"swing": {"stop_volatilities": 2.5}}})
    swing, default = settings.strategies[Strategy.SWING], default_strategies()[Strategy.SWING]
    assert swing == default.model_copy(update={"stop_volatilities": 2.5})
    assert settings.strategies[Strategy.DAY] == default_strategies()[Strategy.DAY]
    assert Settings(strategies={Strategy.SWING: swing}).strategies[Strategy.SWING] == swing


@pytest.mark.parametrize("model", [Settings(), Settings().accounts[0], Risk(), PaperSettings(), Weights()])
def test_settings_cannot_be_changed(model: Any) -> None:
    name = next(iter(type(model).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(model, name, getattr(model, name))


def test_secrets_do_not_show() -> None:
    settings = Settings.model_validate(
        {"database_url": "postgresql://me:hunter2@db/x", "accounts": [{**ALPHA, "password": "hunter2"}]}
    )
    for shown in (repr(settings), str(settings), json.dumps(settings.model_dump(mode="json"))):
        assert "hunter2" not in shown


def test_an_account_is_found_by_its_name() -> None:
    assert Settings().account("beta").name == "beta"
    with pytest.raises(KeyError, match="gamma"):
        Settings().account("gamma")


def test_what_an_account_sets_for_itself_goes_before_what_all_have() -> None:
    own = AccountSettings.model_validate({**ALPHA, "limits": {"portfolio_risk_fraction": 0.1}})
    settings = Settings(accounts=(own, AccountSettings.model_validate(BETA)))
    assert [settings.portfolio_risk_fraction(name) for name in ("alpha", "beta")] == [0.1, 0.2]
