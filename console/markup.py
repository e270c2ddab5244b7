"""HTML in which text is always escaped: what is not `Markup` already is text, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "br", "input", "link"})


class Markup(str):
    """HTML that was made by `tag`, and so is safe to put into a page."""

    __slots__ = ()


Content: TypeAlias = "str | Markup | Iterable[Content]"


def tag(name: str, /, *content: Content, **attributes: str | bool) -> Markup:
    """An element, its attributes escaped: ``class_`` is ``class``, ``data_at`` is ``data-at``; False is left out."""
    said = "".join(
        f" {key.strip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False
    )
    return Markup(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{_inside(content)}</{name}>")


def embedded_json(data: object) -> Markup:
    """The data for a script element: no ``<`` is left that could end the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _inside(content: Iterable[Content]) -> str:
    parts = []
    for part in content:
        if isinstance(part, Markup):
            parts.append(str(part))
        elif isinstance(part, str):
            parts.append(escape(part))
        else:
            parts.append(_inside(part))
    return "".join(parts)
