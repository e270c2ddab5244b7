"""Reads the settings: the defaults, `watchbill.toml` over them, the environment over both, `--set` over all.

Then it checks what they say.

Whatever is wrong becomes one `ConfigurationError` with a line for each fault, in the words of the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from console import faults, settings_tree
from console.environment import OPTION, PREFIX, EnvironmentSource
from console.errors import ConfigurationError
from feeds.catalogue import catalogue_tables
from trading.commodities import BadCatalogue, Commodity, catalogue
from trading.settings import CommodityOverride, Settings
from trading.settings_feeds import Feeds

DEFAULT_FILE = Path("watchbill.toml")
NOTHING = settings_tree.NOTHING
"""What a user writes where nothing is meant: TOML has no word of its own for it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of a crew, the commodities they trade among, and where all that came from."""

    settings: Settings
    commodities: dict[str, Commodity]  # the whole catalogue, the user's overrides laid over it
    path: Path | None  # None: there is no file
    variables: tuple[str, ...]  # the environment variables that were read, and what `--set` set
    broken: str = ""  # what is wrong with the settings that were given: these are the last good ones in their place
    lost_secrets: tuple[str, ...] = ()  # that the last good ones had, and are not known: the variables that set them

    @property
    def source(self) -> str:
        """Where the settings came from, in words."""
        return _source(self.path, self.variables)

    @property
    def database_url(self) -> str:
        """The ledger's URL, password included. A relative SQLite path is relative to the working directory."""
        return self.settings.database_url.get_secret_value()

    @property
    def shown_database_url(self) -> str:
        """The ledger's URL as it may be shown."""
        return masked_url(self.database_url)

    @property
    def traded(self) -> tuple[str, ...]:
        """The commodities that an enabled account has a symbol for, in the order of the accounts."""
        enabled = [account for account in self.settings.accounts if account.enabled]
        return tuple(dict.fromkeys(commodity for account in enabled for commodity in account.symbols))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for the log's redaction."""
        given = [secret for a in self.settings.accounts for secret in (a.password, a.mt5.gateway_secret)]
        found = [secret.get_secret_value() for secret in given if secret is not None]
        url = make_url(self.database_url)
        queried = [url.query[key] for key in _telling(url)]
        found += [url.password or "", *(value for value in queried if isinstance(value, str))]
        return tuple(secret for secret in found if secret)


def load(
    path: Path | None = None, environment: Mapping[str, str] | None = None, given: Sequence[str] = ()
) -> Configuration:
    """Read and check the settings.

    Without a ``path``, `watchbill.toml` of the working directory is read where there is one; a ``path`` that was given
    must exist. ``environment`` is the process's own by default; ``given`` are the values of `--set`. Raises
    `ConfigurationError`.
    """
    environment = os.environ if environment is None else environment
    file = _chosen_file(path)
    values, variables = _gather(file, environment, given)
    source = _source(file, tuple(variables.values()))
    try:
        settings = Settings.model_validate(_without_nothing(values, ()))
    except ValidationError as error:
        raise ConfigurationError(faults.report(source, faults.lines(error, variables))) from None
    tables = catalogue_tables()
    wrong = list(_disagreements(settings, tables))
    if wrong:
        raise ConfigurationError(faults.report(source, wrong))
    return Configuration(settings, catalogue(tables, settings.commodities), file, tuple(variables.values()))


def _chosen_file(path: Path | None) -> Path | None:
    if path is None and not DEFAULT_FILE.exists():
        return None
    file = DEFAULT_FILE if path is None else path
    if not file.exists():
        raise ConfigurationError(f"there is no file {file}; expected the settings that --config names")
    if not file.is_file():
        raise ConfigurationError(f"{file} is not a file; expected settings in TOML")
    return file


def stray_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings but are not read, for want of the second underscore."""
    looks_like_one = (name for name in environment if name.upper().startswith("WATCHBILL_"))
    return sorted(name for name in looks_like_one if not name.upper().startswith(PREFIX))


def masked_url(url: str) -> str:
    """A database's URL with its password hidden, and left out where it stands in the query."""
    parsed = make_url(url)
    return parsed.difference_update_query(_telling(parsed)).render_as_string(hide_password=True)


def _telling(url: URL) -> list[str]:
    """The keys of a URL's query that hold secrets."""
    return [key for key in url.query if "password" in key.lower() or "secret" in key.lower()]


