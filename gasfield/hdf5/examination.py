"""Opens HDF5 files that gasfield has not written, or that are damaged, in another process first.

The HDF5 library may crash, loop without end or take any memory on a file that was made for it, and the process ends
with it. So a file that `gasfield.hdf5.structure` does not verify is visited once by a process with limits of time and
memory (`examiner`). Files that refer to other files are refused there, by name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from gasfield.errors import InputError
from gasfield.memory import free_memory

SECONDS, _WAIT = 3, 60
"""Time of the processor for a file, of which a sound one with thousand objects takes a tenth; and time to wait for it,
which may be long on a busy machine."""
_MOST_MEMORY = 1 << 32
_OUT_OF_TIME = int(getattr(signal, "SIGXCPU", 1000))
_EXAMINED: set[tuple[Path, int, int, int]] = set()
"""Files that need not be examined again."""
_SCRIPT = Path(__file__).with_name("examiner.py")


def examine(path: Path) -> None:
    """Returns if the library comes to an end with a file.

    Raises:
        InputError: if it crashes, does not end, or the file refers to others.
        OSError: if it says that the file is not HDF5, or cut short.
    """
    if not sys.executable:  # Python inside another program: there is nothing to start
        return
    status = path.stat()
    known = (path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns)
    if known not in _EXAMINED:
        _examine(path)
        _EXAMINED.add(known)


def _examine(path: Path) -> None:
    memory = str(min(_MOST_MEMORY, max(int(0.8 * free_memory()), 1 << 28)))
    command = [sys.executable, "-P", str(_SCRIPT), str(path.absolute()), str(SECONDS), memory]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a thread's stack takes memory
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WAIT, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise endless(path) from None
    if done.returncode == -_OUT_OF_TIME:
        raise endless(path)
    try:
        verdict = json.loads(done.stdout)
    except ValueError:
        raise InputError(f"{path}: damaged: the HDF5 library fails on it.") from None
    if "refused" in verdict:
        raise InputError(f"{path}: {verdict['refused']}")
    if "unreadable" in verdict:
        raise OSError(verdict["unreadable"])


def endless(path: Path) -> InputError:
    """The error for a file with which the library does not come to an end."""
    return InputError(f"{path}: damaged: the HDF5 library does not come to an end with it.")
