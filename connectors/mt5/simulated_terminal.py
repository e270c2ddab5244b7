"""The state of a simulated terminal: who is logged in, what is allowed, and what it still shows without its server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.mt5 import facts
from connectors.mt5.simulated_account import SimulatedAccount
from connectors.mt5.simulated_terms import Identity
from connectors.mt5.simulated_truth import Request
from connectors.mt5.trade_server import PackageError
from trading.market import Instant


class SimulatedTerminal:
    """One terminal, for one account; people may use it for another one."""

    def __init__(self, account: SimulatedAccount) -> None:
        terms = account.terms
        self._account = account
        self._of_ours = Identity(terms.login, terms.server, terms.trade_mode)
        self.identity = self._of_ours
        self.selected: set[str] = set()  # the symbols in Market Watch
        self.trade_allowed = True  # the button Algo Trading
        self.tradeapi_disabled = False
        self.trade_expert = True  # the broker's own switch
        self._remembered: dict[str, Any] | None = None  # None: there is a connection; else what it knew, by question
        self._knows: Callable[[], dict[str, Any]] = dict
        self._hidden_from: Instant = 0
        self._hidden_until: Instant = 0

    @property
    def is_connected(self) -> bool:
        """To its trade server."""
        return self._remembered is None

    @property
    def is_ours(self) -> bool:
        """Whether the account that is logged in is the one that it is for."""
        return (self.identity.login, self.identity.server) == (self._of_ours.login, self._of_ours.server)

    def knows_by(self, knows: Callable[[], dict[str, Any]]) -> None:
        """What the terminal goes on showing when it loses its server, by question."""
        self._knows = knows

    def seen(self, question: str, ask: Callable[[], Any]) -> Any:
        """What the server answers, or what it answered last."""
        return ask() if self._remembered is None else self._remembered[question]

    # ------------------------------------------------------------ logging in

    def log_in(self, login: int, password: str | None, server: str | None) -> None:
        """Be this account. Raises `PackageError` where login, password or server are others."""
        terms = self._account.terms
        is_known = login == terms.login and server in (None, terms.server)
        if not (is_known and password in (None, terms.password, terms.investor_password)):
            raise PackageError(facts.RES_E_AUTH_FAILED, facts.ERRORS[facts.RES_E_AUTH_FAILED])
        is_investor = self._of_ours.is_investor if password is None else password == terms.investor_password
        self._of_ours = Identity(terms.login, terms.server, terms.trade_mode, is_investor)
        self.identity = self._of_ours

    def log_in_another(self, identity: Identity) -> None:
        """Be somebody else's account, at a server that can be reached."""
        self._remembered = None
        self.identity = identity
        self._account.happened(f"account {identity.login} at {identity.server} was logged in")

    def log_in_again(self) -> None:
        """Be our account again."""
        self.identity = self._of_ours

    # ------------------------------------------------------------ permissions and connection

    def allow(self, terminal: bool | None, api: bool | None, expert: bool | None) -> None:
        """Press the switches that are given."""
        self.trade_allowed = self.trade_allowed if terminal is None else terminal
        self.tradeapi_disabled = self.tradeapi_disabled if api is None else not api
        self.trade_expert = self.trade_expert if expert is None else expert

    def disconnect(self) -> None:
        """Lose the server."""
        if self._remembered is None:
            self._remembered = self._knows()
            self._account.happened("the terminal lost its server")

    def connect(self) -> None:
        """Have it again."""
        self._remembered = None

    def hide_history(self, since: Instant, until: Instant) -> None:
        """Orders and deals from ``since`` on are not to be seen before ``until``."""
        self._hidden_from, self._hidden_until = since, until

    def shows(self, at: Instant) -> bool:
        """Whether what is of that instant is in the history by now."""
        return at < self._hidden_from or self._account.at >= self._hidden_until

    def refusal(self, request: Request) -> int | None:
        """The return code of an order that does not leave the terminal, or not for the dealing desk."""
        if not self.trade_allowed:
            return facts.TRADE_RETCODE_CLIENT_DISABLES_AT
        if not self.is_connected:
            return facts.TRADE_RETCODE_CONNECTION
        if self.identity.is_investor:
            return facts.TRADE_RETCODE_TRADE_DISABLED
        return None if self.trade_expert else facts.TRADE_RETCODE_SERVER_DISABLES_AT
