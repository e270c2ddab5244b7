"""What `/metrics` shows of the ledger: leadership, modes, trades, and how true the probabilities have been."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from console.api.journal_follower import Kept
from console.api.window import Window
from console.ledger_claims import CLAIMS, read_claims
from console.web.metric_samples import Samples
from persistence.errors import LedgerError
from persistence.ledger import Ledger
from persistence.reservations import account_resource, crew_resource
from persistence.trades import TradeCount
from trading.calibration import calibration_error, reliability
from trading.market import SECOND
from trading.trade import TradeState

CALIBRATION_VALUATIONS = 5_000  # the newest: those of some 200 trades on hourly bars, read in a quarter of a second
CALIBRATION_SECONDS = 900.0
COUNTS_SECONDS = 5.0

NEVER_OPENED = frozenset({TradeState.SUBMITTED, TradeState.UNKNOWN, TradeState.FAILED})
OVER = frozenset({TradeState.CLOSED, TradeState.FAILED})

log = logging.getLogger("watchbill.console")


class LedgerFigures:
    """Asks the console's own, read-only ledger. One thread at a time may call it."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._counts = Kept(window.ledger.trades.counts, COUNTS_SECONDS)
        self._calibration = Calibration(window.ledger)
        self._errors = 0

    def add_to(self, samples: Samples) -> None:
        """Everything; what is absent when the ledger does not answer is only what it would have said."""
        try:
            self._add(samples)
            samples.add("watchbill_ledger_up", 1)
        except LedgerError:
            self._errors += 1
            samples.add("watchbill_ledger_up", 0)
        samples.add("watchbill_ledger_errors_total", self._errors)

    def _add(self, samples: Samples) -> None:
        ledger, settings = self._window.ledger, self._window.configuration.settings
        began = time.perf_counter()
        now = ledger.reservations.now()
        samples.add("watchbill_ledger_round_trip_seconds", time.perf_counter() - began)
        accounts = [account.name for account in settings.accounts if account.enabled]
        standing = [crew_resource(settings.crew), *map(account_resource, accounts)]
        left = dict.fromkeys(standing, 0.0)
        left |= {lease.resource: max(0, lease.expires_at - now) / SECOND for lease in ledger.reservations.all()}
        for resource in standing:
            samples.add("watchbill_lease_seconds_left", left[resource], resource)
        mode = ledger.modes.of(settings.crew).mode
        samples.add("watchbill_opens_permitted", mode.permits_opens)
        samples.add("watchbill_guards_permitted", mode.permits_guarding)
        samples.add("watchbill_pauses", len(ledger.pauses.of(settings.crew)))
        counts: list[TradeCount] = self._counts.value()
        _of_trades(counts, [account.name for account in settings.accounts], samples)
        closed = sum(count.trades for count in counts if count.state is TradeState.CLOSED)
        self._calibration.add_to(samples, closed)


def _of_trades(counts: list[TradeCount], accounts: list[str], samples: Samples) -> None:
    opened, failed = Counter[str](dict.fromkeys(accounts, 0)), Counter[str](dict.fromkeys(accounts, 0))
    profit = dict.fromkeys(accounts, 0.0)
    closed: Counter[tuple[str, str]] = Counter()
    lasting = Counter({(name, state.value): 0 for name in accounts for state in TradeState if state not in OVER})
    for count in counts:
        profit[count.platform] = profit.get(count.platform, 0.0) + count.profit
        if count.state not in NEVER_OPENED:
            opened[count.platform] += count.trades
        if count.state is TradeState.FAILED:
            failed[count.platform] += count.trades
        if count.state is TradeState.CLOSED:
            closed[count.platform, "unknown" if count.close_reason is None else count.close_reason.value] += (
                count.trades
            )
        if count.state not in OVER:
            lasting[count.platform, count.state.value] += count.trades
    samples.add_all("watchbill_trades_opened_total", opened)
    samples.add_all("watchbill_trades_failed", failed)
    samples.add_all("watchbill_trades_closed_total", closed)
    samples.add_all("watchbill_trades", lasting)
    samples.add_all("watchbill_realised_profit", profit)


class Calibration:
    """The calibration error, found out on a thread of its own, seldom, and only when another trade has closed."""

    def __init__(
        self,
        ledger: Ledger,
        begin: Callable[[Callable[[], None]], None] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """``begin``: runs what it is given beside the caller; None: on a thread."""
        self._ledger = ledger
        self._begin = _on_a_thread if begin is None else begin
        self._elapsed = elapsed
        self._found: dict[str, tuple[float, int]] = {}  # the error and its trades, by claim; replaced as a whole
        self._of_closed = 0
        self._due_at: float | None = None
        self._is_busy = False

    def add_to(self, samples: Samples, closed: int) -> None:
        """What was found last. ``closed``: how many trades have closed by now."""
        due = self._due_at is None or self._elapsed() >= self._due_at
        if due and closed != self._of_closed and not self._is_busy:
            self._is_busy, self._of_closed = True, closed
            self._due_at = self._elapsed() + CALIBRATION_SECONDS
            self._begin(self._find)
        for claim, (error, trades) in self._found.items():
            samples.add("watchbill_calibration_error_ratio", error, claim)
            samples.add("watchbill_calibration_trades", trades, claim)

    def _find(self) -> None:
        try:
            claims = read_claims(self._ledger, newest=CALIBRATION_VALUATIONS).claims
            found = {}
            for claim in CLAIMS:
                mine = claims[claim]
                if mine.trades:
                    error = calibration_error(reliability(mine.claimed, mine.happened))
                    found[str(claim)] = error, mine.trades
            self._found = found
        except LedgerError as error:
            log.debug("the calibration error is not known: %s", error)
        finally:
            self._is_busy = False


def _on_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="calibration", daemon=True).start()
