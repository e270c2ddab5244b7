"""What a person asks for, as far as the ledger alone can do it: modes, pauses, pardons.

The request, what is done and the journal's lines are one transaction, so a crash anywhere leaves all of it or nothing.
The console asks for it through the OperatorActor, and the commands of a terminal without any server: both come here.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, replace
from typing import TypeAlias

from sqlalchemy import Connection

from actors.commands import (
    Command,
    CommandState,
    ForgiveDrawdown,
    Halt,
    Lift,
    Outcome,
    PauseOpening,
    ResetCrashLoop,
    ResumeOpening,
)
from actors.system.errors import Refusal
from persistence.errors import StaleToken
from persistence.journal import DRAWDOWN_FORGIVEN, JournalEntry
from persistence.ledger import Ledger
from persistence.modes import ModeRecord
from persistence.pauses import Scope
from persistence.requests import Request
from persistence.reservations import Fence
from persistence.tables import RequestState
from trading.market import Instant
from trading.modes import Mode, ModeCause
from trading.settings import Settings

COMMAND = "command"
"""The kind of the journal's lines about what was asked for, and what came of it."""

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
NAME_CHARACTERS = 200  # of who asks
REASON_CHARACTERS = 1_000
ENVELOPE = ("request_id", "by")  # what is no part of what is asked for

OfLedger: TypeAlias = PauseOpening | ResumeOpening | Halt | Lift | ResetCrashLoop | ForgiveDrawdown


class LedgerAway(Refusal):
    """The ledger cannot be used now; whether this was written down is found out by asking again under its id."""


class Refused(Exception):
    """Nothing was done, and nothing will be."""

    def __init__(self, code: str, said: str) -> None:
        """``code``: a word for programs; ``said``: the same for people."""
        super().__init__(said)
        self.code = code
        self.said = said


def obey(ledger: Ledger, settings: Settings, command: OfLedger, at: Instant) -> Outcome:
    """Do it, unless it was done under this id before. ``at`` is market time. Raises `LedgerError`."""
    if (wrong := wrong_id(command, at)) is not None:
        return wrong
    with ledger.writing() as connection:
        # First, so that of two who ask for the same at once the second sees what the first has done.
        ledger.modes.keep_opens_out(connection, settings.crew, at)
        known = ledger.requests.known(connection, command.request_id)
        if known is not None:
            return repeated(known, command)
        try:
            said, state, detail = _done(ledger, connection, settings, command, at), RequestState.DONE, {}
        except Refused as refusal:
            said, state, detail = refusal.said, RequestState.REFUSED, {"code": refusal.code}
        request = replace(new_request(command, at), state=state, said=said, detail={**asked(command), **detail})
        ledger.requests.begin(connection, request, line_of(request, state.value, at))
    return outcome_of(request)


# ---------------------------------------------------------------- requests and outcomes


def kind_of(command: Command) -> str:
    """The kind of a command, such as ``close_trade``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(command).__name__).lower()


def new_request(command: Command, at: Instant) -> Request:
    """What is to be written down before anything is done."""
    by = asked_by(command)
    return Request(
        command.request_id, kind_of(command), digest_of(command), by, at, RequestState.UNRESOLVED, "", asked(command)
    )


def asked_by(command: Command) -> str:
    """Who asks, as it can be kept."""
    return plain(command.by, NAME_CHARACTERS)


def plain(text: str, characters: int) -> str:
    """The text on one line, of a length that can be kept, with nothing in it that a database does not take."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:characters])


def asked(command: Command) -> dict[str, object]:
    """What was asked for, in JSON's types; an analysis is told by its own lines."""
    return {"asked": {name: value for name, value in _content(command).items() if name != "text"}}


