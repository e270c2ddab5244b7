"""TA-Lib without pandas and polars, which it would import wherever they are installed, for series that nobody uses.

That takes a third of a start's CPU time and 50 MB (pandas_market_calendars brings pandas), so both are hidden from that
one import: TA-Lib then takes and gives numpy arrays, as it does where they are not installed. One that is loaded
already stays, and one that is loaded later is found as ever. No other thread may import them meanwhile, and none does.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from types import ModuleType
from typing import cast

UNWANTED = ("pandas", "polars")

_modules = cast("MutableMapping[str, ModuleType | None]", sys.modules)  # None: importing it raises ImportError
_hidden = [name for name in UNWANTED if name not in _modules]
_modules.update(dict.fromkeys(_hidden))
try:
    import talib
finally:
    for _name in _hidden:
        del _modules[_name]

__all__ = ["talib"]
