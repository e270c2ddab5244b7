"""Networks and servers that fall silent: noticed within the leases' time, and what was in doubt is found out."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from made_ledger import Clock, Holder, a_ledger, a_line
from postgres_server import PostgresServer
from sqlalchemy import make_url

from persistence import trade_rows
from persistence.errors import LedgerUnavailable, TradeChanged
from persistence.ledger import Ledger
from trading.trade import TradeState

DEADLINE_SECONDS = 60.0
TTL_SECONDS = 3.0  # the least that the settings allow


class Cable:
    """A network between a client and the server, that can be cut: nothing arrives any more, and nobody is told."""

    def __init__(self, url: str) -> None:
        """``url`` leads to the server."""
        parts = make_url(url)
        self._target = (parts.host or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parts.set(host="127.0.0.1", port=self._listener.getsockname()[1]).render_as_string(
            hide_password=False
        )
        self._carried = {"there", "back"}
        self._ends: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """From now on nothing arrives."""
        self._carried = set()

    def lose_answers(self) -> None:
        """From now on the server hears everything, and nobody hears the server."""
        self._carried = {"there"}

    def mend(self) -> None:
        """For new connections; the old ones stay dead."""
        self._carried = {"there", "back"}

    def close(self) -> None:
        """Pull it out."""
        for end in self._ends:
            with closing(end):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._ends += [near, far]
            for way, one, other in (("there", near, far), ("back", far, near)):
                self._threads.append(threading.Thread(target=self._forward, args=(way, one, other), daemon=True))
                self._threads[-1].start()

    def _forward(self, way: str, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                if way not in self._carried:
                    return
                other.sendall(data)
        except OSError:
            return
        if way in self._carried:
            other.close()


@pytest.fixture
def cable(postgresql_url: str) -> Iterator[Cable]:
    """To an empty ledger."""
    laid = Cable(postgresql_url)
    yield laid
    laid.close()


@pytest.mark.parametrize("use", ["write", "read"])
def test_a_cut_network_is_noticed_within_the_time_to_live_and_used_again_when_mended(cable: Cable, use: str) -> None:
    with a_ledger(cable.url, ttl_seconds=TTL_SECONDS) as ledger:
        ledger.journal.append(a_line())
        ledger.trades.active()
        cable.cut()
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="did not answer within 1 seconds"):
            ledger.journal.append(a_line(reason="in doubt")) if use == "write" else ledger.trades.active()
        assert time.monotonic() - began < TTL_SECONDS
        cable.mend()
        ledger.journal.append(a_line(reason="mended"))
        assert ledger.journal.list(limit=1)[0].reason == "mended"


def test_a_connection_that_cannot_be_made_is_given_up_in_time(cable: Cable) -> None:
    cable.cut()
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="timeout"):
        Ledger.open(cable.url, ttl_seconds=TTL_SECONDS)
    assert time.monotonic() - began < 2 * TTL_SECONDS


@pytest.fixture
def own_ledger(own_server: PostgresServer) -> Iterator[Ledger]:
    """A ledger of a process with short leases, on the server whose processes may be touched."""
    name = own_server.new_database()
    with a_ledger(own_server.url(name), ttl_seconds=TTL_SECONDS) as ledger:
        yield ledger
    own_server.drop_database(name)


def test_a_frozen_session_is_given_up_in_time(own_ledger: Ledger) -> None:
    with own_ledger.writing() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(LedgerUnavailable, match="did not answer within 1 seconds"):
            own_ledger.journal.append(a_line(reason="to a frozen session"))
        own_ledger.journal.append(a_line(reason="on another"))
        assert [line.reason for line in own_ledger.journal.list()] == ["on another"]
    finally:
        os.kill(backend, signal.SIGCONT)


# ---------------------------------------------------------------- commits without an answer


def test_a_commit_whose_answer_was_lost_is_recognised_by_the_next_comparison(cable: Cable) -> None:
    with a_ledger(cable.url, ttl_seconds=TTL_SECONDS, lease_clock=Clock()) as ledger:
        me = Holder(ledger)
        trade = me.submit()
        opened = replace(trade, state=TradeState.OPEN, ticket=1)

        def lose_the_answer() -> None:
            with ledger.writing() as connection:
                trade_rows.update_row(connection, opened)
                cable.lose_answers()

        with pytest.raises(LedgerUnavailable, match="did not answer"):
            lose_the_answer()
        cable.mend()
        with pytest.raises(TradeChanged):
            me.advance(trade, TradeState.UNKNOWN)
        assert ledger.trades.get(trade.trade_id) == opened, "it was done"


def test_a_commit_that_never_arrived_is_recognised_by_the_next_comparison(cable: Cable) -> None:
    with a_ledger(cable.url, ttl_seconds=TTL_SECONDS, lease_clock=Clock()) as ledger:
        me = Holder(ledger)
        trade = me.submit()

        def lose_the_commit() -> None:
            with ledger.writing() as connection:
                trade_rows.update_row(connection, replace(trade, state=TradeState.OPEN, ticket=1))
                cable.cut()

        with pytest.raises(LedgerUnavailable, match="did not answer"):
            lose_the_commit()
        cable.mend()
        unknown = me.advance(trade, TradeState.UNKNOWN)
        assert ledger.trades.get(trade.trade_id) == unknown, "it was not done"
