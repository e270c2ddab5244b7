"""`run.py sign-in`: a link with a code in it that signs a browser in, once, within a minute."""

from __future__ import annotations

import time

from console.arguments import SignIn
from console.books import console_tokens_file
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.web.access_tokens import TokenFile
from console.web.address import address_now, url_at
from console.web.callers import Access
from console.web.own_secret import SecretUnusable
from console.web.sealed import Purpose, seal

CODE_SECONDS = 60


def run(arguments: SignIn, configuration: Configuration, output: Output) -> int:
    """Print the link. The code stands behind a #, which browsers keep to themselves: no log of a proxy holds it."""
    access = Access.READ if arguments.read else Access.TRADE
    try:
        running = address_now(configuration)
        tokens = TokenFile(console_tokens_file(configuration)).current()
    except SecretUnusable as error:
        raise CommandError(str(error)) from error
    settings = configuration.settings.console
    if running is None and settings.port == 0:
        raise CommandError("no console runs here, and console.port is 0: start run.py serve first")
    url = url_at(settings, settings.port) if running is None else running.url
    code = seal(tokens, Purpose.CODE, access, round(time.time()) + CODE_SECONDS)
    link = f"{url}/sign-in#code={code}"
    data = {"link": link, "access": str(access), "good_for_seconds": CODE_SECONDS, "running": running is not None}
    if output.as_json:
        output.write_object(data)
        return 0
    output.note(link)  # in one line, however narrow the terminal is
    if running is None:
        output.aside.print(f"no console runs here now; the link is good for {CODE_SECONDS} s all the same")
    return 0
