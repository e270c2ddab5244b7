"""What takes thousands of lines to find out: found once for all who ask, and again after a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from persistence.ledger import Ledger

Found = TypeVar("Found")


@dataclass(slots=True)
class _Kept:
    """One figure, and the lock of those who ask for just this one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = float("-inf")
    found: Any = None


_lock = threading.Lock()
_kept: WeakKeyDictionary[Ledger, dict[Hashable, _Kept]] = WeakKeyDictionary()


def kept(ledger: Ledger, key: Hashable, seconds: float, find: Callable[[], Found]) -> Found:
    """What ``find`` has found about the ledger under that key, at most so many ``seconds`` ago.

    Of several who ask at once, one looks. What raises is not kept.
    """
    with _lock:
        mine = _kept.setdefault(ledger, {}).setdefault(key, _Kept())
    with mine.lock:
        if time.monotonic() >= mine.until:
            mine.found = find()
            mine.until = time.monotonic() + seconds
        value: Found = mine.found
        return value
