"""Writing files: whole or not at all, durable, and with errors that name the file.

A file is written under a draft name in its folder, synced, renamed, and the folder is synced: after a kill or a power
cut there is the old file or the new one. Everything that gasfield writes goes through this module, so that the order of
all changes can be recorded and every state in between rebuilt (tests/crashes).
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gasfield.errors import WriteError

DRAFT = ".gasfield-"
"""Beginning of the name of every draft; it continues with the process id and a number."""
_numbers = itertools.count()
_own: set[Path] = set()
"""Drafts of this process that exist, or are about to."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an `OSError` into a `WriteError` that names the file.

    Raises:
        WriteError: instead of an `OSError`.
    """
    try:
        yield
    except OSError as fault:
        raise WriteError.of(path, fault) from fault


def write_file(path: Path, data: bytes | bytearray | memoryview | str) -> Path:
    """Writes a file whole or not at all, and syncs it; text is encoded as UTF-8. An existing file is replaced.

    Returns:
        The path.

    Raises:
        WriteError: if it cannot be written; an existing file is unchanged.
    """
    content = data.encode() if isinstance(data, str) else data
    with draft_of(path) as draft, writing(path):
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o666)
        try:
            write_at(descriptor, content, 0)
        finally:
            os.close(descriptor)
    return path


def write_json(path: Path, data: dict[str, Any]) -> Path:
    """Writes JSON with `write_file`.

    Raises:
        WriteError: if it cannot be written.
    """
    return write_file(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A path to write to, with the same suffix in the same folder. At the end that file is synced and becomes `path`;
    after an exception it is deleted, with files named after it (DRAFT.*). Two processes never use the same draft.

    Raises:
        WriteError: if it cannot be synced or renamed; instead of an `OSError` inside; and instead of a `WriteError`
            about the draft, or about a file named after it. It names `path`.
    """
    draft = new_draft(path.parent, path.suffix)
    try:
        with writing(path):
            yield draft
            descriptor = os.open(draft, os.O_RDWR | _CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(draft, path)
            sync_folder(path.parent)
        _own.discard(draft)
    except BaseException as fault:
        drop_draft(draft)
        if isinstance(fault, WriteError) and _belongs(fault.path, draft):
            raise WriteError(path, fault.reason) from fault
        raise


@contextmanager
def folder_of_files(path: Path) -> Iterator[Path]:
    """A new folder to write files into with `write_file` or `draft_of`. At the end it becomes `path`, which must not
    exist or be an empty folder; after an exception it is deleted.

    Raises:
        WriteError: if it cannot be made or renamed.
    """
    draft = new_draft(path.parent)
    try:
        with writing(path):
            os.mkdir(draft)
            yield draft
            os.replace(draft, path)
            sync_folder(path.parent)
        _own.discard(draft)
    except BaseException as fault:
        drop_draft(draft)
        if isinstance(fault, WriteError) and fault.path.parent == draft:
            raise WriteError(path / fault.path.name, fault.reason) from fault
        raise


def new_draft(folder: Path, suffix: str = "") -> Path:
    """The name of a draft that no other process uses, for a file or a folder; `drop_draft` must follow."""
    draft = folder / f"{DRAFT}{os.getpid()}-{next(_numbers)}{suffix[:16]}"
    _own.add(draft)
    return draft


def drop_draft(draft: Path) -> None:
    """Deletes a draft, a file or a folder of files, and files named after it, as far as that is possible."""
    with suppress(OSError):
        if draft.is_dir() and not draft.is_symlink():
            for name in os.listdir(draft):
                os.unlink(draft / name)
            os.rmdir(draft)
        for path in [each for each in draft.parent.iterdir() if _belongs(each, draft)]:
            os.unlink(path)
    _own.discard(draft)


def drop_all_drafts() -> None:
    """Deletes every draft of this process, before it ends at once."""
    for draft in tuple(_own):
        drop_draft(draft)


def _belongs(path: Path, draft: Path) -> bool:
    """Whether a file is the draft or is named after it: DRAFT.log, say."""
    return f"{path.name}.".startswith(f"{draft.name}.")


def write_at(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Writes all bytes at an offset of an open file.

    Raises:
        OSError: if not all of them can be written.
    """
    view = memoryview(data).cast("B")
    while len(view):
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def make_folder(path: Path, *, mode: int = 0o777) -> Path:
    """Creates a folder and its parents, durably, if they do not exist; their permissions are those of `mode`, less the
    umask of the process.

    Raises:
        WriteError: if that is impossible.
    """
    with writing(path):
        missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(folder, mode)
            sync_folder(folder.parent)
        if not path.is_dir():
            raise FileExistsError(17, "there is a file of that name")
    return path


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable; without effect on systems and file systems that cannot sync a folder.

    Raises:
        OSError: if the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | _CLOEXEC)
    except OSError:  # Windows, or a folder that may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Deletes a file if it exists.

    Raises:
        WriteError: if it cannot be deleted.
    """
    with writing(path), suppress(FileNotFoundError):
        os.unlink(path)


def remove_drafts(folder: Path) -> None:
    """Deletes drafts that a killed process has left in a folder. Call it only where no other process is writing."""
    for draft in folder.glob(f"{DRAFT}[0-9]*-[0-9]*"):
        drop_draft(draft)


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_CANNOT_SYNC = {22, 95}  # EINVAL, EOPNOTSUPP
