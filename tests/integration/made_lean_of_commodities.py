"""Where Lean's table has other hours for metals, energies, grains and softs, and why ours are right."""

from __future__ import annotations

from made_lean_readings import (
    BRENT,
    COCOA,
    COFFEE,
    COPPER,
    COTTON,
    ENERGIES,
    GOLD,
    GRAINS,
    METALS,
    ORANGE_JUICE,
    SUGAR,
    Difference,
)

ALL_METALS = (GOLD, *METALS.values(), COPPER)
ONLY_SHARES = (
    "New York's shares were shut by a hurricane and by days of mourning for presidents, and the table has that for "
    "everything that is traded there; the exchange announced normal hours, and two brokers' bars of gold have them"
)
NO_SUNDAY = "a holiday on a Monday of which the table leaves out that Sunday evening is shut as well"
NO_EVENING = "the table has the end of the day before, and not that trading resumes in the evening for this date"
SLIP = "the table has Christmas 2025 open until 17:00 here; gold, silver and its own list of other years have it shut"
MISSED_FRIDAY = "the Friday after Thanksgiving is short in every other year; the table leaves 2024 out"
LONDON_SHUT = (
    "with London's banks shut sugar, coffee and cocoa open at 07:30, as the exchange announced for 26 August 2024; the "
    "table has it for Easter Monday alone, without 2016, and for nothing after 2019"
)
AFTER_CHRISTMAS = "opens at 08:00 on the day after Christmas, as in each year of the table's until 2019, where it stops"
SHORT_EVE = "Christmas Eve is short in the other years of the table's, which has none in 2018 and after 2019"
ICE_TRADED = "New York's shares were shut by a hurricane and a day of mourning; ICE's electronic market was open"

