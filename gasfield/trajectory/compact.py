"""Copies of trajectory files: a finished one in its final form, or the frames of one of a version before."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, WriteError
from gasfield.files import draft_of
from gasfield.hdf5 import GrowingFile
from gasfield.hdf5.reading import open_hdf5
from gasfield.trajectory import schema
from gasfield.trajectory.element import Element
from gasfield.trajectory.frames import Frames
from gasfield.trajectory.projection import PLACE, turn_projection


def compact(path: Path) -> None:
    """Replaces a finished file by a copy without the room that it needed while it grew, and with a projection onto the
    principal axes of the whole trajectory.

    Where the disk has no room for the copy, the file stays: it is complete as it is.
    """
    if shutil.disk_usage(path.parent).free > path.stat().st_size:
        with suppress(WriteError), draft_of(path) as draft:
            copy(path, draft)


def copy(path: Path, target: Path) -> None:
    """Copies a file, finished or not, into its final form. Compressed chunks are copied as they are.

    Raises:
        KeyError, OSError, RuntimeError, ValueError: if it is damaged.
        WriteError: if the copy cannot be written.
    """
    with open_hdf5(path) as source, GrowingFile.create(target) as file:
        places = elements(source)
        file.edit(lambda root: copy_fixed(source, root, places))
        for place in places:
            element = _element(file, source, place)
            if place == PLACE and _turns(source):
                file.edit(partial(_set_axes, axes=turn_projection(source, element)))
            else:
                element.copy(file, source[place], Frames(source.get, place))
        file.finish(sealed=True)


def copy_frames(path: Path, lengths: Mapping[str, int]) -> None:
    """Replaces a file of a version before by a copy of its first frames, to which more can be appended.

    Args:
        path: the file, possibly left by a killed writer.
        lengths: path of each time-dependent element in the file -> frames to keep; other elements are omitted.

    Raises:
        KeyError, OSError, RuntimeError, ValueError: if frames are missing.
        WriteError: if the copy cannot be written.
    """
    with open_hdf5(path) as source, draft_of(path) as draft, GrowingFile.create(draft) as file:
        file.edit(lambda root: copy_fixed(source, root, elements(source), lengths))
        for place, length in lengths.items():
            _element(file, source, place).copy(file, source[place], Frames(source.get, place), length)
        file.commit()


def missing_frames(path: Path, fault: Exception) -> InputError:
    """The error for a file that is shorter than its checkpoint says."""
    return InputError(f"{path}: lacks frames that its checkpoint counts; it is damaged ({fault}).")


def elements(file: h5py.File) -> list[str]:
    """Paths of all time-dependent elements."""
    found: list[str] = []

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and "value" in item and not name.startswith(schema.UNFINISHED):
            found.append(name)

    file.visititems(note)
    return found


def copy_fixed(
    source: h5py.Group, target: h5py.Group, places: Collection[str], kept: Collection[str] | None = None
) -> None:
    """Copies everything but the frames of elements.

    Args:
        source: root group of a file.
        target: root group of another one.
        places: paths of the elements.
        kept: those that the copy has; all by default.
    """
    _copy_group(source, target, set(places), set(places if kept is None else kept))
    for name in schema.IDENTITY:
        target[f"{schema.PROJECTION}/{name}"] = target[f"{schema.VECTORS}/{name}"]
    for bonds in target.get(schema.CONNECTIVITY, {}).values():
        bonds.attrs["particles_group"] = target[schema.VECTORS].ref  # references are valid within one file only


def _copy_group(source: h5py.Group, target: h5py.Group, places: set[str], kept: set[str]) -> None:
    attributes: list[tuple[str, Any]] = list(source.attrs.items())
    for key, value in attributes:
        target.attrs[key] = value
    for name, item in source.items():
        place = item.name.strip("/")
        if place == schema.UNFINISHED or place in places - kept:
            continue
        if isinstance(item, h5py.Group):
            _copy_group(item, target.require_group(name), places, kept)
        elif source.name.strip("/") in places or (
            source.name.strip("/") == schema.PROJECTION and name in schema.IDENTITY
        ):
            continue
        else:
            source.copy(item, target, name)


def _element(file: GrowingFile, source: h5py.File, place: str) -> Element:
    """A new element like one of another file."""
    value = source[place]["value"]
    return Element(file, place, value.shape[1:], value.dtype, value.chunks)


def _set_axes(root: h5py.Group, axes: NDArray[np.float64]) -> None:
    root[f"{schema.PROJECTION}/axes"][...] = axes


def _turns(file: h5py.File) -> bool:
    """Whether there is a projection, whose axes are those of the first frame, to be recomputed."""
    shape: tuple[int, ...] = file[f"{schema.VECTORS}/{schema.POSITION}/value"].shape
    return PLACE in file and shape[0] > 0 and shape[2] > 3
