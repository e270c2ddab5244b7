"""The invariants that orders could break: I1, I2, I8 to I11 and I13, each with its sentence."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from actors.commands import CommandState
from actors.commands import Outcome as Answer
from connectors.base import CloseOrder, Done, OpenOrder
from simulation.database import TradeRow
from simulation.invariant import ACTIVE, SAME_VOLUME_LOTS, Invariant
from simulation.process import Process
from simulation.scene import Scene
from trading.market import SECOND, Quote, quote_fault

VOLUME_UNIT_LOTS = 1e-8  # volumes are added in whole units of it


class I1(Invariant):
    """At most one active order or live position per `<platform>:<commodity>` with our prefix.

    One more, at most, where the broker executed an order later than the quarantine: it has one monitor pass to go.
    """

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """No order leaves for a slot that another order of ours, or a position, occupies."""
        if not isinstance(order, OpenOrder):
            return
        slot = (platform, order.commodity)
        rivals = [row for row in self.scene.rows.values() if row.slot == slot and row.state in ACTIVE]
        for row in rivals:
            if row.magic != order.magic:
                yield f"order {order.magic:#x} leaves for {platform}:{order.commodity}, held by trade {row.trade_id}"
        for position in self.scene.ours(platform):
            if position.commodity == order.commodity and not self.scene.came_late(position.magic):
                yield (
                    f"order {order.magic:#x} leaves for {platform}:{order.commodity}, "
                    f"where the broker holds position {position.position_id} of ours"
                )

    def moved(self, platform: str) -> Iterator[str]:
        """Never more live positions than one, and one late one."""
        ours = self.scene.ours(platform)
        slots = Counter(position.commodity for position in ours)
        for commodity, count in slots.items():
            if count == 1:
                continue
            late = [p for p in ours if p.commodity == commodity and self.scene.came_late(p.magic)]
            if count > 2 or not late:
                yield f"the broker holds {count} positions of ours in {platform}:{commodity}, {len(late)} came late"


class I2(Invariant):
    """A close never exceeds the position's current volume and only names our tickets."""

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """A process closes no more than it was last told of, and nothing that it does not know as ours."""
        if not isinstance(order, CloseOrder):
            return
        scene, key = self.scene, (process.owner, platform)
        told = scene.told.get(key, {}).get(order.ticket)
        live = next((p for p in scene.brokers[platform].truth.positions if p.ticket == order.ticket), None)
        # Its row may not have the ticket yet, where the ledger is away: then its number says whose it is.
        is_known = live is None or live.magic in scene.by_magic
        if not is_known and all((row.platform, row.ticket) != (platform, order.ticket) for row in scene.rows.values()):
            yield f"a close leaves for ticket {order.ticket} of {platform}, which no row of the ledger has"
        current = [of.volume_lots for of in (told, live) if of is not None]
        if current and order.volume_lots > max(current) + SAME_VOLUME_LOTS:
            yield (
                f"a close of {order.volume_lots:g} lots leaves for ticket {order.ticket} of {platform}, "
                f"which has {max(current):g}"
            )

    def moved(self, platform: str) -> Iterator[str]:
        """The closes of an order never take out more than it put in: on a netting account that would reverse."""
        put_in: Counter[int] = Counter()
        taken_out: Counter[int] = Counter()
        for executed in self.scene.brokers[platform].truth.executed:
            if isinstance(executed.outcome, Done):
                moved = put_in if executed.attempt.call == "open" else taken_out
                moved[executed.attempt.magic] += round(executed.outcome.volume_lots / VOLUME_UNIT_LOTS)
        for magic, units in taken_out.items():
            if units > put_in[magic]:
                lots, held = units * VOLUME_UNIT_LOTS, put_in[magic] * VOLUME_UNIT_LOTS
                yield f"{platform} executed closes of {lots:g} lots for order {magic:#x}, which opened {held:g}"


class I8(Invariant):
    """A valid tick through the stop while the market is open sends a close within two polls plus the connector's
    deadline.

    After a fault it counts anew from the next such tick.
    """

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        settings = scene.scenario.settings
        deadline = min(20.0, settings.ai_db_reservation_ttl_seconds / 3)
        latency = 4 * scene.scenario.latency_seconds  # there and back, for the message and for what it waits behind
        self._limit = 2 * settings.price_poll_seconds + deadline + latency
        self._crossed: dict[int, float] = {}  # elapsed seconds of the tick, by trade
        self._sent: set[tuple[str, int]] = set()  # closes, by platform and ticket, that the ledger may not know of yet

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """The close is here, before or after its row where the ledger is away."""
        if isinstance(order, CloseOrder):
            self._sent.add((platform, order.ticket))
        yield from ()

    def row(self, before: TradeRow | None, after: TradeRow, process: Process) -> Iterator[str]:
        """A trade that is being closed, or got other levels, waits for no close."""
        if after.state != "open" or before is None or before.stop_price != after.stop_price:
            self._crossed.pop(after.trade_id, None)
            self._sent.discard((after.platform, after.ticket or 0))
        yield from ()

    def quoted(self, process: Process, platform: str, quotes: Sequence[Quote]) -> Iterator[str]:
        """Note the ticks through a stop, and miss the closes that should have followed."""
        scene = self.scene
        now = scene.elapsed()
        by_commodity = {quote.commodity: quote for quote in quotes if self._is_valid(quote)}
        for row in scene.rows.values():
            if row.platform != platform or row.state != "open" or (platform, row.ticket) in self._sent:
                continue
            crossed = self._crossed.get(row.trade_id)
            if crossed is not None and crossed <= scene.disturbed_at:
                crossed = None
                del self._crossed[row.trade_id]
            if crossed is not None and now - crossed > self._limit:
                yield (
                    f"a tick went through the stop {row.stop_price:g} of trade {row.trade_id} {now - crossed:.1f} s "
                    "ago, and no close was sent"
                )
            quote = by_commodity.get(row.commodity)
            if crossed is None and quote is not None and self._goes_through(quote, row):
                self._crossed[row.trade_id] = now

    def _goes_through(self, quote: Quote, row: TradeRow) -> bool:
        price = quote.bid if row.sign > 0 else quote.ask
        return row.sign * (price - row.stop_price) <= 0

    def _is_valid(self, quote: Quote) -> bool:
        scene = self.scene
        now = scene.market_now()
        if quote_fault(quote) is not None or not scene.scenario.market.times[quote.commodity].is_open(now):
            return False
        return now - quote.time <= scene.scenario.settings.quote_max_age_seconds * SECOND


