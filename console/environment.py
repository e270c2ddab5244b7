"""Settings from environment variables and from `--set`: ``WATCHBILL__ACCOUNTS__0__PASSWORD`` is
``accounts[0].password``, and so is ``--set accounts.0.password=...``, or ``accounts.alpha.password`` by its name.

pydantic-settings' own reader ignores misspelled variables, cannot reach into a list, and folds the case of free keys;
a secret of the second account could then not be given at all. This source is what it is asked for instead.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from console import settings_tree
from console.errors import ConfigurationError
from console.settings_tree import Path
from trading.settings import Settings

PREFIX = "WATCHBILL__"
SEPARATOR = "__"
OPTION = "--set "
OPTION_SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Named:
    """One setting as it was named outside of the file."""

    parts: tuple[str, ...]
    text: str
    prefix: str = PREFIX
    separator: str = SEPARATOR

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.prefix + self.separator.join(self.parts)

    def written(self, keys: Sequence[str | int]) -> str:
        """Another path in the same style."""
        words = [str(key) if self.prefix == OPTION else str(key).upper() for key in keys]
        return self.prefix + self.separator.join(words)


def named_by_variables(environment: Mapping[str, str]) -> Iterator[Named]:
    """What the variables that start with `PREFIX` set, those that set whole tables first."""
    names = [name for name in environment if name.upper().startswith(PREFIX)]
    for name in sorted(names, key=lambda name: (name.count(SEPARATOR), name)):
        yield Named(tuple(name[len(PREFIX) :].split(SEPARATOR)), environment[name], name[: len(PREFIX)])


def named_by_options(given: Sequence[str]) -> Iterator[Named]:
    """What the values of `--set` set, such as ``risk.risk_per_trade_fraction=0.005``, in their order.

    Raises `ConfigurationError` for one without a key or an equals sign.
    """
    for word in given:
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(f"{OPTION}{word}: expected KEY=VALUE, such as risk.risk_per_trade_fraction=0.005")
        dotted = key.strip().replace("[", OPTION_SEPARATOR).replace("]", "")
        yield Named(tuple(dotted.split(OPTION_SEPARATOR)), text.strip(), OPTION, OPTION_SEPARATOR)


def secret_variable(account: int, path: Sequence[str]) -> str:
    """The variable that sets this of an account: its place among the accounts, from 0, and the path from there on."""
    return f"{PREFIX}{SEPARATOR.join(('ACCOUNTS', str(account), *map(str.upper, path)))}"


class EnvironmentSource(PydanticBaseSettingsSource):
    """What variables and options set, as nested values; ``variables`` says which one set which path.

    ``beneath`` are the values that all this is laid over: a list is replaced as a whole when layers are merged, so
    what reaches into a list must start from the list that is there. Options are laid over variables.
    """

    def __init__(
        self,
        reader: type[BaseSettings],
        environment: Mapping[str, str],
        beneath: Mapping[str, Any],
        given: Sequence[str] = (),
    ) -> None:
        super().__init__(reader)
        self.variables: dict[Path, str] = {}
        self._beneath = beneath
        self._values: dict[str, Any] = {}
        for named in (*named_by_variables(environment), *named_by_options(given)):
            self._take(named)

    def __call__(self) -> dict[str, Any]:
        """The values by setting, nested as in the file."""
        return self._values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one setting, its key, and that it needs no further decoding."""
        return self._values.get(field_name), field_name, False

    def _take(self, named: Named) -> None:
        path, annotation = self._path_of(named)
        self._place(named.label, path, _decoded(named.label, named.text, annotation))
        self.variables[path] = named.label

    def _place(self, variable: str, path: Path, value: Any) -> None:
        first = str(path[0])
        if first not in self._values and settings_tree.is_list(settings_tree.at((first,))):
            self._values[first] = self._list_beneath(variable, first)
        holder: Any = self._values
        for key, following in itertools.pairwise(path):
            holder = _entered(variable, holder, key, [] if isinstance(following, int) else {})
        _entered(variable, holder, path[-1], None)
        holder[path[-1]] = value

    def _path_of(self, named: Named) -> tuple[Path, Any | None]:
        """The path that is meant, with the case of its keys put right, and what stands there."""
        path: Path = ()
        annotation: Any | None = Settings
        for part in named.parts:
            if not part:
                expected = named.prefix + ("<SETTING>" if named.prefix != OPTION else "KEY=VALUE")
                raise ConfigurationError(f"{named.label}: a part of its name is empty; expected {expected}")
            key: str | int = part.lower()
            if annotation is not None and settings_tree.is_list(annotation):
                key = self._place_in_list(named, path, part)
            elif annotation is not None and settings_tree.is_table(annotation):
                key = part.lower() if settings_tree.names_at(annotation) else part.upper()  # strategies, or commodities
            path = (*path, key)
            annotation = None if annotation is None else settings_tree.child(annotation, key)
        return path, annotation

    def _place_in_list(self, named: Named, path: Path, part: str) -> int:
        """The number of a member of a list; an option may give its name instead."""
        if part.isdecimal():
            return int(part)
        first = str(path[0])
        members = self._values.get(first, self._beneath.get(first)) if len(path) == 1 else None
        found = members if isinstance(members, list | tuple) else ()
        names = [member.get("name") if isinstance(member, Mapping) else None for member in found]
        if named.prefix == OPTION and part in names:
            return names.index(part)
        known = [name for name in names if isinstance(name, str)]
        or_name = f", or {', '.join(known)} in place of the number" if known and named.prefix == OPTION else ""
        raise ConfigurationError(
            f"{named.label}: {settings_tree.written(path)} are numbered from 0; "
            f"expected {named.written((*path, 0))}{or_name}"
        )

    def _list_beneath(self, variable: str, name: str) -> list[Any]:
        beneath = self._beneath.get(name, [])
        if not isinstance(beneath, list | tuple):
            raise ConfigurationError(f"{variable}: {name} is not a list in the file; expected a list of tables")
        return copy.deepcopy([*beneath])


def _decoded(variable: str, text: str, annotation: Any | None) -> Any:
    """The text, or what its JSON says where a table or a list belongs."""
    if annotation is None:
        return text
    table = settings_tree.model_of(annotation) is not None or settings_tree.is_table(annotation)
    if not table and not settings_tree.is_list(annotation):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{variable} is not JSON; expected a table or a list as JSON ({error})") from error


def _entered(variable: str, holder: Any, key: str | int, empty: Any) -> Any:
    """What stands at ``key`` of ``holder``, made when it is not there yet."""
    if isinstance(holder, list) and isinstance(key, int):
        if key > len(holder):
            raise ConfigurationError(f"{variable}: the next of them is {len(holder)}; expected 0 to {len(holder)}")
        if key == len(holder):
            holder.append(empty)
        return holder[key]
    if isinstance(holder, dict):
        return holder.setdefault(key, empty)
    raise ConfigurationError(f"{variable}: what it reaches into has no {key!r}")
