"""Takes the pictures of `docs/console.md` from the running program.

No test: `PYTHONPATH=. python tests/acceptance/take_screenshots.py`, after the pages have changed. It needs Chromium.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from made_browser import PHONE, Watched, chromium, signed_in
from processes import Program

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = (1280, 800)
LARGEST_BYTES = 200_000
QUICK, AS_EVER = "180000", "3600"
SETTINGS = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
DECISION = "main a[href^='/decisions/']"


class Picture(NamedTuple):
    """What is taken, and how."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = SIZE
    press: str = ""  # a key that opens a dialog
    follow: str = ""  # the link that leads to what is taken


PICTURES = (
    Picture("overview-dark", "/", "dark"),
    Picture("overview-light", "/"),
    Picture("overview-phone", "/", "dark", PHONE),
    Picture("halt", "/", "light", press="Shift+H"),
    Picture("trade", "/", "dark", follow="[data-trades] tr th a"),
    Picture("decision", "/decisions", "light", follow=DECISION),
    Picture("closings", "/closings", "dark"),
    Picture("health", "/health"),
    Picture("journal", "/journal?kind=adjustment", "dark"),
)


def main() -> int:
    """Take them all; answers the exit code."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with Program(directory, "serve", "--no-view", "--speed", QUICK, settings=SETTINGS) as program:
            program.wait_for("trade_id 14")
            program.stop()
        with (
            Program(directory, "serve", "--no-view", "--speed", AS_EVER, settings=SETTINGS) as program,
            chromium() as it,
        ):
            address = program.wait_for(r"the console is at (http://127\.0\.0\.1:\d+)").group(1)
            program.wait_for("leading crew")
            token = json.loads((directory / "state/console-tokens.json").read_text())["trade"]
            for picture in PICTURES:
                with signed_in(it, address, token, scheme=picture.scheme, size=picture.size) as watched:
                    _take(watched, picture)
    return 0


def _take(watched: Watched, picture: Picture) -> None:
    page, file = watched.page, IMAGES / f"{picture.name}.png"
    if picture.path == "/":
        page.locator("[data-trades] tr").first.wait_for(timeout=120_000)
    watched.go(picture.path)
    if picture.follow:
        page.locator(picture.follow).first.click()
    page.locator("[data-live-state][data-is=live]").wait_for()
    page.wait_for_load_state()
    if picture.press:
        page.keyboard.press(picture.press)
    page.wait_for_timeout(1_500)  # charts and countdowns have been drawn
    page.screenshot(path=file)
    size = file.stat().st_size
    print(f"{file.name}: {size:,} bytes")
    if size > LARGEST_BYTES:
        raise SystemExit(f"{file.name} has {size:,} bytes; expected {LARGEST_BYTES:,} at most")


if __name__ == "__main__":
    sys.exit(main())