class I9(Invariant):
    """No open is sent without a durable SUBMITTED row that carries its magic."""

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """The row is there, and says so."""
        if not isinstance(order, OpenOrder):
            return
        row = self.scene.by_magic.get(order.magic)
        if row is None:
            yield f"order {order.magic:#x} leaves {process.owner} without a row"
        elif row.state != "submitted" and row.state != "unknown":
            yield f"order {order.magic:#x} leaves {process.owner} while trade {row.trade_id} is {row.state}"


class I10(Invariant):
    """EXTERNAL positions never receive an order."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._seen: dict[str, int] = {}  # how many ends of orders were looked at, by platform

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """No close names one; on netting accounts no open goes where one was seen."""
        scene = self.scene
        ours = {position.position_id for position in scene.ours(platform)}
        external = [p for p in scene.brokers[platform].truth.positions if p.position_id not in ours]
        if isinstance(order, CloseOrder):
            if any(position.ticket == order.ticket for position in external):
                yield f"a close leaves for ticket {order.ticket} of {platform}, which is not ours"
            return
        shown = scene.shown.get((process.owner, platform), {})
        if scene.scenario.netting and any(
            position.commodity == order.commodity and position.ticket in shown for position in external
        ):
            yield f"an open leaves for {platform}:{order.commodity}, which holds a position that is not ours"

    def moved(self, platform: str) -> Iterator[str]:
        """None is executed on one either, whatever was sent. On a netting account all are merged, ours and others'."""
        scene, executed = self.scene, self.scene.brokers[platform].truth.executed
        seen, self._seen[platform] = self._seen.get(platform, 0), len(executed)
        for end in executed[seen:]:
            is_done_close = end.attempt.call == "close" and isinstance(end.outcome, Done)
            if not is_done_close or scene.scenario.netting or end.met is None:
                continue
            if not scene.is_ours(platform, end.met.magic):
                yield f"a close of ours was executed on position {end.met.position_id} of {platform}, which is not ours"


class I11(Invariant):
    """Repeating an analysis, a command or a reply equals doing it once."""

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """No number is sent twice."""
        if isinstance(order, OpenOrder) and order.magic in self.scene.sent:
            yield f"order {order.magic:#x} leaves a second time"

    def moved(self, platform: str) -> Iterator[str]:
        """One executed order for each analysis, and one more where the broker came late."""
        scene = self.scene
        executed = Counter(
            sent.analysis_id
            for magic, sent in scene.sent.items()
            if magic in scene.executed_at and not scene.came_late(magic)
        )
        for analysis_id, count in executed.items():
            if count > 1:
                yield f"{count} orders of the analysis {analysis_id} were executed"

    def commanded(self, process: Process, answer: Answer) -> Iterator[str]:
        """What a person was told is done, or never will be, stays so."""
        before = self.scene.commanded.get(answer.request_id)
        if before in (CommandState.DONE, CommandState.REFUSED) and answer.state is not before:
            yield f"{answer.request_id} was {before}, and is {answer.state} now: {answer.said}"

    def rest(self) -> Iterator[str]:
        """No request was begun, or ended, twice; and a person has closed nothing but what a request was for."""
        books = self.scene.books
        counts: Counter[tuple[str, str]] = Counter()
        for reason, detail, repeated, _ in books.journal("command"):
            counts[json.loads(detail)["request_id"], reason] += repeated
        for (request_id, reason), count in counts.items():
            if count > 1 and not reason.endswith(":not_taken"):
                yield f"the journal has {reason} of {request_id} {count} times"
        requests = [json.loads(detail) for _, state, detail in books.requests() if state != "refused"]
        wanted = {row["trade_id"] for detail in requests for row in detail.get("trades", ())}
        for row in self.scene.rows.values():
            if row.close_reason == "operator" and row.trade_id not in wanted:
                yield f"trade {row.trade_id} was closed by hand, and no request was for it"


class I13(Invariant):
    """Paused, halted and manage-only modes send no opens."""

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """Nothing leaves whose row was written after the mode was set."""
        if not isinstance(order, OpenOrder):
            return
        scene = self.scene
        row = scene.by_magic.get(order.magic)
        written_at = scene.written_at.get(0 if row is None else row.trade_id, math.inf)
        modes = [mode for _, mode in scene.books.modes() if mode != "trading"]
        if modes and written_at > scene.mode_set_at:
            yield f"order {order.magic:#x} leaves while the crew is {', '.join(modes)}"
        for (account, commodity), paused_at in scene.paused_at.items():
            is_part = account in ("", platform) and commodity in ("", order.commodity)
            if is_part and written_at > paused_at:
                yield f"order {order.magic:#x} leaves while opens of {account or 'all'}:{commodity or 'all'} are paused"
