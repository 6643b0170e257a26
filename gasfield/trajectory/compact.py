"""Takes the holes out of a finished file.

Chunks that were flushed before they were full, and written again later at another size, leave free space that plain
HDF5 does not give back. Copying every object into a new file does; compressed chunks are copied as they are.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from gasfield.trajectory import schema

WORTH_IT = 0.02
"""Share of the file that must be holes before it is copied."""


def compact(path: Path) -> None:
    """Replaces a closed file by a copy without holes, in one step, if there is something to gain."""
    draft = path.with_name(path.name + ".part")
    with h5py.File(path, "r", locking=False) as full:
        if not _has_holes(full):
            return
        with h5py.File(draft, "w", libver="earliest", locking=False) as tight:
            for name in full:
                full.copy(name, tight)
            for bonds in tight.get(schema.CONNECTIVITY, {}).values():
                bonds.attrs["particles_group"] = tight[
                    schema.VECTORS
                ].ref  # a reference names an object of its own file
    draft.replace(path)


def _has_holes(file: h5py.File) -> bool:
    """HDF5 forgets its free space when a file is closed, so the sizes of what is in it are added up."""
    used = 0

    def add(_: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal used
        used += item.id.get_storage_size() if isinstance(item, h5py.Dataset) else 0

    file.visititems(add)
    return bool(used < (1 - WORTH_IT) * file.id.get_filesize())
