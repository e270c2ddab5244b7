"""Whether ledger and broker tell one story, once everything has settled: pure, so that each way of failing is tested.

The broker is the truth about positions and money, the ledger about what was meant. "Ours" is a position or a deal
whose number carries an account prefix.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.account_book import Holding
from trading.market import Deal, Entry
from trading.order_numbers import prefix_of
from trading.trade import Trade, TradeState

HALF_A_CENT = 0.005
EQUAL = 1e-9  # of prices and volumes: both sides keep the same numbers, apart from the last bits of a mean


class Kind(StrEnum):
    """Every way in which the two may contradict each other."""

    NO_ROW = "no row"  # the broker executed an order of ours that the ledger does not know
    NUMBER_TWICE = "number twice"  # one number on two rows, or executed as two orders
    ORPHAN = "orphan"  # a position that no row guards
    LOST = "lost"  # a row guards a position that does not exist
    TWO_IN_A_SLOT = "two in a slot"  # more than one live position of ours in a commodity of an account
    DENIED = "denied"  # the row says that nothing came of the order, and something did
    UNSETTLED = "unsettled"  # the row waits for what the broker already knows
    FACTS = "facts"  # ticket, side, volume or price differ
    PROFIT = "profit"  # not the sum of the position's deals, to the cent
    HALF_CLOSED = "half closed"  # the row is closed, and not as much went out as in
    CLOSED_TWICE = "closed twice"  # more went out than in
    BALANCE = "balance"  # not the opening balance and the deals
    TOKEN = "token"  # the broker has seen a token that the ledger never gave out


@dataclass(frozen=True, slots=True)
class Divergence:
    """One contradiction."""

    kind: Kind
    account: str
    text: str

    def __str__(self) -> str:
        return f"{self.account}: {self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the ledger says of one account."""

    trades: Sequence[Trade]
    token: int  # the highest that the account's lease was given out with


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """What the broker's own book says of one account, in account currency."""

    opening_balance: float
    balance: float
    token: int  # the highest that it has seen
    positions: Sequence[Holding]
    deals: Sequence[Deal]


def divergences(ledger: Mapping[str, LedgerFacts], brokers: Mapping[str, BrokerFacts]) -> list[Divergence]:
    """Every contradiction between the two, by account. Empty: nothing lost, nothing doubled.

    A row that is `unknown` while the broker has no trace of its order is none: the order was lost between row and
    broker, and its quarantine has not ended. Raises ``KeyError`` where an account of the brokers has no ledger facts.
    """
    found: list[Divergence] = []
    for account, broker in brokers.items():
        case = _Case(account, ledger[account], broker)
        found += [Divergence(kind, account, text) for kind, text in case.findings()]
    return found


def waits_for_the_broker(trade: Trade, broker: BrokerFacts) -> bool:
    """Whether a look at the broker will change this row: it is on its way, and not in quarantine only."""
    if trade.state is TradeState.UNKNOWN:
        return trade.magic in _numbers(broker)
    return trade.state in (TradeState.SUBMITTED, TradeState.CLOSING, TradeState.LATE)


