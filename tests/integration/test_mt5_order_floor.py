"""What was sent, and the highest token, are on disk and stay there; and nobody else has the floor meanwhile."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_faults import full_disk

from connectors.mt5.order_floor import DiskFloor, FloorBusy, FloorUnusable, MemoryFloor, OrderFloor, file_stem
from trading.order_numbers import SEQUENCE_BITS, magic_number

LOGIN, SERVER = 5_001, "Made-Demo"
PATIENCE_SECONDS = 20.0
HIGHEST_SEQUENCE = (1 << SEQUENCE_BITS) - 1

WRITER = """
import sys
from pathlib import Path
from connectors.mt5.order_floor import DiskFloor
floor = DiskFloor(Path(sys.argv[1]), 5001, "Made-Demo")
for _ in range(int(sys.argv[2])):
    with floor.hold(60) as held:
        number = held.token + 1
        held.write(number, 1000 + number)
    print(number, flush=True)
"""

HOLDER = """
import sys
from pathlib import Path
from connectors.mt5.order_floor import DiskFloor
with DiskFloor(Path(sys.argv[1]), 5001, "Made-Demo").hold(60) as held:
    held.write(7, 70)
    print("held", flush=True)
    sys.stdin.read()
"""


def floor_in(directory: Path, server: str = SERVER) -> DiskFloor:
    """As a new process would have it."""
    return DiskFloor(directory, LOGIN, server)


def file_in(directory: Path) -> Path:
    """Where the token and the magics are."""
    return directory / f"{file_stem(LOGIN, SERVER)}.sqlite"


def start(program: str, *words: object) -> subprocess.Popen[str]:
    """Another process beside the same floor."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> str:
    """Kill it; what it had still said."""
    process.kill()
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return said


# ---------------------------------------------------------------- what is kept


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.none() | st.integers(0, 2**63 - 1)), max_size=6))
def test_the_highest_token_and_every_magic_survive_every_restart(writes: list[tuple[int, int | None]]) -> None:
    with TemporaryDirectory() as place:
        for token, magic in writes:
            with floor_in(Path(place)).hold(1) as held:
                held.write(token, magic)

        with floor_in(Path(place)).hold(1) as held:
            assert held.token == max((token for token, _ in writes), default=0)
            assert all(held.was_sent(magic) for _, magic in writes if magic is not None)
            assert not held.was_sent(3) or 3 in [magic for _, magic in writes]


def a_floor_on_disk(directory: Path) -> OrderFloor:
    """A new worker has it at each call of what this gives."""
    return floor_in(directory)


def a_floor_in_memory(directory: Path) -> OrderFloor:
    """Of this process alone."""
    return MemoryFloor(lambda: 0.0, lambda seconds: None)


@pytest.mark.parametrize("make", [a_floor_on_disk, a_floor_in_memory])
def test_an_order_of_another_prefix_under_this_token_or_a_higher_one_is_found(
    tmp_path: Path, make: Callable[[Path], OrderFloor]
) -> None:
    floor = make(tmp_path)
    ours, theirs = magic_number(5, 1), magic_number(6, 1)
    with floor.hold(1) as held:
        assert held.sent_by_another(1, 5) is None
        held.write(1, ours)
        held.write(2, theirs)
        held.write(2, theirs)
        held.write(3, None)
        held.write(3, magic_number(7, HIGHEST_SEQUENCE))

    for sender in (floor, make(tmp_path) if make is a_floor_on_disk else floor):
        with sender.hold(1) as held:
            assert [held.sent_by_another(token, 7) for token in (1, 2, 3)] == [ours, theirs, None]
            assert [held.sent_by_another(token, 6) for token in (3, 4)] == [magic_number(7, HIGHEST_SEQUENCE), None]
            assert held.sent_by_another(1, 5) in (theirs, magic_number(7, HIGHEST_SEQUENCE))


def test_what_a_killed_process_had_said_is_on_disk(tmp_path: Path) -> None:
    writer = start(WRITER, tmp_path, 1_000_000)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(20)]

    numbers = [int(line) for line in re.findall(r"\d+\n", "".join(said) + end(writer))]

    with floor_in(tmp_path).hold(PATIENCE_SECONDS) as held:
        assert held.token in (numbers[-1], numbers[-1] + 1)
        assert all(held.was_sent(1_000 + number) for number in range(1, held.token + 1))
        assert not held.was_sent(1_000 + held.token + 1)


def test_accounts_and_servers_do_not_share_a_floor(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)

    for other in (DiskFloor(tmp_path, LOGIN + 1, SERVER), floor_in(tmp_path, SERVER.lower())):
        with other.hold(1) as held:
            assert (held.token, held.was_sent(90)) == (0, False)


