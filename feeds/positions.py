"""The CFTC's commitments of traders, futures only: how large speculators stand, week by week and contract by contract.

Three layouts, each with a header (the yearly histories) or without (the file of the week): the legacy report, whose
speculators are the non-commercial traders; the disaggregated one (managed money); and that of financial futures
(leveraged funds). All have the name, the date twice, the contract's code and the open interest in the same columns.
Without a header the layout is found by adding up, which no shifted column survives: the long positions of all kinds of
reportable traders sum to their total, and with the rest to the open interest.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from feeds.contracts import contract_signs
from feeds.errors import FeedError
from feeds.releases import released_at
from trading.commodities import Commodity
from trading.moods import LEAST_REPORTS, PositionReport, Positions
from trading.settings_feeds import PositionFeed

DATE_COLUMN, CODE_COLUMN, OPEN_INTEREST_COLUMN = 2, 3, 7
DATE_HEADERS = (
    "as_of_date_in_form_yyyy_mm_dd",
    "report_date_as_yyyy_mm_dd",
    "report_date_as_mm_dd_yyyy",
    "as_of_date_in_form_yymmdd",
)
CODE_HEADER = "cftc_contract_market_code"
DATE_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%y%m%d")
MOST_ROWS = 500_000
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a file without a header the speculators stand, and what must add up."""

    long: int
    short: int
    parts: tuple[int, ...]  # long and spreading positions of every kind of reportable traders
    total: int  # their sum
    rest: int  # what is long beside them


LEGACY = Layout(long=8, short=9, parts=(8, 10, 11), total=13, rest=15)
DISAGGREGATED = Layout(long=13, short=14, parts=(8, 10, 12, 13, 15, 16, 18), total=19, rest=21)
FINANCIAL = Layout(long=14, short=15, parts=(8, 10, 11, 13, 14, 16, 17, 19), total=20, rest=22)
LAYOUTS = (LEGACY, DISAGGREGATED, FINANCIAL)

HEADERS = (
    ("noncommercial_positions_long_all", "noncommercial_positions_short_all"),
    ("m_money_positions_long_all", "m_money_positions_short_all"),
    ("lev_money_positions_long_all", "lev_money_positions_short_all"),
)
"""The speculators' columns by name, in the order of `LAYOUTS`."""


def parse_positions(
    texts: Iterable[tuple[str, bytes]], settings: PositionFeed, commodities: Mapping[str, Commodity]
) -> Positions:
    """The reports in all files together; ``texts``: each with where it is from. The later file wins for the same week.

    Only the contracts that a commodity goes with are kept. Raises `FeedError`.
    """
    contracts = {
        name: signs
        for name, commodity in commodities.items()
        if (signs := contract_signs(commodity, settings.contracts.get(name)))
    }
    wanted = {code for signs in contracts.values() for code in signs}
    nets: dict[str, dict[date, int]] = {}
    for origin, text in texts:
        for code, as_of, net in _rows(origin, text, wanted):
            nets.setdefault(code, {})[as_of] = net
    if not nets:
        raise FeedError(f"{', '.join(settings.sources)}: no report of any of the contracts {', '.join(sorted(wanted))}")
    return Positions({code: _ranked(by_date, settings.years) for code, by_date in sorted(nets.items())}, contracts)


def _ranked(nets: Mapping[date, int], years: float) -> tuple[PositionReport, ...]:
    """Each report with its place among those of the years up to it: a rank knows nothing of what came after."""
    dates = sorted(nets)
    span = timedelta(days=years * DAYS_A_YEAR)
    reports, first = [], 0
    for index, as_of in enumerate(dates):
        while dates[first] <= as_of - span:
            first += 1
        window = [nets[day] for day in dates[first : index + 1]]
        rank = _rank(nets[as_of], window) if len(window) >= LEAST_REPORTS else None
        reports.append(PositionReport(released_at(as_of), as_of.isoformat(), nets[as_of], rank))
    return tuple(sorted(reports, key=lambda report: (report.released_at, report.as_of)))


def _rank(value: int, window: Sequence[int]) -> float:
    """The share of ``window`` below ``value``, its equals counted half: between 0 and 1, and never either."""
    below = sum(other < value for other in window)
    equal = sum(other == value for other in window)
    return (below + equal / 2) / len(window)


def _rows(origin: str, text: bytes, wanted: set[str]) -> Iterator[tuple[str, date, int]]:
    """Code, date and net position of each row that is wanted. Raises `FeedError`."""
    lines = csv.reader(io.StringIO(text.decode("latin-1"), newline=""))
    layout: Layout | None = None
    date_column, code_column, least = DATE_COLUMN, CODE_COLUMN, 0
    try:
        for number, row in enumerate(lines):
            if number >= MOST_ROWS:
                raise FeedError(f"{origin}: more than {MOST_ROWS} rows")
            if number == 0 and (columns := _columns(origin, row)) is not None:
                date_column, code_column, long, short = columns
                layout = Layout(long, short, (), 0, 0)
                least = max(columns) + 1
                continue
            if len(row) <= max(CODE_COLUMN, least - 1) or row[code_column].strip() not in wanted:
                continue
            if layout is None:
                layout = _layout(origin, number, row)
            long_contracts = _whole(origin, number, row, layout.long)
            short_contracts = _whole(origin, number, row, layout.short)
            yield row[code_column].strip(), _date(origin, number, row[date_column]), long_contracts - short_contracts
    except csv.Error as error:
        raise FeedError(f"{origin}: cannot be read as CSV: {error}") from error


def _columns(origin: str, header: Sequence[str]) -> tuple[int, int, int, int] | None:
    """The columns of date, code, long and short by their names; None where the first row is no header."""
    named = {"".join(c if c.isalnum() else "_" for c in name.strip().lower()): i for i, name in enumerate(header)}
    folded = {"_".join(filter(None, name.split("_"))): index for name, index in reversed(named.items())}
    if CODE_HEADER not in folded:
        return None
    day = next((folded[name] for name in DATE_HEADERS if name in folded), None)
    sides = next(((folded[long], folded[short]) for long, short in HEADERS if long in folded and short in folded), None)
    if day is None or sides is None:
        raise FeedError(
            f"{origin}: the header has no column of {'the date' if day is None else 'the speculators positions'}; "
            "expected a report on futures only: legacy, disaggregated or financial"
        )
    return day, folded[CODE_HEADER], *sides


def _layout(origin: str, number: int, row: Sequence[str]) -> Layout:
    for layout in LAYOUTS:
        try:
            parts = sum(int(row[column]) for column in layout.parts)
            total, rest = int(row[layout.total]), int(row[layout.rest])
            if parts == total and total + rest == int(row[OPEN_INTEREST_COLUMN]):
                return layout
        except (ValueError, IndexError):
            continue
    raise FeedError(f"{origin}: row {number}: the positions do not add up in any layout that is known")


def _whole(origin: str, number: int, row: Sequence[str], column: int) -> int:
    try:
        return int(row[column])
    except (ValueError, IndexError) as error:
        value = row[column][:40] if column < len(row) else "nothing"
        raise FeedError(f"{origin}: row {number}: column {column} is {value!r}; expected whole contracts") from error


def _date(origin: str, number: int, value: str) -> date:
    text = value.strip().partition(" ")[0].partition("T")[0]
    for form in DATE_FORMS:
        try:
            found = datetime.strptime(text, form).date()
        except ValueError:
            continue
        if 1980 <= found.year <= 2200:
            return found
    raise FeedError(f"{origin}: row {number}: the date is {value[:40]!r}; expected such as 2026-07-21")
