"""How to get in: the command that signs a browser in, written as this program was started."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from console.configuration import DEFAULT_FILE, Configuration

INSTALLED = "watchbill"  # what the package installs as a program of its own


def program() -> str:
    """What was typed to start this program."""
    return INSTALLED if Path(sys.argv[0]).stem == INSTALLED else "run.py"


def sign_in_command(configuration: Configuration) -> str:
    """The command that makes a link; it names the settings where they are not those that it would find by itself."""
    path = configuration.path
    named = [] if path is None or path == DEFAULT_FILE else ["--config", str(path)]
    return shlex.join([program(), *named, "sign-in"])