@given(servers=st.lists(st.text(max_size=60), min_size=2, max_size=2, unique=True), login=st.integers(1, 2**63 - 1))
def test_names_of_files_are_legal_everywhere_and_of_one_account_each(servers: Sequence[str], login: int) -> None:
    names = [file_stem(login, server) for server in servers]

    assert all(re.fullmatch(r"\d+-[A-Za-z0-9_-]*-[0-9a-f]{12}", name) for name in names)
    assert max(map(len, names)) < 100
    assert names[0].lower() != names[1].lower()


def test_a_directory_that_was_set_aside_is_not_written_any_more(tmp_path: Path) -> None:
    floor = floor_in(tmp_path / "orders")
    with floor.hold(1) as held:
        held.write(9, 90)
    (tmp_path / "orders").rename(tmp_path / "aside")

    with floor.hold(1) as held:
        assert (held.token, held.was_sent(90)) == (0, False)
        held.write(1, 10)

    with floor_in(tmp_path / "aside").hold(1) as held:
        assert (held.token, held.was_sent(10)) == (9, False)


# ---------------------------------------------------------------- one holder


def test_a_second_holder_in_the_same_process_waits_for_its_time_and_no_longer(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1):
        begun = time.monotonic()
        with pytest.raises(FloorBusy, match="another worker"), floor_in(tmp_path).hold(0.2):
            pass
        assert 0.1 < time.monotonic() - begun < PATIENCE_SECONDS
        with pytest.raises(FloorBusy), floor_in(tmp_path).hold(-1.0):
            pass


def test_a_holder_in_another_process_keeps_the_floor_until_it_is_killed(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = [refusal(floor_in(tmp_path), wait) for wait in (0.05, 0.1)]
    finally:
        end(holder)
    assert said[0] == said[1], "the same trouble is told in the same words, however long it was waited for"
    assert f"process {holder.pid}; if this goes on, that process hangs: end it" in said[0]

    with floor_in(tmp_path).hold(0) as held:
        assert (held.token, held.was_sent(70)) == (7, True)


def hold_for(floor: DiskFloor, seconds: float) -> None:
    """Have it for a moment."""
    with floor.hold(seconds):
        pass


def refusal(floor: DiskFloor, seconds: float) -> str:
    """What is said after waiting for it in vain."""
    with pytest.raises(FloorBusy) as busy:
        hold_for(floor, seconds)
    return str(busy.value)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"\xff?")])
def test_who_has_the_floor_need_not_be_known(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    with floor_in(tmp_path).hold(1):
        spoil(file_in(tmp_path).with_suffix(".holder"))
        with pytest.raises(FloorBusy, match="a process that is not known; if this goes on"):
            hold_for(floor_in(tmp_path), 0)


def test_a_floor_is_had_where_nobody_can_be_told_of_it(tmp_path: Path) -> None:
    file_in(tmp_path).with_suffix(".holder").mkdir()
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
        with pytest.raises(FloorBusy, match="a process that is not known"):
            hold_for(floor_in(tmp_path), 0)
    with full_disk(), floor_in(tmp_path).hold(1) as held:
        assert held.was_sent(90)


def test_of_several_processes_one_at_a_time_has_the_floor(tmp_path: Path) -> None:
    writers = [start(WRITER, tmp_path, 25) for _ in range(2)]

    said = [writer.communicate(timeout=60)[0].split() for writer in writers]

    assert sorted(int(number) for numbers in said for number in numbers) == list(range(1, 51))


def test_an_error_while_the_floor_is_held_lets_go_of_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), floor_in(tmp_path).hold(1):
        _ = 1 / 0
    with floor_in(tmp_path).hold(0) as held:
        assert held.token == 0


def test_a_floor_in_memory_has_one_holder_too_and_waits_in_its_own_time() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    floor = MemoryFloor(lambda: now[0], sleep)
    with floor.hold(1) as held:
        held.write(5, 50)
        with pytest.raises(FloorBusy), floor.hold(3):
            pass
        assert now[0] == pytest.approx(3)
    with floor.hold(0) as held:
        held.write(4, None)
        assert (held.token, held.was_sent(50), held.was_sent(51)) == (5, True, False)


# ---------------------------------------------------------------- files that cannot be used


def spoil_with_noise(file: Path) -> None:
    """Not a database at all."""
    file.write_bytes(b"\x00noise" * 2_000)


def spoil_a_page(file: Path) -> None:
    """The page that has the magics."""
    content = bytearray(file.read_bytes())
    content[-4096:] = os.urandom(4096)
    file.write_bytes(content)


