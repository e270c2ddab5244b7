"""A start on broken settings: refused, unless open trades would be left unguarded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_ledger import Holder
from made_ledger_file import NOON, OWNER, History

from connectors.base import NotConnected
from console import last_good, leading
from console.configuration import Configuration, load
from console.errors import ConfigurationError
from console.gateway_secret import client_secret
from persistence.ledger import Ledger
from persistence.reservations import crew_resource
from trading.modes import Mode, ModeCause
from trading.settings_hours import Hours
from trading.trade import TradeState

SECRET = "hunter2-of-alpha"  # a password that must be found nowhere
GOOD = """
ai_monitor_interval_seconds = 17.0
[[accounts]]
name = "alpha"
password = "{secret}"
symbols = {{ EURUSD = "EURUSD" }}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What says where the ledger is."""
    return {"WATCHBILL__DATABASE_URL": f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The settings' file, which is good."""
    file = tmp_path / "watchbill.toml"
    file.write_text(GOOD.format(secret=SECRET), encoding="utf-8")
    return file


@pytest.fixture
def kept(file: Path, environment: dict[str, str]) -> Iterator[tuple[Configuration, History]]:
    """A configuration that was served with, and its ledger."""
    configuration = load(file, environment)
    history = History(configuration)
    last_good.keep(configuration)
    yield configuration, history
    history.close()


def fall_back(file: Path, environment: dict[str, str]) -> Configuration:
    """What a start does with these settings."""
    with pytest.raises(ConfigurationError) as broken:
        load(file, environment)
    return last_good.instead_of(broken.value, file, environment)


def test_what_a_catalogue_of_ones_own_said_is_kept_with_them(
    file: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    own = tmp_path / "more.toml"
    hours = "[EURUSD.hours]\nclosed = ['12-24']\n"
    own.write_text(f"[EURUSD]\ncontract_size = 1000\n{hours}", encoding="utf-8")
    file.write_text(f"catalogue_file = '{own.as_posix()}'\n{GOOD.format(secret=SECRET)}", encoding="utf-8")
    history = History(load(file, environment))
    last_good.keep(load(file, environment))
    history.open(NOON)
    own.write_text("[EURUSD]\ncontract_size = 0\n", encoding="utf-8")
    configuration = fall_back(file, environment)
    history.close()
    assert configuration.broken
    assert configuration.commodities["EURUSD"].contract_size == 1000
    assert configuration.commodities["EURUSD"].hours == (Hours(closed=("12-24",)),)


BROKEN = ["ai_monitor_interval_seconds = -1\n", "this is not TOML\n", "[risk]\nno_such_setting = 1\n"]


@pytest.mark.parametrize("text", BROKEN)
def test_with_open_trades_it_goes_on_with_the_last_good_settings(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History], text: str
) -> None:
    kept[1].open(NOON)
    file.write_text(text, encoding="utf-8")
    configuration = fall_back(file, environment)
    good = kept[0].settings
    assert configuration.broken
    assert configuration.database_url == kept[0].database_url
    accounts = [account.model_copy(update={"password": None}) for account in good.accounts]
    assert configuration.settings == good.model_copy(update={"accounts": tuple(accounts)})
    assert configuration.commodities == kept[0].commodities


def test_a_late_position_counts_as_open(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History]
) -> None:
    holder = Holder(kept[1].ledger, OWNER)
    failed = holder.fail(holder.submit())
    holder.advance(failed, TradeState.LATE, ticket=1, position_id=1, entry_price=1.1, opened_at=NOON)
    file.write_text(BROKEN[0], encoding="utf-8")
    assert fall_back(file, environment).broken


@pytest.mark.parametrize("text", BROKEN)
def test_without_open_trades_it_refuses(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History], text: str
) -> None:
    kept[1].finish(kept[1].open(NOON), NOON + 1)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        fall_back(file, environment)


def test_without_anything_kept_it_refuses(file: Path, environment: dict[str, str]) -> None:
    history = History(load(file, environment))
    history.open(NOON)
    history.close()
    file.write_text(BROKEN[0], encoding="utf-8")
    with pytest.raises(ConfigurationError, match="ai_monitor_interval_seconds"):
        fall_back(file, environment)


@pytest.mark.parametrize("damage", ["", "{}}", "[]", '{"crew": 5}', '{"accounts": []}'])
def test_a_damaged_copy_is_no_copy(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History], damage: str
) -> None:
    kept[1].open(NOON)
    last_good.file_of(kept[0]).write_text(damage, encoding="utf-8")
    file.write_text(BROKEN[0], encoding="utf-8")
    with pytest.raises(ConfigurationError):
        fall_back(file, environment)


def test_a_broken_place_of_the_ledger_is_refused(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History]
) -> None:
    kept[1].open(NOON)
    for url in ("nonsense", "mysql://host/ledger"):
        file.write_text(BROKEN[0], encoding="utf-8")
        with pytest.raises(ConfigurationError):
            fall_back(file, {**environment, "WATCHBILL__DATABASE_URL": url})


