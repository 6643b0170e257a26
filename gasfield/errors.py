"""The ways a command can end other than well, each with the exit code that the command line gives it."""

from __future__ import annotations

from collections.abc import Sequence


class GasfieldError(Exception):
    """Base of every error that gasfield raises on purpose; its text is meant for a person."""

    exit_code = 1


class InputError(GasfieldError):
    """The user's input is wrong: what is wrong, where it stands, and what would be right.

    Attributes:
        message: what is wrong and what would be right.
        location: where it stands: "file:line", a path, "--set a.b=1"; None where it came from Python.
        parameter: which parameter it is about, as Python and YAML call it ("output", "forces.0.cutoff"); None where it
            is about none. The command line shows it as an option.
    """

    exit_code = 2

    def __init__(self, message: str, *, location: str | None = None, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message, self.location, self.parameter = message, location, parameter

    @property
    def faults(self) -> tuple[InputError, ...]:
        """Each fault by itself; the error alone where there is one."""
        return (self,)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.location, self.parameter, self.message) if part)


class InputErrors(InputError):  # noqa: N818 (several of them)
    """Several faults that were found at once."""

    def __init__(self, faults: Sequence[InputError]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self._faults = tuple(faults)

    @property
    def faults(self) -> tuple[InputError, ...]:
        """Each fault by itself."""
        return self._faults


class BlowUp(GasfieldError):  # noqa: N818 (an event of the physics)
    """The state became non-finite: a position or a force is no longer a finite number."""

    exit_code = 3
