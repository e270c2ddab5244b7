"""Reads the settings: the defaults, `watchbill.toml` over them, the environment over both, `--set` over all.

Then it checks what they say.

Whatever is wrong becomes one `ConfigurationError` with a line for each fault, in the words of the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from console.commodity_settings import commodity_faults, known_commodities, with_ids
from console.environment import OPTION, PREFIX, EnvironmentSource
from console.errors import ConfigurationError
from trading.commodities import Commodity, laid_over
from trading.settings import Settings

if TYPE_CHECKING:
    from feeds.market_calendars import CalendarStore
    from trading.calendars import TradingTimes
    from trading.market import Instant

DEFAULT_FILE = Path("watchbill.toml")
NOTHING = settings_tree.NOTHING
"""What a user writes where nothing is meant: TOML has no word of its own for it."""


CALENDARS = "calendars"
"""The folder of the calendars that were built. It may be deleted: they are built again."""


@cache
def _calendars_in(folder: Path) -> CalendarStore:
    from feeds.market_calendars import CalendarStore  # with NumPy, which many a command does without

    return CalendarStore(folder)


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
    def calendars(self) -> CalendarStore:
        """What builds trading times; the schedules of exchanges are kept beside the ledger."""
        from console.books import book_directory  # it needs this module

        return _calendars_in(book_directory(self) / CALENDARS)

    def trading_times(
        self, commodity: Commodity, first: Instant, last: Instant, account: str | None = None
    ) -> TradingTimes:
        """When the commodity trades from ``first`` to ``last``; on the account of that name, where one is named.

        Raises as `CalendarStore.times` does.
        """
        if account is None:
            return self.calendars.times(commodity, first, last)
        return self.calendars.times_on(self.settings.account(account), commodity, first, last)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for the log's redaction."""
        given = [secret for a in self.settings.accounts for secret in (a.password, a.mt5.gateway_secret)]
        found = [secret.get_secret_value() for secret in given if secret is not None]
        url = make_url(self.database_url)
        queried = [url.query[key] for key in _telling(url)]
        found += [url.password or "", *(value for value in queried if isinstance(value, str))]
        found += self.settings.notifications.addresses
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
    known = known_commodities(values.get("catalogue_file"))
    try:
        settings = Settings.model_validate(settings_tree.without_nothing(with_ids(values, known), ()))
    except ValidationError as error:
        raise ConfigurationError(faults.report(source, faults.lines(error, variables))) from None
    wrong = list(_disagreements(settings, known))
    if wrong:
        raise ConfigurationError(faults.report(source, wrong))
    return Configuration(settings, laid_over(known, settings.commodities), file, tuple(variables.values()))


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


def _disagreements(settings: Settings, known: Mapping[str, Commodity]) -> Iterator[str]:
    """What the models cannot see: what contradicts the catalogue, and a URL that is none."""
    yield from commodity_faults(settings, known)
    try:
        make_url(settings.database_url.get_secret_value())
    except (ArgumentError, ValueError):
        yield f"database_url is {faults.MASK}; expected a URL such as sqlite:///state/ledger.sqlite"


def _source(file: Path | None, variables: tuple[str, ...]) -> str:
    parts = [str(file)] if file is not None else ["the defaults"]
    options = sum(name.startswith(OPTION) for name in variables)
    if len(variables) > options:
        parts.append(f"{len(variables) - options} environment variable{'s' * (len(variables) - options > 1)}")
    if options:
        parts.append(f"{options} of {OPTION.strip()}")
    return " and ".join(parts)