OF_COMMODITIES = (
    # ------------------------------------------------------------ metals and energies
    Difference(
        (*ENERGIES, COPPER),
        "2012-10-29 2012-10-30 2018-12-05",
        "eve 18:00-17:00",
        "shut",
        ONLY_SHARES,
    ),
    Difference(
        (GOLD, METALS["SILVER"], COPPER),
        "2025-01-09",
        "eve 18:00-17:00",
        "shut",
        "a day of mourning on which New York's shares were shut; the exchange announced normal hours for metals",
    ),
    Difference(ENERGIES, "2023-12-25 2024-01-01", "shut", "eve 18:00-00:00", NO_SUNDAY),
    Difference(ALL_METALS, "2024-01-01", "shut", "eve 18:00-00:00", NO_SUNDAY),
    Difference(
        (*ENERGIES, *ALL_METALS),
        "2024-11-29",
        "eve 18:00-13:45",
        "eve 18:00-17:00",
        MISSED_FRIDAY,
    ),
    Difference(ENERGIES, "2025-12-25", "shut", "00:00-17:00", SLIP),
    Difference(
        (COPPER,),
        "2012-01-17 2012-02-21 2012-05-29 2012-07-05 2012-09-04 2013-01-22 2013-02-19 2013-05-28 2013-07-05 2013-09-03 "
        "2014-01-21 2014-02-18 2014-05-27 2014-09-02 2015-01-20 2015-02-17 2015-05-26 2015-09-08 2016-01-19 2016-02-16 "
        "2016-05-31 2016-07-05 2016-09-06 2017-01-17 2017-02-21 2017-05-30 2017-07-05 2017-09-05 2018-01-16 2018-02-20 "
        "2018-05-29 2018-07-05 2018-09-04 2019-01-22 2019-02-19 2019-05-28 2019-07-05 2019-09-03 2017-12-27",
        "eve 18:00-17:00",
        "00:00-17:00",
        NO_EVENING + "; the entry of crude oil has it",
    ),
    Difference(
        (COPPER,),
        "2012-11-23 2013-11-29 2014-11-28 2015-11-27 2016-11-25 2017-11-24 2018-11-23 2019-11-29",
        "eve 18:00-13:45",
        "00:00-13:45",
        NO_EVENING + "; the entry of crude oil has it",
    ),
    # ------------------------------------------------------------ Brent
    Difference(
        (BRENT,),
        "2013-01-22 2013-02-19 2013-05-28 2013-07-05 2013-09-03 2014-01-21 2014-02-18 2014-05-27 2014-09-02 2015-01-20 "
        "2015-02-17 2015-06-04 2015-09-08 2016-01-19 2016-02-16 2016-05-31 2016-07-05 2016-09-06 2017-09-05 2018-07-05 "
        "2018-09-04 2019-05-28 2019-07-05 2019-09-03 2020-05-26 2020-09-08",
        "eve 20:00-17:00",
        "00:00-17:00",
        NO_EVENING,
    ),
    Difference(
        (BRENT,),
        "2013-11-29 2014-11-28 2015-11-27 2017-11-24 2018-11-23 2019-11-29 2020-11-27",
        "eve 20:00-14:00",
        "00:00-14:00",
        NO_EVENING,
    ),
    Difference((BRENT,), "2016-11-28", "eve 18:00-17:00", "00:00-17:00", "the table has Friday's early end on Sunday"),
    Difference((BRENT,), "2016-11-25", "eve 20:00-14:00", "eve 20:00-17:00", "it is short in every other year"),
    Difference(
        (BRENT,),
        "2015-05-25 2017-01-16 2017-02-20 2017-05-29 2018-01-15 2018-02-19 2018-05-28 2019-01-21 2019-02-18 2020-01-20 "
        "2020-02-17",
        "eve 18:00-13:30",
        "shut",
        "the holiday of New York's shares; in other years the table has 13:30 on it",
    ),
    Difference(
        (BRENT,),
        "2016-11-24 2017-07-04",
        "eve 20:00-13:30",
        "shut",
        "the holiday of New York's shares; in other years the table has 13:30 on it",
    ),
    Difference((BRENT,), "2015-06-03", "eve 20:00-17:00", "eve 20:00-13:30", "an ordinary Wednesday; July is meant"),
    Difference(
        (BRENT,),
        "2018-12-05",
        "eve 20:00-17:00",
        "shut",
        "a day of mourning in New York, not in London",
    ),
    Difference((BRENT,), "2018-12-24", "eve 18:00-14:00", "eve 18:00-17:00", "it is short in every other year"),
    Difference((BRENT,), "2018-12-31", "eve 18:00-15:00", "eve 18:00-17:00", "it is short in every other year"),
    # ------------------------------------------------------------ grains
    Difference(
        GRAINS,
        "2014-12-26 2015-01-02 2016-12-27 2017-01-03 2017-12-26 2018-01-02 2018-12-26 2019-01-02 2019-12-26 2020-01-02 "
        "2022-12-27 2023-01-03 2023-07-05 2023-12-26 2024-07-05 2024-12-26",
        "08:30-13:20",
        "eve 19:00-07:45 08:30-13:20",
        "no evening session after these holidays: the table has the late open in 2013, 2014, 2017 to 2019 and 2026",
    ),
    Difference(
        GRAINS,
        "2016-07-05 2021-07-06 2022-07-05",
        "08:30-13:20",
        "eve 19:00-07:45 08:30-13:20",
        "after Independence Day on a Monday an evening session is not certain: what may be shut is not traded",
    ),
    Difference(
        GRAINS,
        "2025-01-02 2025-12-26",
        "08:30-13:20",
        "00:00-07:45 08:30-13:20",
        "no evening session after these holidays: the table has the late open in 2026, for the same two holidays",
    ),
    Difference(
        GRAINS,
        "2015-11-27 2022-11-25 2023-11-24",
        "08:30-12:05",
        "eve 19:00-07:45 08:30-12:05",
        "no evening session on Thanksgiving: the table has it so in the years between",
    ),
    Difference(
        GRAINS,
        "2014-11-28",
        "08:30-12:00",
        "eve 19:00-07:45 08:30-12:00",
        "no evening session on Thanksgiving: the table has it so in the year before",
    ),
    Difference(
        GRAINS,
        "2025-11-28",
        "08:30-12:05",
        "00:00-07:45 08:30-12:05",
        "no evening session on Thanksgiving: the table has it so in the year after",
    ),
    Difference(GRAINS, "2017-11-24", "08:30-12:05", "08:30-13:20", "it is short in every other year"),
    Difference(GRAINS, "2024-11-29", "08:30-12:05", "eve 19:00-07:45 08:30-13:20", MISSED_FRIDAY),
    Difference(
        GRAINS,
        "2023-04-07 2024-01-15 2024-02-19 2024-05-27 2024-06-19 2024-09-02",
        "shut",
        "eve 19:00-00:00",
        "a holiday of which the table leaves out that the evening before is shut as well",
    ),
    Difference(GRAINS, "2018-12-05", "eve 19:00-07:45 08:30-13:20", "shut", "the exchange announced normal hours"),
    Difference(GRAINS, "2025-01-09", "eve 19:00-07:45 08:30-12:15", "shut", "the exchange announced an end at 12:15"),
    Difference(GRAINS, "2024-01-02", "08:30-13:20", "eve 19:00-00:00", "the table has New Year a day late"),
    Difference(
        GRAINS,
        "2024-01-03",
        "eve 19:00-07:45 08:30-13:20",
        "00:00-07:45 08:30-13:20",
        "the table has New Year a day late",
    ),
    # ------------------------------------------------------------ softs
    *(
        Difference(
            (entry,),
            "2012-05-07 2012-06-04 2012-06-05 2012-08-27 2013-05-06 2013-08-26 2014-05-05 2014-08-25 2015-05-04 "
            "2015-08-31 2016-03-28 2016-05-02 2016-08-29 2017-05-01 2017-08-28 2018-05-07 2018-08-27 2019-05-06 "
            "2019-08-26 2020-04-13 2020-05-08 2020-08-31 2020-12-28 2021-04-05 2021-05-03 2021-08-30 2021-12-27 "
            "2021-12-28 2022-01-03 2022-04-18 2022-05-02 2022-06-02 2022-06-03 2022-08-29 2022-09-19 2023-04-10 "
            "2023-05-01 2023-05-08 2023-08-28 2024-04-01 2024-05-06 2024-08-26 2025-04-21 2025-05-05 2025-08-25 "
            "2026-04-06 2026-05-04 2026-08-31 2026-12-28",
            f"07:30-{ends}",
            f"{opens}-{ends}",
            LONDON_SHUT,
        )
        for entry, opens, ends in ((COFFEE, "04:15", "13:30"), (COCOA, "04:45", "13:30"), (SUGAR, "03:30", "13:00"))
    ),
    *(
        Difference(
            (entry,),
            "2022-12-27 2023-12-26 2024-12-26 2025-12-26",
            f"08:00-{ends}",
            f"{opens}-{ends}",
            AFTER_CHRISTMAS,
        )
        for entry, opens, ends in ((COFFEE, "04:15", "13:30"), (COCOA, "04:45", "13:30"), (SUGAR, "03:30", "13:00"))
    ),
    Difference(
        (COTTON,),
        "2016-12-27 2022-12-27 2023-12-26 2024-12-26 2025-12-26",
        "08:00-14:20",
        "eve 21:00-14:20",
        AFTER_CHRISTMAS + "; it leaves 2016 out for cotton alone",
    ),
    *(
        Difference(
            (entry,),
            "2018-12-24 2020-12-24 2024-12-24 2025-12-24 2026-12-24",
            f"{opens}-13:05",
            f"{opens}-{ends}",
            SHORT_EVE,
        )
        for entry, opens, ends in (
            (COFFEE, "04:15", "13:30"),
            (COCOA, "04:45", "13:30"),
            (COTTON, "eve 21:00", "14:20"),
            (ORANGE_JUICE, "08:00", "14:00"),
        )
    ),
    *(
        Difference((entry,), "2012-10-29 2012-10-30 2018-12-05", hours, "shut", ICE_TRADED)
        for entry, hours in (
            (COFFEE, "04:15-13:30"),
            (COCOA, "04:45-13:30"),
            (SUGAR, "03:30-13:00"),
            (COTTON, "eve 21:00-14:20"),
            (ORANGE_JUICE, "08:00-14:00"),
        )
    ),
    Difference(
        (ORANGE_JUICE,),
        "2018-11-23 2020-11-27 2021-11-26 2022-11-25 2023-11-24 2024-11-29 2025-11-28 2026-11-27",
        "08:00-13:30",
        "08:00-14:00",
        "short in 2017 and 2019; the table leaves 2018 out and stops after 2019",
    ),
    Difference(
        (COTTON,),
        "2020-11-27 2021-11-26 2022-11-25 2023-11-24 2024-11-29",
        "08:00-13:30",
        "eve 21:00-14:20",
        "late and short in 2017 and 2019; the table stops after 2019",
    ),
    Difference(
        (COTTON,),
        "2025-11-28 2026-11-27",
        "08:00-13:30",
        "00:00-14:20",
        "late and short in 2017 and 2019; the table stops after 2019",
    ),
    Difference(
        (COTTON,), "2018-11-23", "08:00-13:30", "08:00-14:20", "short in 2017 and 2019; the table leaves 2018 out"
    ),
    Difference((COTTON,), "2012-11-23", "08:00-13:00", "eve 21:00-13:00", "it opens late in every year after that"),
    Difference((COTTON,), "2017-11-23", "shut", "eve 21:00-13:30", "Thanksgiving, with the hours of the day after it"),
    Difference(
        (ORANGE_JUICE,), "2017-11-23", "shut", "08:00-13:30", "Thanksgiving, with the hours of the day after it"
    ),
    Difference(
        (COTTON,),
        "2014-07-07 2015-12-28",
        "08:00-14:20",
        "eve 21:00-00:00 08:00-14:20",
        "a Monday that opens late, of which the table leaves out that Sunday evening is shut as well",
    ),
    Difference(
        (COTTON,),
        "2025-02-17 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-11-27 2026-01-19 2026-02-16 2026-04-03 2026-05-25 "
        "2026-06-19 2026-07-03 2026-09-07 2026-11-26",
        "shut",
        "eve 21:00-00:00",
        "a holiday of which the table leaves out that the evening before is shut as well",
    ),
    Difference(
        (COTTON,),
        "2025-02-18 2025-05-27 2025-06-20 2025-09-02 2026-01-20 2026-02-17 2026-05-26 2026-09-08",
        "eve 21:00-14:20",
        "00:00-14:20",
        "the table has the holiday until midnight; the evening belongs to this date",
    ),
)
