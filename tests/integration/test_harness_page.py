"""The examples of `docs/harness.md`, run as they are printed there, print what is printed there."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "harness.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for kind, text in BLOCK.findall(PAGE)]
EXAMPLES = [text for kind, text in BLOCKS if kind == "python"]
OUTPUTS = [text for kind, text in BLOCKS if kind == "text"]


def test_each_example_has_its_output() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "text"] * len(EXAMPLES)


def test_the_first_example_is_shorter_than_ten_lines_imports_included() -> None:
    assert len(EXAMPLES[0].splitlines()) < 10
    assert "import" in EXAMPLES[0].splitlines()[0]


@pytest.mark.parametrize(("example", "output"), list(zip(EXAMPLES, OUTPUTS, strict=True)), ids=range(len(EXAMPLES)))
def test_an_example_prints_what_the_page_says(
    example: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(example, "docs/harness.md", "exec"), {"__name__": "__main__"})
    assert printed.getvalue() == output
