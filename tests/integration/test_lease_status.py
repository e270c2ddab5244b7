"""`status` says who holds what, under which token, and for how long still."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from rich.console import Console

from console.configuration import load
from console.status import render, status_data
from persistence.ledger import Ledger
from persistence.reservations import account_resource, crew_resource

NOW = 1_000_000


def test_status_shows_holder_token_and_the_seconds_that_are_left(tmp_path: Path) -> None:
    configuration = load(environment={})
    clock = [NOW]
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with closing(Ledger.open(url, lease_clock=lambda: clock[0])) as ledger:
        ledger.reservations.reserve_resource(crew_resource("default"), "here:1:a", ttl_seconds=5)
        ledger.reservations.reserve_resource(account_resource("alpha"), "here:1:a", ttl_seconds=5)
        clock[0] += 1_500
        data = status_data(configuration, ledger)
    assert data["leader"]["owner"] == "here:1:a"
    assert [(held["resource"], held["token"], held["seconds_left"]) for held in data["leases"]] == [
        ("account:alpha", 1, 3.5),
        ("crew:default", 1, 3.5),
    ]
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render(data))
    assert "3.5 s" in captured.get()


def test_a_lease_that_ended_between_two_questions_has_nothing_left(tmp_path: Path) -> None:
    times = iter([NOW, NOW, NOW + 60_000])
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with closing(Ledger.open(url, lease_clock=lambda: next(times, NOW + 60_000))) as ledger:
        ledger.reservations.reserve_resource(crew_resource("default"), "here:1:a", ttl_seconds=5)
        data = status_data(load(environment={}), ledger)
    assert [held["seconds_left"] for held in data["leases"]] == [0.0]
