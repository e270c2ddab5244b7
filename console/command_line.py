"""The command line: `run.py [--config FILE] [--json] [--log-json] <command>`, read into the values of `arguments`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from console import options
from console.arguments import KINDS, Arguments
from console.output import Output
from console.settings_tree import nearest
from trading.market import iso

PURPOSE = "Opens, watches, adjusts and closes trades by itself, exactly once, and can say why it did or did not."


def parse(words: Sequence[str]) -> Arguments:
    """The command that these words ask for; no command means `serve`.

    Raises ``SystemExit(2)`` after naming what is wrong on standard error (with ``--json`` also as the one object), and
    ``SystemExit(0)`` for help and version.
    """
    try:
        return _understood(_parser(), list(words))
    except _NotUnderstood as error:
        if "--json" in words:
            Output(as_json=True).write_object({"error": error.message})
        error.explain()


def _understood(parser: _Parser, words: list[str]) -> Arguments:
    values = vars(parser.parse_args(_with_command(words)))
    kind = KINDS[values.pop("command")]
    values.pop("sample", None)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    start, end = values.get("start"), values.get("end")
    if start is not None and end is not None and start >= end:
        parser.error(f"--from is {iso(start)}; expected an instant before --to, which is {iso(end)}")
    return kind(**values)


def _with_command(words: list[str]) -> list[str]:
    """The words with `serve` put in where they name no command, so that its options can be given without it."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in ("--json", "--log-json") or word.startswith("--config="):
            index += 1
        elif word == "--config" and index + 1 < len(words):
            index += 2
        elif word in ("-h", "--help", "--version", "--config") or not word.startswith("-"):
            return words
        else:
            break
    return [*words[:index], "serve", *words[index:]]


class _NotUnderstood(Exception):
    """What a parser has to say against the words."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self.message = message
        self._parser = parser

    def explain(self) -> NoReturn:
        """The usage and the message on standard error; raises ``SystemExit(2)``."""
        argparse.ArgumentParser.error(self._parser, self.message)


class _Parser(argparse.ArgumentParser):
    """Argparse with the nearest command in its complaint about an unknown one."""

    def error(self, message: str) -> NoReturn:
        found = re.match(r"argument <command>: invalid choice: '(.*?)'", message)
        if found:
            near = nearest(found[1], list(KINDS))
            hint = f"did you mean {near}?" if near else f"expected one of {', '.join(KINDS)}"
            message = f"there is no command {found[1]!r}; {hint}"
        raise _NotUnderstood(self, message)


def _parser() -> _Parser:
    common = _common()
    parser = _Parser(
        prog="run.py",
        description=PURPOSE,
        parents=[common],
        epilog="Without a command: serve. `run.py <command> --help` explains its options.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"watchbill {version()}")
    commands = parser.add_subparsers(dest="command", metavar="<command>", required=True)

    def command(name: str, explanation: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=explanation,
            description=f"{explanation[0].upper()}{explanation[1:]}.",
            parents=[common],
            allow_abbrev=False,
        )

    options.serve_options(
        command("serve", "run the lifecycle on the configured accounts until it is stopped (the default)")
    )
    options.broker_options(
        command("broker", "be the broker of the remote accounts: a process of its own that serve connects to")
    )
    options.gateway_options(
        command("gateway", "be the way to the MetaTrader 5 terminals of this machine, for serve on another one")
    )
    options.terminal_options(
        command("terminal", "be the simulated MetaTrader 5 terminals of the accounts, with a broker behind each")
    )
    options.replay_options(command("replay", "run the lifecycle over recorded bars and show what came of it"))
    options.status_options(command("status", "who leads what, accounts, open trades, next closings, the last decision"))
    options.trades_options(command("trades", "the trades of the ledger, newest first"))
    options.why_options(command("why", "why something was opened or not: the last decisions with their numbers"))
    options.calendar_options(
        command("calendar", "when a commodity trades on one day: sessions, breaks, the day's end, what closes by then")
    )
    options.fairness_options(
        command("fairness", "whether the choice between accounts is fair: who was chosen, by what, and who was as good")
    )
    options.calibration_options(
        command("calibration", "whether the probabilities were true: on recorded bars, or in the ledger's trades")
    )
    options.audit_options(
        command("audit", "what each exit rule earns or costs: on recorded bars, or in the ledger's trades")
    )
    options.init_options(command("init", "write a commented watchbill.toml with every setting at its default"))
    command("doctor", "check what there is, without trading: exit code 0 when nothing failed, 1 otherwise")
    options.backup_options(
        command("backup", "write the whole ledger into one file, while a process goes on leading on it")
    )
    options.restore_options(
        command("restore", "put a backup in the place of the ledger, and keep what was there; while nobody leads")
    )
    options.close_options(command("close", "close one trade, or all of a part, and say what came of it"))
    options.pause_options(command("pause", "open nothing from now on, at all or of a part; guarding goes on"))
    options.resume_options(command("resume", "lift a pause, of everything or of a part, or a halt"))
    options.halt_options(
        command("halt", "open nothing, and guard nothing either: stops and targets close nothing until resume")
    )
    options.reset_options(
        command("reset", "lift what a loop of crashes has set, and count crashes from zero again; or forget a drawdown")
    )
    options.tokens_options(command("tokens", "where the tokens of the console are; --rotate makes them anew, at once"))
    options.sign_in_options(
        command("sign-in", "make a link that signs a browser in at the console, once, within a minute")
    )
    options.submit_options(
        command("submit", "sign an analysis of a source outside, and leave it where a leading process takes it")
    )
    options.adopt_options(
        command("adopt", "make a position of a crew's number, which the ledger does not know, a trade of it")
    )
    options.soak_options(
        command("soak", "kill or pause real processes of this program, and compare ledger and broker afterwards")
    )
    options.simulate_options(
        command("simulate", "run seeded worlds of faults in virtual time, and check what must always hold")
    )
    options.rehearse_options(
        command("rehearse", "go through a year of trading days in virtual time, and check what closes when")
    )
    options.disown_options(
        command("disown", "declare a position of a crew's number not ours: it is never touched again")
    )
    return parser


def _common() -> _Parser:
    """The options that stand before or after the command; SUPPRESS keeps the later parser from undoing the earlier."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--config", type=Path, metavar="FILE", help="settings (default: watchbill.toml, if any)")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output, all else elsewhere")
    common.add_argument("--log-json", action="store_true", help="log lines as JSON")
    return common


def version() -> str:
    """The version that is installed, or `unknown` in a checkout that is not."""
    try:
        return metadata.version("watchbill")
    except metadata.PackageNotFoundError:
        return "unknown"
