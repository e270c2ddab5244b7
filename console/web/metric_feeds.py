"""What `/metrics` shows of the sources of sentiment."""

from __future__ import annotations

from actors.messages import FeedState, HowIsFeed
from actors.names import feed_actor
from actors.system.errors import ActorError
from console.running import Moment
from console.web.metric_samples import Samples

ASK_SECONDS = 0.1


def of_feeds(moment: Moment, samples: Samples) -> None:
    """Of each source that is read. Raises `ActorError` for one that does not answer, once all others were asked."""
    running = moment.system.stats().keys()
    silent: ActorError | None = None
    for feed in moment.market.settings.feeds.enabled:
        actor = feed_actor(feed.name)
        if actor not in running:
            continue
        try:
            state: FeedState = moment.system.ask(actor, HowIsFeed(), ASK_SECONDS)
        except ActorError as error:
            silent = error
            continue
        samples.add("watchbill_feed_dead", state.is_dead, feed.name)
        if state.age_seconds is not None:
            samples.add("watchbill_feed_age_seconds", state.age_seconds, feed.name)
    if silent is not None:
        raise silent
