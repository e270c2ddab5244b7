"""Settings from environment variables: ``WATCHBILL__ACCOUNTS__0__PASSWORD`` is ``accounts[0].password``.

pydantic-settings' own reader ignores misspelled variables, cannot reach into a list, and folds the case of free keys;
a secret of the second account could then not be given at all. This source is what it is asked for instead.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from console import settings_tree
from console.errors import ConfigurationError
from console.settings_tree import Path
from trading.settings import Settings

PREFIX = "WATCHBILL__"
SEPARATOR = "__"


def secret_variable(account: int, path: Sequence[str]) -> str:
    """The variable that sets this of an account: its place among the accounts, from 0, and the path from there on."""
    return f"{PREFIX}{SEPARATOR.join(('ACCOUNTS', str(account), *map(str.upper, path)))}"


class EnvironmentSource(PydanticBaseSettingsSource):
    """The variables that start with `PREFIX`, as nested values; ``variables`` says which one set which path.

    ``beneath`` are the values that the environment is laid over: a list is replaced as a whole when layers are merged,
    so a variable that reaches into a list must start from the list that is there.
    """

    def __init__(self, reader: type[BaseSettings], environment: Mapping[str, str], beneath: Mapping[str, Any]) -> None:
        super().__init__(reader)
        self.variables: dict[Path, str] = {}
        self._beneath = beneath
        self._values: dict[str, Any] = {}
        named = [name for name in environment if name.upper().startswith(PREFIX)]
        for name in sorted(named, key=lambda name: (name.count(SEPARATOR), name)):
            self._take(name, environment[name])

    def __call__(self) -> dict[str, Any]:
        """The values by setting, nested as in the file."""
        return self._values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one setting, its key, and that it needs no further decoding."""
        return self._values.get(field_name), field_name, False

    def _take(self, variable: str, text: str) -> None:
        path, annotation = _path_of(variable)
        self._place(variable, path, _decoded(variable, text, annotation))
        self.variables[path] = variable

    def _place(self, variable: str, path: Path, value: Any) -> None:
        first = str(path[0])
        if first not in self._values and settings_tree.is_list(settings_tree.at((first,))):
            self._values[first] = self._list_beneath(variable, first)
        holder: Any = self._values
        for key, following in itertools.pairwise(path):
            holder = _entered(variable, holder, key, [] if isinstance(following, int) else {})
        _entered(variable, holder, path[-1], None)
        holder[path[-1]] = value

    def _list_beneath(self, variable: str, name: str) -> list[Any]:
        beneath = self._beneath.get(name, [])
        if not isinstance(beneath, list | tuple):
            raise ConfigurationError(f"{variable}: {name} is not a list in the file; expected a list of tables")
        return copy.deepcopy([*beneath])


def _path_of(variable: str) -> tuple[Path, Any | None]:
    """The path that a variable means, with the case of its keys put right, and what stands there."""
    path: Path = ()
    annotation: Any | None = Settings
    for part in variable[len(PREFIX) :].split(SEPARATOR):
        if not part:
            raise ConfigurationError(f"{variable}: a part of its name is empty; expected {PREFIX}<SETTING>")
        key: str | int = part.lower()
        if annotation is not None and settings_tree.is_list(annotation):
            if not part.isdecimal():
                raise ConfigurationError(
                    f"{variable}: {settings_tree.written(path)} are numbered from 0; "
                    f"expected {PREFIX}{SEPARATOR.join(str(name).upper() for name in path)}{SEPARATOR}0"
                )
            key = int(part)
        elif annotation is not None and settings_tree.is_table(annotation):
            key = part.lower() if settings_tree.names_at(annotation) else part.upper()  # strategies, or commodities
        path = (*path, key)
        annotation = None if annotation is None else settings_tree.child(annotation, key)
    return path, annotation


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
