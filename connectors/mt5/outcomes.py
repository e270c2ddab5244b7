"""What an answer of MetaTrader 5 to an order proves: one table of return codes, one of the package's own errors.

Three things can be proved. *Refused*: nothing came of the order and nothing will. *Requoted*: the same, and the price
was all that was wrong, so that a new order may be tried. *Executing*: the broker took it, and its deals will say how
much was filled, at which price; the code itself is no fill. Everything else is *unknown*, and looked up: a code that
is not in the table, 0, no result at all, and those codes that do not say whether an order is still under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from connectors import wire
from connectors.base import Rejected, Unknown
from connectors.mt5.calls import Sent


class Fate(StrEnum):
    """What is proved about an order."""

    EXECUTING = "executing"  # its deals say the rest
    REFUSED = "refused"
    REQUOTED = "requoted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means for an order."""

    name: str  # MetaTrader's, without its prefix
    fate: Fate
    code: str = ""  # of the refusal, where it has one

    def of(self, *, closes: bool) -> Fate:
        """The fate of an order that closes, or of one that opens."""
        # An open names no position: that one of its own is closed already cannot be an answer to it.
        return Fate.UNKNOWN if self.code == "no_position" and not closes else self.fate


def _refused(name: str, code: str) -> Meaning:
    return Meaning(name, Fate.REFUSED, code)


def _unknown(name: str) -> Meaning:
    return Meaning(name, Fate.UNKNOWN)


RETURN_CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        10004: Meaning("REQUOTE", Fate.REQUOTED, "requote"),
        10006: _refused("REJECT", "reject"),
        10007: _refused("CANCEL", "cancel"),
        10008: Meaning("PLACED", Fate.EXECUTING),
        10009: Meaning("DONE", Fate.EXECUTING),
        10010: Meaning("DONE_PARTIAL", Fate.EXECUTING),
        10011: _unknown("ERROR"),
        10012: _unknown("TIMEOUT"),
        10013: _refused("INVALID", "invalid_request"),
        10014: _refused("INVALID_VOLUME", "invalid_volume"),
        10015: _refused("INVALID_PRICE", "invalid_price"),
        10016: _refused("INVALID_STOPS", "invalid_stops"),
        10017: _refused("TRADE_DISABLED", "trade_disabled"),
        10018: _refused("MARKET_CLOSED", "market_closed"),
        10019: _refused("NO_MONEY", "no_money"),
        10020: Meaning("PRICE_CHANGED", Fate.REQUOTED, "price_changed"),
        10021: _refused("PRICE_OFF", "price_off"),
        10022: _refused("INVALID_EXPIRATION", "invalid_expiration"),
        10023: _unknown("ORDER_CHANGED"),
        10024: _refused("TOO_MANY_REQUESTS", "too_many_requests"),
        10025: _refused("NO_CHANGES", "no_changes"),
        10026: _refused("SERVER_DISABLES_AT", "server_disables_at"),
        10027: _refused("CLIENT_DISABLES_AT", "client_disables_at"),
        10028: _unknown("LOCKED"),
        10029: _refused("FROZEN", "frozen"),
        10030: _refused("INVALID_FILL", "invalid_fill"),
        10031: _unknown("CONNECTION"),
        10032: _refused("ONLY_REAL", "only_real"),
        10033: _refused("LIMIT_ORDERS", "limit_orders"),
        10034: _refused("LIMIT_VOLUME", "limit_volume"),
        10035: _refused("INVALID_ORDER", "invalid_order"),
        10036: _refused("POSITION_CLOSED", "no_position"),
        10038: _refused("INVALID_CLOSE_VOLUME", "invalid_close_volume"),
        10039: _unknown("CLOSE_ORDER_EXIST"),
        10040: _refused("LIMIT_POSITIONS", "limit_positions"),
        10041: _refused("REJECT_CANCEL", "reject_cancel"),
        10042: _refused("LONG_ONLY", "long_only"),
        10043: _refused("SHORT_ONLY", "short_only"),
        10044: _refused("CLOSE_ONLY", "close_only"),
        10045: _refused("FIFO_CLOSE", "fifo_close"),
        10046: _refused("HEDGE_PROHIBITED", "hedge_prohibited"),
    }
)
"""TRADE_RETCODE_*, by number."""

LAST_ERRORS: Mapping[int, Meaning] = MappingProxyType(
    {
        1: _unknown("S_OK"),
        -1: _unknown("E_FAIL"),
        -2: _refused("E_INVALID_PARAMS", "invalid_request"),
        -3: _unknown("E_NO_MEMORY"),
        -4: _unknown("E_NOT_FOUND"),
        -5: _unknown("E_INVALID_VERSION"),
        -6: _unknown("E_AUTH_FAILED"),
        -7: _unknown("E_UNSUPPORTED"),
        -8: _refused("E_AUTO_TRADING_DISABLED", "trade_disabled"),
        -10000: _unknown("E_INTERNAL_FAIL"),
        -10001: _unknown("E_INTERNAL_FAIL_SEND"),
        -10002: _unknown("E_INTERNAL_FAIL_RECEIVE"),
        -10003: _unknown("E_INTERNAL_FAIL_INIT"),
        -10004: _refused("E_INTERNAL_FAIL_CONNECT", "not_connected"),
        -10005: _unknown("E_INTERNAL_FAIL_TIMEOUT"),
    }
)
"""RES_*: what `last_error` says after an order to which the package gave no result, by number."""

OUT_OF_STEP = frozenset({-10000, -10001, -10002, -10003, -10004, -10005})
"""After these the package has to be initialized again before anything it says can be believed."""


@dataclass(frozen=True, slots=True)
class Executing:
    """The broker took the order."""

    order: int  # 0: it did not say which
    volume_lots: float  # that it says was filled; 0: it did not say
    is_final: bool  # no more will be filled than this
    filling: int | None


Judgement: TypeAlias = Executing | Rejected | Unknown


def judge(sent: Sent, *, closes: bool) -> Judgement:
    """What is proved by what the worker says of an order. Raises `BadMessage` for a result that is none."""
    if sent.refused is not None:
        return Rejected(sent.refused, sent.reason)
    if sent.result is None:
        said = f"no result; the package says {sent.code}, {sent.message!r}"
        return _judged(LAST_ERRORS.get(sent.code), said, closes=closes)
    code = wire.read(int, sent.result.get("retcode"), "result.retcode")
    meaning = RETURN_CODES.get(code)
    if meaning is None or meaning.of(closes=closes) is not Fate.EXECUTING:
        comment = wire.read(str, sent.result.get("comment"), "result.comment")
        name = "a code that is not known" if meaning is None else meaning.name
        return _judged(meaning, f"{code} {name}: {comment}".rstrip(": "), closes=closes)
    return Executing(
        order=wire.read(int, sent.result.get("order"), "result.order"),
        volume_lots=wire.read(float, sent.result.get("volume"), "result.volume"),
        is_final=meaning.name != "PLACED",
        filling=sent.filling,
    )


def _judged(meaning: Meaning | None, said: str, *, closes: bool) -> Rejected | Unknown:
    fate = Fate.UNKNOWN if meaning is None else meaning.of(closes=closes)
    if meaning is None or fate is Fate.UNKNOWN:
        return Unknown(said)
    return Rejected(meaning.code, said, requote=fate is Fate.REQUOTED)
