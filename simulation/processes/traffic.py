"""Settings under which a crew trades as often as the market lets it, so that a kill has something to hit.

Every gate is open and every stop is near: on recorded EURUSD hours that is an open and a close in about three bars.
Nothing of the protocol is changed: what is fast here is the market, not the program.
"""

from __future__ import annotations

import json

from trading.analysis import Strategy
from trading.settings_strategies import PROFILES, RegimeThresholds

ACCOUNTS = ("alpha", "beta", "gamma", "delta")  # one that looks for a lost order opens nothing for two minutes
COMMODITY = "EURUSD"
OPENING_BALANCE = 10_000.0
STOP_VOLATILITIES = 0.1  # of a day: most stops are hit within the hour
LONGEST_HOLD_SECONDS = 7_200  # the shortest that hourly bars allow
JOURNAL_KEEP_DAYS = 36_500  # the report is read from it, and the market goes through months in minutes
RISK_PER_TRADE = 0.001  # hundreds of lost trades leave the account alive


def settings_text(ttl_seconds: float, database_url: str, server: str = "") -> str:
    """A whole `watchbill.toml`. ``server``: where the accounts' broker process listens; empty: they live in `serve`."""
    lines = [
        f"database_url = {json.dumps(database_url)}",
        f"ai_db_reservation_ttl_seconds = {ttl_seconds:g}",
        "ai_per_account_cooldown_minutes = 0",
        "ai_monitor_interval_seconds = 1",
        'confidence_profile = "aggressive"',
        f"journal_keep_days = {JOURNAL_KEEP_DAYS}",
        "",
        "[risk]",
        f"risk_per_trade_fraction = {RISK_PER_TRADE}",
    ]
    for profile in PROFILES:
        lines += ["", f"[thresholds.{profile}]", *(f"{regime} = 0" for regime in RegimeThresholds.model_fields)]
    for strategy in Strategy:
        lines += [
            "",
            f"[strategies.{strategy}]",
            "min_confidence = 0",
            f"stop_volatilities = {STOP_VOLATILITIES}",
            f"longest_hold_seconds = {LONGEST_HOLD_SECONDS}",
        ]
    for account in ACCOUNTS:
        lines += ["", "[[accounts]]", f'name = "{account}"', f'symbols = {{{COMMODITY} = "{COMMODITY}"}}']
        lines += ['connector = "remote"', f"server = {json.dumps(server)}"] if server else []
        lines += ["", "[accounts.limits]", "max_spread_fraction = 1.0"]
        lines += ["", "[accounts.paper]", f"balance = {OPENING_BALANCE}"]
    return "\n".join(lines) + "\n"
