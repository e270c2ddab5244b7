"""The documents are held to the program: what they name exists, and what they list is all that there is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from console import settings_tree
from console.command_line import parse
from console.configuration import NOTHING
from console.descriptions import DESCRIPTIONS, describe
from trading.analysis import Strategy
from trading.selection import Ineligible
from trading.settings import Settings
from trading.settings_strategies import PROFILES, RegimeThresholds, StrategySettings, Weights
from trading.trade import ARROWS, TradeState

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*DOCS.rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "README.md"])
ROOMS = (
    *("actors", "connectors", "console", "feeds", "persistence", "simulation", "trading"),
    *("benchmarks", "deploy", "docs", "tests", ".ci"),
)
USERS_OWN = {"watchbill.toml"}  # files of the program's users, which no checkout has

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?P<path>[\w.-]+(?:/[\w.-]+)*/?)(?:::(?P<name>[\w.:]+))?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
ROUTES = "api|static|trades|decisions"  # of the console: paths of no file
ABSOLUTE_PATH = re.compile(rf"(?<![\w:/.<])/(?!/|(?:{ROUTES})/)[\w.-]+/|\b[A-Z]:\\")
UNFINISHED = re.compile(r"@[A-Z_]+@|\b(?:TODO|FIXME|TBD|prototypes?|briefs?)\b")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def prose(document: Path) -> str:
    """The text without blocks of code: those hold what a terminal said."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def table(document: str, heading: str = "") -> list[list[str]]:
    """The rows of the first table below a heading (of the whole page without one), headings of columns left out."""
    text = (DOCS / document).read_text(encoding="utf-8")
    if heading:
        assert heading in text.splitlines(), f"{document} has no heading {heading!r}"
        text = text[text.index(f"{heading}\n") :]
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return [[cell.strip("| ") for cell in row] for row in rows]


def paths_named(document: Path) -> Iterator[tuple[str, str | None]]:
    """Every file or directory of the checkout that inline code names, and the name behind `::` where there is one."""
    for token in INLINE_CODE.findall(prose(document)):
        found = PATH.fullmatch(token)
        if found is None or found["path"] in USERS_OWN:
            continue
        path = found["path"]
        if (path.partition("/")[0] in ROOMS and "/" in path) or Path(path).suffix in (".py", ".toml", ".md", ".lock"):
            yield path, found["name"]


@cache
def names_in(file: Path) -> frozenset[str]:
    """Every function, class, method and constant of a module, those inside of classes behind a point."""
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _names(statements: list[ast.stmt], before: str) -> Iterator[str]:
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name):
                yield before + name
            case ast.ClassDef(name=name, body=body):
                yield before + name
                yield from _names(body, f"{before}{name}.")
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield before + name


@cache
def words_of_the_program() -> frozenset[str]:
    """Every word of every source file."""
    files = [*ROOT.glob("*.py"), ROOT / "pyproject.toml"]
    files += [file for room in ROOMS for file in (ROOT / room).rglob("*.py") if file != Path(__file__)]
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text(encoding="utf-8")))


@each_document
def test_every_path_exists(document: Path) -> None:
    missing = [path for path, _ in paths_named(document) if not (ROOT / path).exists()]
    assert missing == []


@each_document
def test_every_name_behind_a_path_is_in_that_file(document: Path) -> None:
    named = [(path, name.replace("::", ".")) for path, name in paths_named(document) if name is not None]
    assert [(path, name) for path, name in named if name not in names_in(ROOT / path)] == []


@each_document
def test_every_identifier_is_a_word_of_the_program(document: Path) -> None:
    tokens = [token for token in INLINE_CODE.findall(prose(document)) if NAME.fullmatch(token)]
    identifiers = [token for token in tokens if "_" in token or re.search(r"[a-z][A-Z]", token)]
    parts = {part for token in identifiers for part in token.split(".")}
    assert parts - words_of_the_program() == set()


@each_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors_of(linked), target


