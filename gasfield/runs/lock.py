"""A run directory is at most one process's at a time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gasfield.errors import InputError, Note
from gasfield.runs.manifest import SCENARIO

LOCK = ".gasfield-lock"
"""An empty file that is never replaced, so that a lock on it stays one."""


class InUse(InputError):  # noqa: N818 (a state, not a fault)
    """Another process is at work in the directory."""


in_progress: list[Path] = []
"""The run directories in which this process is at work, for a message if it is ended."""
sweeping: list[Path] = []
"""The directories of sweeps that this process carries out, for the same."""


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keeps a second process out of a run directory; the lock of a killed process is released by the system. Where the
    file system has no locks, there is only a note.

    Raises:
        InUse: if another process is at work there.
    """
    lock = _open(directory / LOCK if (directory / LOCK).is_file() else directory / SCENARIO)
    try:
        if lock is not None:
            _lock(lock, directory)
        yield
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def working_in(directory: Path) -> Iterator[None]:
    """Notes a directory in `in_progress`."""
    in_progress.append(directory)
    try:
        yield
    finally:
        in_progress.remove(directory)


def _open(path: Path) -> int | None:
    for flags in (os.O_RDWR, os.O_RDONLY):  # NFS locks only what may be written
        try:
            return os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            continue
    return None


def _lock(descriptor: int, directory: Path) -> None:
    try:
        import fcntl  # not on every system; there nothing prevents a second process

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except (BlockingIOError, PermissionError):
        raise InUse(f"{directory}: another process is at work there.") from None
    except OSError as fault:
        note = f"{directory}: this file system has no locks ({fault.strerror}); start no second process there"
        warnings.warn(Note(note), stacklevel=3)
