"""What is wrong with a setting, in the user's own words: the field, the value, what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from console import settings_tree
from console.settings_tree import Path
from trading.settings_console import HOST_NAME_PATTERN

_EXPECTED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} characters",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "too_short": "at least {min_length}",
}
"""What each kind of pydantic's errors asks for; a kind that is not here keeps pydantic's own sentence."""

_LIMITS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")

_PATTERNS = {
    r"^[A-Za-z0-9_-]+$": "letters, digits, - and _",
    r"^[A-Z0-9_]+$": "capital letters, digits and _",
    r"^\S+( \S+)*$": "text without blanks at its ends",
    HOST_NAME_PATTERN: "the name of a host, such as watch.example.org, or with a port, such as watch.example.org:8443",
    r"^[A-Z]{3}$": "three capital letters, such as USD",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day, such as 17:00",
}

LONGEST_VALUE = 60
MASK = "********"


def report(source: str, faults: Iterable[str]) -> str:
    """The whole message: where the settings came from, then one line for each fault."""
    return "\n".join((f"the settings cannot be used ({source}):", *(f"  {fault}" for fault in faults)))


def lines(error: ValidationError, variables: Mapping[Path, str]) -> list[str]:
    """One line for each fault that pydantic found. ``variables`` says which paths the environment set."""
    found = []
    for details in error.errors(include_url=False):
        if _follows_from_another(details):
            continue
        line = _line(details)
        variable = _variable(details["loc"], variables)
        found.append(f"{line} (from {variable})" if variable else line)
    return found


def lines_elsewhere(error: ValidationError, root: Path) -> list[str]:
    """The same for a file of its own, which has the form that the settings have at ``root``."""
    above = f"{settings_tree.written(root)}."
    found = (cast(ErrorDetails, {**details, "loc": (*root, *details["loc"])}) for details in error.errors())
    return [_line(details).replace(above, "") for details in found]


def said(details: ErrorDetails) -> str:
    """What a validator of ours said, or pydantic's own sentence."""
    own = details.get("ctx", {}).get("error")
    return details["msg"] if own is None else str(own)


def shown(value: Any) -> str:
    """A value as it may stand in a message: a table or a list is not spelled out, it could hold a secret."""
    if isinstance(value, Mapping):
        return "a table" if value else "empty"
    if isinstance(value, list | tuple):
        return "a list" if value else "empty"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _follows_from_another(details: ErrorDetails) -> bool:
    """True where a list only counts as too short because its members were refused, each with a line of its own."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _line(details: ErrorDetails) -> str:
    path, kind = details["loc"], details["type"]
    where = settings_tree.written(path)
    if kind == "extra_forbidden":
        return _unknown_key(path, where)
    if path and path[-1] == "[key]":
        return _wrong_key(details, path[:-1], where)
    if kind == "missing":
        return f"{where} is missing"
    if kind == "value_error":
        return f"{where}: {said(details)}" if where else said(details)
    value = MASK if _may_be_secret(path, details["input"]) else shown(details["input"])
    return f"{where} is {value}; {_wanted(details)}{_near(path, details)}"


def _may_be_secret(path: Path, value: Any) -> bool:
    """Whether a secret was asked for here, or a text stands where tables or lists with secrets in them should."""
    wanted = settings_tree.at(path)
    return settings_tree.is_secret(wanted) or (isinstance(value, str) and settings_tree.holds_secrets(wanted))


def _wanted(details: ErrorDetails) -> str:
    context: dict[str, Any] = details.get("ctx", {})
    if details["type"] in _LIMITS:
        finite = "finite " if details["type"] == "finite_number" else ""
        return f"expected a {finite}number{_within(settings_tree.bounds(details['loc']))}{_or_nothing(details)}"
    if details["type"] == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"expected {_PATTERNS.get(pattern, f'text that matches {pattern}')}"
    if details["type"] == "too_short" and isinstance(details["input"], str):  # a secret is no string to pydantic
        return f"expected at least {context['min_length']} characters"
    if details["type"] == "tuple_type":
        has_tables = settings_tree.model_of(settings_tree.at((*details["loc"], 0))) is not None
        return "expected a list of tables" if has_tables else "expected a list"
    template = _EXPECTED.get(details["type"])
    return f"expected {template.format(**context)}{_or_nothing(details)}" if template else details["msg"]


def _or_nothing(details: ErrorDetails) -> str:
    """The word that switches an optional number off: who writes 0 for it will not guess it."""
    if details["type"] not in _LIMITS and not details["type"].startswith(("float_", "int_")):
        return ""
    _, is_optional = settings_tree.plain(settings_tree.at(details["loc"]))
    return f", or {settings_tree.NOTHING!r}" if is_optional else ""


def _within(bounds: Mapping[str, float]) -> str:
    """All the limits at once: who puts one right should not be told of the other next."""
    match bounds:
        case {"ge": least, "le": most}:
            return f" from {least:.13g} to {most:.13g}"
        case {"ge": least, "lt": above}:
            return f" of at least {least:.13g}, below {above:.13g}"
        case {"gt": below, "le": most}:
            return f" greater than {below:.13g}, at most {most:.13g}"
        case {"gt": below, "lt": above}:
            return f" greater than {below:.13g}, below {above:.13g}"
        case {"gt": below}:
            return f" greater than {below:.13g}"
        case {"ge": least}:
            return f" of at least {least:.13g}"
        case {"lt": above}:
            return f" below {above:.13g}"
        case {"le": most}:
            return f" of at most {most:.13g}"
    return ""


def _near(path: Path, details: ErrorDetails) -> str:
    """The choice that was probably meant, for a misspelled one."""
    choices = settings_tree.choices(settings_tree.at(path))
    near = settings_tree.nearest(str(details["input"]), choices) if choices else None
    return f"; did you mean {near}?" if near else ""


def _unknown_key(path: Path, where: str) -> str:
    above, key = path[:-1], str(path[-1])
    places = settings_tree.places_of(key)
    if places:
        return f"{where} is not a setting; did you mean {' or '.join(places[:3])}?"
    known = settings_tree.names_at(settings_tree.at(above))
    near = settings_tree.nearest(key, known)
    if near:
        return f"{where} is not a setting; did you mean {settings_tree.written((*above, near))}?"
    return f"{where} is not a setting; expected one of {', '.join(known)}"


def _wrong_key(details: ErrorDetails, path: Path, where: str) -> str:
    above, key = path[:-1], str(path[-1])
    known = settings_tree.names_at(settings_tree.at(above))
    near = settings_tree.nearest(key, known)
    if near:
        return f"{where} is not a setting; did you mean {settings_tree.written((*above, near))}?"
    wanted = f"{_wanted(details)}; did you mean {key.upper()}?" if key != key.upper() else _wanted(details)
    return f"{where}: the name {shown(key)} cannot be used; {wanted}"


def _variable(path: Path, variables: Mapping[Path, str]) -> str | None:
    """The variable that set this path, something it stands in, or something that stands in it."""
    for key in (path[:length] for length in range(len(path), 0, -1)):
        if key in variables:
            return variables[key]
    plain = tuple(key for key in path if key != "[key]")
    return next((name for key, name in variables.items() if plain and key[: len(plain)] == plain), None)
