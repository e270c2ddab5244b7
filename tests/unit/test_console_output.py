"""Standard output is for the result, standard error for all else; with `--json` the result is exactly one object."""

from __future__ import annotations

import errno
import io
import json
import logging
import math
from collections.abc import Iterator

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from console import figures, logs
from console.errors import CommandError, ConfigurationError
from console.output import Output
from console.tables import Column, table


def streams(*, as_json: bool) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = io.StringIO(), io.StringIO()
    return Output(as_json=as_json, stdout=stdout, stderr=stderr), stdout, stderr


def printed(renderable: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    return [line.rstrip() for line in captured.get().splitlines()]


class FullDisk(io.StringIO):
    """Takes text, and can write none of it."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class TestOutput:
    def test_a_table_goes_to_standard_output(self) -> None:
        output, stdout, stderr = streams(as_json=False)
        output.show({"a": 1}, lambda data: Text(f"a is {data['a']}"))
        output.note("a remark")
        assert stdout.getvalue() == "a is 1\na remark\n"
        assert stderr.getvalue() == ""

    def test_with_json_standard_output_is_exactly_one_object_and_remarks_are_elsewhere(self) -> None:
        output, stdout, stderr = streams(as_json=True)
        output.note("a remark")
        output.screen.print("a picture")
        output.show({"a": [1, None]}, lambda data: Text("never rendered"))
        assert json.loads(stdout.getvalue()) == {"a": [1, None]}
        assert stdout.getvalue().count("\n") == 1
        assert stderr.getvalue() == "a remark\na picture\n"

    def test_numbers_that_json_does_not_have_become_null(self) -> None:
        output, stdout, _ = streams(as_json=True)
        output.show({"a": math.inf, "b": [math.nan], "c": {"d": (-math.inf, 1.5)}}, lambda data: "")
        assert json.loads(stdout.getvalue()) == {"a": None, "b": [None], "c": {"d": [None, 1.5]}}

    def test_an_error_is_said_on_standard_error_and_its_brackets_are_no_markup(self) -> None:
        output, stdout, stderr = streams(as_json=False)
        output.error(ConfigurationError("accounts[1].name is [red]bad[/red]"))
        assert stderr.getvalue() == "error: accounts[1].name is [red]bad[/red]\n"
        assert stdout.getvalue() == ""

    def test_an_error_is_the_one_object_with_json(self) -> None:
        output, stdout, stderr = streams(as_json=True)
        output.error("no such file")
        assert json.loads(stdout.getvalue()) == {"error": "no such file"}
        assert stderr.getvalue() == "error: no such file\n"

    def test_a_long_message_is_not_broken_into_lines(self) -> None:
        output, _, stderr = streams(as_json=False)
        output.error("x" * 300)
        assert stderr.getvalue().count("\n") == 1

    def test_there_is_no_colour_away_from_a_terminal(self) -> None:
        output, stdout, _ = streams(as_json=False)
        output.show({}, lambda data: Text("green", style="green"))
        assert stdout.getvalue() == "green\n"

    def test_a_character_that_the_terminal_lacks_does_not_end_the_command(self) -> None:
        raw = io.BytesIO()
        output = Output(stdout=io.TextIOWrapper(raw, encoding="cp1252"), stderr=io.StringIO())
        output.note("● → done")
        assert b"done" in raw.getvalue()

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_standard_output_that_takes_nothing_is_one_error_and_no_traceback(self, as_json: bool) -> None:
        stderr = io.StringIO()
        output = Output(as_json=as_json, stdout=FullDisk(), stderr=stderr)
        with pytest.raises(CommandError, match="standard output cannot be written: No space left") as caught:
            output.show({"a": 1}, lambda data: Text("a table"))
        output.error(caught.value)
        assert stderr.getvalue().count("\n") == 1


class TestTables:
    COLUMNS = (Column("kept"), Column("first to go", goes=2), Column("next", goes=1), Column("long", shrinks="fold"))
    ROW = ("a", "b", "c", "many words that need several lines in a narrow place")

    @pytest.mark.parametrize(
        ("width", "headings"),
        [(80, ["kept", "first", "to", "go", "next", "long"]), (40, ["kept", "next", "long"]), (28, ["kept", "long"])],
    )
    def test_columns_go_in_their_order_until_the_rest_fits(self, width: int, headings: list[str]) -> None:
        lines = printed(table("", self.COLUMNS, [self.ROW], otherwise=""), width)
        assert lines[0].split() == headings
        assert max(map(len, lines)) <= width

    def test_long_text_is_folded_and_not_lost(self) -> None:
        lines = printed(table("", self.COLUMNS, [self.ROW], otherwise=""), 40)
        assert " ".join(" ".join(lines).split()).endswith("narrow place")

    def test_no_rows_are_said_plainly(self) -> None:
        assert printed(table("Trades", self.COLUMNS, [], otherwise="No trades."), 80) == ["No trades."]


class TestFigures:
    @pytest.mark.parametrize("value", [None, "text", math.nan, math.inf, True, [1]])
    def test_what_is_no_number_is_a_dash(self, value: object) -> None:
        assert figures.amount(value) == "-"
        assert figures.price(value) == "-"
        assert figures.fraction(value) == "-"
        assert figures.money(value).plain == "-"

    def test_figures_are_written_for_people(self) -> None:
        assert figures.amount(10234.5) == "10,234.50"
        assert figures.money(-12.3).plain == "-12.30"
        assert figures.money(12.3).plain == "+12.30"
        assert figures.price(1.1, 5) == "1.10000"
        assert figures.fraction(0.615) == "61.5 %"
        assert figures.clock(0) == "1970-01-01 00:00"
        assert figures.time_of("2017-05-19T13:00:07.250Z", with_seconds=True) == "2017-05-19 13:00:07"
        assert figures.words("opposite_signal") == "opposite signal"

    @pytest.mark.parametrize(
        ("seconds", "written"), [(40, "40 s"), (720, "12 m"), (11_100, "3 h 05 m"), (187_200, "2 d 4 h"), (-5, "0 s")]
    )
    def test_a_span_has_its_two_largest_units(self, seconds: float, written: str) -> None:
        assert figures.span(seconds) == written


class TestLogs:
    @pytest.fixture(autouse=True)
    def _as_before(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        yield
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)

    def test_a_line_has_its_time_level_message_and_what_it_is_about(self) -> None:
        stream = io.StringIO()
        logs.set_up(stream=stream)
        logging.getLogger("x").warning("closed at %s", 1.5, extra={"trade_id": 3, "platform": "alpha"})
        line = stream.getvalue()
        assert line.endswith("Z  warning  closed at 1.5  (platform alpha, trade_id 3)\n")

    def test_a_json_line_is_one_object(self) -> None:
        stream = io.StringIO()
        logs.set_up(as_json=True, stream=stream)
        logging.getLogger("x").info("two\nlines", extra={"trade_id": 3})
        entry = json.loads(stream.getvalue())
        assert stream.getvalue().count("\n") == 1
        assert (entry["level"], entry["logger"], entry["message"], entry["trade_id"]) == ("info", "x", "two\nlines", 3)

    @pytest.mark.parametrize("as_json", [False, True])
    def test_secrets_are_redacted_in_messages_arguments_fields_and_tracebacks(self, as_json: bool) -> None:
        stream = io.StringIO()
        secret = 'hunt"er/2'
        logs.set_up(as_json=as_json, secrets=[secret, "hunt"], stream=stream)
        log = logging.getLogger("x")
        try:
            raise ValueError(f"cannot connect to postgresql://me:hunt%22er%2F2@host as {secret}")
        except ValueError:
            log.exception("with %s", secret, extra={"platform": secret})
        text = stream.getvalue()
        assert "ValueError" in text
        assert "hunt" not in text
        assert "er/2" not in text
        assert "er%2F2" not in text

    def test_setting_up_again_replaces_what_was_set_up(self) -> None:
        first, second = io.StringIO(), io.StringIO()
        logs.set_up(stream=first)
        logs.set_up(stream=second, level=logging.WARNING)
        logging.getLogger("x").warning("once")
        logging.getLogger("x").info("never")
        assert first.getvalue() == ""
        assert second.getvalue().count("\n") == 1

    def test_the_live_view_can_keep_the_last_lines_instead(self) -> None:
        recent = logs.RecentLines(limit=2)
        logs.set_up(handler=recent, secrets=["two"])
        for word in ("one", "two", "three"):
            logging.getLogger("x").info(word)
        assert [line.split()[-1] for line in recent.lines()] == ["********", "three"]
