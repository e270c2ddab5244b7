"""What the tests of the choice between accounts share: crews whose trades come and go, and who was chosen."""

from __future__ import annotations

from typing import Any

from crew_helpers import account

from actors.messages import Close
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.virtual_crew import VirtualCrew
from persistence.journal import DECISION, JournalLine
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_risk import Risk
from trading.trade import CloseReason

NO_LIMITS = Risk(daily_loss_fraction=None, losses_in_a_row=None, drawdown_tiers=())
PAUSE_SECONDS = 4.0


def settings_of(*accounts: str | AccountSettings, **changes: Any) -> Settings:
    """These accounts, by name the usual one, with nothing that would keep them from the next analysis."""
    made = tuple(account(each) if isinstance(each, str) else each for each in accounts)
    return Settings(accounts=made, risk=NO_LIMITS, ai_per_account_cooldown_minutes=0, **changes)


def decide_once(crew: ScriptedCrew, seconds: float = PAUSE_SECONDS, **changes: Any) -> str | None:
    """Hand the crew an opinion, and close what comes of it; who was chosen last."""
    analysis = crew.opinion(**changes)
    crew.analyse(analysis)
    crew.run_for(0)
    close_all(crew)
    crew.run_for(seconds)
    mine = [line for line in told(crew, 3) if line.analysis_id == analysis.id]
    return mine[-1].platform if mine else None


def close_all(crew: ScriptedCrew) -> None:
    """As an operator does."""
    for trade in crew.ledger.trades.active():
        crew.tell(platform_actor(trade.platform), Close(trade.trade_id, trade.commodity, CloseReason.OPERATOR, None))
    crew.run_for(0)


def told(crew: VirtualCrew, newest: int | None = None) -> list[JournalLine]:
    """The decisions that chose an account, oldest first."""
    lines = crew.ledger.journal.list(kind=DECISION, limit=newest)[::-1]
    return [line for line in lines if line.reason == "open_told"]


def sequence(crew: VirtualCrew) -> list[str | None]:
    """Who was chosen, one after the other."""
    return [line.detail["chosen"] for line in told(crew)]
