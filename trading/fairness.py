"""Whether the choice between accounts was fair: who was chosen, by what, and what became of those that were equal.

Where accounts are equal, inside the materiality of `trading.selection` on cost and on headroom, nothing may tell them
apart but whose turn it is, so each of k equals should get one such analysis in k. How far an account is from its share
is judged by an exact test. Far from it is not unfair yet: an account that alone could take the last ten trades has to
wait for its turn until the others have caught up, and loses ties for that. So a warning needs both: more than chance
gives, and won out of turn.

A tie whose winner then refused to open is no tie: the analysis was handed on, and nobody got it before another.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trading.fair_chance import two_sided_probability
from trading.market import Instant
from trading.selection import DecidedBy, Ineligible, Offer, nearly_cheapest, nearly_roomiest

LEAST_TIES = 20  # below that, no share is far enough from its expectation to accuse anybody
LEAST_CHANCE = 0.001  # of a fair choice being this far off; two-sided
LEAST_OUT_OF_TURN = 0.5  # of the excess: what of it the turn does not account for


@dataclass(frozen=True, slots=True)
class Row:
    """One account in the table of a decision."""

    platform: str
    ineligible: str | None  # the reason; None: eligible
    cost: float | None  # in stop distances; None: ineligible
    headroom: float | None  # 0 to 1; None: ineligible
    spread: float | None = None  # in price units; None: no quote
    last_chosen_at: Instant | None = None  # as the program knew it


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision for which a table of candidates was made."""

    commodity: str
    chosen: str | None  # None: no account was eligible
    decided_by: str
    rows: tuple[Row, ...]
    times: int = 1  # how often exactly this was decided, one after the other

    @property
    def equals(self) -> tuple[str, ...]:
        """The accounts that nothing but their turn told apart, by name; one or none where there was no tie."""
        offers = [
            Offer(row.platform, row.cost, row.headroom)
            for row in self.rows
            if row.ineligible is None and row.cost is not None and row.headroom is not None
        ]
        return tuple(offer.platform for offer in nearly_roomiest(nearly_cheapest(offers))) if offers else ()


