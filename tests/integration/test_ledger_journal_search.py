"""What the journal promises to one who looks for words in it, page by page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ledger import a_ledger, a_line

from persistence.journal import pattern_of
from persistence.ledger import Ledger


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger of either kind."""
    with a_ledger(any_ledger) as opened:
        yield opened


def reasons(ledger: Ledger, *words: str, **asked: object) -> list[str]:
    """Of the lines that have all the words, newest first."""
    return [line.reason for line in ledger.journal.list(having=words, **asked)]  # type: ignore[arg-type]  # as it takes


def test_words_are_found_in_the_reason_and_in_the_detail_whatever_their_case(ledger: Ledger) -> None:
    ledger.journal.append(
        a_line(reason="refused:Cooldown"),
        a_line(reason="other", detail={"said": "the COOLDOWN of alpha"}),
        a_line(reason="nothing"),
    )
    assert reasons(ledger, "cooldown") == ["other", "refused:Cooldown"]
    assert reasons(ledger, "COOL", "alpha", limit=5) == ["other"]


def test_all_words_have_to_be_there(ledger: Ledger) -> None:
    ledger.journal.append(a_line(reason="one two"), a_line(reason="one"), a_line(reason="two", detail={"a": "one"}))
    assert reasons(ledger, "one", "two") == ["two", "one two"]


@pytest.mark.parametrize("sign", ["%", "_", "\\", "100%", "a_b", "\\_"])
def test_a_sign_that_means_something_to_the_database_means_itself(ledger: Ledger, sign: str) -> None:
    ledger.journal.append(a_line(reason=f"<{sign}>"), a_line(reason="axb 100 percent"), a_line(reason="x"))
    assert reasons(ledger, sign) == [f"<{sign}>"]


def test_words_with_letters_beyond_ascii_and_quotation_marks_are_found_in_details(ledger: Ledger) -> None:
    ledger.journal.append(a_line(reason="other", detail={"said": 'Währung "EUR"'}), a_line(reason="Währung"))
    assert reasons(ledger, "Währung") == ["Währung", "other"]
    assert reasons(ledger, '"EUR"') == ["other"]


def test_a_search_can_be_narrowed_by_everything_else(ledger: Ledger) -> None:
    ledger.journal.append(
        a_line("alert", "away", platform="alpha"),
        a_line("alert", "away", platform="beta"),
        a_line("decision", "away", platform="alpha"),
    )
    assert [line.id for line in ledger.journal.list(kind="alert", platform="alpha", having=("away",), limit=9)] == [1]


@pytest.mark.parametrize("asked", [{}, {"kind": "transition"}, {"kind": "transition", "platform": "alpha"}])
def test_the_pages_together_are_the_whole(ledger: Ledger, asked: dict[str, str]) -> None:
    ledger.journal.append(*(a_line(reason=str(number), platform="alpha") for number in range(10)))
    found: list[str] = []
    before = None
    while page := ledger.journal.list(before_id=before, limit=3, **asked):  # type: ignore[arg-type]  # as it takes
        found += [line.reason for line in page]
        before = page[-1].id
    assert found == [str(number) for number in reversed(range(10))]


def test_a_page_forwards_begins_with_the_oldest(ledger: Ledger) -> None:
    ledger.journal.append(*(a_line(reason=str(number)) for number in range(5)))
    for asked in ({}, {"kind": "transition"}):
        found = ledger.journal.list(after_id=2, limit=2, newest_first=False, **asked)  # type: ignore[arg-type]  # same
        assert [line.reason for line in found] == ["2", "3"]


def test_the_reach_of_a_search_is_where_so_many_lines_end(ledger: Ledger) -> None:
    ledger.journal.append(*(a_line("odd" if number % 2 else "even") for number in range(10)))
    assert ledger.journal.reach(20) is None
    assert ledger.journal.reach(10) is None
    assert ledger.journal.reach(3) == 8
    assert ledger.journal.reach(2, kind="odd") == 7
    assert ledger.journal.reach(3, before_id=6) == 3


def test_other_crews_lines_are_on_no_page(ledger_url: str) -> None:
    with a_ledger(ledger_url) as mine, a_ledger(ledger_url, crew="other") as theirs:
        mine.journal.append(a_line(reason="mine"))
        theirs.journal.append(a_line(reason="theirs"))
        for asked in ({"limit": 5}, {"limit": 5, "kind": "transition"}, {"having": ("e",)}):
            assert [line.reason for line in mine.journal.list(**asked)] == ["mine"]


@settings(max_examples=60)
@given(
    texts=st.lists(st.text(alphabet=st.sampled_from("ab%_\\ '\""), max_size=8), min_size=1, max_size=5),
    word=st.text(alphabet=st.sampled_from("ab%_\\'\""), min_size=1, max_size=3),
)
def test_a_search_finds_just_the_texts_that_hold_the_word(texts: list[str], word: str) -> None:
    with a_ledger() as ledger:
        ledger.journal.append(*(a_line(reason=text) for text in texts))
        assert sorted(reasons(ledger, word)) == sorted(text for text in texts if word in text)


def test_a_pattern_is_in_small_letters_and_escaped() -> None:
    assert pattern_of("50%_A\\") == "%50\\%\\_a\\\\%"
