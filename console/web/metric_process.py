"""What `/metrics` shows of the process: its actors, its brokers' answers, its pages and its notices."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from actors.system.shell import ActorState
from console.api.window import Window
from console.running import Moment
from console.web.metric_samples import Samples
from trading.attention import NEVER
from trading.market import SECOND

PING_SECONDS = 0.25


def of_process(window: Window, samples: Samples) -> None:
    """What is known even while there is no term of office."""
    running, moment = window.running, window.running.moment
    crew = window.configuration.settings.crew
    samples.add("watchbill_build_info", 1, _version(), platform.python_version(), crew)
    samples.add("watchbill_leader", moment is not None and moment.leads)
    measured = running.measures.read()
    samples.add_all("watchbill_ask_seconds", measured.asks)
    samples.add_all("watchbill_asks_unanswered_total", measured.unanswered)
    samples.add_all("watchbill_actor_handling_seconds", measured.handling)
    samples.add_all("watchbill_alerts_total", measured.alerts)
    samples.add_all("watchbill_reservation_wait_seconds", running.waits.read())
    samples.add_all("watchbill_refusals_total", running.refusals.read())
    calls = running.gauges.read()
    samples.add_all("watchbill_connector_call_seconds", calls.calls)
    samples.add_all("watchbill_connector_errors_total", calls.errors)
    samples.add_all("watchbill_orders_total", calls.outcomes)
    samples.add_all("watchbill_fill_slippage_spreads", calls.slippage)
    hub = window.live_hub
    samples.add("watchbill_live_streams", hub.watching)
    samples.add("watchbill_live_pushes_total", hub.pushes)
    samples.add("watchbill_live_dropped_total", hub.dropped)


@cache
def _version() -> str:
    try:
        return metadata.version("watchbill")
    except metadata.PackageNotFoundError:
        return "not installed"  # it runs from its directory


def of_notifications(window: Window, samples: Samples) -> None:
    """Nothing where nobody is notified."""
    counts = window.running.notifications
    if counts is None:
        return
    outcomes = {
        "sent": counts.sent,
        "failed": counts.failed,
        "dropped": counts.dropped,
        "held_back": counts.held_back,
        "folded": counts.folded,
    }
    samples.add_all("watchbill_notifications_total", outcomes)
    samples.add("watchbill_notification_attempts_failed_total", counts.attempts_failed)
    samples.add("watchbill_notifications_waiting", counts.waiting)


def of_actors(moment: Moment | None, samples: Samples) -> None:
    """Of the present term. An actor that hangs is waited for a moment, and no longer."""
    if moment is None:
        samples.add("watchbill_ready", 0)
        return
    system = moment.system
    silent = set(system.ping_all(PING_SECONDS))
    has_fault = system.runtime_fault() is not None
    samples.add("watchbill_ready", not has_fault and not any(system.is_vital(name) for name in silent))
    for name, actor in system.stats().items():
        samples.add("watchbill_actor_running", actor.state is ActorState.RUNNING, name)
        samples.add("watchbill_actor_answers", name not in silent, name)
        if actor.answer_age_seconds is not None:
            samples.add("watchbill_actor_answer_age_seconds", actor.answer_age_seconds, name)
        samples.add("watchbill_mailbox_depth", actor.depth, name)
        samples.add("watchbill_actor_messages_total", actor.processed, name)
        samples.add("watchbill_actor_conflated_total", actor.conflated, name)
        samples.add("watchbill_actor_restarts_total", actor.restarts, name)
    samples.add_all("watchbill_dead_letters_total", system.dead_letters)
    samples.add("watchbill_market_timestamp_seconds", moment.runtime.now() / SECOND)
    last = moment.market.times.last
    if last < NEVER:
        samples.add("watchbill_calendars_known_until_timestamp_seconds", last / SECOND)
