"""How this room starts a process of its own: with our files, without the settings' secrets, apart from our terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
"""Where `feeds` is found, from whatever directory we were started."""

SETTINGS = "WATCHBILL_"  # how the variables with settings begin, among which may be passwords


def command_of(module: str, *options: str) -> tuple[str, ...]:
    """What runs a module's `main` with this Python: our own files wherever we are (-P), and UTF-8 on every system."""
    beginning = f"import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main()"
    return (sys.executable, "-P", "-X", "utf8", *options, "-c", beginning, str(ROOT))


def environment() -> Mapping[str, str]:
    """Ours, without the settings."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(SETTINGS)}


def apart_from_us() -> dict[str, Any]:
    """Ctrl-C in our terminal does not reach the process: we end it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
