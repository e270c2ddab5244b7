"""`run.py restore FILE`: a backup takes the place of the ledger, whose old content is kept as a backup of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from console.arguments import Restore
from console.books import DIRECTORY_WITHOUT_LEDGER_FILE
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.reading import ledger_file, of_crew
from console.rows_progress import rows_progress
from persistence import restore
from persistence.backup import back_up
from persistence.ledger import Ledger
from trading.market import SECOND


def run(arguments: Restore, configuration: Configuration, output: Output) -> int:
    """Restore. Raises `CommandError` and `LedgerError` where that cannot be done, and then nothing has changed."""
    with (
        restore.opened(arguments.file) as backup,
        closing(Ledger.open(configuration.database_url, **of_crew(configuration))) as ledger,
    ):
        state = restore.state_of(ledger)
        kept = None if restore.is_empty(ledger) else _put_aside(ledger, configuration, output)
        with rows_progress(output, "restoring") as progress:
            restored = restore.restore(
                backup,
                ledger,
                state=state,
                source=str(arguments.file),
                at=round(time.time() * SECOND),
                progress=progress,
            )
    data = {
        "restored": str(arguments.file),
        "ledger": configuration.shown_database_url,
        "kept": None if kept is None else str(kept),
        "trades": restored.trades,
        "active_trades": restored.active_trades,
        "journal_lines": restored.journal_lines,
    }
    output.show(data, _render)
    return 0


def _put_aside(ledger: Ledger, configuration: Configuration, output: Output) -> Path:
    """The ledger as it is, as a backup beside it, under a name that nothing has."""
    file = ledger_file(configuration)
    beside = DIRECTORY_WITHOUT_LEDGER_FILE / "ledger.sqlite" if file is None else file
    number = 1
    while (kept := beside.with_name(f"{beside.stem}.before-restore-{number}.sqlite")).exists():
        number += 1
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with rows_progress(output, "keeping what there is") as progress:
            back_up(ledger, kept, progress=progress)
    except OSError as error:
        raise CommandError(f"the old content cannot be kept as {kept}: {error.strerror or error}") from error
    return kept


def _render(data: Mapping[str, Any]) -> str:
    said = (
        f"restored {data['restored']}: {data['trades']:,} trades, {data['active_trades']:,} of them active, and "
        f"{data['journal_lines']:,} journal lines"
    )
    return said if data["kept"] is None else f"{said}\nwhat was there is kept as {data['kept']}"
