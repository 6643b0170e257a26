"""Opening HDF5 files for reading, whatever another process or another library does with them."""

from __future__ import annotations

from pathlib import Path

import h5py

_LOCKING = (None, False, True, "best-effort")
"""Settings of file locking: the default of the library first, which is that of other programs."""


def open_hdf5(path: Path | str) -> h5py.File:
    """Opens a file for reading.

    HDF5 refuses to open a file in one process with two settings of locking, and a lock may be impossible: another
    process has the file open for writing, or the file system has no locks. Reading does not need one.

    Raises:
        OSError: if it cannot be opened.
    """
    for locking in _LOCKING[:-1]:
        try:
            return h5py.File(path, "r", locking=locking)
        except OSError as fault:
            if "lock" not in str(fault):
                raise
    return h5py.File(path, "r", locking=_LOCKING[-1])
