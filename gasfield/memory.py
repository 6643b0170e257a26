"""Memory and disk that are free: a header of a file or a number in a scenario may claim any size, so sizes are checked
before memory is allocated or a file is begun."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gasfield.errors import InputError

_SHARE = 0.8
"""The part of the free memory that may be taken."""
_GROUP = Path("/sys/fs/cgroup")
"""Where Linux shows the limits of a container."""


class Shortage(InputError):  # noqa: N818 (a state, not a fault)
    """The machine has no room for it now; another one may, or this one later."""


def is_shortage(fault: BaseException | None) -> bool:
    """Whether an error is a `Shortage`, or was made of one: errors that are placed in a document are made anew."""
    seen = set[int]()
    while fault is not None and id(fault) not in seen:
        if isinstance(fault, Shortage):
            return True
        seen.add(id(fault))
        fault = fault.__cause__ or fault.__context__
    return False


def require_memory(size: int, origin: str, parameter: str | None = None) -> None:
    """Checks that something fits into memory.

    Args:
        size: of it [bytes].
        origin: what it is, for the message: file and data set, or the keys that make it so large.
        parameter: that makes it so large.

    Raises:
        Shortage: if it does not fit.
    """
    free = free_memory()
    if size > _SHARE * free:
        message = f"{origin} needs {_gigabytes(size)}, more than the memory that is free ({free / 1e9:.1f} GB)."
        raise Shortage(message, parameter=parameter)


def require_disk(size: int, folder: Path, origin: str, parameter: str | None = None) -> None:
    """Checks that something fits on the disk.

    Args:
        size: the least that it can take there [bytes].
        folder: where it is to be written; it need not exist yet.
        origin: what it is, for the message.
        parameter: that makes it so large.

    Raises:
        Shortage: if it does not fit.
    """
    free = free_disk(folder)
    if free is not None and size > free:
        message = f"{origin} needs at least {_gigabytes(size)}, more than the disk has free ({free / 1e9:.1f} GB)."
        raise Shortage(message, parameter=parameter)


def free_disk(folder: Path) -> int | None:
    """Bytes that can be written below a folder, which need not exist yet; None where the system does not tell, or where
    there are no files of ours (/proc has no size)."""
    folder = folder.absolute()
    for place in (folder, *folder.parents):
        if place.is_dir():
            with suppress(OSError):
                usage = shutil.disk_usage(place)
                return usage.free if usage.total else None
            break
    return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size < 10**15 else f"{size / 1e9:.3g} GB"


def free_memory() -> int:
    """Bytes that this process can still allocate: what the machine has free, within the limits of a container and of
    the process (`ulimit -v`)."""
    bounds = [1 << 33]
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")]
    with suppress(OSError, ValueError):  # "max" where there is no limit
        bounds.append(int((_GROUP / "memory.max").read_text()) - int((_GROUP / "memory.current").read_text()))
    with suppress(ImportError, OSError, ValueError):
        bounds.append(_address_space())
    return max(min(bounds), 0)


def _address_space() -> int:
    """Bytes of address space that are left to the process."""
    import resource  # not on Windows

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return 1 << 62
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return limit - used