def read_decision(commodity: str | None, detail: Mapping[str, object], times: int = 1) -> Decision:
    """A decision of which a journal keeps ``chosen``, ``decided_by`` and ``candidates``, a mapping for each account.

    Whatever an older program did not write is not known, and nothing raises.
    """
    chosen, decided_by, rows = detail.get("chosen"), detail.get("decided_by"), detail.get("candidates")
    found = [_read_row(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []
    return Decision(
        commodity=commodity or "",
        chosen=chosen if isinstance(chosen, str) else None,
        decided_by=decided_by if isinstance(decided_by, str) else DecidedBy.NONE.value,
        rows=tuple(found),
        times=times,
    )


def _read_row(row: Mapping[str, Any]) -> Row:
    cost, headroom, spread = (_number(row.get(name)) for name in ("cost", "headroom", "spread"))
    reason = row.get("reason", row.get("ineligible"))
    chosen_at = row.get("last_chosen_at")
    return Row(
        platform=str(row.get("platform", "")),
        ineligible=reason if isinstance(reason, str) else None if row.get("eligible", cost is not None) else "not told",
        cost=cost,
        headroom=headroom,
        spread=spread,
        last_chosen_at=chosen_at if isinstance(chosen_at, int) else None,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


class ChoiceOrder:
    """Who was chosen longest ago for each commodity, by the decisions themselves."""

    def __init__(self) -> None:
        self._choices = 0
        self._last: dict[tuple[str, str], int] = {}  # by commodity and account

    def was_its_turn(self, decision: Decision, equals: Iterable[str]) -> bool:
        """Whether the chosen one of these was chosen longest ago.

        Of what was before the first decision, only the rows tell. Among accounts that were never chosen it is anybody's
        turn.
        """
        recorded = {row.platform: row.last_chosen_at for row in decision.rows}
        keys = {name: self._key(decision.commodity, name, recorded.get(name)) for name in equals}
        return decision.chosen in keys and keys[decision.chosen] == min(keys.values())

    def note(self, decision: Decision) -> None:
        """It was decided."""
        if decision.chosen is not None:
            self._choices += 1
            self._last[decision.commodity, decision.chosen] = self._choices

    def _key(self, commodity: str, platform: str, recorded: Instant | None) -> tuple[int, float]:
        last = self._last.get((commodity, platform))
        if last is not None:
            return 1, last
        return 0, -math.inf if recorded is None else recorded


@dataclass(frozen=True, slots=True)
class Share:
    """What one account got of the ties that it was in."""

    platform: str
    ties: int
    wins: int
    expected: float
    probability: float  # that a fair choice is at least as far from its expectation
    out_of_turn: int  # wins while another one of the equals had waited longer

    @property
    def is_unfair(self) -> bool:
        """More than its share, by more than chance, and not because it was its turn."""
        excess = self.wins - self.expected
        far_off = self.ties >= LEAST_TIES and self.probability < LEAST_CHANCE
        return excess > 0 and far_off and self.out_of_turn >= LEAST_OUT_OF_TURN * excess


@dataclass(frozen=True, slots=True)
class WonTie:
    """A tie that was counted, for the case that its winner refuses."""

    equals: tuple[str, ...]
    times: int
    was_its_turn: bool


@dataclass(slots=True)
class ChoiceTally:
    """The counts over many decisions, of one commodity or of several."""

    decisions: int = 0
    decided_by: Counter[str] = field(default_factory=Counter)  # of the opens alone
    opens: Counter[str] = field(default_factory=Counter)  # by account: how often it was chosen
    wins: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # by account and reason
    ineligible: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # the same
    eligible: Counter[str] = field(default_factory=Counter)
    alone_because: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )  # where an account was the only one: by that account, the other one, and what kept the other from it
    tied_with: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))  # by how many equals
    tie_wins: Counter[str] = field(default_factory=Counter)
    out_of_turn: Counter[str] = field(default_factory=Counter)
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    order: ChoiceOrder = field(default_factory=ChoiceOrder)
    _newest_tie: dict[tuple[str, str], WonTie | None] = field(default_factory=dict)  # by commodity and its winner

    def add(self, decision: Decision) -> None:
        """Count one more. They have to come in the order in which they were made."""
        self.decisions += decision.times
        for row in decision.rows:
            self._add_row(row, decision.times)
            if row.ineligible == Ineligible.REFUSED_IT:
                self._withdraw_tie(decision.commodity, row.platform)
        if decision.chosen is None:
            return
        self.opens[decision.chosen] += decision.times
        self.decided_by[decision.decided_by] += decision.times
        self.wins[decision.chosen][decision.decided_by] += decision.times
        if decision.decided_by == DecidedBy.ONLY:
            for row in decision.rows:
                if row.ineligible is not None:
                    self.alone_because[decision.chosen][row.platform][row.ineligible] += decision.times
        self._newest_tie[decision.commodity, decision.chosen] = self._add_tie(decision)
        self.order.note(decision)

    def shares(self) -> list[Share]:
        """What each account got of its ties, by name."""
        return [
            Share(
                platform=platform,
                ties=sum(of_size.values()),
                wins=self.tie_wins[platform],
                expected=math.fsum(number / size for size, number in of_size.items()),
                probability=two_sided_probability(self.tie_wins[platform], of_size),
                out_of_turn=self.out_of_turn[platform],
            )
            for platform, of_size in sorted(self.tied_with.items())
        ]

    def median_cost(self, platform: str) -> float | None:
        """In stop distances, over all decisions in which the account was eligible; None: it never was."""
        costs = self.costs.get(platform)
        return statistics.median(costs) if costs else None

    @property
    def most_decisive(self) -> str | None:
        """What decided most of the opens; of two as frequent, the first in the order of the rule. None: no opens."""
        order = [reason.value for reason in DecidedBy]
        found = sorted(self.decided_by, key=lambda word: (-self.decided_by[word], order.index(word)))
        return found[0] if found else None

    @property
    def platforms(self) -> list[str]:
        """Every account that was a candidate, by name."""
        return sorted({*self.eligible, *self.ineligible, *self.opens})

    def _add_row(self, row: Row, times: int) -> None:
        if row.ineligible is not None:
            self.ineligible[row.platform][row.ineligible] += times
            return
        self.eligible[row.platform] += times
        if row.cost is not None:
            self.costs[row.platform].append(row.cost)

    def _add_tie(self, decision: Decision) -> WonTie | None:
        equals = decision.equals
        if len(equals) < 2:
            return None
        for platform in equals:
            self.tied_with[platform][len(equals)] += decision.times
        if decision.chosen not in equals:
            return None
        won = WonTie(equals, decision.times, self.order.was_its_turn(decision, equals))
        self._count_win(decision.chosen, won, decision.times)
        return won

    def _withdraw_tie(self, commodity: str, platform: str) -> None:
        """The account was chosen last for the analysis that is decided again, and opened nothing."""
        won = self._newest_tie.pop((commodity, platform), None)
        if won is None:
            return
        for equal in won.equals:
            self.tied_with[equal][len(won.equals)] -= won.times
            self.tied_with[equal] = +self.tied_with[equal]
            if not self.tied_with[equal]:
                del self.tied_with[equal]
        self._count_win(platform, won, -won.times)

    def _count_win(self, platform: str, won: WonTie, times: int) -> None:
        self.tie_wins[platform] += times
        if not won.was_its_turn:
            self.out_of_turn[platform] += times


def unfair_words(share: Share) -> str:
    """What a share that neither chance nor the turn accounts for looks like."""
    return (
        f"{share.platform} won {share.wins} of the {share.ties} ties that it was in, where its share would be "
        f"{share.expected:.1f} (p = {share.probability:.1g}), {share.out_of_turn} of them while another account had "
        "waited longer"
    )
