"""The words of each notice. A title is enough on a locked telephone; the text says the rest in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from actors.names import LEFT_OPEN, NOT_CARRIED_OUT, RULE_MISSED, STILL_OPEN
from actors.notice_subjects import HALT, about, is_lifted, state_of, subject_of
from actors.notices import Notice, Urgency
from actors.system.alerts import Alert
from persistence.journal import JournalLine
from persistence.starts import Ended
from trading.market import MINUTE, Instant, Instrument, iso
from trading.modes import Mode
from trading.settings_notifications import Event
from trading.trade import Trade, TradeState

TOLD_AS_TRADES = frozenset({"unknown_outcome"})  # alerts of which the trade's own notice says the same
EVENT_OF_ALERT: Mapping[str, Event] = {
    HALT: Event.HALTED,
    "stuck": Event.STUCK,
    LEFT_OPEN: Event.STUCK,
    RULE_MISSED: Event.STUCK,
    NOT_CARRIED_OUT: Event.STUCK,
    STILL_OPEN: Event.STUCK,
    "late": Event.UNKNOWN_OUTCOME,
    "missing": Event.UNKNOWN_OUTCOME,
}
OF_CLOSING = ("stuck", LEFT_OPEN, RULE_MISSED)  # alerts that are over when the trade is
URGENT = frozenset({Event.STUCK, Event.UNKNOWN_OUTCOME, Event.HALTED})
RESUMED = "resumed"  # the journal's word where a pause of a part is over
OPENS = "opens"  # the state of a mode in which opens are allowed
LONGEST_TEXT = 600  # some services take no more than a thousand characters


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account writes money and prices."""

    currency: str = ""
    instruments: Mapping[str, Instrument] | None = None

    def price(self, value: float | None, commodity: str) -> str:
        """With the broker's decimals, where they are known."""
        if value is None:
            return "-"
        instrument = (self.instruments or {}).get(commodity)
        return f"{value:.6g}" if instrument is None else f"{value:.{instrument.digits}f}"

    def money(self, value: float | None) -> str:
        """With its sign and its currency."""
        return "profit not known yet" if value is None else f"{value:+,.2f} {self.currency}".rstrip()


def of_trade(trade: Trade, at: Instant, terms: Terms, *, was_unknown: bool = False) -> Notice | None:
    """What is to be said of a trade that has just come to its state; None: nothing."""
    match trade.state:
        case TradeState.OPEN:
            found = "; its order had been in doubt" if was_unknown else ""
            urgency = Urgency.NORMAL if was_unknown else Urgency.LOW
            event = Event.UNKNOWN_OUTCOME if was_unknown else Event.OPENED
            return _about(trade, event, urgency, at, "opened", _opened(trade, terms) + found)
        case TradeState.CLOSED:
            title = f"closed by {_words(trade.close_reason or 'nobody knows whom')}, {terms.money(trade.profit)}"
            return _about(trade, Event.CLOSED, Urgency.NORMAL, at, title, _closed(trade, terms))
        case TradeState.UNKNOWN:
            why = f": {trade.detail}" if trade.detail else ""
            text = f"Nobody knows yet whether the order was executed{why}. It is being looked up, not sent again."
            return _about(trade, Event.UNKNOWN_OUTCOME, Urgency.URGENT, at, "an order's outcome is unknown", text)
        case TradeState.FAILED if was_unknown:
            text = f"The order that was in doubt came to nothing: {trade.detail or 'the broker has no trace of it'}."
            return _about(trade, Event.UNKNOWN_OUTCOME, Urgency.NORMAL, at, "nothing was opened", text)
    return None


def of_alert(alert: Alert) -> Notice | None:
    """What is to be said of an alert; None where something else says it."""
    if alert.reason in TOLD_AS_TRADES:
        return None
    event = EVENT_OF_ALERT.get(alert.reason, Event.ALERTS)
    urgency = Urgency.URGENT if event in URGENT or alert.is_defect else Urgency.NORMAL
    subject = subject_of(alert)
    reason = _words(alert.reason)
    title = "HALTED" if event is Event.HALTED else f"{alert.actor}: {reason}"
    return Notice(
        subject or alert_key(alert.actor, alert.reason, about(alert)),
        event,
        urgency,
        alert.at,
        f"Watchbill: {'guarded again' if is_lifted(alert) else title}",
        _short(alert.detail or reason),
        subject=subject,
        state=state_of(alert) if subject else "",
    )


