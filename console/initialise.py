"""`run.py init`: a commented `watchbill.toml` with every setting at its default, made from the settings themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from console import settings_tree
from console.configuration import DEFAULT_FILE, NOTHING
from console.descriptions import describe
from console.errors import CommandError
from trading.settings import Settings
from trading.settings_analyses import AnalysisSource
from trading.settings_commodities import CommodityOverride
from trading.settings_feeds import CalendarFeed, HeadlineFeed, PositionFeed, ScoreFeed
from trading.settings_hours import Hours

HEADER = f"""\
# Watchbill's settings, each at its default. Delete what you do not want to change; an unknown key is refused.
# "{NOTHING}" stands for nothing where a setting may be absent. The environment wins over this file: a setting's path in
# capitals, joined by two underscores, as in WATCHBILL__RISK__RISK_PER_TRADE_FRACTION=0.005. Check it: run.py doctor
"""

LONGEST_LINE = 80  # that leaves room for its comment

HOURS = Hours(
    sessions=("Mon-Fri 17:00-17:00",),
    closed=("12-25", "01-01"),
    open=("2027-12-24",),
    early_closes={"12-24": "13:00"},
    late_opens={"12-26": "09:00"},
    day_end="17:00",
    friday_end="16:00",
    auto_close_minutes_before=15,
)
EXAMPLES: Mapping[str, BaseModel | float] = {
    "commodities": CommodityOverride(
        asset_class="fx",
        calendar="fx",
        zone="America/New_York",
        day_end="17:00",
        base_currency="EUR",
        profit_currency="USD",
        digits=5,
        contract_size=100_000.0,
        volume_min_lots=0.01,
        volume_max_lots=100.0,
        volume_step_lots=0.01,
        typical_spread_points=10.0,
        commission_per_lot=3.5,
        swap_long_per_lot=-7.0,
        swap_short_per_lot=2.0,
        three_nights_on="wednesday",
        group="USD",
        may_be_negative=False,
        aliases=("EURO",),
        symbols={"generic": "EURUSD"},
        hours=HOURS,
    ),
    "hours": HOURS,
    "spread_points": 10.0,
    "headlines": HeadlineFeed(
        name="wire", source="https://example.org/markets.xml", keywords={"EURUSD": {"bund yields": 1.0, "fed": 0.0}}
    ),
    "positions": PositionFeed(
        name="cot",
        sources=("state/deacot.zip",),
        contracts={"EURUSD": {"099741": 1}},
    ),
    "calendars": CalendarFeed(name="events", source="state/ff_calendar_thisweek.csv"),
    "sources": AnalysisSource(name="my-model", commodities=("EURUSD",)),
    "scores": ScoreFeed(name="model", source="state/score.json"),
}
"""What could stand in the tables (under EURUSD) and lists that are empty by default; the file has it as a comment."""


def write(path: Path | None = None, *, force: bool = False) -> Path:
    """Write the default settings and return where they are.

    An existing file is only replaced with ``force``. Raises `CommandError` when it may not or cannot be written.
    """
    target = DEFAULT_FILE if path is None else path
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        # Only its owner may read it: passwords may come to stand in it.
        with os.fdopen(os.open(target, mode, 0o600), "w", encoding="utf-8", newline="\n") as file:
            file.write(text())
    except FileExistsError:
        raise CommandError(f"{target} exists already; --force replaces it") from None
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}") from error
    return target


def text() -> str:
    """The file: every setting of `Settings` with its default and a comment."""
    return "\n".join((HEADER, *_model(Settings(), ""), ""))


def _model(model: BaseModel, table: str) -> Iterator[str]:
    """The lines of one table: its own values first, for a TOML table cannot be returned to, then the tables in it."""
    kind = type(model)
    values = {name: getattr(model, name) for name in kind.model_fields}
    plain = {name: value for name, value in values.items() if not _has_tables(kind, name, value)}
    yield from _aligned({name: f"{name} = {_scalar(value)}" for name, value in plain.items()}, kind)
    for name, value in values.items():
        if name not in plain:
            yield ""
            yield from _nested(kind, name, value, f"{table}.{name}" if table else name)


def _nested(kind: type[BaseModel], name: str, value: Any, table: str) -> Iterator[str]:
    comment = f"# {describe(kind, name)}."
    if isinstance(value, BaseModel):
        yield comment
        if not all(_is_nested(getattr(value, name)) for name in type(value).model_fields):
            yield f"[{table}]"
        yield from _model(value, table)
    elif isinstance(value, tuple) and not value:
        if name in EXAMPLES:
            yield from (comment, *_listed_example(name, table))
    elif isinstance(value, tuple):
        for index, member in enumerate(value):
            yield from (*([""] if index else []), comment, f"[[{table}]]")
            yield from _model(member, table)
    elif not value:
        yield from (comment, *_example(name, table))
    else:
        yield comment
        yield from _table(value, table)


def _table(values: Mapping[Any, Any], table: str) -> Iterator[str]:
    """A table with free keys: of scalars (an account's symbols), or of models (the strategies)."""
    members = {_key(key): value for key, value in values.items()}
    if not any(_is_nested(value) for value in members.values()):
        yield f"[{table}]"
        yield from (f"{key} = {_scalar(value)}" for key, value in members.items())
        return
    for index, (key, value) in enumerate(members.items()):
        yield from (*([""] if index else []), f"[{table}.{key}]")
        if isinstance(value, Mapping):
            yield from (f"{_scalar(word)} = {_scalar(inner)}" for word, inner in value.items())
        else:
            yield from _model(value, f"{table}.{key}")


def _example(name: str, table: str) -> Iterator[str]:
    """What an empty table could hold, commented out."""
    example = EXAMPLES[name]
    if isinstance(example, BaseModel):
        yield f"# [{table}.EURUSD]"
        yield from (f"# {line}".rstrip() for line in _model(example, f"{table}.EURUSD"))
    else:
        yield from (f"# [{table}]", f"# EURUSD = {_scalar(example)}")


def _listed_example(name: str, table: str) -> Iterator[str]:
    """What an empty list of tables could hold, commented out."""
    example = EXAMPLES[name]
    assert isinstance(example, BaseModel)
    yield f"# [[{table}]]"
    yield from (f"# {line}".rstrip() for line in _model(example, table))


def _aligned(lines: Mapping[str, str], kind: type[BaseModel]) -> Iterator[str]:
    width = max((len(line) for line in lines.values() if len(line) <= LONGEST_LINE), default=0)
    for name, line in lines.items():
        if len(line) > LONGEST_LINE:
            yield f"# {describe(kind, name)}"
            yield line
        else:
            yield f"{line:<{width}}  # {describe(kind, name)}"


def _has_tables(kind: type[BaseModel], name: str, value: Any) -> bool:
    """Whether it is written as a table, or a list of them. An empty list does not show what it is a list of."""
    if value == ():
        return settings_tree.model_of(settings_tree.child(kind.model_fields[name].annotation, 0)) is not None
    return _is_nested(value)


def _is_nested(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(member, BaseModel) for member in value)
    return isinstance(value, BaseModel | Mapping)


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


def _scalar(value: Any) -> str:
    """The value in TOML."""
    if value is None:
        return f'"{NOTHING}"'
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    return json.dumps(value, ensure_ascii=False)  # for text, numbers, true and false, JSON is TOML
