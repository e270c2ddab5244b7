"""True and false are no numbers: who writes them for one is told so, with the field and the value."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.configuration import load
from console.errors import ConfigurationError

ACCOUNT = '[[accounts]]\nname = "alpha"\nsymbols = { EURUSD = "EURUSD" }\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[console]\nport = true\n", "console.port is true; expected a whole number"),
        ("[console]\nport = false\n", "console.port is false; expected a whole number"),
        ("[notifications]\nfold_seconds = true\n", "notifications.fold_seconds is true; expected a number"),
        ("[notifications]\nattempts = true\n", "notifications.attempts is true; expected a whole number"),
        ("auto_close_minutes_before = true\n", "auto_close_minutes_before is true; expected a whole number"),
        (
            f"{ACCOUNT}auto_close_minutes_before = true\n",
            "accounts[0].auto_close_minutes_before is true; expected a whole number, or 'none'",
        ),
        (
            f"{ACCOUNT}paper = {{ spread_points = {{ EURUSD = true }} }}\n",
            "accounts[0].paper.spread_points: EURUSD is true; expected a number",
        ),
    ],
)
def test_a_switch_in_the_place_of_a_number_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "watchbill.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load(file, {})
    assert said in str(refused.value)


def test_a_number_may_come_as_text_from_the_environment_and_a_switch_stays_a_switch() -> None:
    settings = load(None, {"WATCHBILL__CONSOLE__PORT": "8788", "WATCHBILL__CONSOLE__ENABLED": "true"}).settings
    assert (settings.console.port, settings.console.enabled) == (8788, True)
    with pytest.raises(ConfigurationError, match=r"console\.port is 'true'; expected a whole number"):
        load(None, {"WATCHBILL__CONSOLE__PORT": "true"})
