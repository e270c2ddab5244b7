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
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from console import configuration as configurations
from console import settings_tree
from console.books import book_directory
from console.configuration import Configuration
from console.environment import PREFIX, secret_variable
from console.errors import CommandError, ConfigurationError
from console.reading import ledger_for_reading
from feeds.catalogue import read_catalogue
from persistence.errors import LedgerError
from trading.commodities import Commodity, laid_over
from trading.settings import Settings
from trading.settings_notifications import ADDRESS
from trading.trade import ACTIVE, HELD

log = logging.getLogger("watchbill.serve")

NEEDED = ("database_url", "crew")
"""What must be known of broken settings to find the ledger: in the environment, in the file, or the defaults."""
HAD_SECRETS = "had_secrets"
"""Beside the settings that are kept: the variables that would set the secrets that were left out of them."""
OWN_CATALOGUE = "own_catalogue"
"""Beside them: with a catalogue of the user's own, which may be broken later, all that is traded as it was then."""
URLS = "urls"  # of the services that are told: their addresses are secrets
COMMODITIES = TypeAdapter(dict[str, Commodity])


def keep(configuration: Configuration) -> None:
    """Keep these settings; one that cannot be written is told of, and no reason to stop."""
    if configuration.broken:
        return
    file = file_of(configuration)
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(_values(configuration), indent=1), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        log.warning("the settings cannot be kept as %s: %s", file, error.strerror)


def _values(configuration: Configuration) -> dict[str, Any]:
    """The settings as they are kept, without secrets and without need of a file beside them."""
    settings = configuration.settings
    if settings.catalogue_file is None:
        return without_secrets(settings)
    traded = sorted({name for account in settings.accounts for name in account.symbols})
    whole = {name: configuration.commodities[name] for name in traded}
    by_themselves = settings.model_copy(update={"catalogue_file": None, "commodities": {}})
    return {**without_secrets(by_themselves), OWN_CATALOGUE: COMMODITIES.dump_python(whole, mode="json")}


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
        given = configurations.DEFAULT_FILE if path is None else path
        written = _written(given)
        sketch = _sketch(given, written, environment)
        file = file_of(sketch)
        kept = json.loads(file.read_text(encoding="utf-8"))
        had, own = (kept.pop(HAD_SECRETS, []), kept.pop(OWN_CATALOGUE, {})) if isinstance(kept, dict) else ([], {})
        settings = Settings.model_validate(_with_secrets(kept, sketch, written, environment))
        commodities = laid_over({**read_catalogue(), **COMMODITIES.validate_python(own)}, settings.commodities)
    except (OSError, ValueError, CommandError, LedgerError) as trouble:
        log.debug("there is nothing to fall back on: %s", trouble)
        raise error from None
    lost = {variable: words for variable, words, is_set in _secrets_of(settings) if variable in had and not is_set}
    why = "has it no more" if written else "cannot be read"
    wishes = (
        f"{words} stood in the settings, and {given} {why}; put it into the environment: {variable}"
        for variable, words in lost.items()
    )
    return Configuration(settings, commodities, file, (), "\n".join((str(error), *wishes)), tuple(lost))


def file_of(configuration: Configuration) -> Path:
    """Beside the ledger, one for each crew."""
    return book_directory(configuration) / f"last-good-{configuration.settings.crew}.json"


def without_secrets(settings: Settings) -> dict[str, Any]:
    """The settings in JSON's types. A secret is left out, and so is a ledger's URL that holds a password."""
    values = settings.model_dump(mode="json")
    url = settings.database_url.get_secret_value()
    values["database_url"] = url if configurations.masked_url(url) == url else None
    values[HAD_SECRETS] = [variable for variable, _, is_set in _secrets_of(settings) if is_set]
    return _pruned(values)


