"""The addresses of a list's pages: each keeps the filters of the one that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from console.errors import CommandError

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Paging:
    """Where the newest and the older entries of a list are."""

    path: str
    filters: Mapping[str, str]
    before: int | None  # what this page was asked for; None: it is the newest one
    older_than: int | None  # the last entry of this page; None: there is nothing older

    @property
    def newest(self) -> str | None:
        """The first page; None on itself."""
        return None if self.before is None else self._address()

    @property
    def older(self) -> str | None:
        """The next page; None on the last one."""
        return None if self.older_than is None else self._address(before=str(self.older_than))

    def _address(self, **more: str) -> str:
        asked = {name: value for name, value in {**self.filters, **more}.items() if value}
        return f"{self.path}?{urlencode(asked)}" if asked else self.path


def text_of(value: str, name: str) -> str | None:
    """A field of a form; None where it was left empty. Raises `CommandError` for what no name is made of."""
    if not value.isprintable() or len(value) > LONGEST_NAME:
        raise CommandError(f"{name} is {value[:LONGEST_NAME]!r}; expected a name")
    return value.strip() or None
