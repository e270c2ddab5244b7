"""Every figure that `/metrics` shows, in one table: `docs/metrics.md`, the dashboard and the alerts are held to it.

Labels are bounded: accounts, commodities, actors and kinds of messages are as many as the settings and the program
have, reasons are words of the program, and a trade's number stands only beside an open position.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Prometheus' types."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure."""

    name: str
    kind: Kind
    said: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, said: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, said, labels)


def _counter(name: str, said: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, said, labels)


def _histogram(name: str, said: str, *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, said, labels)


PROCESS = (
    _gauge("watchbill_build_info", "Always 1; the labels say what runs", "version", "python", "crew"),
    _gauge("watchbill_leader", "1 while this process leads its crew, 0 while it stands by"),
    _gauge("watchbill_ready", "1 while every actor that trading needs answers at once"),
    _gauge("watchbill_market_timestamp_seconds", "Market time, which is not the wall's in a replay"),
    _gauge("watchbill_calendars_known_until_timestamp_seconds", "Up to when the trading times are known"),
    _gauge("watchbill_live_streams", "Open streams of live pages"),
    _counter("watchbill_live_pushes_total", "Pushes to live pages"),
    _counter("watchbill_live_dropped_total", "Streams ended because their page did not read"),
    _gauge("watchbill_scrape_cpu_seconds", "CPU time that these figures took"),
    _counter("watchbill_scrape_failures_total", "Parts of a scrape that could not be had, by part", "part"),
)

ACTORS = (
    _gauge("watchbill_actor_running", "1 while the actor runs; 0 while it starts again, or was given up", "actor"),
    _gauge("watchbill_actor_answers", "1 when the actor answered a ping of this scrape in time", "actor"),
    _gauge("watchbill_actor_answer_age_seconds", "Since the actor last answered a ping", "actor"),
    _gauge("watchbill_mailbox_depth", "Messages that wait in the mailbox", "actor"),
    _counter("watchbill_actor_messages_total", "Messages that the actor took, since the term began", "actor"),
    _counter("watchbill_actor_conflated_total", "Messages replaced by a newer one before they were taken", "actor"),
    _counter("watchbill_actor_restarts_total", "Restarts after a crash, since the term began", "actor"),
    _counter("watchbill_dead_letters_total", "Messages that reached nobody", "actor", "message"),
    _histogram("watchbill_actor_handling_seconds", "How long one message kept the actor", "actor"),
    _histogram("watchbill_ask_seconds", "From asking an actor to its answer", "actor", "message"),
    _counter("watchbill_asks_unanswered_total", "Asks without an answer, and why", "actor", "message", "why"),
    _counter("watchbill_alerts_total", "Alerts, by reason", "reason"),
    _histogram("watchbill_reservation_wait_seconds", "From asking for a reservation to the answer", "outcome"),
)

CONNECTORS = (
    _histogram("watchbill_connector_call_seconds", "How long a call to the broker took", "account", "call"),
    _counter("watchbill_connector_errors_total", "Calls without a usable answer", "account", "call", "why"),
    _counter("watchbill_orders_total", "Orders, by what the broker answered", "account", "call", "outcome"),
    _histogram(
        "watchbill_fill_slippage_spreads",
        "How much worse a fill was than expected, in spreads; 0 for as expected or better",
        "account",
        "call",
    ),
)

TRADES = (
    _counter("watchbill_trades_opened_total", "Trades that came to a position, by the ledger", "account"),
    _counter("watchbill_trades_closed_total", "Trades closed, by the ledger", "account", "reason"),
    _gauge("watchbill_trades_failed", "Orders to open of which no position came, by the ledger", "account"),
    _gauge("watchbill_trades", "Trades that are not over, by state", "account", "state"),
    _gauge("watchbill_realised_profit", "Of all closed trades, net, in the account's currency", "account"),
    _counter("watchbill_refusals_total", "Analyses that led to no trade, since this process began", "reason"),
    _gauge(
        "watchbill_position_watch_age_seconds",
        "Since an open position was last judged on a usable quote, while its market is open",
        "account",
        "commodity",
        "trade_id",
    ),
    _gauge("watchbill_calibration_error_ratio", "Mean distance of claimed and true frequency", "claim"),
    _gauge("watchbill_calibration_trades", "Settled trades behind the calibration error", "claim"),
)

ACCOUNTS = (
    _gauge("watchbill_account_ready", "1 while the account may open trades", "account"),
    _gauge("watchbill_account_equity", "In the account's currency", "account", "currency"),
    _gauge("watchbill_account_balance", "In the account's currency", "account", "currency"),
    _gauge("watchbill_account_margin_used", "In the account's currency", "account", "currency"),
    _gauge("watchbill_account_open_risk", "Lost if every stop is hit, in its currency", "account", "currency"),
    _gauge("watchbill_account_drawdown_ratio", "Below the peak of the results, of the equity at the peak", "account"),
    _gauge("watchbill_account_external_positions", "Positions of others on the account", "account"),
    _gauge("watchbill_account_unaccounted_positions", "Positions of ours that no trade explains", "account"),
    _gauge("watchbill_market_open", "1 while the commodity trades on the account", "account", "commodity"),
    _gauge("watchbill_quote_age_seconds", "Market seconds since the newest quote", "account", "commodity"),
)

LEDGER = (
    _gauge("watchbill_ledger_up", "1 when the ledger answered this scrape"),
    _gauge("watchbill_ledger_round_trip_seconds", "Of one small question of this scrape to the ledger"),
    _counter("watchbill_ledger_errors_total", "Questions of scrapes that the ledger did not answer"),
    _gauge("watchbill_opens_permitted", "1 while the crew's mode permits opening"),
    _gauge("watchbill_guards_permitted", "1 while the crew's mode permits guarding; 0: halted"),
    _gauge("watchbill_pauses", "Accounts, commodities and slots whose opening an operator has paused"),
    _gauge("watchbill_lease_seconds_left", "By the ledger's clock; 0 while nobody holds it", "lease"),
)

FEEDS = (
    _gauge("watchbill_feed_dead", "1 while the source of sentiment cannot be read", "feed"),
    _gauge("watchbill_feed_age_seconds", "Since the source was last read", "feed"),
)

NOTIFICATIONS = (
    _counter("watchbill_notifications_total", "Notices, by what came of them", "outcome"),
    _counter("watchbill_notification_attempts_failed_total", "Deliveries that a service did not take"),
    _gauge("watchbill_notifications_waiting", "Notices that wait to be sent"),
)

CATALOGUE = {
    metric.name: metric
    for metric in (*PROCESS, *ACTORS, *CONNECTORS, *TRADES, *ACCOUNTS, *LEDGER, *FEEDS, *NOTIFICATIONS)
}
"""By name. Beside these there are those of the process itself (`process_...`), as every Prometheus client has them."""
