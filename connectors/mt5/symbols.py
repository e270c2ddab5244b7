"""Which of an account's symbols the broker has, and their terms.

A broker takes a symbol away or renames it, and a settings file can have it wrong. What is held of the others is to be
guarded all the same, so the account is connected while there is one of them. Those that are missing are named, and
looked for whenever the terms are read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from connectors.base import ConnectorError
from connectors.mt5.session import Session
from connectors.mt5.terms import SymbolTerms, terms_of
from connectors.mt5.translation import Names

log = logging.getLogger("watchbill.mt5")


class Symbols:
    """The symbols of one account, as the broker last told of them."""

    def __init__(self, platform: str, names: Names, session: Session) -> None:
        self._platform = platform
        self._names = names
        self._session = session
        self._missing: Mapping[str, str] = {}  # why, by symbol
        self._told_missing: Collection[str] = ()
        self._told_faulty: Collection[str] = ()
        self.terms: Mapping[str, SymbolTerms] = {}
        """By symbol. One that vanished keeps those that it had: closing what is held of it may still be possible."""
        self.read_at = 0.0  # elapsed

    def connect(self, deadline: float) -> None:
        """Have the terms, and say again which symbols are missing. Raises `ConnectorError` where all always were."""
        self._told_missing = self._told_faulty = ()
        self.read(deadline)

    def read(self, deadline: float) -> None:
        """Read the terms of every symbol, which Market Watch shows from then on.

        Raises `ConnectorError`, also where the broker never had any of the symbols, and ``BadMessage``.
        """
        names = list(self._names.symbols.values())
        found, self._missing = terms_of(self._session.ask("symbols", {"names": names}, deadline))
        self.terms = {**self.terms, **found}
        self.read_at = self._session.clock.elapsed()
        if names and not self.terms:
            raise ConnectorError(f"account {self._platform!r}: {self._said(self._missing)}")
        self._tell()

    @property
    def seen(self) -> dict[str, str]:
        """By commodity, the symbols that the broker has, or had since we look."""
        return {commodity: symbol for commodity, symbol in self._names.symbols.items() if symbol in self.terms}

    def traded(self) -> dict[str, SymbolTerms]:
        """By commodity, the terms of the symbols that the broker has now, where they are complete."""
        return {
            commodity: self.terms[symbol]
            for commodity, symbol in self.seen.items()
            if symbol not in self._missing and self.terms[symbol].fault is None
        }

    def of(self, commodity: str) -> SymbolTerms | str:
        """The terms of a commodity, or why there are none."""
        symbol = self._names.symbols[commodity]
        return self.terms[symbol] if symbol in self.terms else self._said([symbol])

    # ------------------------------------------------------------ how

    def _tell(self) -> None:
        """Once of each symbol that cannot be traded, until it can."""
        if self._missing.keys() != set(self._told_missing):
            if self._missing:
                log.error(
                    "%s: %s; until it has, nothing is opened there, and what is held of it is not guarded",
                    self._platform,
                    self._said(self._missing),
                )
            for symbol in sorted(set(self._told_missing) - self._missing.keys()):
                log.info("%s: the broker has the symbol %s", self._platform, symbol)
        faulty = {symbol: terms.fault for symbol, terms in self.terms.items() if terms.fault is not None}
        for symbol in sorted(faulty.keys() - set(self._told_faulty)):
            log.warning("%s: %s is not traded: its %s", self._platform, symbol, faulty[symbol])
        self._told_missing, self._told_faulty = frozenset(self._missing), frozenset(faulty)

    def _said(self, missing: Collection[str]) -> str:
        named = ", ".join(
            f"{symbol!r} for {commodity} ({self._missing.get(symbol, 'not asked for yet')})"
            for commodity, symbol in self._names.symbols.items()
            if symbol in missing
        )
        return f"the broker has no symbol {named}; expected the names that Market Watch shows, exactly so written"
