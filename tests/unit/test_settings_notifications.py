"""The settings of notifications: secrets stay secret, and a wrong event gets the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import last_good
from console.configuration import Configuration, load
from console.errors import ConfigurationError
from trading.market import HOUR, MINUTE
from trading.settings_notifications import Event, NotificationSettings

SECRET = "mailto://me:h7dkw2pq@example.org"


def loaded(**variables: str) -> Configuration:
    """The settings that these variables make."""
    return load(None, {f"WATCHBILL__NOTIFICATIONS__{name}": value for name, value in variables.items()})


def test_an_address_comes_from_the_environment_and_is_shown_nowhere(tmp_path: Path) -> None:
    configuration = loaded(URLS__0=SECRET, URLS__1="ntfy://topic")
    assert configuration.settings.notifications.addresses == (SECRET, "ntfy://topic")
    assert SECRET in configuration.secrets, "the log hides it"
    assert "h7dkw2pq" not in repr(configuration)
    assert "h7dkw2pq" not in configuration.settings.model_dump_json()
    assert "h7dkw2pq" not in str(last_good.without_secrets(configuration.settings))


def test_nobody_is_told_by_default_and_then_of_everything() -> None:
    settings = NotificationSettings()
    assert (settings.urls, settings.events) == ((), tuple(Event))


def test_an_unknown_event_gets_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean daily_summary"):
        loaded(EVENTS='["daily_sumary"]')


def test_what_is_no_address_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"urls\[0\] is no address; expected one such as") as refused:
        loaded(URLS__0="h7dkw2pq")
    assert "h7dkw2pq" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["24:00", "9:00", "noon", "21:60"])
def test_a_wrong_time_of_day_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a time of day, such as 17:00"):
        loaded(DAILY_SUMMARY_AT=wrong)


def test_a_time_of_day_is_an_offset_from_midnight() -> None:
    assert NotificationSettings(daily_summary_at="21:30").summary_offset == 21 * HOUR + 30 * MINUTE


def test_the_last_good_settings_take_their_addresses_from_the_broken_file(tmp_path: Path) -> None:
    configuration = load(None, {"WATCHBILL__DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"})
    last_good.keep(configuration)
    broken = tmp_path / "watchbill.toml"
    ledger = f"database_url = 'sqlite:///{tmp_path / 'ledger.sqlite'}'"
    broken.write_text(f"crew = 'default'\n{ledger}\nnonsense = 1\n[notifications]\nurls = ['{SECRET}']\n", "utf-8")
    kept = last_good.kept_instead_of(ConfigurationError("it is broken"), broken, {})
    assert kept.settings.notifications.addresses == (SECRET,)
