"""The settings as they are in force, for people to read: each with its default, its description, and no secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from console.configuration import Configuration
from console.descriptions import describe
from console.records import Data
from trading.settings import Settings

HIDDEN = "set, not shown"
DATABASE = "database_url"


def settings_data(configuration: Configuration) -> Data:
    """``groups`` of settings, each with its value, its default and whether they differ.

    A setting without a default, such as an account's name, has None there and is not said to be changed. Secrets are
    never there, and of an address not what stands behind its question mark, where keys are often written.
    """
    groups = list(_groups(configuration.settings, Settings(), "", ""))
    for setting in groups[0]["settings"]:
        if setting["name"] == DATABASE:
            setting.update(value=configuration.shown_database_url, is_secret=False)
    return {
        "source": configuration.source,
        "broken": configuration.broken,
        "variables": list(configuration.variables),
        "groups": [group for group in groups if group["settings"]],
    }


def _groups(model: BaseModel, default: BaseModel | None, path: str, said: str) -> Iterator[Data]:
    """The model's own settings, and then those of what is in it."""
    kind = type(model)
    plain: list[tuple[str, Any]] = []
    nested: list[tuple[str, Any]] = []
    for name in kind.model_fields:
        value = getattr(model, name)
        (nested if _has_models(value) else plain).append((name, value))
    settings = [_setting(kind, default, path, name, value) for name, value in plain]
    yield {"name": path or "general", "description": said, "settings": settings}
    for name, value in nested:
        place, words = f"{path}.{name}" if path else name, describe(kind, name)
        usual = _default_of(kind, default, name)
        for key, member in _members(value):
            yield from _groups(member, _member_of(usual, key), f"{place}{_written(key)}", words)


def _setting(kind: type[BaseModel], default: BaseModel | None, path: str, name: str, value: Any) -> Data:
    usual = _default_of(kind, default, name)
    has_default = usual is not PydanticUndefined
    return {
        "name": f"{path}.{name}" if path else name,
        "value": _shown(value),
        "default": _shown(usual) if has_default else None,
        "is_changed": has_default and usual != value,
        "is_secret": _is_secret(value),
        "description": describe(kind, name),
    }


def _default_of(kind: type[BaseModel], default: BaseModel | None, name: str) -> Any:
    """What stands there unless somebody sets it; `PydanticUndefined` where somebody has to."""
    if default is not None:
        return getattr(default, name)
    return kind.model_fields[name].get_default(call_default_factory=True, validated_data={})


def _member_of(usual: Any, key: str | int | None) -> BaseModel | None:
    """The default of a member of a table. Those of a list have the defaults of their kind: their order says nothing."""
    if key is None:
        return usual if isinstance(usual, BaseModel) else None
    if isinstance(usual, Mapping):
        return next((member for name, member in usual.items() if _word(name) == key), None)
    return None


def _has_models(value: Any) -> bool:
    if isinstance(value, BaseModel):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return any(isinstance(member, BaseModel) for member in inner)


def _members(value: Any) -> Iterator[tuple[str | int | None, BaseModel]]:
    """The models in a value, each with its key."""
    if isinstance(value, BaseModel):
        yield None, value
    elif isinstance(value, Mapping):
        yield from ((_word(key), member) for key, member in value.items())
    else:
        yield from ((getattr(member, "name", place), member) for place, member in enumerate(value))


def _written(key: str | int | None) -> str:
    return "" if key is None else f"[{key}]"


def _word(value: Any) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _is_secret(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_is_secret(member) for member in value)
    return isinstance(value, SecretStr)


def _shown(value: Any) -> str:
    """The value in the words of the file."""
    if value is None:
        return "none"
    if _is_secret(value):
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(f"{_word(key)} = {_shown(member)}" for key, member in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = _word(value)
    return f"{text.partition('?')[0]}?..." if "://" in text and "?" in text else text