def _secrets_of(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Of each secret of an account: the variable that sets it, what it is in words, and whether it is set."""
    for number, account in enumerate(settings.accounts):
        for path in secrets_of_an_account():
            is_set = reduce(getattr, path, account) is not None
            yield secret_variable(number, path), f"account {account.name!r}: its {'.'.join(path)}", is_set


def _pruned(values: dict[str, Any]) -> dict[str, Any]:
    values["notifications"] = {**values["notifications"], URLS: []}
    for kept in values["accounts"]:
        for *tables, name in secrets_of_an_account():
            _below(kept, tables)[name] = None
    return {name: value for name, value in values.items() if value is not None}


def _with_secrets(
    kept: Any, sketch: Configuration, written: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """What was kept, with the secrets of the environment, or else of the accounts of those names in the broken file.

    Raises ``ValueError`` for what was never kept so.
    """
    if not isinstance(kept, dict) or not isinstance(kept.get("accounts"), list):
        raise ValueError("the settings that were kept are damaged")
    given = {name.upper(): value for name, value in environment.items()}
    for number, account in enumerate(kept["accounts"]):
        if not isinstance(account, dict):
            raise ValueError("an account that was kept is damaged")
        for path in secrets_of_an_account():
            secret = given.get(secret_variable(number, path)) or _written_secret(written, account.get("name"), path)
            if secret:
                _below(account, path[:-1])[path[-1]] = secret
    urls = _service_urls(written, given)
    notifications = {**_below(kept, ("notifications",)), URLS: urls}
    return {**kept, "notifications": notifications, "database_url": sketch.database_url}


def _service_urls(written: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """The secret addresses of services, of the environment or else of the broken file; those that can be understood.

    Nobody is left unguarded where they are lost: nobody is told, which is no reason to refuse.
    """
    table = written.get("notifications")
    stated = table.get(URLS) if isinstance(table, dict) else None
    found = list(stated) if isinstance(stated, list) else []
    beginning = f"{PREFIX}NOTIFICATIONS__{URLS.upper()}__"
    for name in sorted(name for name in given if name.startswith(beginning)):
        number = name.removeprefix(beginning)
        if number.isdecimal():
            found[int(number) : int(number) + 1] = [given[name]]
    return [url for url in found if isinstance(url, str) and ADDRESS.fullmatch(url.strip())]


def _written_secret(written: Mapping[str, Any], account: object, path: Sequence[str]) -> str | None:
    """The secret at this path of the account of this name; None where a broken file has none that could be read."""
    accounts = written.get("accounts")
    for value in accounts if isinstance(accounts, list) else ():
        if isinstance(value, dict) and value.get("name") == account:
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, str):
                return value
    return None


def secrets_of_an_account() -> list[tuple[str, ...]]:
    """The paths of an account's secrets, from the account on."""
    return list(_secrets(settings_tree.at(("accounts", 0)), ()))


def _secrets(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    model = settings_tree.model_of(annotation)
    if settings_tree.is_secret(annotation):
        yield path
    elif model is not None:
        for name, field in model.model_fields.items():
            yield from _secrets(field.annotation, (*path, name))


def _below(table: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The table at this path below another; one that is not there is made."""
    for name in path:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ValueError(f"the settings that were kept are damaged: {name} is no table")
    return table


def _sketch(file: Path, written: Mapping[str, Any], environment: Mapping[str, str]) -> Configuration:
    """As much of broken settings as says where the ledger is. Raises ``ValueError`` where even that is wrong."""
    given = {name.upper(): value for name, value in environment.items()}
    values = {name: given.get(f"{PREFIX}{name.upper()}", written.get(name)) for name in NEEDED}
    settings = Settings.model_validate({name: value for name, value in values.items() if value is not None})
    return Configuration(settings, {}, file, ())


def _written(file: Path) -> dict[str, Any]:
    """What the file says, if that much can be understood."""
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError):  # not there, not text, or not TOML
        return {}


def _has_open_trades(configuration: Configuration) -> bool:
    with ledger_for_reading(configuration) as ledger:
        return ledger is not None and bool(ledger.trades.list(states=ACTIVE | HELD, limit=1))
