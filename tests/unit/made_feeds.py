"""Small sources of sentiment in the layouts that real ones have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from feeds.catalogue import read_catalogue
from trading.commodities import Commodity

CATALOGUE: Mapping[str, Commodity] = read_catalogue()
PAIRS = {name: CATALOGUE[name] for name in ("EURUSD", "USDJPY")}

RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Markets</title><link>https://example.org/</link>
<item><title>Dollar slumps as euro rallies</title><guid>a1</guid><pubDate>Mon, 02 Mar 2026 09:00:00 GMT</pubDate></item>
<item><title>Euro   climbs to a three-month high</title><guid>a2</guid>
<pubDate>Mon, 02 Mar 2026 11:00:00 +0100</pubDate></item>
<item><title>Dollar slumps as euro rallies</title><guid>a3</guid><pubDate>Mon, 02 Mar 2026 12:00:00 GMT</pubDate></item>
<item><title>Euro tumbles</title><guid>a1</guid><pubDate>Mon, 02 Mar 2026 13:00:00 GMT</pubDate></item>
<item><title>Yen plunges</title><guid>a4</guid><pubDate>Mon, 02 Mar 2026 14:00:00 GMT</pubDate></item>
<item><title>Euro soars, nobody says when</title><guid>a5</guid></item>
<item><title>Canadian dollar falls</title><guid>a6</guid><pubDate>Mon, 02 Mar 2026 15:00:00 GMT</pubDate></item>
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="ISO-8859-1"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Märkte</title><id>urn:x</id><updated>2026-03-02T09:00:00Z</updated>
<entry><title>Euro f\xe4llt nicht, euro gains</title><id>urn:x:1</id><updated>2026-03-02T09:30:00Z</updated></entry>
</feed>""".encode("latin-1")

CALENDAR_CSV = b"""Title,Country,Date,Time,Impact,Forecast,Previous,URL
German PPI m/m,EUR,03-02-2026,7:00am,Low,0.1%,0.0%,https://example.org/1
CPI m/m,USD,03-02-2026,1:30pm,High,0.2%,0.3%,https://example.org/2
BOJ Policy Rate,JPY,03-03-2026,Tentative,High,,0.50%,https://example.org/3
Bank Holiday,GBP,03-03-2026,All Day,Holiday,,,https://example.org/4
Retail Sales,USD,03-04-2026,12:30am,Medium,,,https://example.org/5
"""

CALENDAR_JSON = b"""[
{"title":"CPI m/m","country":"USD","date":"2026-03-02T08:30:00-05:00","impact":"High","forecast":"0.2%"},
{"title":"G7 Meetings","country":"All","date":"2026-03-05T00:00:00-05:00","impact":"High","forecast":""}]"""

LEGACY_HEADER = (
    '"Market and Exchange Names","As of Date in Form YYMMDD","As of Date in Form YYYY-MM-DD",'
    '"CFTC Contract Market Code","CFTC Market Code in Initials","CFTC Region Code","CFTC Commodity Code",'
    '"Open Interest (All)","Noncommercial Positions-Long (All)","Noncommercial Positions-Short (All)",'
    '"Noncommercial Positions-Spreading (All)","Commercial Positions-Long (All)","Commercial Positions-Short (All)",'
    '" Total Reportable Positions-Long (All)","Total Reportable Positions-Short (All)",'
    '"Nonreportable Positions-Long (All)","Nonreportable Positions-Short (All)"'
)
EURO = ("EURO FX - CHICAGO MERCANTILE EXCHANGE", "099741")
YEN = ("JAPANESE YEN - CHICAGO MERCANTILE EXCHANGE", "097741")


def legacy_row(as_of: date, long: int, short: int, contract: tuple[str, str] = EURO) -> str:
    """One week of one contract as the legacy report has it, padded as the file of the week is."""
    spreading, commercial_long, rest = 1_000, 50_000, 7_000
    total = long + spreading + commercial_long
    name, code = contract
    return (
        f'"{name}",{as_of:%y%m%d},{as_of:%Y-%m-%d},{code},CME ,00,{code[:3]} ,  {total + rest},  {long},  {short},'
        f"  {spreading},  {commercial_long},  {total - short},  {total},  {total + rest - 9_000},   {rest},   9000"
    )


def weeks(first: date, nets: Iterable[int], contract: tuple[str, str] = EURO) -> list[str]:
    """Rows week after week, with these net positions."""
    return [
        legacy_row(first + timedelta(weeks=week), 100_000 + net, 100_000, contract) for week, net in enumerate(nets)
    ]
