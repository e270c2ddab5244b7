"""What `doctor` says of a terminal and its account, judged by what a worker saw; and what to click where it is wrong.

The functions here take what the package gave, in its own fields, and ask nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.mt5 import facts
from connectors.mt5.calls import Look, SymbolLook
from connectors.mt5.fillings import fillings
from console.check import Check, State
from trading.settings_accounts import AccountSettings
from trading.settings_metatrader import Package

Record = Mapping[str, Any]

TRADE_MODES = {
    facts.ACCOUNT_TRADE_MODE_DEMO: "demo",
    facts.ACCOUNT_TRADE_MODE_CONTEST: "contest",
    facts.ACCOUNT_TRADE_MODE_REAL: "real",
}
FILLINGS = {
    facts.ORDER_FILLING_FOK: "FOK",
    facts.ORDER_FILLING_IOC: "IOC",
    facts.ORDER_FILLING_RETURN: "RETURN",
}
OPTIONS = "Tools > Options > Expert Advisors"

NOT_STARTED = {
    facts.RES_E_INTERNAL_FAIL_INIT: "mt5.terminal must be the path of the account's terminal64.exe",
    facts.RES_E_AUTH_FAILED: "login, password and server must be those of the account: log in once by hand "
    "(File > Login to Trade Account), with 'Save password' ticked, and compare",
    facts.RES_E_INTERNAL_FAIL_TIMEOUT: "start the terminal by hand and see what it waits for: a login window, an "
    "update; mt5.portable must be as it is started",
    facts.RES_E_INVALID_VERSION: "the terminal and the package are too far apart: let the terminal update itself "
    "(Help > Check for Updates), and pip install -U MetaTrader5",
    facts.RES_E_AUTO_TRADING_DISABLED: f"{OPTIONS}: untick 'Disable algorithmic trading via external Python API'",
}
"""By the package's last error, what to do about a terminal that did not come."""
NO_TERMINAL = (facts.RES_E_INTERNAL_FAIL_INIT, facts.RES_E_INTERNAL_FAIL_CONNECT, facts.RES_E_INTERNAL_FAIL_TIMEOUT)
STARTED_BY_HAND = "start the terminal by hand, log in to the account, and try again"


def terminal_check(name: str, look: Look, package: Package = "MetaTrader5") -> Check:
    """Whether there is a terminal. ``package``: that of the account."""
    if look.terminal is None:
        advice = NOT_STARTED.get(look.code, STARTED_BY_HAND)
        if package == "simulator" and look.code in NO_TERMINAL:
            advice = "start run.py terminal with these settings; mt5.terminal must be the file that it writes"
        return Check(name, "failed", f"no terminal: {look.message} ({look.code}), package {look.version}", advice)
    terminal = look.terminal
    place = f" at {terminal['path']}" if terminal["path"] else ""
    saw = f"{terminal['name']}, build {terminal['build']}{place}; package {look.version}"
    if not terminal["connected"]:
        advice = (
            "look at the connection in the terminal's lower right corner: click there, 'Rescan Servers'; is this "
            "machine on the network, and the account not expired?"
        )
        return Check(name, "failed", f"{saw}; it is not connected to its trade server", advice)
    return Check(name, "ok", f"{saw}; connected")


def account_check(name: str, account: AccountSettings, shown: Record | None, message: str) -> Check:
    """Whether the terminal shows the account that the settings name, and of the kind that they name."""
    if shown is None:
        return Check(name, "failed", f"the terminal shows no account: {message}", "File > Login to Trade Account")
    faults = dict(_account_faults(account, shown))
    trade_mode = TRADE_MODES.get(shown["trade_mode"], f"trade mode {shown['trade_mode']}")
    saw = (
        f"{shown['login']} at {shown['server']}, {trade_mode}, {_margin_mode(shown)}, balance "
        f"{shown['balance']:,.2f} {shown['currency']}, leverage 1:{shown['leverage']}"
    )
    if faults:
        return Check(name, "failed", f"{saw}; {'; '.join(faults)}", "; ".join(faults.values()))
    return Check(name, "ok", saw)


