"""A parent of a worker, to be killed: `made_parent.py FLOOR_DIRECTORY JOURNAL [FAULT ...]`.

Says on standard output when its worker answers, and again when it has asked it for an order.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from made_terminal_package import ORDER, terms

from connectors import wire
from connectors.mt5.child import ChildChannel


def main() -> None:
    """Have a worker, and wait to be killed."""
    directory, *words = sys.argv[1:]
    channel = ChildChannel(terms(directory), [sys.executable, str(Path(__file__).with_name("made_worker.py")), *words])
    channel.open(30)
    print("ready", flush=True)
    channel.call("send", {"order": wire.encode(ORDER), "token": 1, "magic": 1}, 60)
    print("answered", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
