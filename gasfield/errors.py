"""The three ways a command can end other than well, each with the exit code that the command line gives it."""

from __future__ import annotations


class GasfieldError(Exception):
    """Base of every error that gasfield raises on purpose; its text is meant for a person."""

    exit_code = 1


class InputError(GasfieldError):
    """The user's input is wrong: the text says where (file, line, key or data set) and what would be right."""

    exit_code = 2


class BlowUp(GasfieldError):  # noqa: N818 (an event of the physics)
    """The physics left the numbers: a position or a force is no longer finite."""

    exit_code = 3