def _account_faults(account: AccountSettings, shown: Record) -> Iterator[tuple[str, str]]:
    if (shown["login"], shown["server"]) != (account.login, account.server):
        yield (
            f"expected {account.login} at {account.server}",
            "log in to that account in this terminal (File > Login to Trade Account), or correct login and server",
        )
    expected = account.mt5.trade_mode
    if TRADE_MODES.get(shown["trade_mode"]) != expected:
        yield f"expected a {expected} account", "no order is sent; mt5.trade_mode says which kind is meant"
    nets = shown["margin_mode"] != facts.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    if nets != account.mt5.netting:
        yield (
            f"expected an account that {'nets' if account.mt5.netting else 'hedges'}",
            f"set mt5.netting = {str(nets).lower()}, or open an account of the other kind",
        )


def _margin_mode(shown: Record) -> str:
    modes = {
        facts.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING: "hedging",
        facts.ACCOUNT_MARGIN_MODE_RETAIL_NETTING: "netting",
        facts.ACCOUNT_MARGIN_MODE_EXCHANGE: "netting (exchange)",
    }
    return modes.get(shown["margin_mode"], f"margin mode {shown['margin_mode']}")


def permission_check(name: str, terminal: Record, shown: Record) -> Check:
    """Whether a program may trade here."""
    faults = dict(_permission_faults(terminal, shown))
    if faults:
        return Check(name, "failed", "; ".join(faults), "; ".join(faults.values()))
    return Check(name, "ok", "programs may trade: in the terminal, on the account, at the broker")


def _permission_faults(terminal: Record, shown: Record) -> Iterator[tuple[str, str]]:
    if terminal["tradeapi_disabled"]:
        yield (
            "the terminal does not let Python programs trade",
            f"{OPTIONS}: untick 'Disable algorithmic trading via external Python API'",
        )
    if not terminal["trade_allowed"]:
        yield (
            "algorithmic trading is switched off in the terminal",
            f"press the button 'Algo Trading' in the toolbar (Ctrl+E); {OPTIONS}: tick 'Allow algorithmic trading'",
        )
    if not shown["trade_allowed"]:
        yield (
            "the account may not trade",
            "log in with the main password: with the investor password an account can only be looked at",
        )
    if not shown["trade_expert"]:
        yield "the broker does not let programs trade on this account", "ask the broker for another kind of account"


def symbols_check(name: str, symbols: Mapping[str, str], looks: Sequence[SymbolLook]) -> Check:
    """Whether each symbol is there and can be traded. ``symbols``: by commodity; ``looks`` in the same order."""
    seen: list[str] = []
    advice: dict[str, None] = {}  # in order, each once
    has_failed = False
    for commodity, look in zip(symbols, looks, strict=True):
        said, what_to_do, is_fault = _symbol(look)
        seen.append(f"{commodity} as {look.name}: {said}")
        has_failed = has_failed or is_fault
        if what_to_do:
            advice[what_to_do] = None
    state: State = "failed" if has_failed else "warning" if advice else "ok"
    return Check(name, state, "; ".join(seen), "; ".join(advice))


def _symbol(look: SymbolLook) -> tuple[str, str, bool]:
    """What was seen of one symbol, what to do about it, and whether it cannot be traded."""
    info = look.info
    if info is None:
        advice = "look for the broker's own name in View > Symbols (Ctrl+U), and write it in the account's symbols"
        return f"the broker has no such symbol ({look.message})", advice, True
    mode = info["trade_mode"]
    tried = fillings(info["filling_mode"], info["trade_exemode"], closes=False, worked=None)
    terms = (
        f"{info['digits']} digits, {info['volume_min']:g} to {info['volume_max']:g} lots in steps of "
        f"{info['volume_step']:g}, fills {' or '.join(FILLINGS[filling] for filling in tried)}"
    )
    if mode == facts.SYMBOL_TRADE_MODE_DISABLED:
        return f"{terms}; it cannot be traded", "take another symbol, or ask the broker why it is disabled", True
    if mode == facts.SYMBOL_TRADE_MODE_CLOSEONLY:
        return f"{terms}; it can only be closed", "take another symbol, or ask the broker until when", True
    if mode in (facts.SYMBOL_TRADE_MODE_LONGONLY, facts.SYMBOL_TRADE_MODE_SHORTONLY):
        side = "bought" if mode == facts.SYMBOL_TRADE_MODE_LONGONLY else "sold"
        return f"{terms}; it can only be {side}", "orders of the other side will be refused", False
    return terms, "", False
