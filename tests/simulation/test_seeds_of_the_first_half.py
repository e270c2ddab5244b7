"""Seeds 0 to 249 of the simulation break nothing. The others are in a file of their own, for the other core."""

from __future__ import annotations

from simulation.campaign import campaign

SEEDS = range(250)


def test_no_seed_of_the_first_half_breaks_an_invariant() -> None:
    findings = campaign(SEEDS.start, len(SEEDS))
    assert findings.violations == [], "\n".join(findings.failed.last_lines if findings.failed else ())
    assert findings.seeds == len(SEEDS)
    assert findings.count["opens"] > len(SEEDS), "the runs are empty"
    assert findings.count["closes"] > len(SEEDS) / 2
    assert findings.count["kills"] > len(SEEDS) / 2
