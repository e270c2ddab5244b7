"""The decisions of a ledger, counted: what `run.py fairness` shows, as plain data.

A journal line may have been written by an older program: a row that lacks something is counted for what it has.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from console.records import Data
from persistence.choices import Answer
from persistence.ledger import Ledger
from trading.fairness import LEAST_CHANCE, LEAST_TIES, ChoiceTally, Share, read_decision, unfair_words
from trading.market import Instant
from trading.trade import TradeState

OVERALL = "all"
REFUSED = "refused"  # nothing was sent


def fairness_data(ledger: Ledger, commodity: str | None, since: Instant | None, newest: int | None = None) -> Data:
    """``overall`` and ``commodities``, each with its counts, its ``accounts`` and its ``warnings``.

    ``newest``: only so many of the newest decisions are looked at.
    """
    tallies: dict[str, ChoiceTally] = defaultdict(ChoiceTally)
    overall = ChoiceTally()
    for choice in ledger.choices.list(commodity=commodity, since=since, newest=newest):
        decision = read_decision(choice.commodity, choice.detail, choice.repeated)
        tallies[decision.commodity].add(decision)
        overall.add(decision)
    answers = _by_commodity(ledger.choices.answers(commodity=commodity, since=since))
    return {
        "rule": _rule(),
        "overall": _tally_data(OVERALL, overall, answers[OVERALL]),
        "commodities": [_tally_data(name, tallies[name], answers[name]) for name in sorted(tallies)],
    }


def _by_commodity(answers: Iterable[Answer]) -> dict[str, dict[str, Counter[str]]]:
    """How often each account answered with what, by commodity."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for answer in answers:
        word = REFUSED if answer.reason.startswith(f"{REFUSED}:") else answer.reason
        for name in (answer.commodity, OVERALL):
            found[name][answer.platform][word] += answer.count
    return found


def _tally_data(name: str, tally: ChoiceTally, answers: Mapping[str, Counter[str]]) -> Data:
    shares = {share.platform: share for share in tally.shares()}
    opens = sum(tally.opens.values())
    accounts = [_account(platform, tally, answers.get(platform, Counter()), shares) for platform in tally.platforms]
    return {
        "commodity": name,
        "decisions": tally.decisions,
        "opens": opens,
        "decided_by": dict(tally.decided_by),
        "most_decisive": tally.most_decisive,
        "accounts": accounts,
        "sentences": sentences(tally),
        "warnings": [unfair_words(share) for share in shares.values() if share.is_unfair],
    }


def _account(platform: str, tally: ChoiceTally, answers: Counter[str], shares: Mapping[str, Share]) -> Data:
    share = shares.get(platform)
    return {
        "platform": platform,
        "candidate": tally.eligible[platform] + sum(tally.ineligible.get(platform, Counter()).values()),
        "eligible": tally.eligible[platform],
        "opens": tally.opens[platform],
        "wins_by_reason": dict(tally.wins.get(platform, {})),
        "ineligible_by_reason": dict(tally.ineligible.get(platform, Counter()).most_common()),
        "answers": dict(answers),
        "filled": answers[TradeState.OPEN.value],
        "median_cost": tally.median_cost(platform),
        "equal": 0 if share is None else share.ties,
        "equal_wins": 0 if share is None else share.wins,
        "expected_wins": None if share is None else share.expected,
        "probability": None if share is None else share.probability,
        "out_of_turn": 0 if share is None else share.out_of_turn,
        "is_unfair": share is not None and share.is_unfair,
    }


def sentences(tally: ChoiceTally) -> list[str]:
    """For each account that was chosen, the most chosen first: how often, and what decided most of it."""
    total = sum(tally.opens.values())
    out_of_turn = {share.platform for share in tally.shares() if share.is_unfair}
    return [
        f"{platform} got {count} of {total}: {_reasons(platform, tally, in_turn=platform not in out_of_turn)}"
        for platform, count in tally.opens.most_common()
    ]


def _reasons(platform: str, tally: ChoiceTally, *, in_turn: bool) -> str:
    wins = tally.wins[platform]
    return "; ".join(_reason(platform, word, count, tally, in_turn) for word, count in wins.most_common())


def _reason(platform: str, word: str, count: int, tally: ChoiceTally, in_turn: bool) -> str:
    match word:
        case "only":
            others = tally.alone_because[platform]
            why = "; ".join(f"{name}: {_counted(reasons)}" for name, reasons in sorted(others.items()))
            return f"in {count} it was the only one eligible{f' ({why})' if why else ''}"
        case "cost":
            return f"in {count} it was cheaper"
        case "headroom":
            return f"in {count} more of its risk budget was free"
        case "rotation":
            return f"in {count} it was equal, {'and its turn' if in_turn else 'though not always its turn'}"
    return f"in {count} by {word}"


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())


def nothing_counted() -> Data:
    """The same of a ledger that there is not."""
    return {"rule": _rule(), "overall": _tally_data(OVERALL, ChoiceTally(), {}), "commodities": []}


def _rule() -> Data:
    return {"least_ties": LEAST_TIES, "least_probability": LEAST_CHANCE}
