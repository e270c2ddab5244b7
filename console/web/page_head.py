"""What every page says at its head, and needs for its commands: how the crew stands, and who looks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from actors.system.errors import ActorError
from console.api.overview import overview_of
from console.api.window import Window
from console.web.callers import Caller, maybe_caller_of
from persistence.errors import LedgerError

NAVIGATION = (
    ("/", "Overview", "o"),
    ("/trades", "Trades", "t"),
    ("/decisions", "Decisions", "d"),
    ("/closings", "Closings", "c"),
    ("/journal", "Journal", "j"),
    ("/health", "Health", "h"),
    ("/settings", "Settings", "s"),
)

HEAD_SECONDS = 1.0  # that a page waits for another that asks the ledger: the threads are few

log = logging.getLogger("watchbill.console")

Overview = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """For `base.html`."""

    crew: str
    caller: Caller | None  # None: nobody has signed in
    overview: Overview | None  # as `Overview` is written in JSON; None where it cannot be had
    missing: str  # why it cannot
    accounts: Sequence[str]
    commodities: Sequence[str]
    navigation: Sequence[tuple[str, str, str]] = NAVIGATION  # address, name, key

    @property
    def may_trade(self) -> bool:
        """Whether the page offers commands."""
        return self.caller is not None and self.caller.may_trade

    @property
    def currencies(self) -> Mapping[str, str]:
        """Of each account."""
        return {} if self.overview is None else {row["name"]: row["currency"] for row in self.overview["accounts"]}


def head_of(window: Window, request: Request) -> Head:
    """The head of a page. Never raises for what is away: then the page says so."""
    settings = window.configuration.settings
    caller = maybe_caller_of(request)
    overview, missing = None, ""
    if caller is not None:
        try:
            overview = overview_of(window, HEAD_SECONDS).model_dump(mode="json")
        except (LedgerError, ActorError) as error:
            missing = str(error)
            log.warning("a page is shown without the overview: %s", error)
    accounts = [account for account in settings.accounts if account.enabled]
    commodities = sorted({name for account in accounts for name in account.symbols})
    return Head(settings.crew, caller, overview, missing, [account.name for account in accounts], commodities)
