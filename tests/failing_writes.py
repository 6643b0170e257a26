"""Writes that fail: every change of a file from the n-th on raises an error of the system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest import mock

CHANGES = (
    "open", "pwrite", "write", "replace", "rename", "fsync", "fdatasync", "mkdir", "ftruncate", "posix_fallocate",
    "link", "symlink",
)  # fmt: skip
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT)


def unmeasured() -> dict[str, str]:
    """The environment of a process whose files are limited: the database of a coverage measurement would be cut too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@dataclass
class Changes:
    """The changes of files that were asked for, and from which of them on they fail."""

    count: int = 0
    first: float = float("inf")


@contextmanager
def failing(error: int, first: float = float("inf")) -> Iterator[Changes]:
    """Within the block, changes of files number `first`, first + 1, ... raise an `OSError`."""
    changes = Changes(first=first)

    def guarded(name: str, change: Callable) -> Callable:
        def attempt(*arguments: object, **options: object) -> object:
            if name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR):
                changes.count += 1
                if changes.count > changes.first:
                    raise OSError(error, os.strerror(error), arguments[0] if name in ("open", "mkdir") else None)
            return change(*arguments, **options)

        return attempt

    with ExitStack() as stack:
        for name in CHANGES:
            stack.enter_context(mock.patch.object(os, name, guarded(name, getattr(os, name))))
        yield changes