def spoil_by_cutting(file: Path) -> None:
    """Half of it is gone."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def replace_with_another_database(file: Path) -> None:
    """A whole one, of somebody else."""
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE trades (id INTEGER)")
    database.close()


def replace_with_a_directory(file: Path) -> None:
    """What cannot be opened for writing, whoever tries."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_with_noise,
        spoil_a_page,
        spoil_by_cutting,
        replace_with_another_database,
        replace_with_a_directory,
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_by_its_name(tmp_path: Path, spoil: object) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    assert callable(spoil)
    spoil(file_in(tmp_path))

    with pytest.raises(FloorUnusable, match=re.escape(file_in(tmp_path).name)), floor_in(tmp_path).hold(1):
        pass


def test_the_file_of_another_account_is_refused(tmp_path: Path) -> None:
    with DiskFloor(tmp_path, LOGIN + 1, SERVER).hold(1) as held:
        held.write(9, 90)
    (tmp_path / f"{file_stem(LOGIN + 1, SERVER)}.sqlite").rename(file_in(tmp_path))

    with pytest.raises(FloorUnusable, match=r"is of .5002, .*; expected .5001,"), floor_in(tmp_path).hold(1):
        pass


FORMAT_1 = """
DROP TABLE magics;
CREATE TABLE magics (magic INTEGER PRIMARY KEY);
INSERT INTO magics VALUES ({magic});
PRAGMA user_version = 1;
"""


def test_a_floor_of_the_first_format_is_brought_up_to_date(tmp_path: Path) -> None:
    magic = magic_number(7, 5)
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, None)
    with sqlite3.connect(file_in(tmp_path)) as database:
        database.executescript(FORMAT_1.format(magic=magic))
    database.close()

    for _ in range(2):  # a second life finds it as the first one left it
        with floor_in(tmp_path).hold(1) as held:
            assert (held.token, held.was_sent(magic)) == (9, True)
            assert held.sent_by_another(9, 8) == magic, "it may have been sent under the highest token seen"
            assert held.sent_by_another(10, 8) is None
    with floor_in(tmp_path).hold(1) as held:
        held.write(10, magic_number(8, 1))
        assert held.sent_by_another(10, 7) == magic_number(8, 1)


def test_a_floor_of_a_later_format_is_refused_by_its_number(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    with sqlite3.connect(file_in(tmp_path)) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()

    with pytest.raises(FloorUnusable, match=r"format 3; expected .* and 1 to 2"), floor_in(tmp_path).hold(1):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text("a file stands here")

    with pytest.raises(FloorUnusable, match="orders"), floor_in(tmp_path / "orders").hold(1):
        pass


def test_on_a_full_disk_nothing_is_written_and_what_was_written_stays(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    with full_disk(), pytest.raises(FloorUnusable, match="cannot be used"), floor_in(tmp_path).hold(1) as held:
        held.write(10, 100)

    with floor_in(tmp_path).hold(1) as held:
        assert (held.token, held.was_sent(90), held.was_sent(100)) == (9, True, False)


# ------------------------------------------------------------ whether it can be written


def test_a_trial_really_writes_and_changes_nothing_that_counts(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    before = file_in(tmp_path).read_bytes()

    assert floor_in(tmp_path).try_write(1) == 9

    assert file_in(tmp_path).read_bytes() != before, "SQLite counts its writes"
    with floor_in(tmp_path).hold(1) as held:
        assert (held.token, held.was_sent(90)) == (9, True)


def test_a_trial_where_there_is_no_floor_makes_none(tmp_path: Path) -> None:
    assert floor_in(tmp_path / "state" / "orders").try_write(1) == 0
    assert list(tmp_path.iterdir()) == []
    with full_disk(), pytest.raises(FloorUnusable, match="cannot be used"):
        floor_in(tmp_path / "orders").try_write(1)
    (tmp_path / "orders").write_text("a file stands here")
    with pytest.raises(FloorUnusable, match="orders"):
        floor_in(tmp_path / "orders").try_write(1)


def test_a_trial_fails_where_an_order_would_not_be_sent(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    with full_disk(), pytest.raises(FloorUnusable, match="cannot be used"):
        floor_in(tmp_path).try_write(1)
    with floor_in(tmp_path).hold(1), pytest.raises(FloorBusy):
        floor_in(tmp_path).try_write(0.05)
    file_in(tmp_path).write_bytes(b"no database" * 100)
    with pytest.raises(FloorUnusable, match=re.escape(file_in(tmp_path).name)):
        floor_in(tmp_path).try_write(1)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever may write everything")
def test_a_trial_fails_where_the_file_is_read_only(tmp_path: Path) -> None:
    with floor_in(tmp_path).hold(1) as held:
        held.write(9, 90)
    file_in(tmp_path).chmod(0o400)
    with pytest.raises(FloorUnusable, match="readonly"):
        floor_in(tmp_path).try_write(1)