class _TomlFile(TomlConfigSettingsSource):
    """The file's settings; the byte order mark that some editors put before them is no part of them."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return tomllib.loads(file_path.read_text("utf-8-sig"))


def _gather(
    file: Path | None, environment: Mapping[str, str], given: Sequence[str]
) -> tuple[dict[str, Any], dict[settings_tree.Path, str]]:
    """The layers merged, and which variable or option set which path."""
    defaults = Settings().model_dump()
    variables: dict[settings_tree.Path, str] = {}

    class Layers(BaseSettings):
        """Only merges the layers; `Settings` itself judges the result, so that it alone says what is allowed."""

        model_config = SettingsConfigDict(extra="allow")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_usual: Any, **_named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            from_file = _TomlFile(settings_cls, file)
            from_environment = EnvironmentSource(settings_cls, environment, {**defaults, **from_file.toml_data}, given)
            variables.update(from_environment.variables)
            return from_environment, from_file, InitSettingsSource(settings_cls, defaults)

    try:
        merged = Layers().model_extra or {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    return merged, variables


def _without_nothing(value: Any, path: settings_tree.Path) -> Any:
    """The values with the word `none` taken for nothing where a setting may be absent."""
    if isinstance(value, Mapping):
        return {key: _without_nothing(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nothing(inner, (*path, index)) for index, inner in enumerate(value)]
    if isinstance(value, str) and value == NOTHING and settings_tree.plain(settings_tree.at(path))[1]:
        return None
    return value


def _disagreements(settings: Settings, tables: Mapping[str, object]) -> Iterator[str]:
    """What the models cannot see: that accounts, overrides and catalogue speak of the same commodities."""
    known = sorted(tables)
    with_symbol = {commodity for account in settings.accounts for commodity in account.symbols}
    for index, account in enumerate(settings.accounts):
        for commodity in account.symbols:
            if commodity not in known:
                yield f"accounts[{index}].symbols names {commodity}, {_not_a_commodity(commodity, known)}"
        for commodity in account.paper.spread_points:
            if commodity not in account.symbols:
                yield f"accounts[{index}].paper.spread_points.{commodity} has no symbol in accounts[{index}].symbols"
    for commodity, override in settings.commodities.items():
        if commodity not in known:
            yield f"commodities names {commodity}, {_not_a_commodity(commodity, known)}"
        elif commodity not in with_symbol:
            yield f"commodities.{commodity} has no symbol on an account; expected it in one account's symbols"
        else:
            yield from _override_faults(commodity, tables[commodity], override)
    yield from _feed_faults(settings.feeds, known)
    for index, source in enumerate(settings.analyses.sources):
        for commodity in source.commodities:
            if commodity not in known:
                yield f"analyses.sources[{index}].commodities names {commodity}, {_not_a_commodity(commodity, known)}"
    try:
        make_url(settings.database_url.get_secret_value())
    except (ArgumentError, ValueError):
        yield f"database_url is {faults.MASK}; expected a URL such as sqlite:///state/ledger.sqlite"


def _feed_faults(feeds: Feeds, known: list[str]) -> Iterator[str]:
    """Sources of sentiment that speak of a commodity that the catalogue does not have."""
    for index, headlines in enumerate(feeds.headlines):
        for commodity in headlines.keywords.keys() - set(known):
            yield f"feeds.headlines[{index}].keywords names {commodity}, {_not_a_commodity(commodity, known)}"
    for index, positions in enumerate(feeds.positions):
        for commodity in positions.contracts.keys() - set(known):
            yield f"feeds.positions[{index}].contracts names {commodity}, {_not_a_commodity(commodity, known)}"


def _override_faults(name: str, table: object, override: CommodityOverride) -> Iterator[str]:
    """What an override contradicts in the line that it changes, such as a least volume above the most."""
    try:
        catalogue({name: table}, {name: override})
    except BadCatalogue as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        yield from (f"commodities.{name}: {faults.said(details)}" for details in error.__cause__.errors())


def _not_a_commodity(name: str, known: list[str]) -> str:
    near = settings_tree.nearest(name, known)
    meant = f"did you mean {near}?" if near else f"expected one of {', '.join(known)}"
    return f"which is not a commodity of the catalogue; {meant}"


def _source(file: Path | None, variables: tuple[str, ...]) -> str:
    parts = [str(file)] if file is not None else ["the defaults"]
    options = sum(name.startswith(OPTION) for name in variables)
    if len(variables) > options:
        parts.append(f"{len(variables) - options} environment variable{'s' * (len(variables) - options > 1)}")
    if options:
        parts.append(f"{options} of {OPTION.strip()}")
    return " and ".join(parts)
