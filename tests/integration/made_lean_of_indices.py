"""Where Lean's table has other hours for indices and currencies, and why ours are right."""

from __future__ import annotations

from made_lean_readings import CAC, DAX, EUREX, FTSE, FXCM, INDICES, OANDA, SMI, Difference

ALL_INDICES = tuple(INDICES.values())
NO_SUNDAY = "a holiday on a Monday of which the table leaves out that Sunday evening is shut as well"
NO_EVENING = "the table has the end of the day before, and not that trading resumes in the evening for this date"
SLIP = "the table has Christmas 2025 open until 17:00 here; gold, silver and its own list of other years have it shut"
MISSED_FRIDAY = "the Friday after Thanksgiving is short in every other year; the table leaves 2024 out"
MISSED_HOLIDAY = "a holiday of London's banks that was moved or proclaimed, and the table has not"
EXCHANGES_SHORT_DAY = "the exchange ends early on its last day before Christmas and New Year; the broker goes on"

OF_INDICES = (
    # ------------------------------------------------------------ indices of the United States, and Tokyo's in Chicago
    Difference(
        ALL_INDICES,
        "2012-10-29 2012-10-30",
        "eve 18:00-09:15",
        "shut",
        "a hurricane: shares were shut, and the exchange announced an end at 09:15 on both days",
    ),
    Difference(
        ALL_INDICES,
        "2018-12-05",
        "eve 18:00-09:30",
        "shut",
        "a day of mourning: shares were shut, and the exchange announced an end at 09:30",
    ),
    Difference(
        (INDICES["DOW_30"],),
        "2025-01-09",
        "eve 18:00-09:30",
        "shut",
        "a day of mourning: shares were shut, and the exchange announced an end at 09:30",
    ),
    Difference(
        tuple(entry for index, entry in INDICES.items() if index != "DOW_30"),
        "2025-01-09",
        "eve 18:00-09:30",
        "eve 18:00-17:00",
        "a day of mourning: the exchange announced an end at 09:30, which the table leaves out",
    ),
    Difference(
        ALL_INDICES,
        "2014-07-04 2017-07-04 2018-07-04 2019-07-04",
        "eve 18:00-13:00",
        "00:00-13:00",
        NO_EVENING,
    ),
    Difference(
        ALL_INDICES,
        "2012-07-04 2013-07-04",
        "eve 18:00-11:30",
        "00:00-11:30",
        NO_EVENING,
    ),
    Difference(
        ALL_INDICES,
        "2023-07-03 2024-07-03",
        "eve 18:00-13:15",
        "eve 18:00-17:00",
        "the day before Independence Day ends early in the other years of the table's; for 2024 it was announced",
    ),
    Difference(ALL_INDICES, "2024-11-29", "eve 18:00-13:15", "eve 18:00-17:00", MISSED_FRIDAY),
    Difference(ALL_INDICES, "2025-12-25", "shut", "00:00-17:00", SLIP),
    Difference((INDICES["DOW_30"],), "2023-12-25 2024-01-01", "shut", "eve 18:00-00:00", NO_SUNDAY),
    # ------------------------------------------------------------ indices of Europe
    Difference(
        (EUREX,),
        "2014-10-03 2016-05-16 2016-10-03 2017-06-05 2017-10-03 2017-10-31 2018-05-21 2018-10-03 "
        "2019-06-10 2019-10-03 2020-06-01 2021-05-24",
        "shut",
        "02:15-22:00",
        "the DAX future kept the holidays of Frankfurt's shares until 2021 (Eurex's circular on 3 October 2018)",
        only="DAX_40",
    ),
    Difference(
        (EUREX,), "2015-05-25", "02:15-22:00", "shut", "Whit Monday shuts German products alone", only="EURO_STOXX_50"
    ),
    Difference(
        (DAX,),
        "2018-12-24 2018-12-31 2019-12-24 2019-12-31 2020-12-24 2020-12-31",
        "shut",
        "02:15-22:00",
        "Eurex shuts on 24 and 31 December, as its own entry has; the broker does not",
    ),
    Difference(
        (DAX,),
        "2018-10-31 2019-10-31 2022-10-31 2022-06-06 2022-10-03",
        "02:15-22:00",
        "shut",
        "31 October was a holiday of all Germany in 2017 alone; since 2022 Frankfurt's shares trade on the other two",
    ),
    Difference(
        (FTSE,),
        "2013-12-24 2013-12-31 2014-12-24 2014-12-31 2015-12-24 2015-12-31 2019-12-24 2019-12-31 2020-12-24 2020-12-31 "
        "2021-12-24 2021-12-31 2022-12-23 2022-12-30 2023-12-22 2023-12-29 2024-12-24 2024-12-31 2025-12-24 2025-12-31 "
        "2026-12-24 2026-12-31 2027-12-24 2027-12-31",
        "01:00-12:30",
        "01:00-21:00",
        EXCHANGES_SHORT_DAY,
    ),
    Difference(
        (FTSE,),
        "2015-12-28 2020-05-08 2022-06-02 2022-06-03 2022-09-19 2023-05-08",
        "shut",
        "01:00-21:00",
        MISSED_HOLIDAY,
    ),
    Difference((FTSE,), "2020-05-04 2022-05-30", "01:00-21:00", "shut", MISSED_HOLIDAY),
    Difference(
        (CAC,),
        "2012-12-24 2012-12-31 2013-12-24 2013-12-31 2014-12-24 2014-12-31 2015-12-24 2015-12-31 2018-12-24 2018-12-31 "
        "2019-12-24 2019-12-31 2020-12-24 2020-12-31 2021-12-24 2021-12-31 2024-12-24 2024-12-31 2025-12-24 2025-12-31 "
        "2026-12-24 2026-12-31 2027-12-24 2027-12-31",
        "08:00-14:05",
        "08:00-22:00",
        EXCHANGES_SHORT_DAY,
    ),
    Difference((CAC,), "2012-12-26", "shut", "08:00-22:00", "Euronext shuts, as in the table's other years"),
    Difference((CAC,), "2023-01-02", "08:00-22:00", "shut", "Euronext does not move a New Year's Day on a Sunday"),
    Difference(
        (SMI,),
        "2018-01-02 2018-12-24 2018-12-31 2019-01-02 2019-12-24 2019-12-31 2020-01-02 2020-05-21 2020-12-24 2020-12-31",
        "shut",
        "08:00-22:00",
        "SIX shuts on 24 and 31 December, 2 January and Ascension Day; the broker not, or not in that year",
    ),
    # ------------------------------------------------------------ currencies
    Difference(
        (FXCM,),
        "2012-01-02 2012-12-26 2013-01-02 2013-12-26 2014-01-02 2014-12-26 2015-01-02 2016-12-26 2017-01-02 2017-12-26 "
        "2018-12-26",
        "eve 17:00-17:00",
        "shut",
        "the broker's holidays; each of them is in the bars of other brokers",
    ),
    Difference(
        (FXCM,),
        "2012-01-03 2012-12-27 2013-01-03 2013-12-27 2014-01-03 2016-12-27 2017-01-03 2017-12-27 2018-01-02 2018-12-27 "
        "2019-01-02",
        "eve 17:00-17:00",
        "00:00-17:00",
        "the evening after the broker's holiday, which the table ends at midnight",
    ),
    Difference(
        (FXCM,),
        "2018-12-24 2018-12-31 2019-12-24 2019-12-31 2020-12-24 2020-12-31 2024-12-24 2024-12-31 2025-12-24",
        "eve 17:00-17:00",
        "eve 17:00-14:00",
        "the broker's early end; others go on, or end at other hours",
    ),
    Difference(
        (FXCM,),
        "2012-12-25 2013-01-01 2013-12-25 2014-01-01 2014-12-25 2015-01-01 2015-12-25 2016-01-01",
        "shut",
        "eve 17:00-00:00",
        "the evening before the holiday belongs to it",
    ),
    Difference(
        (FXCM,),
        "2019-12-26 2020-01-02 2022-12-26 2023-01-02 2023-12-26 2024-12-26 2025-01-02 2025-12-26",
        "eve 17:00-17:00",
        "02:00-17:00",
        "the broker's late open",
    ),
    Difference((FXCM,), "2024-01-01", "shut", "00:00-17:00", "the table has the broker's late open a day early"),
    Difference(
        (FXCM,),
        "2024-01-02",
        "eve 17:00-17:00",
        "eve 17:00-00:00 02:00-17:00",
        "the broker's late open, of which the table leaves out the evening before",
    ),
    Difference(
        (OANDA,),
        "2012-12-26 2013-01-02 2016-12-26 2017-01-02 2022-12-27 2023-01-03",
        "eve 17:00-17:00",
        "00:00-17:00",
        "the evening after the broker's holiday, which the table ends at midnight",
    ),
    Difference(
        (OANDA,),
        "2012-12-31 2013-12-31 2014-12-31 2015-12-31 2016-12-30",
        "eve 17:00-17:00",
        "eve 17:00-14:00",
        "the broker's early end; others go on, or end at other hours",
    ),
    Difference(
        (OANDA,),
        "2013-12-25 2014-12-25 2017-12-25 2018-01-01",
        "shut",
        "eve 17:00-17:00",
        "the broker's own bars have nothing until the evening of these days",
    ),
    Difference(
        (OANDA,), "2012-12-25 2015-12-25", "shut", "eve 17:00-00:00", "the evening before belongs to the holiday"
    ),
    Difference((OANDA,), "2014-01-01 2015-01-01", "shut", "00:00-17:00", "New Year; the table has its end on the eve"),
    Difference(
        (OANDA,),
        "2024-12-26 2025-01-02 2025-12-26",
        "eve 17:00-17:00",
        "eve 17:05-17:00",
        "opens two minutes later than usual",
    ),
    Difference(
        (OANDA,),
        "2022-12-26 2023-01-02",
        "eve 17:00-17:00",
        "shut",
        "the broker's holidays; others trade",
    ),
)