def test_no_secret_is_kept_and_those_of_the_environment_are_used(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History]
) -> None:
    assert SECRET not in last_good.file_of(kept[0]).read_text(encoding="utf-8")
    kept[1].open(NOON)
    file.write_text(BROKEN[0], encoding="utf-8")
    configuration = fall_back(file, {**environment, "WATCHBILL__ACCOUNTS__0__PASSWORD": SECRET})
    assert configuration.secrets == (SECRET,)
    url = "postgresql://ann:hunter3@db/ledger"
    with_password = load(None, {"WATCHBILL__DATABASE_URL": url}).settings
    assert "hunter3" not in str(last_good.without_secrets(with_password))


def test_the_secrets_of_a_terminal_come_from_the_environment_or_from_the_broken_file(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "watchbill.toml"
    text = f"""
[[accounts]]
name = "alpha"
connector = "mt5"
login = 5
password = "{SECRET}"
server = "Broker-Demo"
symbols = {{ EURUSD = "EURUSD" }}
mt5 = {{ gateway = "127.0.0.1:7090", gateway_secret = "{"s" * 40}" }}
"""
    file.write_text(text, encoding="utf-8")
    configuration = load(file, environment)
    assert set(configuration.secrets) == {SECRET, "s" * 40}
    history = History(configuration)
    history.open(NOON)
    last_good.keep(configuration)
    kept = last_good.file_of(configuration).read_text(encoding="utf-8")
    assert SECRET not in kept
    assert "sss" not in kept
    given = {**environment, "WATCHBILL__ACCOUNTS__0__MT5__GATEWAY_SECRET": "e" * 40}
    file.write_text(f"no_such_setting = 5\n{text}", encoding="utf-8")
    assert set(fall_back(file, given).secrets) == {SECRET, "e" * 40}
    assert set(fall_back(file, environment).secrets) == {SECRET, "s" * 40}
    history.close()


def test_a_secret_that_stood_in_a_file_that_cannot_be_read_is_asked_for_by_its_variable(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "watchbill.toml"
    text = f"""
[[accounts]]
name = "alpha"
connector = "mt5"
login = 5
password = "{SECRET}"
server = "Broker-Demo"
symbols = {{ EURUSD = "EURUSD" }}
mt5 = {{ gateway = "127.0.0.1:7090", gateway_secret = "{"s" * 40}" }}
[[accounts]]
name = "beta"
connector = "mt5"
login = 6
server = "Broker-Demo"
symbols = {{ EURUSD = "EURUSD" }}
mt5 = {{ gateway = "127.0.0.1:7091" }}
"""
    file.write_text(text, encoding="utf-8")
    configuration = load(file, environment)
    history = History(configuration)
    history.open(NOON)
    last_good.keep(configuration)
    file.write_text(f"this is not TOML\n{text}", encoding="utf-8")
    password, secret = "WATCHBILL__ACCOUNTS__0__PASSWORD", "WATCHBILL__ACCOUNTS__0__MT5__GATEWAY_SECRET"
    broken = fall_back(file, environment)
    assert broken.lost_secrets == (password, secret)
    for setting, variable in (("password", password), ("mt5.gateway_secret", secret)):
        said = f"'alpha': its {setting} stood in the settings, and {file} cannot be read; put it into the environment"
        assert f"{said}: {variable}" in broken.broken
    with pytest.raises(NotConnected, match=f"gateway_secret .* cannot be read: put it into the environment, {secret}"):
        client_secret(broken.settings.accounts[0], broken)
    put_right = fall_back(file, {**environment, secret: "s" * 40, password: SECRET})
    assert put_right.lost_secrets == ()
    assert "put it into" not in put_right.broken
    assert client_secret(put_right.settings.accounts[0], put_right) == "s" * 40
    history.close()


def test_what_stands_in_for_broken_settings_is_not_kept_in_its_turn(
    file: Path, environment: dict[str, str], kept: tuple[Configuration, History]
) -> None:
    kept[1].open(NOON)
    file.write_text(BROKEN[0], encoding="utf-8")
    configuration = fall_back(file, environment)
    copy = last_good.file_of(configuration)
    copy.unlink()
    last_good.keep(configuration)
    assert not copy.exists()


def test_settings_that_cannot_be_kept_are_no_reason_to_stop(
    file: Path, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    configuration = load(file, environment)
    last_good.file_of(configuration).mkdir()  # something lies in its place
    last_good.keep(configuration)
    assert "cannot be kept" in caplog.text


def test_on_broken_settings_the_crew_manages_only_until_a_start_on_good_ones(
    kept: tuple[Configuration, History], caplog: pytest.LogCaptureFixture
) -> None:
    ledger: Ledger = kept[1].ledger
    for broken, mode in (("risk: no_such_setting", Mode.MANAGE_ONLY), ("", Mode.TRADING)):
        held = ledger.reservations.holder(crew_resource("default"))
        if held is not None:
            ledger.reservations.release_resource(held.fence)
        assert ledger.reservations.reserve_resource(crew_resource("default"), "me", 60.0) is not None
        with leading.Terms(ledger, "default").counted("me", lambda: False, broken) as leads:
            assert leads
            assert ledger.modes.of("default").mode is mode
    (alert,) = ledger.journal.list(kind="alert")
    assert alert.reason == ModeCause.CONFIGURATION
    assert "risk: no_such_setting" in alert.detail["said"]
    assert "risk: no_such_setting" in caplog.text
