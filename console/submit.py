"""`run.py submit`: sign an analysis with a source's key, and leave it in the watched folder, or print it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.arguments import Submit
from console.configuration import Configuration
from console.errors import CommandError
from console.inbox import folder_of, key_of, make_key, require_source
from console.output import Output
from feeds.analysis_folder import leave
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import signed

STANDARD_INPUT = Path("-")


def run(arguments: Submit, configuration: Configuration, output: Output) -> int:
    """Make a key, or sign and leave or print; answers the exit code."""
    if arguments.new_key:
        path = make_key(arguments.source, configuration)
        output.show({"source": arguments.source, "key_file": str(path)}, _key_made)
        return 0
    require_source(arguments.source, configuration)
    if arguments.file is None:
        raise CommandError("FILE is missing; expected an analysis as JSON, or - for standard input")
    try:
        text = signed(_read(arguments.file), arguments.source, key_of(arguments.source, configuration))
        if arguments.to_output:
            if output.as_json:
                output.write_object({"signed": text})
            else:
                output.note(text)  # which breaks no lines
            return 0
        name = "analysis" if arguments.file == STANDARD_INPUT else arguments.file.stem
        left = leave(folder_of(configuration), f"{arguments.source}-{name}", text)
    except AnalysisRefused as error:
        raise CommandError(f"{arguments.file}: {error}") from error
    except FileExistsError as error:
        raise CommandError(f"{error.filename2 or error.filename} waits already; is a process looking?") from error
    except OSError as error:
        raise CommandError(f"{error.filename}: it cannot be left there: {error.strerror}") from error
    output.show({"source": arguments.source, "left": str(left)}, lambda data: f"left {data['left']}")
    return 0


def _read(file: Path) -> str:
    if file == STANDARD_INPUT:
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _key_made(data: Mapping[str, Any]) -> str:
    return f"wrote a new key for {data['source']}: {data['key_file']}"
