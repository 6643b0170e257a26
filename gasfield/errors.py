"""The errors that gasfield raises, each with its exit code on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from gasfield.printable import printable

Place = tuple[str | int, ...]
"""Keys and list indices from the root of a scenario or of another document."""


def dotted(place: Iterable[str | int]) -> str:
    """A place in the notation of `--set`: "forces.0.cutoff"."""
    return ".".join(map(str, place))


def index_of(key: str) -> str | int:
    """A key of a dotted place: the index of a list, if it is written as one (0, 1, 2, ...), else the key."""
    return int(key) if re.fullmatch("0|[1-9][0-9]{0,8}", key, re.ASCII) else key


class GasfieldError(Exception):
    """Base class of every error that gasfield raises deliberately; its text is meant for the user, and printable: it
    may quote a name from a file of others."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, keep="\n"))


class InputError(GasfieldError):
    """The user's input is invalid: what is wrong, where it was given, and what would be valid.

    A function names its own parameter ("output", "at.2"). A caller that evaluates part of a scenario adds the location
    of that part (`at`); the command line shows the parameter as its option.

    Attributes:
        message: what is wrong and what would be valid; includes the names of data files.
        location: place in the input: "mine.yaml:12", "--set a.b=1"; None for input from Python.
        parameter: the parameter concerned, by its name in Python and YAML ("output", "forces.0.cutoff"); None if
            there is none.
        reference: where docs/reference describes the parameter; None where nothing is known of that.
        value: the value given for the parameter, as text; None if the message contains it or it does not help.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, location: str | None = None, parameter: str | None = None, value: object = None
    ) -> None:
        super().__init__(message)
        self.message = printable(message, keep="\n")
        self.location, self.parameter = location and printable(location), parameter and printable(parameter)
        self.value = None if value is None else printable(str(value))
        self._placed = location is not None
        self.reference: str | None = None

    @property
    def faults(self) -> tuple[InputError, ...]:
        """The individual faults; a single error yields itself."""
        return (self,)

    def at(self, place: Place, origin: Callable[[Place], str | None] = lambda place: None) -> InputError:
        """The same error, relative to the document that contains the parameter.

        An error that already has a location, or was already placed by `at`, is returned unchanged.

        Args:
            place: prefix of the parameter.
            origin: returns the location of a complete place.
        """
        if self._placed:
            return self
        whole: Place = (
            *place,
            *(index_of(key) for key in (self.parameter or "").split(".") if key),
        )
        placed = InputError(self.message, location=origin(whole), parameter=dotted(whole) or None, value=self.value)
        placed._placed = True
        return placed

    def within(self, *place: str | int) -> InputError:
        """The same error about a parameter of a larger whole: "cutoff" within ("forces", 0) is "forces.0.cutoff". An
        error that was placed by `at` is returned unchanged."""
        if self._placed:
            return self
        whole = dotted([*place, *([self.parameter] if self.parameter else [])])
        return InputError(self.message, parameter=whole, value=self.value)

    def text(self, parameter: str | None) -> str:
        """The error in one line, with the given name for the parameter."""
        subject = " ".join(part for part in (parameter, self.value) if part)
        return ": ".join(part for part in (self.location, subject, self.message) if part)

    def __str__(self) -> str:
        return self.text(self.parameter)


class InputErrors(InputError):  # noqa: N818 (several of them)
    """Several faults, reported together."""

    def __init__(self, faults: Iterable[InputError]) -> None:
        self._faults = tuple(faults)
        super().__init__("\n".join(map(str, self._faults)))

    @property
    def faults(self) -> tuple[InputError, ...]:
        """The individual faults."""
        return self._faults

    def at(self, place: Place, origin: Callable[[Place], str | None] = lambda place: None) -> InputError:
        """The same errors, each placed individually."""
        return InputErrors(fault.at(place, origin) for fault in self._faults)

    def within(self, *place: str | int) -> InputError:
        """The same errors, each within the place."""
        return InputErrors(fault.within(*place) for fault in self._faults)


@contextmanager
def about(*place: str | int) -> Iterator[None]:
    """Attributes errors raised inside to parameters of a larger whole; see `InputError.within`."""
    try:
        yield
    except InputError as error:
        raise error.within(*place) from None


class BlowUp(GasfieldError):  # noqa: N818 (an event of the physics)
    """The state became non-finite, or the energy jumped: the results are no longer physical.

    Attributes:
        last_good_step: the last step known to be valid; None if there is none.
    """

    exit_code = 3

    def __init__(self, message: str, *, last_good_step: int | None = None) -> None:
        super().__init__(message)
        self.last_good_step = last_good_step


class Interrupted(GasfieldError):  # noqa: N818 (an event, not a fault)
    """A signal (INT or TERM) has ended a run between two steps; a checkpoint was written.

    Attributes:
        signal: its number.
        exit_code: 128 + number, as shells report it: 130 or 143.
    """

    def __init__(self, message: str, *, signal: int) -> None:
        super().__init__(message)
        self.signal, self.exit_code = signal, 128 + signal


class Note(UserWarning):
    """Something that the user should know although the work goes on; the command line prints it on stderr."""

    def __init__(self, message: object) -> None:
        super().__init__(printable(str(message), keep="\n"))


class WriteError(GasfieldError):
    """A file cannot be written: the disk is full, a folder is read-only, a device fails. What was written before is
    kept.

    Attributes:
        path: the file.
        reason: what the system says.
    """

    exit_code = 4

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: cannot be written: {reason}.")
        self.path, self.reason = path, reason

    @classmethod
    def of(cls, path: Path, fault: OSError) -> Self:
        """The error for a file and what the system said."""
        return cls(path, (fault.strerror or str(fault)).rstrip("."))


class ClusterError(GasfieldError):
    """Workers of a sweep are lost, or cannot run its points. What was run is kept."""

    exit_code = 4


class DamageWarning(Note):
    """Part of a file is damaged; what is valid is used."""
