"""What a command raises when the user can put it right: the message is all that is shown, never a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot do what was asked; the message names what is wrong and what was expected."""

    exit_code = 2


class TryAgain(CommandError):
    """It cannot be done now, through no fault of what was asked: a service manager should ask again."""

    exit_code = 70  # as after an escalation


class ConfigurationError(CommandError):
    """The settings cannot be used; the message has one line for each thing that is wrong."""
