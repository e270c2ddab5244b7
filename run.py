"""The front door: reads the command, wires the parts, runs it, and answers with an exit code.

0: done. 1: `doctor` found something. 2: what was asked cannot be done, and the message says why. 3: what was asked was
begun, and what came of it is not known yet. 70: an actor was given up, or the database server cannot be reached, or
trading times cannot be had while trades may be open, and the service manager should start the program again.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.early_signals import EarlySignals

if TYPE_CHECKING:
    from console.arguments import Arguments, Init
    from console.configuration import Configuration
    from console.output import Output

    Command = Callable[[], int]


def main(words: Sequence[str] | None = None) -> int:
    """Run one command. Whatever the user can put right is one line on standard error, never a traceback."""
    is_program = words is None  # and not a call within another one, whose garbage is its own affair
    words = sys.argv[1:] if words is None else words
    early = EarlySignals(words)  # before anything that takes long to load
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or NumPy's loading starts a thread for each core, all unused
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # or each start reads what every package offers
    if is_program:
        gc.disable()  # what is loaded stays: until the command begins there is nothing to collect
    try:
        return _main(words, early)
    finally:
        early.end()


def _main(words: Sequence[str], early: EarlySignals) -> int:
    from console import arguments as commands
    from console import command_line, logs
    from console.errors import CommandError
    from console.output import Output
    from feeds.errors import CalendarUnavailable
    from persistence.errors import LedgerError

    try:
        arguments = command_line.parse(words)
        output = Output(as_json=arguments.json)
    except CommandError as error:
        Output().error(error)
        return CommandError.exit_code
    logs.set_up(as_json=arguments.log_json)
    try:
        command = prepared(arguments, output)
        if not isinstance(arguments, commands.Serve | commands.Broker | commands.Gateway | commands.Terminal):
            early.end()  # Ctrl-C now unwinds what the command has begun
        if not gc.isenabled():
            gc.freeze()  # nor is it looked through ever again
            gc.enable()
        return command()
    except (CommandError, LedgerError, CalendarUnavailable) as error:
        output.error(error)
        return error.exit_code if isinstance(error, CommandError) else CommandError.exit_code
    except KeyboardInterrupt:
        output.error("interrupted")
        return 130


def prepared(arguments: Arguments, output: Output) -> Command:
    """The command, ready to run. Its module is imported when it is asked for: a start loads only what it needs.

    Raises `ConfigurationError`.
    """
    from console import arguments as commands

    if isinstance(arguments, commands.Init):
        return lambda: _init(arguments, output)
    if isinstance(arguments, commands.Soak):
        from console import soak

        return lambda: soak.run(arguments, output)  # with settings of its own
    if isinstance(arguments, commands.Simulate):
        from console import simulate

        return lambda: simulate.run(arguments, output)  # the same
    if isinstance(arguments, commands.Rehearse):
        from console import rehearse

        return lambda: rehearse.run(arguments, output)  # the same
    configuration = _configuration(arguments)
    match arguments:
        case commands.Serve():
            from console import serve

            return lambda: serve.run(arguments, configuration, output)
        case commands.Broker():
            from console import broker

            return lambda: broker.run(arguments, configuration, output)
        case commands.Gateway():
            from console import gateway

            return lambda: gateway.run(arguments, configuration, output)
        case commands.Terminal():
            from console import terminal

            return lambda: terminal.run(arguments, configuration, output)
        case commands.Replay():
            from console import replay

            return lambda: replay.run(arguments, configuration, output)
        case commands.Doctor():
            from console import doctor

            return lambda: doctor.run(arguments, configuration, output)
        case commands.Status():
            from console import status

            return lambda: status.run(arguments, configuration, output)
        case commands.Trades():
            from console import trades

            return lambda: trades.run(arguments, configuration, output)
        case commands.Why():
            from console import why

            return lambda: why.run(arguments, configuration, output)
        case commands.Calendar():
            from console import calendar

            return lambda: calendar.run(arguments, configuration, output)
        case commands.Fairness():
            from console import fairness

            return lambda: fairness.run(arguments, configuration, output)
        case commands.Calibration():
            from console import calibration

            return lambda: calibration.run(arguments, configuration, output)
        case commands.Audit():
            from console import audit

            return lambda: audit.run(arguments, configuration, output)
        case commands.Backup():
            from console import backup

            return lambda: backup.run(arguments, configuration, output)
        case commands.Restore():
            from console import restore

            return lambda: restore.run(arguments, configuration, output)
        case commands.Close():
            from console import close

            return lambda: close.run(arguments, configuration, output)
        case commands.Pause() | commands.Resume() | commands.Halt() | commands.Reset():
            from console import modes

            return lambda: modes.run(arguments, configuration, output)
        case commands.Tokens():
            from console import console_tokens

            return lambda: console_tokens.run(arguments, configuration, output)
        case commands.SignIn():
            from console import sign_in

            return lambda: sign_in.run(arguments, configuration, output)
        case commands.Submit():
            from console import submit

            return lambda: submit.run(arguments, configuration, output)
        case commands.Adopt() | commands.Disown():
            from console import adoption

            return lambda: adoption.run(arguments, configuration, output)


def _init(arguments: Init, output: Output) -> int:
    from console import initialise

    written = initialise.write(arguments.config, force=arguments.force)
    output.show({"written": str(written)}, lambda data: f"wrote {data['written']}")
    return 0


def _configuration(arguments: Arguments) -> Configuration:
    """The settings; sets up the log, and warns there of variables that look like settings and are not read."""
    import logging
    import os

    from console import arguments as commands
    from console import configuration as configurations
    from console import last_good, logs
    from console.environment import PREFIX
    from console.errors import ConfigurationError

    try:
        given = arguments.given if isinstance(arguments, commands.Changed) else ()
        configuration = configurations.load(arguments.config, given=given)
    except ConfigurationError as error:
        if isinstance(arguments, commands.Serve):
            configuration = last_good.instead_of(error, arguments.config, os.environ)
        elif isinstance(arguments, commands.OF_THE_LEDGER_ALONE):
            configuration = last_good.kept_instead_of(error, arguments.config, os.environ)
        else:
            raise
    # A replay decides thousands of times in seconds: its journal is the place to read about that.
    level = logging.WARNING if isinstance(arguments, commands.Replay) else logging.INFO
    logs.set_up(as_json=arguments.log_json, secrets=configuration.secrets, level=level)
    for name in configurations.stray_variables(os.environ):
        logging.getLogger("configuration").warning("%s is not read: expected one that begins with %s", name, PREFIX)
    if configuration.broken and not isinstance(arguments, commands.Serve):  # which says so itself
        wrong = " ".join(configuration.broken.split())
        logging.getLogger("configuration").warning("going on by %s, the last good ones: %s", configuration.path, wrong)
    return configuration


if __name__ == "__main__":
    sys.exit(main())