def digest_of(command: Command) -> str:
    """The same for the same content, whoever asks, under whatever id."""
    said = json.dumps([kind_of(command), _content(command)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def outcome_of(request: Request, *, is_repeated: bool = False) -> Outcome:
    """What is known of a request."""
    return Outcome(
        request_id=request.request_id,
        command=request.command,
        state=CommandState(request.state.value),
        said=request.said,
        detail=request.detail,
        by=request.by,
        at=request.at,
        is_repeated=is_repeated,
    )


def repeated(known: Request, command: Command) -> Outcome:
    """What came of an id that was used before; a refusal where something else was asked for under it."""
    if known.digest == digest_of(command):
        return outcome_of(known, is_repeated=True)
    said = f"request_id {command.request_id} was used for another {known.command} before; expected one that is new"
    return replace(unwritten(command, known.at, "other_content", said), is_repeated=True)


def wrong_id(command: Command, at: Instant) -> Outcome | None:
    """The refusal of an id that cannot be kept; None: it can."""
    if REQUEST_ID.fullmatch(command.request_id):
        return None
    said = f"request_id is {command.request_id[:80]!r}; expected 8 to 64 of A-Z, a-z, 0-9, '_' and '-'"
    return unwritten(command, at, "bad_request_id", said)


def unwritten(command: Command, at: Instant, code: str, said: str) -> Outcome:
    """A refusal of which no row is kept."""
    return Outcome(
        command.request_id, kind_of(command), CommandState.REFUSED, said, {"code": code}, asked_by(command), at
    )


def line_of(request: Request, became: str, at: Instant, **about: object) -> JournalEntry:
    """The journal's line: who asked what, and what became of it."""
    content = request.detail.get("asked", {})
    detail = {"request_id": request.request_id, "by": request.by, "said": request.said, "asked": content, **about}
    trades = request.detail.get("trades", ())
    about_one = trades[0] if "trade_id" in content and trades else {}
    places = {"platform": content.get("platform"), "commodity": content.get("commodity"), **about_one}
    return JournalEntry(
        at,
        COMMAND,
        f"{request.command}:{became}",
        places["platform"],
        places["commodity"],
        places.get("trade_id"),
        places.get("analysis_id"),
        detail,
    )


def _content(command: Command) -> dict[str, object]:
    content = {field.name: getattr(command, field.name) for field in fields(command) if field.name not in ENVELOPE}
    return {**content, "reason": plain(content["reason"], REASON_CHARACTERS)} if "reason" in content else content


# ---------------------------------------------------------------- what the ledger does


def _done(ledger: Ledger, connection: Connection, settings: Settings, command: OfLedger, at: Instant) -> str:
    """Do it within the transaction; answers what was done. Raises `Refused` before anything was written."""
    match command:
        case PauseOpening(platform=None, commodity=None):
            return _pause(ledger, connection, settings.crew, command, at)
        case ResumeOpening(platform=None, commodity=None):
            return _resume(ledger, connection, settings.crew, command, at)
        case PauseOpening() | ResumeOpening():
            return _set_part(ledger, connection, settings, command, at)
        case Halt():
            before = ledger.modes.wanted(connection, settings.crew, ModeCause.OPERATOR)
            if before is Mode.HALTED:
                return f"crew {settings.crew} was halted before"
            _set(ledger, connection, settings.crew, Mode.HALTED, command, at, reason=command.reason)
            ends = "; to lift it is to end the pause, too" if before is Mode.PAUSED else ""
            return f"crew {settings.crew} is halted: nothing is opened, and nobody guards stops and targets{ends}"
        case Lift():
            if ledger.modes.wanted(connection, settings.crew, ModeCause.OPERATOR) is not Mode.HALTED:
                return f"crew {settings.crew} was not halted"
            _set(ledger, connection, settings.crew, Mode.TRADING, command, at, reason="lifted")
            return f"crew {settings.crew} is halted no longer"
        case ResetCrashLoop():
            return _reset(ledger, connection, settings.crew, command, at)
        case ForgiveDrawdown():
            _require_platform(settings, command.platform)
            said = {"by": asked_by(command)}
            line = JournalEntry(at, DRAWDOWN_FORGIVEN, "by a person", command.platform, detail=said)
            ledger.journal.write(connection, [line])
            return f"the drawdown of {command.platform} counts from now on"


def _pause(ledger: Ledger, connection: Connection, crew: str, command: PauseOpening, at: Instant) -> str:
    match ledger.modes.wanted(connection, crew, ModeCause.OPERATOR):
        case Mode.HALTED:
            raise Refused("halted", f"crew {crew} is halted, which is stricter than a pause; lift that first")
        case Mode.PAUSED:
            return f"crew {crew} was paused before"
    _set(ledger, connection, crew, Mode.PAUSED, command, at, reason=command.reason)
    return f"crew {crew} is paused: nothing is opened, guarding goes on"


def _resume(ledger: Ledger, connection: Connection, crew: str, command: ResumeOpening, at: Instant) -> str:
    match ledger.modes.wanted(connection, crew, ModeCause.OPERATOR):
        case Mode.HALTED:
            raise Refused("halted", f"crew {crew} is halted, which is more than a pause; lift that")
        case Mode.TRADING:
            return f"crew {crew} was not paused"
    _set(ledger, connection, crew, Mode.TRADING, command, at, reason="resumed")
    return f"crew {crew} is paused no longer"


def _set_part(
    ledger: Ledger, connection: Connection, settings: Settings, command: PauseOpening | ResumeOpening, at: Instant
) -> str:
    """Pause or resume an account, a commodity, or one commodity on one account."""
    require_scope(settings, command.platform, command.commodity)
    scope = Scope(command.platform, command.commodity)
    paused = isinstance(command, PauseOpening)
    reason = plain(command.reason, REASON_CHARACTERS) if isinstance(command, PauseOpening) else "resumed"
    by = asked_by(command)
    changed = ledger.pauses.write(connection, settings.crew, scope, paused=paused, reason=reason, by=by, at=at)
    if paused:
        return f"opens {scope} are paused" if changed else f"opens {scope} were paused before"
    return f"opens {scope} are paused no longer" if changed else f"opens {scope} were not paused"


def _reset(ledger: Ledger, connection: Connection, crew: str, command: ResetCrashLoop, at: Instant) -> str:
    crashes = ledger.starts.forgive_within(connection, crew)
    if ledger.modes.wanted(connection, crew, ModeCause.CRASH_LOOP) is not Mode.TRADING:
        record = ModeRecord(Mode.TRADING, ModeCause.CRASH_LOOP, "reset", asked_by(command), at)
        ledger.modes.write(connection, crew, record)
        return f"the loop of {crashes} crashes is reset"
    return f"{crashes} crashes are forgiven; there was no loop of them"


def _set(
    ledger: Ledger, connection: Connection, crew: str, mode: Mode, command: Command, at: Instant, *, reason: str
) -> None:
    reason = plain(reason, REASON_CHARACTERS)
    record = ModeRecord(mode, ModeCause.OPERATOR, reason, asked_by(command), at)
    ledger.modes.write(connection, crew, record)


def require_lead(ledger: Ledger, connection: Connection, lead: Fence) -> None:
    """As the first of a transaction: raise `Refused` where another process leads by now. Until it ends, none can."""
    try:
        ledger.reservations.require(connection, lead)
    except StaleToken as error:
        raise Refused("not_leading", f"this process leads no longer: {error}") from None


def require_scope(settings: Settings, platform: str | None, commodity: str | None) -> None:
    """Raise `Refused` for an account, or a commodity on it, that these settings do not have."""
    if platform is not None:
        _require_platform(settings, platform)
    accounts = [account for account in settings.accounts if platform in (None, account.name)]
    known = sorted({name for account in accounts for name in account.symbols})
    if commodity is not None and commodity not in known:
        raise Refused("unknown_commodity", f"commodity is {commodity!r}; expected one of {', '.join(known)}")


def _require_platform(settings: Settings, platform: str) -> None:
    names = [account.name for account in settings.accounts]
    if platform not in names:
        raise Refused("unknown_platform", f"platform is {platform!r}; expected one of {', '.join(names)}")
