"""The settings as a tree: what stands at a path, which keys are known there, and which is nearest to a wrong one.

A path is a tuple of keys and indexes as pydantic reports them, such as ``("accounts", 1, "limits")``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from trading.settings import Settings

Path = tuple[str | int, ...]
NOTHING = "none"  # what stands for no value where a setting may be absent
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")  # what TOML lets stand without quotes


def plain(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `Annotated` and `None`, and whether `None` was allowed."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        optional = len(kinds) < len(get_args(annotation))
        return (plain(kinds[0])[0], optional) if len(kinds) == 1 else (annotation, optional)
    return annotation, False


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that stands here, or None where there is something else."""
    kind, _ = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def is_table(annotation: Any) -> bool:
    """True where a table with free keys stands, such as an account's symbols."""
    return get_origin(plain(annotation)[0]) is dict


def is_list(annotation: Any) -> bool:
    """True where a list stands, such as the accounts."""
    return get_origin(plain(annotation)[0]) is tuple


def is_secret(annotation: Any) -> bool:
    """True where a secret stands, whose value is never shown."""
    return plain(annotation)[0] is SecretStr


def holds_secrets(annotation: Any) -> bool:
    """True where a secret stands, or something that has one in it: a list of addresses, the accounts."""
    kind, _ = plain(annotation)
    model = model_of(kind)
    if model is not None:
        return any(holds_secrets(field.annotation) for field in model.model_fields.values())
    return is_secret(kind) or any(holds_secrets(inner) for inner in get_args(kind) if inner is not Ellipsis)


def child(annotation: Any, key: str | int) -> Any | None:
    """The annotation below this one, or None where there is no such key."""
    kind, _ = plain(annotation)
    model = model_of(kind)
    if model is not None:
        field = model.model_fields.get(str(key))
        return None if field is None else field.annotation
    if is_table(kind) and isinstance(key, str):
        return get_args(kind)[1]
    if is_list(kind) and isinstance(key, int):
        return get_args(kind)[0]
    return None


def at(path: Path) -> Any | None:
    """The annotation at this path, or None where the settings have no such path."""
    annotation: Any | None = Settings
    for key in path:
        if annotation is None:
            return None
        annotation = child(annotation, key)
    return annotation


def bounds(path: Path) -> dict[str, float]:
    """The limits of the number at this path, by pydantic's names for them: ``gt``, ``ge``, ``lt``, ``le``."""
    above = at(path[:-1])
    model = model_of(above)
    field = model.model_fields.get(str(path[-1])) if model is not None else None
    marks = [*field.metadata, *_marks(field.annotation)] if field is not None else _marks(at(path))
    return {
        name: value
        for mark in marks
        for name in ("gt", "ge", "lt", "le")
        if (value := getattr(mark, name, None)) is not None
    }


def _marks(annotation: Any) -> list[Any]:
    """What `Annotated` says about an annotation, also inside of an optional one."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        return [inner for mark in marks for inner in getattr(mark, "metadata", [mark])] + _marks(kind)
    if get_origin(annotation) in (Union, UnionType):
        return [mark for kind in get_args(annotation) for mark in _marks(kind)]
    return []


def without_nothing(value: Any, path: Path) -> Any:
    """The values with the word `none` taken for nothing where a setting may be absent."""
    if isinstance(value, Mapping):
        return {key: without_nothing(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nothing(inner, (*path, index)) for index, inner in enumerate(value)]
    return None if isinstance(value, str) and value == NOTHING and plain(at(path))[1] else value


def names_at(annotation: Any) -> list[str]:
    """The keys that are known here; empty where every key may stand, or none."""
    kind, _ = plain(annotation)
    model = model_of(kind)
    if model is not None:
        return list(model.model_fields)
    if is_table(kind):
        return choices(get_args(kind)[0])
    return []


def choices(annotation: Any) -> list[str]:
    """The values of an enumeration or a literal; empty for anything else."""
    kind, _ = plain(annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else []


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that is most like this one, or None when none is near enough to be meant."""
    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def places_of(name: str) -> list[str]:
    """Where in the tree a setting of exactly this name stands, for a key that was written one table too high."""
    return [place for place, key in _all_names(Settings, "") if key == name]


def _all_names(annotation: Any, place: str) -> Iterator[tuple[str, str]]:
    kind, _ = plain(annotation)
    model = model_of(kind)
    if model is not None:
        for name, field in model.model_fields.items():
            inner = f"{place}.{name}" if place else name
            yield inner, name
            yield from _all_names(field.annotation, inner)
    elif is_table(kind):
        yield from _all_names(get_args(kind)[1], f"{place}.<name>")
    elif is_list(kind):
        yield from _all_names(get_args(kind)[0], f"{place}[]")


def written(path: Path) -> str:
    """The path as a user writes it: ``accounts[1].limits.max_open_trades``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key != "[key]":  # pydantic's mark for "the key itself is wrong"
            name = key if BARE_KEY.fullmatch(key) else repr(key)
            text += f".{name}" if text else name
    return text
