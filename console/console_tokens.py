"""`run.py tokens`: where the console's tokens are, and new ones in their place. It prints none."""

from __future__ import annotations

from console.arguments import Tokens
from console.books import console_tokens_file
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.records import Data
from console.web.access_tokens import COOKIES, TokenFile
from console.web.callers import Access
from console.web.own_secret import SecretUnusable

OF_ALL = (*Access, COOKIES)


def run(arguments: Tokens, configuration: Configuration, output: Output) -> int:
    """Say where they are, or rotate."""
    file = TokenFile(console_tokens_file(configuration))
    names = [] if arguments.rotate is None else list(OF_ALL) if arguments.rotate == "all" else [arguments.rotate]
    try:
        if names:
            file.rotate(names)
        else:
            file.current()
    except SecretUnusable as error:
        raise CommandError(str(error)) from error
    data = {"file": str(file.path), "rotated": names}
    if output.as_json:
        output.write_object(data)
    else:
        output.note(_said(data))
    return 0


def _said(data: Data) -> str:
    if not data["rotated"]:
        return f"the tokens are in {data['file']}: read, trade and signal, each for an Authorization: Bearer header"
    out = "every browser was signed out" if COOKIES in data["rotated"] else "browsers that it let in were signed out"
    return f"rotated {', '.join(data['rotated'])} in {data['file']}; the old ones open nothing any more, and {out}"