class _Case:
    """One account, its facts laid out for questions."""

    def __init__(self, account: str, ledger: LedgerFacts, broker: BrokerFacts) -> None:
        self._account = account
        self._ledger = ledger
        self._broker = broker
        self._rows = {trade.magic: trade for trade in ledger.trades}
        self._positions = {holding.ticket: holding for holding in broker.positions}
        self._executed = _numbers(broker)
        self._deals: dict[int, list[Deal]] = defaultdict(list)
        for deal in broker.deals:
            self._deals[deal.position_id].append(deal)

    def findings(self) -> Iterator[tuple[Kind, str]]:
        yield from self._numbers_used_once()
        yield from self._positions_are_guarded()
        for trade in self._ledger.trades:
            yield from self._row(trade)
        yield from self._money()
        if self._broker.token > self._ledger.token:
            yield Kind.TOKEN, f"the broker has seen {self._broker.token}, the ledger gave out {self._ledger.token}"

    def _numbers_used_once(self) -> Iterator[tuple[Kind, str]]:
        for magic, count in Counter(trade.magic for trade in self._ledger.trades).items():
            if count > 1:
                yield Kind.NUMBER_TWICE, f"order {magic} has {count} rows"
        orders: dict[int, set[int]] = defaultdict(set)
        for deal in self._broker.deals:
            if deal.entry is Entry.IN and _is_ours(deal.magic):
                orders[deal.magic].add(deal.order)
        for magic, numbers in orders.items():
            if len(numbers) > 1:
                yield Kind.NUMBER_TWICE, f"order {magic} was executed {len(numbers)} times"
            if magic not in self._rows:
                yield Kind.NO_ROW, f"order {magic} was executed, and has no row"

    def _positions_are_guarded(self) -> Iterator[tuple[Kind, str]]:
        ours = [holding for holding in self._broker.positions if _is_ours(holding.magic)]
        for holding in ours:
            row = self._rows.get(holding.magic)
            if row is None:
                yield Kind.NO_ROW, f"position {holding.ticket} has no row"
            elif row.state in (TradeState.CLOSED, TradeState.FAILED):
                yield Kind.ORPHAN, f"position {holding.ticket} lives, and trade {row.trade_id} is {row.state}"
        for commodity, count in Counter(holding.commodity for holding in ours).items():
            if count > 1:
                yield Kind.TWO_IN_A_SLOT, f"{count} live positions in {commodity}"

    def _row(self, trade: Trade) -> Iterator[tuple[Kind, str]]:
        match trade.state:
            case TradeState.OPEN:
                yield from self._held(trade)
            case TradeState.CLOSED:
                yield from self._closed(trade)
            case TradeState.FAILED:
                if trade.magic in self._executed:
                    yield Kind.DENIED, f"trade {trade.trade_id} is failed, and its order was executed"
            case _ if waits_for_the_broker(trade, self._broker):
                yield Kind.UNSETTLED, f"trade {trade.trade_id} is still {trade.state}"

    def _held(self, trade: Trade) -> Iterator[tuple[Kind, str]]:
        holding = None if trade.ticket is None else self._positions.get(trade.ticket)
        if holding is None:
            yield Kind.LOST, f"trade {trade.trade_id} is open, and there is no position {trade.ticket}"
            return
        told = (trade.magic, trade.position_id, trade.commodity, trade.side)
        true = (holding.magic, holding.position_id, holding.commodity, holding.side)
        if told != true:
            yield Kind.FACTS, f"trade {trade.trade_id} is {told}, its position {true}"
        for name, said, is_so in (
            ("volume", trade.volume_lots, holding.volume_lots),
            ("entry price", trade.entry_price, holding.open_price),
        ):
            if not _same(said, is_so):
                yield Kind.FACTS, f"trade {trade.trade_id} has {name} {said}, its position {is_so}"

    def _closed(self, trade: Trade) -> Iterator[tuple[Kind, str]]:
        deals = [] if trade.position_id is None else self._deals.get(trade.position_id, [])
        inward = math.fsum(deal.volume_lots for deal in deals if deal.entry is Entry.IN)
        outward = math.fsum(deal.volume_lots for deal in deals if deal.entry is Entry.OUT)
        if trade.magic not in {deal.magic for deal in deals}:
            yield Kind.LOST, f"trade {trade.trade_id} is closed, and its position {trade.position_id} has no deals"
            return
        if inward - outward > EQUAL:
            yield Kind.HALF_CLOSED, f"trade {trade.trade_id}: {inward:g} lots went in, {outward:g} out"
        if not _same(trade.volume_lots, inward):
            yield Kind.FACTS, f"trade {trade.trade_id} has volume {trade.volume_lots}, its deals {inward}"
        profit = math.fsum(deal.net for deal in deals)
        if trade.profit is None or abs(trade.profit - profit) >= HALF_A_CENT:
            yield Kind.PROFIT, f"trade {trade.trade_id} has profit {trade.profit}, its deals sum to {profit:.2f}"

    def _money(self) -> Iterator[tuple[Kind, str]]:
        for position_id, deals in self._deals.items():
            volume = math.fsum(d.volume_lots if d.entry is Entry.IN else -d.volume_lots for d in deals)
            if volume < -EQUAL:
                yield Kind.CLOSED_TWICE, f"position {position_id}: {-volume:g} lots more went out than in"
        balance = self._broker.opening_balance + math.fsum(deal.net for deal in self._broker.deals)
        if abs(self._broker.balance - balance) >= HALF_A_CENT:
            yield Kind.BALANCE, f"it is {self._broker.balance:.2f}, opening balance and deals are {balance:.2f}"


def _is_ours(magic: int) -> bool:
    return prefix_of(magic) != 0


def _same(said: float | None, is_so: float) -> bool:
    return said is not None and math.isclose(said, is_so, rel_tol=EQUAL, abs_tol=EQUAL)


def _numbers(broker: BrokerFacts) -> set[int]:
    """The numbers of which the broker has a position or a deal in."""
    return {h.magic for h in broker.positions} | {d.magic for d in broker.deals if d.entry is Entry.IN}


def writers_out_of_turn(lines: Iterable[tuple[str, int]], leaders: Sequence[int]) -> list[tuple[str, int]]:
    """Those who wrote to an account when it was not their turn; empty when everyone wrote during their own terms only.

    ``lines``: account and process of every transition in the order of their commits. ``leaders``: the processes that
    led, term by term. One that is not among them was struck before it could say that it led, and had no term to
    overstay. A writer who comes again without a term of its own after somebody else's wrote past its fence.
    """
    wrong: list[tuple[str, int]] = []
    term: dict[str, int] = defaultdict(int)
    led = set(leaders)
    for account, writer in lines:
        if writer not in led:
            continue
        at = next((turn for turn in range(term[account], len(leaders)) if leaders[turn] == writer), None)
        if at is None:
            wrong.append((account, writer))
        else:
            term[account] = at
    return wrong
