"""How the package's results are laid out: the fields of its structures, and the columns of its arrays, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Kind: TypeAlias = type[bool] | type[int] | type[float] | type[str]
Layout: TypeAlias = tuple[tuple[Kind, str], ...]
"""Runs of fields of one type, in order."""


def fields_of(layout: Layout) -> dict[str, Kind]:
    """The type of each field, in the order of the structure."""
    return {name: kind for kind, names in layout for name in names.split()}


STRUCTURES: Mapping[str, tuple[str, Layout]] = {
    "TradePosition": (
        "Trade position structure",
        (
            (int, "ticket time time_msc time_update time_update_msc type magic identifier reason"),
            (float, "volume price_open sl tp price_current swap profit"),
            (str, "symbol comment external_id"),
        ),
    ),
    "TradeOrder": (
        "Trade order structure",
        (
            (
                int,
                "ticket time_setup time_setup_msc time_done time_done_msc time_expiration type type_time "
                "type_filling state magic position_id position_by_id reason",
            ),
            (float, "volume_initial volume_current price_open sl tp price_current price_stoplimit"),
            (str, "symbol comment external_id"),
        ),
    ),
    "TradeDeal": (
        "Trade deal structure",
        (
            (int, "ticket order time time_msc type entry magic position_id reason"),
            (float, "volume price commission swap profit fee"),
            (str, "symbol comment external_id"),
        ),
    ),
    "TradeRequest": (
        "Trade request structure",
        (
            (int, "action magic order"),
            (str, "symbol"),
            (float, "volume price stoplimit sl tp"),
            (int, "deviation type type_filling type_time expiration"),
            (str, "comment"),
            (int, "position position_by"),
        ),
    ),
    "OrderSendResult": (
        "order_send result structure",
        (
            (int, "retcode deal order"),
            (float, "volume price bid ask"),
            (str, "comment"),
            (int, "request_id retcode_external"),
        ),
    ),
    "OrderCheckResult": (
        "order_check result structure",
        (
            (int, "retcode"),
            (float, "balance equity profit margin margin_free margin_level"),
            (str, "comment"),
        ),
    ),
    "Tick": (
        "This is a structure for storing latest symbol prices",
        (
            (int, "time"),
            (float, "bid ask last"),
            (int, "volume time_msc flags"),
            (float, "volume_real"),
        ),
    ),
    "TerminalInfo": (
        "This is a structure for storing terminal information",
        (
            (
                bool,
                "community_account community_connection connected dlls_allowed trade_allowed tradeapi_disabled "
                "email_enabled ftp_enabled notifications_enabled mqid",
            ),
            (int, "build maxbars codepage ping_last"),
            (float, "community_balance retransmission"),
            (str, "company name language path data_path commondata_path"),
        ),
    ),
    "SymbolInfo": (
        "This is a structure for storing symbol information",
        (
            (bool, "custom"),
            (int, "chart_mode"),
            (bool, "select visible"),
            (
                int,
                "session_deals session_buy_orders session_sell_orders volume volumehigh volumelow time digits spread",
            ),
            (bool, "spread_float"),
            (
                int,
                "ticks_bookdepth trade_calc_mode trade_mode start_time expiration_time trade_stops_level "
                "trade_freeze_level trade_exemode swap_mode swap_rollover3days",
            ),
            (bool, "margin_hedged_use_leg"),
            (int, "expiration_mode filling_mode order_mode order_gtc_mode option_mode option_right"),
            (
                float,
                "bid bidhigh bidlow ask askhigh asklow last lasthigh lastlow volume_real volumehigh_real "
                "volumelow_real option_strike point trade_tick_value trade_tick_value_profit "
                "trade_tick_value_loss trade_tick_size trade_contract_size trade_accrued_interest "
                "trade_face_value trade_liquidity_rate volume_min volume_max volume_step volume_limit swap_long "
                "swap_short margin_initial margin_maintenance session_volume session_turnover session_interest "
                "session_buy_orders_volume session_sell_orders_volume session_open session_close session_aw "
                "session_price_settlement session_price_limit_min session_price_limit_max margin_hedged "
                "price_change price_volatility price_theoretical price_greeks_delta price_greeks_theta "
                "price_greeks_gamma price_greeks_vega price_greeks_rho price_greeks_omega price_sensitivity",
            ),
            (
                str,
                "basis category currency_base currency_profit currency_margin bank description exchange formula "
                "isin name page path",
            ),
        ),
    ),
    "AccountInfo": (
        "This is a structure for storing account information",
        (
            (int, "login trade_mode leverage limit_orders margin_so_mode"),
            (bool, "trade_allowed trade_expert"),
            (int, "margin_mode currency_digits"),
            (bool, "fifo_close"),
            (
                float,
                "balance credit profit equity margin margin_free margin_level margin_so_call margin_so_so "
                "margin_initial margin_maintenance assets liabilities commission_blocked",
            ),
            (str, "name server currency company"),
        ),
    ),
    "BookInfo": (
        "This is a structure for storing Depth of Market information",
        (
            (int, "type"),
            (float, "price"),
            (int, "volume"),
            (float, "volume_dbl"),
        ),
    ),
}
"""Each structure's description, and its fields in order. `OrderSendResult` and `OrderCheckResult` end in `request`."""

RATES: Mapping[str, str] = {
    "time": "<i8",
    "open": "<f8",
    "high": "<f8",
    "low": "<f8",
    "close": "<f8",
    "tick_volume": "<u8",
    "spread": "<i4",
    "real_volume": "<u8",
}
"""The columns of copy_rates_*, in NumPy's words."""

TICKS: Mapping[str, str] = {
    "time": "<i8",
    "bid": "<f8",
    "ask": "<f8",
    "last": "<f8",
    "volume": "<u8",
    "time_msc": "<i8",
    "flags": "<u4",
    "volume_real": "<f8",
}
"""The columns of copy_ticks_*, in NumPy's words."""