def anchors_of(document: Path) -> set[str]:
    """What a heading is called in a link."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@each_document
def test_nothing_is_unfinished_or_of_one_machine_only(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert ABSOLUTE_PATH.findall(text) == []
    assert UNFINISHED.findall(text) == []


def test_every_line_of_the_specification_names_its_code_and_its_tests() -> None:
    rows = table("specification.md")
    assert len(rows) > 20
    for line, code, tests in rows:
        assert "::" in code, line
        shown = [token for token in INLINE_CODE.findall(tests) if "::test_" in token]
        assert shown, line
        assert all(token.startswith("tests/") for token in shown), line


def test_every_key_and_function_that_the_specification_names_has_a_line() -> None:
    text = "\n".join(row[0] for row in table("specification.md"))
    for name in (
        "ai_per_account_cooldown_minutes",
        "ai_db_reservation_ttl_seconds",
        "ai_monitor_interval_seconds",
        "confidence_profile",
        "auto_close_profitable_daily",
        "auto_close_all_friday",
        "reserve_resource",
        "release_resource",
        "is_resource_reserved",
        "execute_ai_trade",
        "monitor_open_positions",
        "adjust_open_trade",
    ):
        assert f"`{name}`" in text


def test_the_states_and_arrows_are_those_of_the_program() -> None:
    assert [row[0] for row in table("lifecycle.md", "## States")] == [state.value for state in TradeState]
    arrows = [[before.value, after.value, when] for (before, after), when in ARROWS.items()]
    assert table("lifecycle.md", "## Arrows") == arrows


def test_the_obstacles_are_those_of_the_program_in_their_order() -> None:
    assert [row[0] for row in table("selection.md", "## Why not")] == [reason.value for reason in Ineligible]


def test_the_strategies_are_the_defaults() -> None:
    expected = [strategy_row(name, settings) for name, settings in Settings().strategies.items()]
    assert table("confidence.md", "## Regime and strategy") == expected


def strategy_row(name: Strategy, settings: StrategySettings) -> list[str]:
    """One strategy as the table has it."""
    weights = [f"{getattr(settings.weights, pillar):.2f}" for pillar in Weights.model_fields]
    aim = "trailing" if settings.trailing else "the mean" if settings.targets_mean else None
    target = f"{settings.target_volatilities:g}" if aim is None else aim
    return [
        name.value,
        *weights,
        f"{settings.min_confidence:g}",
        f"{settings.stop_volatilities:g}",
        target,
        f"{settings.longest_hold_seconds / 3600:g} h",
        "yes" if settings.closes_at_day_end else "no",
    ]


def test_the_thresholds_are_the_defaults() -> None:
    thresholds = Settings().thresholds
    expected = [
        [profile, *(f"{getattr(thresholds.of(profile), regime):g}" for regime in RegimeThresholds.model_fields)]
        for profile in PROFILES
    ]
    assert table("confidence.md", "## The gate") == expected


# ---------------------------------------------------------------- the page of settings

EXIT_RULES = ("trailing", "rescale", "mean", "break_even", "adverse_drift", "signal_gone", "regime_switch")

PLACES: tuple[tuple[str, settings_tree.Path, str | None], ...] = (
    ("## Top level", (), None),
    ("## [risk]", ("risk",), None),
    ("## [[risk.drawdown_tiers]]", ("risk", "drawdown_tiers", 0), None),
    ("## [analyses]", ("analyses",), None),
    ("## [[analyses.sources]]", ("analyses", "sources", 0), None),
    ("## [[accounts]]", ("accounts", 0), None),
    ("## [accounts.limits]", ("accounts", 0, "limits"), None),
    ("## [accounts.paper]", ("accounts", 0, "paper"), None),
    ("## [accounts.mt5]", ("accounts", 0, "mt5"), None),
    ("## [commodities.ID]", ("commodities", "EURUSD"), "the catalogue's"),
    ("## [commodities.ID.hours]", ("accounts", 0, "hours", "EURUSD"), "the catalogue's"),
    ("## [strategies.NAME]", ("strategies", "day"), "the strategy's"),
    ("## [strategies.NAME.weights]", ("strategies", "day", "weights"), "the strategy's"),
    ("## [strategies.NAME.volatility_band]", ("strategies", "day", "volatility_band"), "the strategy's"),
    ("## [thresholds.PROFILE]", ("thresholds", "standard"), "the profile's"),
    ("## [exits]", ("exits",), None),
    *((f"## [exits.{rule}]", ("exits", rule), None) for rule in EXIT_RULES),
    ("## [regimes]", ("regimes",), None),
    ("## [trend_weights]", ("trend_weights",), None),
    ("## [feeds]", ("feeds",), None),
    ("## [[feeds.headlines]]", ("feeds", "headlines", 0), None),
    ("## [[feeds.positions]]", ("feeds", "positions", 0), None),
    ("## [[feeds.calendars]]", ("feeds", "calendars", 0), None),
    ("## [[feeds.scores]]", ("feeds", "scores", 0), None),
    ("## [console]", ("console",), None),
    ("## [notifications]", ("notifications",), None),
)
"""Headings, where in the settings their tables belong, and what stands for the default where it is not one value."""


@pytest.mark.parametrize(("heading", "path", "default"), PLACES, ids=[place[0] for place in PLACES])
def test_every_setting_is_listed_with_its_default_its_limits_and_its_meaning(
    heading: str, path: settings_tree.Path, default: str | None
) -> None:
    assert table("configuration.md", heading) == setting_rows(path, default)


def test_every_table_of_settings_has_a_heading() -> None:
    listed = {settings_tree.model_of(settings_tree.at(path)) for _, path, _ in PLACES}
    named_by_others = {settings_tree.model_of(settings_tree.at(("thresholds",)))}
    assert listed | named_by_others == set(DESCRIPTIONS)


def setting_rows(path: settings_tree.Path, default: str | None) -> list[list[str]]:
    """Key, default, limits and meaning of every setting of one table, as the page has them."""
    model = settings_tree.model_of(settings_tree.at(path))
    assert model is not None
    return [
        [f"`{name}`", default_of(model, name, default), limits_of((*path, name)), shown(describe(model, name))]
        for name in model.model_fields
    ]


def shown(description: str) -> str:
    """The description as Markdown, which would take `<platform>` for a tag and show nothing."""
    return description.replace("<", r"\<")


def default_of(model: type[BaseModel], name: str, otherwise: str | None) -> str:
    """The default as a user would write it."""
    field = model.model_fields[name]
    annotation = field.annotation
    if settings_tree.model_of(annotation) or settings_tree.is_table(annotation) or settings_tree.is_list(annotation):
        return "required" if field.is_required() else "a table of its own"
    if otherwise is not None and name != "enabled":
        return otherwise
    if field.is_required():
        return "required"
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{json.dumps(NOTHING if value is None else value)}`"


def limits_of(path: settings_tree.Path) -> str:
    """What is allowed, where that can be said in a few words."""
    choices = settings_tree.choices(settings_tree.at(path))
    if choices:
        return ", ".join(choices)
    match settings_tree.bounds(path):
        case {"ge": least, "le": most}:
            return f"{least:.13g} to {most:.13g}"
        case {"gt": below, "le": most}:
            return f"above {below:.13g}, at most {most:.13g}"
        case {"gt": below}:
            return f"above {below:.13g}"
        case {"ge": least}:
            return f"at least {least:.13g}"
    return ""


def test_every_command_and_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## ([\w-]+)$", text, re.MULTILINE)
    running = ["serve", "broker", "gateway", "terminal", "replay", "status", "trades", "why"]
    looking = ["calendar", "fairness", "calibration", "audit", "init", "doctor"]
    operating = ["close", "pause", "resume", "halt", "reset", "tokens", "sign-in"]
    operating += ["submit", "adopt", "disown", "backup", "restore"]
    assert headings == [*running, *looking, *operating, "soak", "simulate", "rehearse"]
    for words in ([], *([heading] for heading in headings)):
        with pytest.raises(SystemExit):
            parse([*words, "--help"])
        for option in re.findall(r"--[a-z-]+", capsys.readouterr().out):
            assert f"`{option}" in text, f"{' '.join(words)} {option}"
