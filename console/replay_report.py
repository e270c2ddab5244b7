"""The report of a replay: one HTML file that holds everything it shows, and asks nobody for anything.

Its style and its script are `replay_report.css` and `replay_report.js` beside this module. The page forbids the browser
every other script and every request, and text from outside (names, brokers' words, settings) is escaped throughout.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from console.errors import CommandError
from console.figures import UNKNOWN, amount, fraction, number, span, words
from console.markup import Markup, embedded_json, tag
from console.records import mapping, sequence
from console.reliability_diagram import Curve, diagram_svg
from console.sentences import reason_words
from trading.settings import Settings

SUFFIX = ".html"
NUMBER, TEXT, BARS = "number", "text", "bars"  # columns: to the right; of words that may break; left out on telephones
TRADE_COLUMNS = (
    *(("id", "#", True), ("commodity", "commodity", False), ("account", "account", False), ("side", "side", False)),
    *(("strategy", "strategy", False), ("lots", "lots", True), ("opened", "opened", False)),
    *(("closed", "closed", False), ("entry", "entry", True), ("exit", "exit", True), ("reason", "closed by", False)),
    ("profit", "net", True),
)
Row: TypeAlias = "Sequence[str | Markup]"
Count: TypeAlias = tuple[str, int, float | None]
"""A reason, how often, and the net profit of it where it has one."""


def require_place(path: Path) -> None:
    """Raise `CommandError` for a file that cannot become a page: better before the replay than after."""
    if path.suffix.lower() != SUFFIX:
        raise CommandError(f"--report is {path}; expected a name that ends in {SUFFIX}")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"--report: there is no directory {path.parent}")


def write_page(path: Path, page: str) -> None:
    """Write it. Raises `CommandError` when the file cannot be written."""
    try:
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"--report: {path} cannot be written: {error.strerror}") from error


def replay_page(figures: Mapping[str, Any], drawn: Mapping[str, Any], settings: Settings, settings_source: str) -> str:
    """The page. ``figures`` as `console/replay_figures.py` makes them, ``drawn`` as `console/replay_report_data.py`."""
    style, script = _part("replay_report.css"), _part("replay_report.js")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    name = f"Replay of {', '.join(figures['commodities'])}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", name),
        tag("style", Markup(style)),
    )
    body = tag(
        "body",
        tag("main", *_sections(name, figures, drawn, settings, settings_source)),
        tag("script", embedded_json(drawn), type="application/json", id="data"),
        tag("script", Markup(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(
    name: str, figures: Mapping[str, Any], drawn: Mapping[str, Any], settings: Settings, settings_source: str
) -> Iterable[Markup]:
    yield tag("h1", name)
    yield tag("p", _heading(figures), class_="quiet")
    for actor, said in figures["crashed"].items():
        yield tag("section", f"{actor} {said}. The replay ends there, and its figures mean nothing.", class_="loss")
    yield tag("div", *(_tile(*tile) for tile in _tiles(figures)), class_="tiles")
    yield tag("noscript", tag("section", "The charts and the table of trades are drawn by the page's own script."))
    yield _equity()
    yield _candles(figures, drawn)
    alerts: list[Count] = [(name, count, None) for name, count in figures["alerts"].items()]
    others = [_counts("Alerts", alerts)] if alerts else []
    yield tag("div", _counts("Closed by", _reasons(figures)), _refused(figures), *others, class_="columns")
    yield tag("section", tag("h2", "Performance"), tag("div", *_performance(figures), class_="cuts"))
    yield from _calibration(mapping(figures.get("calibration")))
    yield _trades(drawn)
    yield _data(figures)
    yield _settings(settings, settings_source)


def _heading(figures: Mapping[str, Any]) -> str:
    accounts = ", ".join(str(account["platform"]) for account in figures["accounts"])
    return (
        f"{amount(figures['bars'], 0)} bars of {figures['source']}, {figures['from'][:10]} to {figures['to'][:10]}, "
        f"on the paper accounts {accounts}. All times are UTC."
    )


def _tiles(figures: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    net, costs = figures["net_profit"], mapping(figures.get("costs"))
    still_open = f", {figures['open']} still open" if figures["open"] else ""
    yield "net profit", _signed(net), _sign(net)
    yield f"trades{still_open}", amount(figures["trades"], 0), ""
    yield "win rate", fraction(figures["win_rate"]), ""
    yield "profit factor", amount(figures["profit_factor"]), ""
    yield "maximum drawdown", fraction(figures["maximum_drawdown_fraction"]), ""
    yield "Sharpe, a year", amount(figures["sharpe"]), ""
    yield "average hold", span(number(figures["average_hold_seconds"])), ""
    yield "commission", _signed(costs.get("commission")), ""
    yield "swap", _signed(costs.get("swap")), ""


def _tile(name: str, value: str, kind: str) -> Markup:
    return tag("div", tag("div", name, class_="name"), tag("div", value, class_=f"value {kind}"), class_="tile")


def _equity() -> Markup:
    return tag(
        "section",
        tag("h2", "Equity and drawdown"),
        tag("div", class_="chart", id="equity"),
        tag("div", class_="said", id="equity-said"),
    )


def _candles(figures: Mapping[str, Any], drawn: Mapping[str, Any]) -> Markup:
    choices = [tag("option", name, value=name) for name in figures["commodities"] if name in drawn["bars"]]
    buttons = (("before", "previous trade"), ("after", "next trade"), ("closer", "closer"), ("farther", "farther"))
    legend = (("up", "rising"), ("stop", "stop"), ("target", "target"), ("way", "entry to exit"))
    colours = {"up": "var(--gain)", "stop": "var(--stop)", "target": "var(--target)", "way": "var(--accent)"}
    return tag(
        "section",
        tag("h2", "Trades on the bars"),
        tag(
            "div",
            tag("select", *choices, id="commodity", aria_label="commodity"),
            *(tag("button", said, type="button", id=name) for name, said in buttons),
            tag("button", "all", type="button", id="all"),
            class_="controls",
        ),
        tag("div", class_="said", id="bar-said"),
        tag("div", class_="chart", id="candles", tabindex="0", aria_label="candles; arrow keys move, + and - zoom"),
        tag("div", *(tag("span", tag("i", style=f"color:{colours[n]}"), said) for n, said in legend), class_="legend"),
        tag("div", class_="said", id="trade-said"),
        id="chart",
    )


def _reasons(figures: Mapping[str, Any]) -> list[Count]:
    nets = {row["name"]: row["net_profit"] for row in figures["by_reason"]}
    return [(reason, count, nets.get(reason)) for reason, count in figures["closes"].items()]


def _refused(figures: Mapping[str, Any]) -> Markup:
    rows: list[Count] = [(name, count, None) for name, count in figures["refusals"].items()]
    rows += [(f"failed: {name}", count, None) for name, count in figures["failed"].items()]
    return _counts("Not opened for", rows)


def _counts(title: str, counts: Sequence[Count]) -> Markup:
    most = max((count for _, count, _ in counts), default=1)
    with_nets = any(net is not None for _, _, net in counts)
    rows = [
        (
            reason_words(name),
            amount(count, 0),
            tag("span", class_="bar", style=f"width:{100 * count / most:.1f}px"),
            *((_money(net),) if with_nets else ()),
        )
        for name, count, net in sorted(counts, key=lambda row: (-row[1], row[0]))
    ]
    headings = (("reason", ""), ("times", NUMBER), ("", ""), *((("net", NUMBER),) if with_nets else ()))
    return tag("section", tag("h2", title), _table(headings, rows) if rows else tag("p", "Nothing.", class_="quiet"))


def _performance(figures: Mapping[str, Any]) -> Iterable[Markup]:
    accounts = [{**row, "name": row["platform"]} for row in figures["accounts"]]
    cuts = (
        *(("account", accounts), ("commodity", figures["by_commodity"]), ("strategy", figures["by_strategy"])),
        *(("regime", figures["by_regime"]), ("side", figures["by_side"]), ("hour, UTC", figures["by_hour"])),
    )
    names = ("trades", "won", "net", "", "profit factor", "hold")
    headings = tuple((name, NUMBER if name else BARS) for name in names)
    for title, rows in cuts:
        most = max((abs(row["net_profit"]) for row in rows), default=0.0) or 1.0
        cells = [
            (
                words(row["name"]),
                amount(row["trades"], 0),
                fraction(row["win_rate"]),
                _money(row["net_profit"]),
                _bar(row["net_profit"], most),
                amount(row["profit_factor"]),
                span(number(row["average_hold_seconds"])),
            )
            for row in rows
        ]
        if cells:
            yield tag("div", _table(((title, TEXT), *headings), cells), class_="wide")


def _calibration(found: Mapping[str, Any]) -> Iterable[Markup]:
    """Whether what was claimed of open trades came true; nothing where nothing was claimed."""
    curves = []
    for claim, title in (("target", "target first"), ("stop", "stop first"), ("profit", "closes with a profit")):
        each = mapping(mapping(found.get("claims")).get(claim))
        if sequence(each.get("reliability")):
            remark = f"{amount(each.get('count'), 0)} claims of {amount(each.get('trades'), 0)} trades"
            error = fraction(each.get("calibration_error"))
            curves.append(Curve(title, f"{remark}, error {error}", each["reliability"]))
    if curves:
        drawings = (Markup(diagram_svg([curve])) for curve in curves)
        said = tag("p", "What was claimed of open trades, and what happened.", class_="quiet")
        yield tag("section", tag("h2", "Calibration"), said, tag("div", *drawings, class_="diagrams"))


def _trades(drawn: Mapping[str, Any]) -> Markup:
    heads = (
        tag("th", tag("button", said, type="button", data_key=key), class_="number" if right else "")
        for key, said, right in TRADE_COLUMNS
    )
    left_out = drawn["left_out"]
    note = f"{amount(left_out, 0)} more are not in the page; it has the best, the worst and a sample of the others."
    return tag(
        "section",
        tag("h2", "Trades"),
        tag("p", note, class_="quiet") if left_out else "",
        tag("div", tag("table", tag("thead", tag("tr", *heads)), tag("tbody"), id="trades"), class_="wide"),
        tag("div", tag("button", "more", type="button", id="more", hidden=True), class_="controls"),
    )


def _data(figures: Mapping[str, Any]) -> Markup:
    rows: list[Row] = []
    remarks: list[Markup] = []
    for source in figures["data"]:
        rows.append(
            (
                source["commodity"],
                source["name"],
                amount(source["bars"], 0),
                span(source["bar_seconds"]),
                source["prices"],
                source["clock"],
                source["spread"] or UNKNOWN,
            )
        )
        for finding in source["findings"]:
            left_out = ", left out" if finding["left_out"] else ""
            said = f"{source['commodity']}: {finding['what']}{left_out}: {amount(finding['count'], 0)}; "
            remarks.append(tag("p", said, tag("span", f"the first: {finding['example']}", class_="quiet")))
    headings = (("commodity", ""), ("file", TEXT), ("bars", NUMBER), ("length", NUMBER), ("prices", ""))
    table = _table((*headings, ("clock", TEXT), ("spread", TEXT)), rows)
    return tag("section", tag("h2", "Data"), tag("div", table, class_="wide"), *remarks)


def _settings(settings: Settings, source: str) -> Markup:
    shown = json.dumps(settings.model_dump(mode="json"), indent=2, sort_keys=True)
    return tag(
        "section",
        tag("h2", "Settings"),
        tag("p", f"From {source}.", class_="quiet"),
        tag("details", tag("summary", "all of them"), tag("pre", shown)),
    )


def _table(headings: Sequence[tuple[str, str]], rows: Iterable[Row]) -> Markup:
    """A table; the second of a heading is the class of its column."""
    heads = (tag("th", name, class_=kind) for name, kind in headings)
    body = (
        tag("tr", *(tag("td", cell, class_=kind) for cell, (_, kind) in zip(row, headings, strict=True)))
        for row in rows
    )
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body))


def _bar(value: float, most: float) -> Markup:
    width = 60 * abs(value) / most
    return tag("span", class_=f"bar {_sign(value)}", style=f"width:{width:.1f}px")


def _money(value: Any) -> Markup:
    return tag("span", _signed(value), class_=_sign(value))


def _signed(value: Any) -> str:
    known = number(value)
    return UNKNOWN if known is None else f"{known:+,.2f}"


def _sign(value: Any) -> str:
    known = number(value) or 0.0
    return "gain" if known > 0 else "loss" if known < 0 else ""


def _part(name: str) -> str:
    return resources.files("console").joinpath(name).read_text("utf-8")
