"""The front door: reads the command, wires the parts, runs it, and answers with an exit code.

0: done. 1: `doctor` found something. 2: what was asked cannot be done, and the message says why. 70: an actor was given
up, and the service manager should start the program again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from console import arguments as commands
from console import configuration as configurations
from console import logs
from console.errors import CommandError
from console.output import Output
from persistence.errors import LedgerError


def main(words: Sequence[str] | None = None) -> int:
    """Run one command. Whatever the user can put right is one line on standard error, never a traceback."""
    arguments = commands.parse(sys.argv[1:] if words is None else words)
    output = Output(as_json=arguments.json)
    logs.set_up(as_json=arguments.log_json)
    try:
        return run(arguments, output)
    except (CommandError, LedgerError) as error:
        output.error(error)
        return CommandError.exit_code
    except KeyboardInterrupt:
        output.error("interrupted")
        return 130


def run(arguments: commands.Arguments, output: Output) -> int:
    """Each command's module is imported when it is asked for: a start loads only what it needs."""
    if isinstance(arguments, commands.Init):
        from console import initialise

        written = initialise.write(arguments.config, force=arguments.force)
        output.show({"written": str(written)}, lambda data: f"wrote {data['written']}")
        return 0
    configuration = configurations.load(arguments.config)
    # A replay decides thousands of times in seconds: its journal is the place to read about that.
    level = logging.WARNING if isinstance(arguments, commands.Replay) else logging.INFO
    logs.set_up(as_json=arguments.log_json, secrets=configuration.secrets, level=level)
    match arguments:
        case commands.Serve():
            from console import serve

            return serve.run(arguments, configuration, output)
        case commands.Replay():
            from console import replay

            return replay.run(arguments, configuration, output)
        case commands.Doctor():
            from console import doctor

            return doctor.run(arguments, configuration, output)
        case commands.Status():
            from console import status

            return status.run(arguments, configuration, output)
        case commands.Trades():
            from console import trades

            return trades.run(arguments, configuration, output)
        case commands.Why():
            from console import why

            return why.run(arguments, configuration, output)


if __name__ == "__main__":
    sys.exit(main())
