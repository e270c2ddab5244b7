"""What the soak is made of: its settings, its moments, and a wire that can be cut."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.configuration import load
from simulation.processes import moments, traffic
from simulation.processes.campaign import Campaign
from simulation.processes.program import Ears, Silence
from simulation.processes.proxy import Wire
from simulation.processes.report import Times
from simulation.processes.world import WorldPlan

SECONDS = 30.0


def test_the_settings_are_ones_that_the_program_takes(tmp_path: Path) -> None:
    path = tmp_path / "watchbill.toml"
    path.write_text(traffic.settings_text(3.0, "sqlite:///ledger.sqlite", "127.0.0.1:7099"), encoding="utf-8")
    settings = load(path, environment={}).settings
    assert [account.name for account in settings.accounts] == list(traffic.ACCOUNTS)
    assert settings.is_remote
    assert settings.broker_address == ("127.0.0.1", 7099)
    assert settings.ai_db_reservation_ttl_seconds == 3.0


def test_one_seed_draws_the_same_moments() -> None:
    drawn = [[moments.draw(rng) for _ in range(20)] for rng in (random.Random(7), random.Random(7), random.Random(8))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_kind_of_moment_is_drawn() -> None:
    rng = random.Random(1)
    assert {moments.draw(rng).near for _ in range(500)} == set(moments.Near)


def test_rounds_are_shared_out_among_worlds() -> None:
    assert Campaign(45, WorldPlan(0)).shares() == [20, 20, 5]
    assert Campaign(20, WorldPlan(0)).shares() == [20]


def test_times_of_nothing_are_none() -> None:
    assert Times.of([]) is None
    assert Times.of([3.0, 1.0, 2.0]) == Times(3, 1.0, 2.0, 3.0)


def test_waiting_ends_with_the_reason_when_it_is_in_vain() -> None:
    with pytest.raises(Silence, match="waited for a word: it ended"):
        Ears().wait(lambda heard: True, "a word", SECONDS, hopeless=lambda: "it ended")


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it hears, until the test is over."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            near, _ = server.accept()
            with near:
                while heard := near.recv(1_024):
                    near.sendall(heard)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(SECONDS)


def test_a_wire_carries_both_ways_until_it_is_cut_and_again_when_it_is_mended(echo_port: int) -> None:
    with Wire("127.0.0.1", echo_port) as wire, socket.create_connection(("127.0.0.1", wire.port), SECONDS) as caller:
        caller.sendall(b"one")
        assert caller.recv(16) == b"one"
        wire.cut()
        caller.sendall(b"two")
        caller.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.recv(16)
        wire.mend()
        caller.settimeout(SECONDS)
        assert caller.recv(16) == b"two"
