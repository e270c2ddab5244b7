"""Which currency the words for a country, a currency or a central bank in a calendar of events stand for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ALL = frozenset({"", "ALL", "WORLD", "GLOBAL"})
_WORDS = {
    "USD": "US, USA, UNITED STATES, FED, FOMC",
    "EUR": (
        "EU, EA, EZ, EMU, EUROZONE, EURO AREA, EURO ZONE, EUROPEAN UNION, EUROPEAN MONETARY UNION, ECB, "
        "DE, DEU, GER, GERMANY, FR, FRA, FRANCE, IT, ITA, ITALY, ES, ESP, SPAIN, NL, NLD, NETHERLANDS, "
        "BE, BEL, BELGIUM, AT, AUT, AUSTRIA, IE, IRL, IRELAND, PT, PRT, PORTUGAL, FI, FIN, FINLAND, GR, GRC, GREECE"
    ),
    "GBP": "GB, GBR, UK, UNITED KINGDOM, BOE",
    "JPY": "JP, JPN, JAPAN, BOJ",
    "CHF": "CH, CHE, SWITZERLAND, SNB",
    "AUD": "AU, AUS, AUSTRALIA, RBA",
    "NZD": "NZ, NZL, NEW ZEALAND, RBNZ",
    "CAD": "CA, CAN, CANADA, BOC",
    "CNY": "CN, CHN, CHINA, PBOC",
    "MXN": "MX, MEX, MEXICO",
    "SEK": "SE, SWE, SWEDEN",
    "NOK": "NO, NOR, NORWAY",
    "DKK": "DK, DNK, DENMARK",
    "PLN": "PL, POL, POLAND",
    "CZK": "CZ, CZE, CZECH REPUBLIC, CZECHIA",
    "HUF": "HU, HUN, HUNGARY",
    "RUB": "RU, RUS, RUSSIA",
    "TRY": "TR, TUR, TURKEY, TURKIYE",
    "ZAR": "ZA, ZAF, SOUTH AFRICA",
    "BRL": "BR, BRA, BRAZIL",
    "CLP": "CL, CHL, CHILE",
    "COP": "CO, COL, COLOMBIA",
    "INR": "IN, IND, INDIA",
    "IDR": "ID, IDN, INDONESIA",
    "KRW": "KR, KOR, SOUTH KOREA, KOREA",
    "SGD": "SG, SGP, SINGAPORE",
    "HKD": "HK, HKG, HONG KONG",
    "TWD": "TW, TWN, TAIWAN",
    "THB": "TH, THA, THAILAND",
    "MYR": "MY, MYS, MALAYSIA",
    "PHP": "PH, PHL, PHILIPPINES",
    "ILS": "IL, ISR, ISRAEL",
    "SAR": "SA, SAU, SAUDI ARABIA",
    "AED": "AE, ARE, UNITED ARAB EMIRATES",
}
COUNTRIES: Mapping[str, str] = MappingProxyType(
    {word: currency for currency, words in _WORDS.items() for word in words.split(", ")}
)
CURRENCIES = frozenset({*_WORDS, "CNH", "ARS", "EGP", "ISK", "KWD", "NGN", "PEN", "QAR", "RON", "UAH", "VND"})


def currency_of(word: str) -> str:
    """The currency; empty for all. A word that is not known is given back as it is, in capitals."""
    name = word.upper()
    return "" if name in ALL else COUNTRIES.get(name, name)
