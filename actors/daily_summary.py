"""The daily summary: what the last day brought, by account and currency, in words for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from actors.messages import AccountSnapshot
from actors.notice_words import Terms
from actors.notices import Notice, Urgency
from persistence.journal import DECISION, VALUATION
from persistence.ledger import Ledger
from trading.market import DAY, Instant, iso
from trading.settings import Settings
from trading.settings_notifications import Event
from trading.trade import HELD, Trade, TradeState

MOST_TRADES = 2_000  # of one account, looked through for those of the day
MOST_DECISIONS = 5_000
MOST_REFUSALS = 3  # reasons that are named


def key_of(crew: str, due_at: Instant) -> str:
    """The scheduled job's key, which is used up once whichever process makes the summary."""
    return f"daily_summary:{crew}:{iso(due_at)}"


def newest_due(now: Instant, offset: int) -> Instant:
    """When a summary was due last. ``offset``: milliseconds after midnight UTC."""
    return (now - offset) // DAY * DAY + offset


def summary(ledger: Ledger, settings: Settings, snapshots: Mapping[str, AccountSnapshot], due_at: Instant) -> Notice:
    """The notice about the day that ended at ``due_at``. Raises what the ledger raises."""
    since = due_at - DAY
    lines = [f"{iso(since)} to {iso(due_at)}, market time"]
    for account in settings.accounts:
        if account.enabled:
            lines += _of_account(ledger, account.name, snapshots.get(account.name), since, due_at)
    lines.append(_decisions(ledger, since, due_at))
    title = f"Watchbill: {iso(due_at)[:10]}, crew {settings.crew}"
    key = key_of(settings.crew, due_at)
    return Notice(key, Event.DAILY_SUMMARY, Urgency.NORMAL, due_at, title, "\n".join(lines))


def _of_account(
    ledger: Ledger, platform: str, snapshot: AccountSnapshot | None, since: Instant, until: Instant
) -> Iterator[str]:
    trades = ledger.trades.list(platform=platform, limit=MOST_TRADES)
    account = None if snapshot is None else snapshot.account
    terms = Terms("" if account is None else account.currency)
    closed = [t for t in trades if t.state is TradeState.CLOSED and t.closed_at and since <= t.closed_at < until]
    opened = sum(1 for trade in trades if trade.opened_at and since <= trade.opened_at < until)
    reasons = Counter("unknown" if trade.close_reason is None else trade.close_reason.value for trade in closed)
    named = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(reasons.items()))
    profit = terms.money(sum(trade.profit or 0.0 for trade in closed))
    equity = "not known" if account is None else f"{account.equity:,.2f} {account.currency}"
    unsettled = sum(1 for trade in closed if trade.profit is None)
    ended = f"{len(closed)} closed{f' ({named})' if named else ''}"
    ended += f", of which {unsettled} without a known profit" if unsettled else ""
    yield f"{platform}: {profit}; {opened} opened, {ended}; equity {equity}"
    for trade in trades:
        if trade.state in HELD:
            yield f"  {_open_trade(ledger, trade)}"
    unknown = sum(1 for trade in trades if trade.state is TradeState.UNKNOWN)
    if unknown:
        yield f"  {unknown} orders of unknown outcome"


def _open_trade(ledger: Ledger, trade: Trade) -> str:
    """Its side, its size, and what it was found to be worth last: the chance of a profit, and the value of holding."""
    said = f"{trade.commodity} {trade.side} {trade.volume_lots:g} lots"
    if trade.state is not TradeState.OPEN:
        said += f", {trade.state}"
    lines = ledger.journal.list(kind=VALUATION, trade_id=trade.trade_id, limit=1)
    found = lines[0].detail if lines else {}
    profit, value = found.get("profit"), found.get("expected_value")
    if isinstance(profit, int | float):
        said += f", P(profit) {profit:.0%}"
    if isinstance(value, int | float):
        said += f", EV {value:+.2f} sigma"
    return said


def _decisions(ledger: Ledger, since: Instant, until: Instant) -> str:
    refused: Counter[str] = Counter()
    lines = ledger.journal.list(kind=DECISION, since=since, until=until, limit=MOST_DECISIONS)
    for line in lines:
        kind, _, why = line.reason.partition(":")
        if kind == "refused":
            refused[why] += line.repeated
    most = ", ".join(f"{count} {why}" for why, count in refused.most_common(MOST_REFUSALS))
    return f"{sum(line.repeated for line in lines)} decisions, {refused.total()} refused{f' ({most})' if most else ''}"
