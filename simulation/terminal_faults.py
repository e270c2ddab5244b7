"""What can go wrong at a MetaTrader 5 terminal, besides what its broker does: by name, and how often.

All of `broker_faults.py` strikes there too, in MetaTrader's clothes. See there for what a rate means.
"""

from __future__ import annotations

OTHER_ACCOUNT = "other_account"
ALGO_TRADING_OFF = "algo_trading_off"
SERVER_CLOCK = "server_clock"
RENUMBERED = "renumbered"
WORKER_KILLED = "worker_killed"
HISTORY_FETCHED = "history_fetched"
POSITIONS_BEHIND = "positions_behind"

FAULTS_OF_TERMINALS: dict[str, str] = {
    OTHER_ACCOUNT: "a person logs in to another account at the terminal, for a while",
    ALGO_TRADING_OFF: "a person switches algorithmic trading off at the terminal, for a while",
    SERVER_CLOCK: "the broker sets its clock by an hour",
    RENUMBERED: "the broker gives a position another ticket",
    WORKER_KILLED: "the worker beside the terminal is killed, before or after it was asked",
    HISTORY_FETCHED: "a terminal that has logged in shows its history bit by bit, for some seconds",
    POSITIONS_BEHIND: "after an order a terminal shows the positions from before it, for some seconds",
}
"""Every fault that only a terminal knows, by the name that `--faults` takes, with what it is."""

PROBABILITIES: dict[str, dict[str, float]] = {
    "worker": {WORKER_KILLED: 0.01},  # every call, besides what befalls questions and orders
    "log_in": {HISTORY_FETCHED: 0.3},
    "sent": {POSITIONS_BEHIND: 0.15},  # after an order, besides
    "send": {OTHER_ACCOUNT: 0.03, ALGO_TRADING_OFF: 0.03},  # right before an order, besides
}
"""By kind of call, the probability of each fault at an intensity of 1."""

MEAN_SECONDS: dict[str, float] = {OTHER_ACCOUNT: 250, ALGO_TRADING_OFF: 250, SERVER_CLOCK: 200, RENUMBERED: 150}
"""Of what happens whoever calls: the mean time in between at an intensity of 1."""
