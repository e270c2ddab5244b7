"""An account that cannot be led is told of once for each trouble, however often it is tried again."""

from __future__ import annotations

from itertools import count
from typing import NoReturn

import pytest
from crew_helpers import StartCrew, alerts, only_alpha

from actors.names import platform_actor
from actors.troubles import without_seconds
from connectors.base import NotConnected


def test_a_trouble_that_differs_in_its_seconds_alone_is_told_once(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    tries = count(1)
    holder = ["process 7"]

    def busy(deadline: float) -> NoReturn:
        raise NotConnected(f"fence was not answered within {next(tries) / 3:.3g} s; {holder[0]} has the floor")

    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], "connect", busy)
        crew.tell(platform_actor("alpha"), "a message that nobody takes")
        crew.run_for(120)
        assert next(tries) > 4
        assert len(alerts(crew, "standing_by")) == 1
        holder[0] = "process 8"
        crew.run_for(60)
        assert ["process 8" in said for said in alerts(crew, "standing_by")] == [False, True]
    crew.run_for(60)
    assert len(alerts(crew, "took_post")) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("within 2.97 s", "within 3 s", True),
        ("for all of 1e-05 s of 3 s.", "for all of 0.5 s of 4.25 s.", True),
        ("token 1 is below 2", "token 1 is below 3", False),
        ("process 7 since 3 s", "process 8 since 3 s", False),
        ("3 symbols", "4 symbols", False),
    ],
)
def test_only_seconds_are_left_out_of_a_comparison(one: str, other: str, same: bool) -> None:
    assert (without_seconds(one) == without_seconds(other)) is same
