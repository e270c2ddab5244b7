"""What the tests of whole crews share: accounts made to order, opening, and whether all records agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeVar

from actors.messages import Scan
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.virtual_crew import VirtualCrew
from connectors.base import ConnectorError, OpenOrder
from connectors.mock_script import Step
from persistence.errors import LedgerUnavailable
from persistence.journal import JournalLine
from trading.market import Deal, Instant, Position, Side
from trading.order_numbers import prefix_of
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.trade import HELD, Trade, TradeState

StartCrew: TypeAlias = Callable[..., ScriptedCrew]
Heard = TypeVar("Heard")

BID, ASK = 1.10000, 1.10010  # where EURUSD stands when a crew begins


def account(name: str = "alpha", *commodities: str, **changes: Any) -> AccountSettings:
    """An account that trades these commodities (EURUSD, if none is named) under their own names."""
    symbols = {commodity: commodity for commodity in commodities or ("EURUSD",)}
    return AccountSettings(name=name, symbols=symbols, **changes)


def only_alpha(**changes: Any) -> Settings:
    """The default settings with one account."""
    return Settings(accounts=(account(),), **changes)


def opened(crew: ScriptedCrew, side: Side | str = Side.BUY, commodity: str = "EURUSD", **changes: Any) -> Trade:
    """Let the crew open a trade at this instant, and give it. Fails the test when it does not."""
    analysis = crew.opinion(side, commodity, **changes)
    crew.analyse(analysis)
    crew.run_for(0)
    trade = trade_of(crew, analysis.id)
    assert trade is not None, f"nothing was opened: {decisions(crew)[-1]}"
    assert trade.state is TradeState.OPEN
    return trade


def told(crew: ScriptedCrew, side: Side | str = Side.BUY, commodity: str = "EURUSD", **changes: Any) -> Trade | None:
    """Hand the crew an opinion, and give the newest trade that came of it at once."""
    analysis = crew.opinion(side, commodity, **changes)
    crew.analyse(analysis)
    crew.run_for(0)
    return trade_of(crew, analysis.id)


def scripted(start_crew: StartCrew, *opens: Step, **calls: list[Step]) -> ScriptedCrew:
    """A crew of one account whose broker does this with the next opens, and with other calls."""
    crew = start_crew(only_alpha())
    crew.brokers["alpha"].script(open=list(opens), **calls)
    return crew


def lost(crew: ScriptedCrew, side: Side = Side.BUY) -> Trade:
    """Let an open be sent whose fate is then not known."""
    trade = told(crew, side)
    assert trade is not None
    assert trade.state is TradeState.UNKNOWN
    return trade


def look(crew: ScriptedCrew) -> None:
    """Let the account be scanned once, now."""
    crew.tell(platform_actor("alpha"), Scan())
    crew.run_for(0)


def heard(crew: VirtualCrew, actor: str, kind: type[Heard]) -> list[tuple[Instant, Heard]]:
    """A list that fills with the messages of this kind that an actor is told from now on, and when."""
    messages: list[tuple[Instant, Heard]] = []
    tell = crew.system.tell

    def listen(name: str, message: object) -> None:
        if name == actor and isinstance(message, kind):
            messages.append((crew.now, message))
        tell(name, message)

    crew.system.tell = listen  # type: ignore[method-assign]
    return messages


def unanswered(*arguments: object, **named: object) -> NoReturn:
    """A question to a broker, to which no answer comes."""
    raise ConnectorError("no answer")


def ledger_away(*arguments: object, **named: object) -> NoReturn:
    """A call to a ledger whose database is not there."""
    raise LedgerUnavailable("ledger.sqlite", "disk I/O error")


def trade_of(crew: VirtualCrew, analysis_id: str) -> Trade | None:
    """The newest trade of an analysis."""
    return next((trade for trade in crew.ledger.trades.list() if trade.analysis_id == analysis_id), None)


def now(crew: VirtualCrew, trade: Trade) -> Trade:
    """The same trade as the ledger has it now."""
    return crew.ledger.trades.get(trade.trade_id)


def states(crew: VirtualCrew) -> list[str]:
    """The states of all trades, oldest first."""
    return [trade.state.value for trade in crew.ledger.trades.list(newest_first=False)]


def decisions(crew: VirtualCrew) -> list[str]:
    """The reasons of all decisions, oldest first."""
    return [line.reason for line in crew.ledger.journal.list(kind="decision", newest_first=False)]


def answers(crew: VirtualCrew) -> list[str]:
    """What became of the opens that were told, oldest first."""
    return [line.reason for line in crew.ledger.journal.list(kind="open_result", newest_first=False)]


def alerts(crew: VirtualCrew, reason: str) -> list[str]:
    """What the alerts of one reason said, oldest first."""
    return [alert.detail for alert in crew.system.alerts if alert.reason == reason]


def positions(crew: ScriptedCrew, platform: str = "alpha") -> list[Position]:
    """What the broker holds."""
    return list(crew.connectors[platform].positions(math.inf))


def deals(crew: VirtualCrew, trade: Trade) -> list[Deal]:
    """The broker's deals of a trade's position."""
    found = crew.connectors[trade.platform].deals(0, math.inf)
    return [deal for deal in found if deal.position_id == trade.position_id]


def sent(crew: ScriptedCrew, platform: str = "alpha") -> list[OpenOrder]:
    """The orders to open that the broker received."""
    return [request.arguments[0] for request in crew.brokers[platform].asked("open")]  # type: ignore[misc]


def closes_sent(crew: ScriptedCrew, platform: str = "alpha") -> int:
    """How many orders to close the broker received."""
    return len(crew.brokers[platform].asked("close"))


def move(crew: ScriptedCrew, bid: float, *, spread: float = 0.0001, platform: str | None = None) -> None:
    """Let EURUSD trade at another price from now on, on one account or on all."""
    for name, broker in crew.brokers.items():
        if platform in (None, name):
            broker.price("EURUSD", bid, bid + spread)


def must_agree(crew: VirtualCrew) -> None:
    """The ledger, the brokers and the journal tell one story about every trade."""
    for trade in crew.ledger.trades.list():
        _journal_agrees(trade, crew.ledger.journal.list(trade_id=trade.trade_id, newest_first=False))
    for platform, connector in crew.connectors.items():
        rows = {trade.magic: trade for trade in crew.ledger.trades.list(platform=platform)}
        prefix = crew.ledger.trades.register_account(platform)
        held = {position.magic: position for position in connector.positions(math.inf)}
        ours = {magic: position for magic, position in held.items() if prefix_of(magic) == prefix}
        assert len(ours) == sum(prefix_of(magic) == prefix for magic in held)
        assert ours.keys() <= rows.keys()
        for magic, trade in rows.items():
            _broker_agrees(crew, trade, ours.get(magic))


def _broker_agrees(crew: VirtualCrew, trade: Trade, position: Position | None) -> None:
    assert (position is not None) == (trade.state in HELD), f"{trade.state}, but the broker has {position}"
    if position is not None:
        assert (position.ticket, position.volume_lots, position.open_price, position.side) == (
            trade.ticket,
            trade.volume_lots,
            trade.entry_price,
            trade.side,
        )
    if trade.state is TradeState.CLOSED:
        ours = deals(crew, trade)
        assert trade.profit == round(math.fsum(deal.net for deal in ours), 2)
        assert trade.exit_price is not None
        assert trade.closed_at == max(deal.time for deal in ours if deal.volume_lots > 0)


@dataclass(frozen=True, slots=True)
class Story:
    """What the journal says of one trade."""

    states: list[str]
    last: Mapping[str, Any]


def story(lines: list[JournalLine]) -> Story:
    """The states that the transitions of one trade went through, and the facts they noted, newest over older."""
    passed: list[str] = []
    facts: dict[str, Any] = {}
    for line in lines:
        if line.kind == "transition":
            assert passed == [] or passed[-1] == line.detail["before"]
            passed.append(line.detail["after"])
            facts.update(line.detail)
    return Story(passed, facts)


def _journal_agrees(trade: Trade, lines: list[JournalLine]) -> None:
    told_of = story(lines)
    assert told_of.states[0] == TradeState.SUBMITTED
    assert told_of.states[-1] == trade.state
    for fact in ("stop_price", "target_price", "entry_price", "exit_price", "close_reason", "profit"):
        assert told_of.last.get(fact) == getattr(trade, fact), fact
    assert all(line.analysis_id == trade.analysis_id for line in lines)
