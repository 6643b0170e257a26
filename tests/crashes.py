"""Every state in which a crash can leave a folder: all changes of files are recorded once, and replayed up to each one.

Two kinds of crash, after ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018):

* a *kill* keeps every change before some moment, the last one possibly in part;
* a *power cut* keeps what was synced. Of the changes of a file since its last sync all, none, all but one, only one or
  one torn at a page are there; of the names changed since the last sync of their folder the first few, or the last.

`Trace` wraps the functions of `os` that change files. `Trace.final` must equal the folder afterwards: a change that was
made in another way would be missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = 4096
Files = dict[str, bytes | None]
"""Path inside the folder -> content of a file, or None for a folder. Symbolic links are left out."""


@dataclass
class Change:
    """One change: of the content of a file (by its number) or of a name."""

    kind: str
    file: int = -1
    offset: int = 0
    data: bytes = b""
    path: str = ""
    other: str = ""
    note: Any = None


@dataclass
class Trace:
    """The changes of all files in a folder, in order."""

    root: Path
    changes: list[Change] = field(default_factory=list)
    _descriptors: dict[int, int] = field(default_factory=dict)
    _folders: dict[int, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _count: int = 0
    begun: int = 0

    def note(self, note: Any) -> None:
        """Adds a remark, such as that something is durable from here on."""
        self.changes.append(Change("note", note=note))

    def there(self, files: dict[str, bytes], note: Any = None) -> None:
        """Writes files that are there, durably, when the recording begins."""
        disk_names = sorted({str(folder) for path in files for folder in Path(path).parents if str(folder) != "."})
        for name in disk_names:
            os.mkdir(self.root / name)
        for path, data in files.items():
            (self.root / path).write_bytes(data)
            self._count += 1
            number = self._numbers[path] = self._count
            self.changes += [
                Change("create", number, path=path),
                Change("write", number, 0, data),
                Change("sync", number),
            ]
        self.changes += [Change("sync folder", path=name) for name in (".", *disk_names)]
        self.begun = len(self.changes)
        if note is not None:
            self.note(note)

    def start(self, patch: Callable[[Any, str, Any], None]) -> None:
        """Begins to record; `patch(object, name, function)` replaces an attribute until the test ends."""
        for name in ("open", "close", "pwrite", "ftruncate", "posix_fallocate", "fsync", "fdatasync", "write"):
            patch(os, name, getattr(self, f"_{name}")(getattr(os, name)))
        for name in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir"):
            patch(os, name, self._named(name, getattr(os, name)))

    def _inside(self, path: Any) -> str | None:
        try:
            return str(Path(os.path.abspath(os.fsdecode(path))).relative_to(self.root))
        except (TypeError, ValueError):
            return None

    def _open(self, real: Any) -> Any:
        def call(path: Any, flags: int, *args: Any, **more: Any) -> int:
            name = self._inside(path)
            existed = name is not None and os.path.lexists(path)
            descriptor: int = real(path, flags, *args, **more)
            if name is None:
                return descriptor
            if os.path.isdir(path):
                self._folders[descriptor] = name
                return descriptor
            if not existed:
                self._count += 1
                self._numbers[name] = self._count
                self.changes.append(Change("create", self._count, path=name))
            elif flags & os.O_TRUNC:
                self.changes.append(Change("truncate", self._numbers[name], 0))
            if name in self._numbers:
                self._descriptors[descriptor] = self._numbers[name]
            return descriptor

        return call

    def _close(self, real: Any) -> Any:
        def call(descriptor: int) -> None:
            self._descriptors.pop(descriptor, None)
            self._folders.pop(descriptor, None)
            real(descriptor)

        return call

    def _pwrite(self, real: Any) -> Any:
        def call(descriptor: int, data: Any, offset: int) -> int:
            written: int = real(descriptor, data, offset)
            if descriptor in self._descriptors:
                content = bytes(memoryview(data).cast("B")[:written])
                self.changes.append(Change("write", self._descriptors[descriptor], offset, content))
            return written

        return call

    def _write(self, real: Any) -> Any:
        def call(descriptor: int, data: Any) -> int:
            assert descriptor not in self._descriptors, "files are written with pwrite"
            return int(real(descriptor, data))

        return call

    def _ftruncate(self, real: Any) -> Any:
        def call(descriptor: int, size: int) -> None:
            real(descriptor, size)
            if descriptor in self._descriptors:
                self.changes.append(Change("truncate", self._descriptors[descriptor], size))

        return call

    def _posix_fallocate(self, real: Any) -> Any:
        def call(descriptor: int, offset: int, size: int) -> None:
            real(descriptor, offset, size)
            if descriptor in self._descriptors:
                self.changes.append(Change("extend", self._descriptors[descriptor], offset + size))

        return call

    def _fsync(self, real: Any) -> Any:
        def call(descriptor: int) -> None:
            real(descriptor)
            if descriptor in self._descriptors:
                self.changes.append(Change("sync", self._descriptors[descriptor]))
            elif descriptor in self._folders:
                self.changes.append(Change("sync folder", path=self._folders[descriptor]))

        return call

    _fdatasync = _fsync

    def _named(self, kind: str, real: Any) -> Any:
        def call(path: Any, *args: Any, **more: Any) -> None:
            name = self._inside(path)
            link = name is not None and os.path.islink(path)
            real(path, *args, **more)
            if name is None or link:
                return
            if kind in ("replace", "rename"):
                other = self._inside(args[0])
                assert other is not None
                for old in [each for each in self._numbers if each == name or each.startswith(f"{name}/")]:
                    self._numbers[other + old[len(name) :]] = self._numbers.pop(old)
                self.changes.append(Change("rename", path=name, other=other))
            elif kind in ("unlink", "remove"):
                self._numbers.pop(name, None)
                self.changes.append(Change("unlink", path=name))
            else:
                self.changes.append(Change(kind, path=name))

        return call

    # --- states ------------------------------------------------------------------------------------------------------

    def final(self) -> Files:
        """All files after the last change."""
        disk = Disk()
        for change in self.changes:
            disk.apply(change)
        return disk.files()

    def kills(self) -> Iterator[tuple[int, Files]]:
        """Number of the last change, and all files, for a kill after or within each change."""
        disk = Disk()
        for number, change in enumerate(self.changes):
            if change.kind == "write" and len(change.data) > PAGE and number >= self.begun:
                torn = disk.copy()
                half = change.offset + PAGE - change.offset % PAGE
                torn.apply(Change("write", change.file, change.offset, change.data[: half - change.offset]))
                yield number - 1, torn.files()
            disk.apply(change)
            if change.kind not in ("sync", "sync folder", "note") and number >= self.begun:
                yield number, disk.files()

    def power_cuts(self) -> Iterator[tuple[int, Files]]:
        """Number of the last change, and all files, for a power cut after each change."""
        disk = Disk()
        for number, change in enumerate(self.changes):
            disk.apply(change)
            if change.kind not in ("sync", "sync folder", "note") and number >= self.begun:
                syncs = number + 1 < len(self.changes) and self.changes[number + 1].kind == "sync"
                for files in disk.after_power_cuts(each=syncs):
                    yield number, files


def digest(files: Files) -> str:
    """Identifies a state."""
    whole = hashlib.sha256()
    for path in sorted(files):
        content = files[path]
        whole.update(path.encode() + b"\0" + (b"-" if content is None else hashlib.sha256(content).digest()))
    return whole.hexdigest()


def build(files: Files, folder: Path) -> None:
    """Writes a state into an empty folder."""
    for path in sorted(files):
        content = files[path]
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


class Disk:
    """Contents and names, with those that are durable."""

    def __init__(self) -> None:
        self.contents: dict[int, bytes] = {}
        self.durable: dict[int, bytes] = {}
        self.pending: dict[int, list[Change]] = {}
        self.names: dict[str, int | None] = {}
        self.durable_names: dict[str, int | None] = {}
        self.pending_names: list[Change] = []

    def copy(self) -> Disk:
        """Another one in the same state."""
        other = Disk()
        other.contents, other.durable = dict(self.contents), dict(self.durable)
        other.pending = {file: list(changes) for file, changes in self.pending.items()}
        other.names, other.durable_names = dict(self.names), dict(self.durable_names)
        other.pending_names = list(self.pending_names)
        return other

    def apply(self, change: Change) -> None:
        """One change."""
        if change.kind == "sync":
            self.durable[change.file] = self.contents[change.file]
            self.pending[change.file] = []
        elif change.kind == "sync folder":
            mine = [each for each in self.pending_names if change.path in _folders_of(each)]
            for each in mine:
                _rename(self.durable_names, each)
                self.pending_names.remove(each)
        elif change.kind in ("write", "truncate", "extend"):
            self.contents[change.file] = _changed(self.contents[change.file], change)
            self.pending[change.file].append(change)
        elif change.kind != "note":
            if change.kind == "create":
                self.contents[change.file] = self.durable[change.file] = b""
                self.pending[change.file] = []
            _rename(self.names, change)
            self.pending_names.append(change)

    def files(self) -> Files:
        """As every process sees them."""
        return _files(self.names, self.contents)

    def after_power_cuts(self, *, each: bool) -> Iterator[Files]:
        """What may be there when the power comes back.

        Args:
            each: whether each change since the last sync may be missing or alone, or only the last.
        """
        for names in self._names_after_power_cuts():
            present = {number for number in names.values() if number is not None}
            dirty = [file for file, changes in self.pending.items() if changes and file in present]
            yield _files(names, self.durable)
            yield _files(names, self.contents)
            for file in dirty:
                for content in _torn(self.durable[file], self.pending[file], each=each):
                    yield _files(names, {**self.contents, file: content})

    def _names_after_power_cuts(self) -> Iterator[dict[str, int | None]]:
        names = dict(self.durable_names)
        yield names
        for change in self.pending_names:
            names = dict(names)
            _rename(names, change)
            yield names
        if len(self.pending_names) > 1:
            names = dict(self.durable_names)
            _rename(names, self.pending_names[-1])
            yield names


def _folders_of(change: Change) -> set[str]:
    return {str(Path(path).parent) for path in (change.path, change.other) if path}


def _rename(names: dict[str, int | None], change: Change) -> None:
    if change.kind == "create":
        names[change.path] = change.file
    elif change.kind == "mkdir":
        names[change.path] = None
    elif change.kind in ("unlink", "rmdir"):
        names.pop(change.path, None)
    elif change.path in names:
        for old in [name for name in names if name == change.path or name.startswith(f"{change.path}/")]:
            names[change.other + old[len(change.path) :]] = names.pop(old)


def _files(names: dict[str, int | None], contents: dict[int, bytes]) -> Files:
    """Files whose folders are there too."""
    return {
        path: None if number is None else contents[number]
        for path, number in names.items()
        if all(str(parent) in names for parent in Path(path).parents if str(parent) != ".")
    }


def _changed(content: bytes, *changes: Change) -> bytes:
    """Content after some changes."""
    result = bytearray(content)
    for change in changes:
        if change.kind == "truncate":
            del result[change.offset :]
        result.extend(bytes(max(0, change.offset - len(result))))
        result[change.offset : change.offset + len(change.data)] = change.data
    return bytes(result)


def _torn(durable: bytes, changes: list[Change], *, each: bool) -> Iterator[bytes]:
    """Contents with some of the changes since the last sync."""
    for left_out in range(0 if each else len(changes) - 1, len(changes)):
        yield _changed(durable, *changes[:left_out], *changes[left_out + 1 :])
        yield _changed(durable, changes[left_out])
    last = changes[-1]
    if last.kind == "write" and last.offset // PAGE != (last.offset + len(last.data) - 1) // PAGE:
        cut = PAGE - last.offset % PAGE
        parts = (
            Change("write", last.file, last.offset, last.data[:cut]),
            Change("write", last.file, last.offset + cut, last.data[cut:]),
        )
        for part in parts:
            yield _changed(durable, *changes[:-1], part)
