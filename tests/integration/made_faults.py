"""Databases that fail on command, and writers that keep an exact account of what they were promised."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from made_ledger import Clock, Holder, a_line

from persistence.errors import LedgerUnavailable, SlotTaken, TradeChanged
from persistence.ledger import Ledger
from trading.trade import Trade, TradeState

STEPS = (TradeState.OPEN, TradeState.CLOSING, TradeState.CLOSED)
STORY = "x" * 2_000  # so that a disk fills within a few hundred lines
ROOM_ENOUGH = 1_073_741_823  # pages: what SQLite allows by itself


@contextmanager
def no_room(ledger: Ledger, pages_to_spare: int = 0) -> Iterator[None]:
    """A SQLite ledger whose disk is full, or nearly so, for whatever its process writes; reading goes on."""
    with ledger.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + pages_to_spare}")
    try:
        yield
    finally:
        with ledger.writing() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {ROOM_ENOUGH}")


@contextmanager
def full_disk() -> Iterator[None]:
    """Until the end of the block no file can be written beyond its first byte by this process; reading goes on."""
    if sys.platform == "win32":
        pytest.skip("no limits on the size of files")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@dataclass
class Account:
    """One thread's trading on a slot of its own, and every promise that the ledger made to it."""

    ledger: Ledger
    number: int
    told: threading.Condition
    done: dict[str, TradeState] = field(default_factory=dict)  # by analysis: the last state that was acknowledged
    doubtful: dict[str, TradeState] = field(default_factory=dict)  # the state whose commit got no answer
    refused: list[str] = field(default_factory=list)  # what the database said

    @property
    def commodity(self) -> str:
        """A slot that no other thread uses."""
        return f"C{self.number}"

    def trade_until(self, enough: threading.Event) -> None:
        """Open, close and note, whatever the database says, for as long as it is wanted."""
        me, rounds = Holder(self.ledger, f"host:{self.number}"), 0
        while not enough.is_set():
            rounds += 1
            analysis = f"{self.commodity}-{rounds}"
            try:
                self._settle(me)
                self._attempt(analysis, TradeState.SUBMITTED)
                trade = me.submit(
                    a_line(reason=STORY), platform=self.commodity, commodity="EURUSD", analysis_id=analysis
                )
                self._acknowledged(analysis)
                self._take_on(me, trade, STEPS)
            except LedgerUnavailable as error:
                with self.told:
                    self.refused.append(str(error))
                    self.told.notify_all()

    def _take_on(self, me: Holder, trade: Trade, steps: tuple[TradeState, ...]) -> None:
        for step in steps:
            self._attempt(trade.analysis_id, step)
            trade = me.advance(trade, step, a_line(reason=STORY))
            self._acknowledged(trade.analysis_id)

    def _settle(self, me: Holder) -> None:
        """Go on where the ledger says that one stands: what a restarted actor does."""
        for trade in self.ledger.trades.active(self.commodity):
            path = (TradeState.SUBMITTED, *STEPS)
            try:
                self._take_on(me, trade, path[path.index(trade.state) + 1 :])
            except (TradeChanged, SlotTaken) as error:  # it would be this thread's own doing, and is not
                raise AssertionError(str(error)) from error

    def _attempt(self, analysis: str, state: TradeState) -> None:
        self.doubtful[analysis] = state

    def _acknowledged(self, analysis: str) -> None:
        with self.told:
            self.done[analysis] = self.doubtful.pop(analysis)
            self.told.notify_all()


class Load:
    """Threads that trade on a ledger each, or on one together, while a test lets the database fail."""

    def __init__(self, *ledgers: Ledger) -> None:
        """One thread for each of them; the same one may be named twice."""
        self.told = threading.Condition()
        self.accounts = [Account(ledger, number, self.told) for number, ledger in enumerate(ledgers)]
        self._enough = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(account,)) for account in self.accounts]

    def __enter__(self) -> Load:
        for account in self.accounts:
            Holder(account.ledger, f"host:{account.number}").account(account.commodity)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()
        assert self._failed == []

    def wait_for_promises(self, more: int, deadline_seconds: float = 60.0) -> None:
        """Until every thread has been promised so many things more."""
        goals = [len(account.done) + more for account in self.accounts]
        with self.told:
            assert self.told.wait_for(
                lambda: all(len(account.done) >= goal for account, goal in zip(self.accounts, goals, strict=True)),
                deadline_seconds,
            ), [account.refused[-3:] for account in self.accounts]

    def wait_for_refusals(self, more: int = 1, deadline_seconds: float = 60.0) -> None:
        """Until every thread has been refused so often more."""
        goals = [len(account.refused) + more for account in self.accounts]
        with self.told:
            assert self.told.wait_for(
                lambda: all(len(account.refused) >= goal for account, goal in zip(self.accounts, goals, strict=True)),
                deadline_seconds,
            )

    def must_be_kept(self, ledger: Ledger) -> None:
        """Every promise was kept, nothing was done that was refused, and every transition has its line."""
        found = {trade.analysis_id: trade for trade in ledger.trades.list()}
        order = (TradeState.SUBMITTED, *STEPS)
        lines: dict[int | None, int] = {}
        for line in ledger.journal.list():
            lines[line.trade_id] = lines.get(line.trade_id, 0) + 1
        for account in self.accounts:
            for analysis, state in account.done.items():
                assert analysis in found, "an acknowledged order is lost"
                allowed = {
                    state,
                    account.doubtful.get(analysis, state),
                }  # a commit without an answer may have been done
                assert found[analysis].state in allowed, (analysis, state, found[analysis].state)
            never = account.doubtful.keys() - account.done.keys()
            for analysis in never & found.keys():
                assert account.doubtful[analysis] is TradeState.SUBMITTED
        for trade in found.values():
            assert lines[trade.trade_id] == order.index(trade.state) + 1, "a transition and its line are one"
        assert len({trade.magic for trade in found.values()}) == len(found)

    def _run(self, account: Account) -> None:
        try:
            account.trade_until(self._enough)
        except BaseException as error:
            self._failed.append(error)
            raise


def still() -> Clock:
    """A lease clock that stands still: here it is not leases that end."""
    return Clock()
