"""A worker process whose package is scripted: `made_worker.py JOURNAL [FAULT ...]`.

The journal gets a line for each order that the package was asked to send, whatever became of it. It is opened when the
process starts and closed when it ends, so a reader of a FIFO sees both.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from made_terminal_package import DONE, ScriptedPackage, result

from connectors.mt5 import watchdog, worker
from connectors.mt5.simulated_block import hold_the_interpreter

BLOCKED_SECONDS = 120.0


def main() -> None:
    """Be a worker with these faults."""
    journal = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
    faults = sys.argv[2:]
    package = ScriptedPackage()

    def order_send(request: dict[str, Any]) -> Any:
        os.write(journal, f"{request['magic']} {request.get('position', 0)}\n".encode())
        if "blocks" in faults:
            hold_the_interpreter(BLOCKED_SECONDS)
        if "dies" in faults:
            os._exit(3)
        return result(DONE, order=11)

    def positions_get() -> Any:
        if "blocks in questions" in faults:
            hold_the_interpreter(BLOCKED_SECONDS)
        if "chatters" in faults:
            print('{"id": 1, "answer": "from Python"}', flush=True)
            os.write(1, b'{"id": 1, "answer": "from the system"}\n')
            if sys.platform != "win32":
                library = ctypes.CDLL(None)
                library.puts(b'{"id": 1, "answer": "from C"}')
                library.fflush(None)
        return ()

    package.answers |= {"order_send": order_send, "positions_get": positions_get}
    if "impatient watchdog" in faults:
        watchdog.MOST_SECONDS = watchdog.GRACE_SECONDS = 0.5
    sys.modules["MetaTrader5"] = package  # type: ignore[assignment]  # where the worker imports it from
    worker.main()


if __name__ == "__main__":
    main()
