"""The commitments of traders: every layout, the rank, and that nothing is known before its release."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_feeds import CATALOGUE, LEGACY_HEADER, PAIRS, YEN, legacy_row, weeks

from feeds.contracts import contract_signs
from feeds.errors import FeedError
from feeds.fetching import LARGEST_BYTES, texts_in
from feeds.positions import parse_positions
from feeds.releases import released_at
from trading.market import iso
from trading.moods import Positions
from trading.settings_feeds import PositionFeed

FEED = PositionFeed(name="cot", sources=("cot.txt",))
TUESDAY = date(2024, 1, 2)


def parsed(*texts: str, feed: PositionFeed = FEED) -> Positions:
    return parse_positions([("cot.txt", text.encode()) for text in texts], feed, PAIRS)


def net_of(found: Positions, code: str = "099741") -> list[tuple[str, int]]:
    return [(report.as_of, report.net_contracts) for report in found.reports[code]]


def test_the_yearly_history_with_its_header_and_the_padded_file_of_the_week_say_the_same() -> None:
    row = legacy_row(TUESDAY, 210_000, 120_000)
    assert net_of(parsed(row)) == net_of(parsed(f"{LEGACY_HEADER}\n{row}\n")) == [("2024-01-02", 90_000)]


def test_the_disaggregated_and_the_financial_file_of_the_week_are_told_by_adding_up() -> None:
    # Wheat of 18 February 2020 as it was published, with managed money 142,705 long and 83,443 short.
    kinds = "26994,141209,88894,16633,14202,142705,83443,131139,25062,22121,50399"
    shorts = 141209 + 16633 + 14202 + 83443 + 131139 + 22121 + 50399
    disaggregated = f'"WHEAT-SRW",200218,2020-02-18,001602,CBT,00,001,513909,{kinds},479395,{shorts},34514,54763'
    feed = PositionFeed(name="cot", sources=("cot.txt",), contracts={"EURUSD": {"001602": 1}})
    assert net_of(parsed(disaggregated, feed=feed), "001602") == [("2020-02-18", 142_705 - 83_443)]
    # The Canadian dollar of 12 March 2019, with leveraged funds 12,666 long and 53,284 short.
    kinds = "46035,7541,801,39925,39144,5017,12666,53284,8296,13560,737,73"
    longs = 46035 + 801 + 39925 + 5017 + 12666 + 8296 + 13560 + 73
    financial = f'"CANADIAN DOLLAR",190312,2019-03-12,090741,CME,00,090,159939,{kinds},{longs},114893,33566,45046'
    feed = PositionFeed(name="cot", sources=("cot.txt",), contracts={"EURUSD": {"090741": -1}})
    assert net_of(parsed(financial, feed=feed), "090741") == [("2019-03-12", 12_666 - 53_284)]


def test_columns_are_found_by_name_wherever_they_stand_and_dates_in_every_form() -> None:
    header = "Market,CFTC_Contract_Market_Code,M_Money_Positions_Short_All,M_Money_Positions_Long_All"
    for name, value in (
        ("Report_Date_as_YYYY-MM-DD", "2024-01-02"),
        ("Report_Date_as_MM_DD_YYYY", "1/2/2024 12:00:00 AM"),
        ("As_of_Date_In_Form_YYMMDD", "240102"),
    ):
        assert net_of(parsed(f"{header},{name}\nEURO FX,099741 ,10,35,{value}\n")) == [("2024-01-02", 25)]


def test_a_shifted_column_is_an_error_and_not_another_number() -> None:
    with pytest.raises(FeedError, match="row 0: the positions do not add up"):
        parsed(legacy_row(TUESDAY, 210_000, 120_000).replace(",CME ,", ",CME ,NEW,"))
    with pytest.raises(FeedError, match="no column of the speculators positions"):
        parsed(LEGACY_HEADER.replace("Noncommercial Positions-Long (All)", "Noncommercial Long") + "\n")


def test_the_rank_is_among_the_last_years_only_and_knows_nothing_of_what_comes_after() -> None:
    nets = [*([-500] * 60), *range(0, 5_200, 100), -1]
    rows = weeks(TUESDAY, nets)
    whole = parsed("\n".join(rows)).reports["099741"]
    for count in (60, 80, len(nets)):
        assert parsed("\n".join(rows[:count])).reports["099741"] == whole[:count]
    assert [report.rank for report in whole[:51]] == [None] * 51
    assert whole[51].rank == 0.5  # all equal
    assert whole[-2].rank == pytest.approx(1 - 0.5 / 112)
    one_year = PositionFeed(name="cot", sources=("cot.txt",), years=1)
    last = parsed("\n".join(rows), feed=one_year).reports["099741"][-1]
    assert last.rank == pytest.approx(0.5 / 53)


def test_the_later_file_wins_for_the_same_week() -> None:
    first, second = legacy_row(TUESDAY, 210_000, 120_000), legacy_row(TUESDAY, 211_000, 120_000)
    assert net_of(parsed(first, second)) == [("2024-01-02", 91_000)]


def test_a_pair_goes_with_the_contracts_of_both_sides() -> None:
    assert contract_signs(CATALOGUE["EURUSD"], None) == {"099741": 1}
    assert contract_signs(CATALOGUE["USDJPY"], None) == {"097741": -1}
    found = parsed("\n".join(weeks(TUESDAY, range(60), YEN)))
    said = found.said("USDJPY", released_at(TUESDAY + timedelta(weeks=59)))
    assert said.bullishness == pytest.approx(0.5 / 60)  # most are for the yen, and so against the dollar in yen
    assert found.said("EURUSD", released_at(TUESDAY)).why == "no report of contract 099741 is released"


def test_nothing_is_said_before_the_release() -> None:
    found = parsed("\n".join(weeks(TUESDAY, range(60))))
    release = released_at(TUESDAY + timedelta(weeks=59))
    before, after = found.said("EURUSD", release - 1), found.said("EURUSD", release)
    assert before.at == released_at(TUESDAY + timedelta(weeks=58))
    assert after.at == release


@pytest.mark.parametrize(
    ("as_of", "release"),
    [
        ("2024-01-02", "2024-01-05T20:30:00Z"),  # Friday, 15:30 in winter
        ("2024-06-11", "2024-06-14T19:30:00Z"),  # and in summer
        ("2024-06-18", "2024-06-24T19:30:00Z"),  # Juneteenth was the Wednesday
        ("2024-11-26", "2024-12-02T20:30:00Z"),  # Thanksgiving
        ("2025-11-10", "2025-12-12T20:30:00Z"),  # the shutdown of 2025
        ("2018-12-24", "2019-02-01T20:30:00Z"),  # that of 2018-19
        ("2019-02-26", "2019-03-05T20:30:00Z"),
        ("2019-03-05", "2019-03-08T20:30:00Z"),  # caught up
        ("2023-01-24", "2023-01-27T20:30:00Z"),  # the last one before the attack on ION
        ("2023-01-31", "2023-02-24T20:30:00Z"),
        ("2023-02-07", "2023-03-24T19:30:00Z"),
        ("2023-03-14", "2023-03-24T19:30:00Z"),
        ("2023-03-21", "2023-03-24T19:30:00Z"),  # caught up
        ("2025-01-07", "2025-01-13T20:30:00Z"),  # a day of mourning
        ("2018-12-04", "2018-12-10T20:30:00Z"),
        ("2020-12-29", "2021-01-04T20:30:00Z"),  # New Year's Day was the Friday
    ],
)
def test_a_report_is_released_when_the_cftc_released_it(as_of: str, release: str) -> None:
    assert iso(released_at(date.fromisoformat(as_of))) == release


def test_the_text_in_a_zip_is_read_and_a_bomb_is_not() -> None:
    def zipped(text: bytes) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("annual.txt", text)
        return packed.getvalue()

    row = legacy_row(TUESDAY, 210_000, 120_000).encode()
    assert texts_in("cot.zip", zipped(row)) == [row]
    assert texts_in("cot.txt", row) == [row]
    with pytest.raises(FeedError, match=r"cot\.zip: more than"):
        texts_in("cot.zip", zipped(bytes(LARGEST_BYTES + 1)))
    with pytest.raises(FeedError, match=r"cot\.zip: the zip cannot be read"):
        texts_in("cot.zip", zipped(row)[:40])


def test_a_file_without_any_contract_that_is_wanted_is_an_error() -> None:
    with pytest.raises(FeedError, match="no report of any of the contracts 097741, 099741"):
        parsed(legacy_row(TUESDAY, 1, 2, ("CORN", "002602")))


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80), st.integers(0, 200), st.integers(0, 200), st.booleans())
def test_nothing_but_a_feed_error_ever_comes_out_of_a_damaged_report(
    noise: str, cut: int, again: int, with_header: bool
) -> None:
    row = legacy_row(TUESDAY, 210_000, 120_000)
    text = row[:cut] + noise + row[again:]
    with suppress(FeedError):
        parsed(f"{LEGACY_HEADER}\n{text}" if with_header else text)
