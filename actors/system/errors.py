"""The errors of the actor system: a flat tree, in which the first line of a docstring is the message.

What matters to an asker is what is known afterwards: `NotExecuted` says that nothing happened, `OutcomeUnknown` that
something may have, and `Refusal` that the other actor looked and said no.
"""

from __future__ import annotations


class ActorError(Exception):
    """The actor system could not do what was asked."""

    def __str__(self) -> str:
        headline = (type(self).__doc__ or type(self).__name__).partition("\n")[0].rstrip(".")
        detail = ", ".join(str(argument) for argument in self.args)
        return f"{headline}: {detail}" if detail else headline


class Refusal(ActorError):
    """The actor refused.

    Behaviours raise it (or a subclass) for what they expect to refuse. It travels to the asker; the behaviour keeps
    its state and is not restarted.
    """


class NotExecuted(ActorError):
    """The message was not executed."""


class Expired(NotExecuted):
    """The asker's deadline passed before the message was begun, so it was not executed."""


class MailboxFull(NotExecuted):
    """The mailbox has no room for the message, so it was not executed."""


class ActorDead(NotExecuted):
    """The actor has ended, so the message was not executed."""


class NoSuchActor(NotExecuted):
    """There is no actor of this name, so the message was not executed."""


class OutcomeUnknown(ActorError):
    """The message may or may not have been executed."""


class AskTimeout(OutcomeUnknown):
    """No answer came before the deadline; the message may still be executed."""


class Crashed(OutcomeUnknown):
    """The actor crashed on the message; how far it got is not known."""


class AskUpwards(ActorError):
    """An actor may only ask actors of a strictly lower level."""


class TooManyTimers(ActorError):
    """The actor has armed as many timers as its mailbox may hold messages."""


class StartFailed(ActorError):
    """An actor did not start."""


class Unanswered(ActorError):
    """Actors did not answer a ping in time."""


class NotQuiet(ActorError):
    """The actors did not come to rest in time."""
