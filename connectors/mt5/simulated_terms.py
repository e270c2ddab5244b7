"""What a simulated broker offers: the terms of an account, and of each of its symbols."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.mt5 import facts
from trading.commodities import Commodity
from trading.market import Instrument
from trading.settings_accounts import PaperSettings

FOK, IOC = 1, 2  # bits of a symbol's filling_mode
MARKET_ORDERS_ONLY = 1  # bits of a symbol's order_mode: no pending orders, and no stop or target at the broker


@dataclass(frozen=True, slots=True)
class SymbolTerms:
    """One symbol. The commodity says how prices and lots are written, and what a position ties up and costs."""

    commodity: Commodity
    filling_mode: int = FOK | IOC
    execution: int = facts.SYMBOL_TRADE_EXECUTION_MARKET
    trade_mode: int = facts.SYMBOL_TRADE_MODE_FULL
    volume_limit_lots: float = 0.0  # held in one direction; 0: no limit
    volume_min_lots: float | None = None  # None: the commodity's; so for the next two
    volume_max_lots: float | None = None
    volume_step_lots: float | None = None

    def instrument(self, name: str, paper: PaperSettings) -> Instrument:
        """The terms as a back office reads them, under the symbol's own name."""
        theirs = self.commodity.instrument(name, paper)
        return Instrument(
            commodity=name,
            symbol=name,
            digits=theirs.digits,
            contract_size=theirs.contract_size,
            volume_min_lots=theirs.volume_min_lots if self.volume_min_lots is None else self.volume_min_lots,
            volume_max_lots=theirs.volume_max_lots if self.volume_max_lots is None else self.volume_max_lots,
            volume_step_lots=theirs.volume_step_lots if self.volume_step_lots is None else self.volume_step_lots,
            profit_currency=theirs.profit_currency,
            leverage=theirs.leverage,
            commission_per_lot=theirs.commission_per_lot,
            swap_long_per_lot=theirs.swap_long_per_lot,
            swap_short_per_lot=theirs.swap_short_per_lot,
        )


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """One account: who may log in, and how it is kept."""

    login: int
    server: str
    password: str = field(default="password", repr=False)
    investor_password: str = field(default="investor", repr=False)  # with it one may look, and not trade
    trade_mode: int = facts.ACCOUNT_TRADE_MODE_DEMO
    netting: bool = False  # False: it hedges
    paper: PaperSettings = field(default_factory=PaperSettings)  # balance, currency, leverage, slippage, commission
    stop_out_percent: float = 50.0
    margin_call_percent: float = 100.0
    company: str = "Simulated Markets"

    @property
    def margin_mode(self) -> int:
        """ACCOUNT_MARGIN_MODE_*."""
        if self.netting:
            return facts.ACCOUNT_MARGIN_MODE_RETAIL_NETTING
        return facts.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account a terminal shows."""

    login: int
    server: str
    trade_mode: int
    is_investor: bool = False
