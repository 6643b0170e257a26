"""Copies of trajectory files: without the holes of a finished one, or with the good frames of a broken one.

Chunks that were flushed before they were full, and written again later at another size, leave free space that plain
HDF5 does not give back. Copying every object into a new file does; compressed chunks are copied as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from gasfield.errors import InputError
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
            _point_bonds(tight)
    draft.replace(path)


def copy_frames(path: Path, lengths: Mapping[str, int], tails: Mapping[str, NDArray[Any]]) -> None:
    """Replaces a file by a copy that has the first frames only, in one step.

    Args:
        path: a file that a killed writer may have left.
        lengths: place of each time-dependent element -> frames to keep; elements that are not named are left out.
        tails: their last frames, taken from here and not from the file.

    Raises:
        InputError: if they are not all there.
    """
    draft = path.with_name(path.name + ".part")
    try:
        with (
            h5py.File(path, "r", locking=False) as broken,
            h5py.File(draft, "w", libver="earliest", locking=False) as whole,
        ):
            for place in lengths:
                broken[place]  # a KeyError if it is not there
            _copy_group(broken, whole, lengths, tails)
            for name in schema.IDENTITY:
                whole[f"{schema.PROJECTION}/{name}"] = whole[f"{schema.VECTORS}/{name}"]
            _point_bonds(whole)
    except (OSError, KeyError, RuntimeError, ValueError) as fault:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: does not hold what its checkpoint counts; it is damaged ({fault}).") from None
    draft.replace(path)


def _copy_group(
    source: h5py.Group, target: h5py.Group, lengths: Mapping[str, int], tails: Mapping[str, NDArray[Any]]
) -> None:
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, item in source.items():
        place = item.name.strip("/")
        if isinstance(item, h5py.Dataset):
            if source.name.strip("/") != schema.PROJECTION or name not in schema.IDENTITY:
                source.copy(item, target, name)
        elif "value" not in item:
            _copy_group(item, target.create_group(name), lengths, tails)
        elif place in lengths:
            _copy_element(item, target.create_group(name), lengths[place], tails[place])


def _copy_element(source: h5py.Group, target: h5py.Group, length: int, tail: NDArray[Any]) -> None:
    for name in ("step", "time", "value"):
        old = source[name]
        if len(old) < length:
            raise ValueError(f"{old.name} has {len(old)} frames, not {length}")
        new = target.create_dataset(
            name, (length, *old.shape[1:]), old.dtype, maxshape=old.maxshape, chunks=old.chunks,
            compression=old.compression, compression_opts=old.compression_opts, shuffle=old.shuffle,
        )  # fmt: skip
        safe = length - len(tail) if name == "value" else length
        for start in range(0, safe, old.chunks[0]):
            stop = min(start + old.chunks[0], safe)
            new[start:stop] = old[start:stop]
        if safe < length:
            new[safe:] = tail


def _point_bonds(file: h5py.File) -> None:
    """A reference names an object of its own file."""
    for bonds in file.get(schema.CONNECTIVITY, {}).values():
        bonds.attrs["particles_group"] = file[schema.VECTORS].ref


def _has_holes(file: h5py.File) -> bool:
    """HDF5 forgets its free space when a file is closed, so the sizes of what is in it are added up."""
    used = 0

    def add(_: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal used
        used += item.id.get_storage_size() if isinstance(item, h5py.Dataset) else 0

    file.visititems(add)
    return bool(used < (1 - WORTH_IT) * file.id.get_filesize())