def alert_key(actor: str, reason: str, about: str) -> str:
    """The key of an alert that nothing takes back."""
    return f"alert:{actor}:{reason}:{about}"


def folded(notice: Notice, count: int) -> Notice:
    """The newest of so many that said the same, in the place of all of them."""
    times = "once more" if count == 1 else f"{count} times more"
    return replace(notice, key=f"{notice.key}:{notice.at}", text=f"{notice.text} ({times}; this is the newest)")


def of_mode(line: JournalLine) -> Notice | None:
    """What is to be said of a journal's line about a mode or a pause; None for a halt: of that the halt watch tells."""
    if line.reason == Mode.HALTED:
        return None
    opens = line.reason in (Mode.TRADING, RESUMED)
    where = ":".join(part for part in (line.platform, line.commodity) if part)
    title = f"{'opens are allowed again' if opens else _words(line.reason)}{f' ({where})' if where else ''}"
    by, said = str(line.detail.get("by") or "?"), str(line.detail.get("said") or "")
    text = f"By {by}{f': {said}' if said else ''}. Open trades are guarded as before."
    return Notice(
        f"mode:{line.id}",
        Event.PAUSED,
        Urgency.NORMAL,
        line.at,
        f"Watchbill: {title}",
        _short(text),
        line.platform,
        line.commodity,
        subject=f"mode:{line.detail.get('cause', '')}:{where}",
        state=OPENS if opens else line.reason,
    )


def of_takeover(before: Ended, owner: str, crew: str, crashes: int, at: Instant, held: int) -> Notice:
    """That this process leads after another one."""
    if before.has_crashed:
        title = f"crew {crew} is led again after a crash"
        how = f"ended without giving the lead back ({crashes} such ends within ten minutes)"
    else:
        title, how = f"crew {crew} has another leader", "stepped down in order"
    text = f"{owner} leads now. {before.owner} {how}. {held} open trades are guarded from here."
    urgency = Urgency.URGENT if before.has_crashed else Urgency.NORMAL
    return Notice(f"takeover:{owner}", Event.TAKEOVER, urgency, at, f"Watchbill: {title}", _short(text))


def span(milliseconds: int) -> str:
    """``3 h 05 min``."""
    hours, minutes = divmod(max(milliseconds, 0) // MINUTE, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _about(trade: Trade, event: Event, urgency: Urgency, at: Instant, title: str, text: str) -> Notice:
    key = f"{trade.state}:{trade.trade_id}"
    about = trade.platform, trade.commodity, trade.trade_id
    return Notice(key, event, urgency, at, f"{trade.resource}: {title}", _short(text), *about)


def _opened(trade: Trade, terms: Terms) -> str:
    target = "no fixed target" if trade.target_price is None else f"target {_price(trade, trade.target_price, terms)}"
    return (
        f"{trade.side} {trade.volume_lots:g} lots at {_price(trade, trade.entry_price, terms)}, "
        f"stop {_price(trade, trade.stop_price, terms)}, {target}\n"
        f"{_words(trade.strategy)}, confidence {trade.confidence:.0f}, trade {trade.trade_id}"
    )


def _closed(trade: Trade, terms: Terms) -> str:
    known = trade.opened_at is not None and trade.closed_at is not None
    held = f", held {span((trade.closed_at or 0) - (trade.opened_at or 0))}" if known else ""
    return (
        f"{trade.side} {trade.volume_lots:g} lots, in at {_price(trade, trade.entry_price, terms)}, "
        f"out at {_price(trade, trade.exit_price, terms)}{held}\n"
        f"{_words(trade.strategy)}, trade {trade.trade_id}{f', {iso(trade.closed_at)}' if trade.closed_at else ''}"
    )


def _price(trade: Trade, value: float | None, terms: Terms) -> str:
    return terms.price(value, trade.commodity)


def _words(identifier: str) -> str:
    return str(identifier).replace("_", " ")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
