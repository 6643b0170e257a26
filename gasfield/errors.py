"""The ways a command can end other than well, each with the exit code that the command line gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Place = tuple[str | int, ...]
"""Keys and list indices from the root of a scenario or of another document."""


def dotted(place: Iterable[str | int]) -> str:
    """A place as `--set` writes it: "forces.0.cutoff"."""
    return ".".join(map(str, place))


class GasfieldError(Exception):
    """Base of every error that gasfield raises on purpose; its text is meant for a person."""

    exit_code = 1


class InputError(GasfieldError):
    """The user's input is wrong: what is wrong, where it stands, and what would be right.

    A function names its own parameter ("output", "at.2"). Whoever calls it for a part of a scenario adds where that
    part stands (`at`); the command line shows the parameter as its option.

    Attributes:
        message: what is wrong and what would be right; names data files.
        location: where it stands in what the user wrote: "file:line", "--set a.b=1"; None where it came from Python.
        parameter: which parameter it is about, as Python and YAML call it ("output", "forces.0.cutoff"); None where it
            is about none.
        value: what was given for the parameter, as text; None where the message says it, or it does not help.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, location: str | None = None, parameter: str | None = None, value: object = None
    ) -> None:
        super().__init__(message)
        self.message, self.location, self.parameter = message, location, parameter
        self.value = None if value is None else str(value)
        self._placed = location is not None

    @property
    def faults(self) -> tuple[InputError, ...]:
        """Each fault by itself; the error alone where there is one."""
        return (self,)

    def at(self, place: Place, origin: Callable[[Place], str | None] = lambda place: None) -> InputError:
        """The same error, seen from the document that the parameter is a part of.

        An error that has a location, or was placed by `at` before, is returned as it is.

        Args:
            place: goes before the parameter.
            origin: location of a whole place.
        """
        if self._placed:
            return self
        whole: Place = (
            *place,
            *(int(key) if key.isdigit() else key for key in (self.parameter or "").split(".") if key),
        )
        placed = InputError(self.message, location=origin(whole), parameter=dotted(whole) or None, value=self.value)
        placed._placed = True
        return placed

    def within(self, *place: str | int) -> InputError:
        """The same error about a parameter of a larger whole: "cutoff" within ("forces", 0) is "forces.0.cutoff". An
        error that was placed by `at` is returned as it is."""
        if self._placed:
            return self
        whole = dotted([*place, *([self.parameter] if self.parameter else [])])
        return InputError(self.message, parameter=whole, value=self.value)

    def text(self, parameter: str | None) -> str:
        """The error in one line, with another name for the parameter."""
        subject = " ".join(part for part in (parameter, self.value) if part)
        return ": ".join(part for part in (self.location, subject, self.message) if part)

    def __str__(self) -> str:
        return self.text(self.parameter)


class InputErrors(InputError):  # noqa: N818 (several of them)
    """Several faults that were found at once."""

    def __init__(self, faults: Iterable[InputError]) -> None:
        self._faults = tuple(faults)
        super().__init__("\n".join(map(str, self._faults)))

    @property
    def faults(self) -> tuple[InputError, ...]:
        """Each fault by itself."""
        return self._faults

    def at(self, place: Place, origin: Callable[[Place], str | None] = lambda place: None) -> InputError:
        """The same errors, each placed by itself."""
        return InputErrors(fault.at(place, origin) for fault in self._faults)

    def within(self, *place: str | int) -> InputError:
        """The same errors, each within the place."""
        return InputErrors(fault.within(*place) for fault in self._faults)


@contextmanager
def about(*place: str | int) -> Iterator[None]:
    """Errors that are raised inside are about parameters of a larger whole; see `InputError.within`."""
    try:
        yield
    except InputError as error:
        raise error.within(*place) from None


class BlowUp(GasfieldError):  # noqa: N818 (an event of the physics)
    """The state became non-finite, or the energy jumped: the numbers are no longer those of the physics.

    Attributes:
        last_good_step: the last step that is known to be good; None where there is none.
    """

    exit_code = 3

    def __init__(self, message: str, *, last_good_step: int | None = None) -> None:
        super().__init__(message)
        self.last_good_step = last_good_step
