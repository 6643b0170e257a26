"""Faults of the system as messages and exit codes: standard streams, and files that a command did not foresee."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import format_exception
from types import TracebackType

from gasfield.cli.output import put
from gasfield.errors import InputError, WriteError

_WRONG_NAME = (errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
"""Errors whose cause is a name that the user gave."""


def say(*lines: str) -> None:
    """Prints lines on stderr, marked as ours; without effect if stderr cannot be written."""
    with suppress(OSError):
        for line in lines:
            put(f"gasfield: {line}", stream=sys.stderr)


@contextmanager
def system_faults() -> Iterator[None]:
    """Writes out what was printed; an error of the system ends the process with one message.

    Raises:
        SystemExit: 4; 2 if a name is wrong; 0 if nobody reads the output any more, as after `| head`.
    """
    try:
        try:
            yield
        finally:
            _flush()
    except BrokenPipeError:
        raise SystemExit(0) from None
    except WriteError as error:
        say(str(error))
        raise SystemExit(error.exit_code) from None
    except MemoryError as fault:
        say(f"out of memory: {fault or 'no more can be allocated'}.")
        raise SystemExit(WriteError.exit_code) from None
    except RecursionError:
        say("the input is nested too deeply.")
        raise SystemExit(InputError.exit_code) from None
    except OSError as fault:
        say(f"{fault.filename or 'standard output or a file'}: {fault.strerror or fault}.")
        raise SystemExit(InputError.exit_code if fault.errno in _WRONG_NAME else WriteError.exit_code) from None


def report_fault(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """Prints a fault of gasfield itself on stderr, as Python does; its message may quote what is in a file."""
    for line in "".join(format_exception(kind, fault, trace)).splitlines():
        with suppress(OSError):
            put(line, stream=sys.stderr)


def open_streams() -> None:
    """Opens closed standard streams on the null device, so that no file takes their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _flush() -> None:
    """Flushes stdout, which is None if it was closed by the shell; after a failure, discards what is printed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as fault:
        with suppress(OSError, ValueError):  # otherwise the error would be reported again at the end of the process
            void = os.open(os.devnull, os.O_WRONLY)
            os.dup2(void, sys.stdout.fileno())
            os.close(void)
        if isinstance(fault, BrokenPipeError):
            raise
        raise WriteError.of(Path("standard output"), fault) from None
