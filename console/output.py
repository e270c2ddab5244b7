"""Where a command writes. With ``--json``, standard output is exactly one JSON object; all else is on standard error.

Nothing here interprets markup: `accounts[1]` in a message is text, not a style.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from console.errors import CommandError


class Output:
    """The two streams of a command, and which of them is for whom."""

    def __init__(self, *, as_json: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.as_json = as_json
        self._lost = False  # standard output takes nothing any more
        self._stdout = sys.stdout if stdout is None else stdout
        stderr = sys.stderr if stderr is None else stderr
        self.aside = _console(stderr)
        """For errors, remarks and progress."""
        self.screen = self.aside if as_json else _console(self._stdout)
        """For tables and the live view; never standard output when that belongs to JSON."""

    def show(self, data: Mapping[str, Any], render: Callable[[Mapping[str, Any]], RenderableType]) -> None:
        """The result of the command: the data as one JSON object, or what ``render`` makes of them."""
        if self.as_json:
            self.write_object(data)
        else:
            with self._writing():
                self.screen.print(render(data))

    def note(self, text: str) -> None:
        """A remark for a person."""
        with self._writing():
            self.screen.print(Text(text), soft_wrap=True)

    def error(self, error: BaseException | str) -> None:
        """What went wrong, on standard error; with ``--json`` also as the one object."""
        message = str(error) or type(error).__name__
        self.aside.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
        if self.as_json and not self._lost:
            self.write_object({"error": message})

    def write_object(self, data: Mapping[str, Any]) -> None:
        """The one JSON object, on standard output. Raises `CommandError` when nothing can be written there."""
        with self._writing():
            self._stdout.write(json.dumps(finite(data), allow_nan=False) + "\n")
            self._stdout.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.screen.on_broken_pipe()  # the reader has seen enough: no traceback, as rich does it for tables
        except OSError as error:
            self._lost = True
            if self._stdout is sys.stdout:
                # What could not be written is still in the buffer, and would be tried again when Python ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stdout.fileno())
            raise CommandError(f"standard output cannot be written: {error.strerror}") from error


def finite(value: Any) -> Any:
    """The value with every number that JSON cannot hold (a profit factor without a loss is infinite) as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def _console(stream: TextIO) -> Console:
    # A terminal of another code page must not end the command over an arrow or an accent.
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return Console(file=stream, markup=False, highlight=False, emoji=False)
