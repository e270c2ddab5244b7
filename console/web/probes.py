"""What supervisors ask: `/healthz`, whether the process lives; `/readyz`, whether its actors answer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from actors.system.errors import ActorError
from console.api.window import Window
from persistence.errors import LedgerError
from persistence.reservations import crew_resource

ANSWER_SECONDS = 0.5
ROUND_SECONDS = 2.0  # for all of it, the ledger included
FRESH_SECONDS = 1.0  # what was found is told so long: whoever asks without end must not keep the actors busy

log = logging.getLogger("watchbill.console")


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether the process does what it is there for."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["leading", "standing by", "not ready"]
    said: str | None = None  # why it is not ready; names of actors and accounts are for the log and for /api/health


class Rounds:
    """Asks the actors, once at a time and once a second: whoever comes meanwhile is told the same."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._round: asyncio.Task[Readiness] | None = None
        self._began = 0.0
        self._limiter: anyio.CapacityLimiter | None = None
        self._logged = ""

    async def readiness(self) -> Readiness:
        """How it stands now."""
        now = time.monotonic()
        if self._round is None or (self._round.done() and now - self._began >= FRESH_SECONDS):
            self._began = now
            self._round = asyncio.create_task(self._on_a_thread())
        try:
            return await asyncio.wait_for(asyncio.shield(self._round), ROUND_SECONDS)
        except TimeoutError:
            return Readiness(state="not ready", said="the ledger does not answer")

    async def _on_a_thread(self) -> Readiness:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)  # of its own: it must not wait for the threads of other routes
        return await anyio.to_thread.run_sync(self._look, limiter=self._limiter)

    def _look(self) -> Readiness:
        moment = self._window.running.moment
        if moment is None:
            return Readiness(state="not ready", said="starting, or stopping")
        try:
            silent = [name for name in moment.system.ping_all(ANSWER_SECONDS) if moment.system.is_vital(name)]
            fault = moment.system.runtime_fault()
            if silent:
                return self._not_ready("actors do not answer", ", ".join(silent))
            if fault is not None:
                return self._not_ready("the runtime of the actors has a fault", fault)
            self._logged = ""
            if moment.leads:
                return Readiness(state="leading")
            crew = crew_resource(self._window.configuration.settings.crew)
            if self._window.ledger.reservations.holder(crew) is None:
                return Readiness(state="not ready", said="nobody leads yet")
        except ActorError as error:
            return self._not_ready("the actors cannot be asked", str(error))
        except LedgerError:
            return Readiness(state="not ready", said="the ledger cannot be read")
        return Readiness(state="standing by")

    def _not_ready(self, said: str, why: str) -> Readiness:
        """``why`` names parts of this process, and is not for everybody."""
        if why != self._logged:
            self._logged = why
            log.warning("not ready: %s: %s", said, why)
        return Readiness(state="not ready", said=said)


def router(window: Window) -> APIRouter:
    """The two routes. They are open to everybody, and tell nothing else."""
    routes = APIRouter(tags=["probes"])
    rounds = Rounds(window)
    unready: dict[int | str, dict[str, Any]] = {503: {"model": Readiness}}

    @routes.get("/healthz", operation_id="healthz", summary="Whether the process lives")
    async def healthz() -> Alive:
        return Alive()

    @routes.get("/readyz", operation_id="readyz", summary="Whether its actors answer", responses=unready)
    async def readyz(response: Response) -> Readiness:
        found = await rounds.readiness()
        if found.state == "not ready":
            response.status_code = 503
        return found

    return routes
