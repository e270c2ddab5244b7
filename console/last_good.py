"""The last good configuration: what a start falls back on when the settings are broken and positions are open.

Each start that comes to lead keeps its settings in a file beside the ledger, without secrets. A later start on settings
that are wrong refuses, as it should; but if the ledger that it would have used has open trades, to refuse would leave
them unguarded. Then it goes on with the last good settings, opens nothing, and says so aloud. Whoever only looks, asks
for a mode or makes a backup needs no more of the settings than where the ledger is: for them these serve as well.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from console import configuration as configurations
from console.books import book_directory
from console.configuration import Configuration
from console.environment import PREFIX
from console.errors import CommandError, ConfigurationError
from console.reading import ledger_for_reading
from feeds.catalogue import catalogue_tables
from persistence.errors import LedgerError
from trading.commodities import BadCatalogue, catalogue
from trading.settings import Settings
from trading.trade import ACTIVE, HELD

log = logging.getLogger("watchbill.serve")

NEEDED = ("database_url", "crew")
"""What must be known of broken settings to find the ledger: in the environment, in the file, or the defaults."""


def keep(configuration: Configuration) -> None:
    """Keep these settings; one that cannot be written is told of, and no reason to stop."""
    if configuration.broken:
        return
    file = file_of(configuration)
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(without_secrets(configuration.settings), indent=1), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        log.warning("the settings cannot be kept as %s: %s", file, error.strerror)


def instead_of(error: ConfigurationError, path: Path | None, environment: Mapping[str, str]) -> Configuration:
    """The last good configuration, where its ledger has open trades. Raises ``error`` where there is no such thing."""
    configuration = kept_instead_of(error, path, environment)
    try:
        has_trades = _has_open_trades(configuration)
    except (CommandError, LedgerError) as trouble:
        log.debug("there is nothing to fall back on: %s", trouble)
        raise error from None
    if not has_trades:
        raise error
    return configuration


def kept_instead_of(error: ConfigurationError, path: Path | None, environment: Mapping[str, str]) -> Configuration:
    """The last good configuration, whatever its ledger holds. Raises ``error`` where none was kept."""
    try:
        sketch = _sketch(path, environment)
        file = file_of(sketch)
        kept = json.loads(file.read_text(encoding="utf-8"))
        settings = Settings.model_validate(_with_secrets(kept, sketch, environment))
        commodities = catalogue(catalogue_tables(), settings.commodities)
    except (OSError, ValueError, BadCatalogue, CommandError, LedgerError) as trouble:
        log.debug("there is nothing to fall back on: %s", trouble)
        raise error from None
    return Configuration(settings, commodities, file, (), broken=str(error))


def file_of(configuration: Configuration) -> Path:
    """Beside the ledger, one for each crew."""
    return book_directory(configuration) / f"last-good-{configuration.settings.crew}.json"


def without_secrets(settings: Settings) -> dict[str, Any]:
    """The settings in JSON's types. A secret is left out, and so is a ledger's URL that holds a password."""
    values = settings.model_dump(mode="json")
    url = settings.database_url.get_secret_value()
    values["database_url"] = url if configurations.masked_url(url) == url else None
    return _pruned(values, settings)


def _pruned(values: dict[str, Any], settings: Settings) -> dict[str, Any]:
    for account, kept in zip(settings.accounts, values["accounts"], strict=True):
        for name in type(account).model_fields:
            if isinstance(getattr(account, name), SecretStr):
                kept[name] = None
    return {name: value for name, value in values.items() if value is not None}


def _with_secrets(kept: Any, sketch: Configuration, environment: Mapping[str, str]) -> dict[str, Any]:
    """What was kept, and the secrets that the environment gives. Raises ``ValueError`` for what was never kept so."""
    if not isinstance(kept, dict) or not isinstance(kept.get("accounts"), list):
        raise ValueError("the settings that were kept are damaged")
    values = {**kept, "database_url": sketch.database_url}
    given = {name.upper(): value for name, value in environment.items()}
    for number, account in enumerate(values["accounts"]):
        password = given.get(f"{PREFIX}ACCOUNTS__{number}__PASSWORD")
        if password and isinstance(account, dict):
            account["password"] = password
    return values


def _sketch(path: Path | None, environment: Mapping[str, str]) -> Configuration:
    """As much of broken settings as says where the ledger is. Raises ``ValueError`` where even that is wrong."""
    file = configurations.DEFAULT_FILE if path is None else path
    try:
        written = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError):  # not there, not text, or not TOML
        written = {}
    given = {name.upper(): value for name, value in environment.items()}
    values = {name: given.get(f"{PREFIX}{name.upper()}", written.get(name)) for name in NEEDED}
    settings = Settings.model_validate({name: value for name, value in values.items() if value is not None})
    return Configuration(settings, {}, file, ())


def _has_open_trades(configuration: Configuration) -> bool:
    with ledger_for_reading(configuration) as ledger:
        return ledger is not None and bool(ledger.trades.list(states=ACTIVE | HELD, limit=1))
