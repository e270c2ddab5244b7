"""`run.py backup FILE`: the whole ledger as one file, while a process goes on leading on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.arguments import Backup
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.own_files import require_not_ours
from console.reading import ledger_for_reading
from console.rows_progress import rows_progress
from persistence.backup import back_up


def run(arguments: Backup, configuration: Configuration, output: Output) -> int:
    """Write the file. Raises `CommandError` where that cannot be done, and then there is no new file."""
    file = arguments.file
    require_not_ours(file, configuration)
    try:
        with ledger_for_reading(configuration) as ledger, rows_progress(output, "backing up") as progress:
            if ledger is None:
                raise CommandError(f"there is no ledger at {configuration.shown_database_url}")
            counts = back_up(ledger, file, replace=arguments.force, progress=progress)
    except FileExistsError as error:
        raise CommandError(f"{error}; expected another name, or --force") from error
    except OSError as error:
        raise CommandError(f"the backup {file} cannot be written: {error.strerror or error}") from error
    data = {"file": str(file), "ledger": configuration.shown_database_url, "bytes": file.stat().st_size, "rows": counts}
    output.show(data, _render)
    return 0


def _render(data: Mapping[str, Any]) -> str:
    rows = data["rows"]
    return (
        f"wrote {data['file']}: {rows['trade']:,} trades and {rows['journal']:,} journal lines, "
        f"{data['bytes'] / 1e6:,.1f} MB"
    )
