"""Copies of trajectory files: a finished one compacted into its final form, or the valid frames of a broken one.

A file is never rearranged in place: a copy replaces it atomically, so a kill leaves the old or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py

from gasfield.errors import InputError
from gasfield.trajectory import schema
from gasfield.trajectory.element import Element
from gasfield.trajectory.frames import Frames
from gasfield.trajectory.projection import PLACE, turn_projection

Handler = Callable[[h5py.Group, h5py.Group], None]
"""Copies an element of the source into a group of the target under the same name."""


def compact(path: Path) -> None:
    """Replaces a closed file by a compacted copy, its projection onto the principal axes of the whole trajectory.

    Raises:
        OSError: if the disk is full; the file is unchanged.
    """
    draft = path.with_name(path.name + ".part")
    try:
        with (
            h5py.File(path, "r", locking=False) as full,
            h5py.File(draft, "w", libver="earliest", locking=False) as tight,
        ):
            turns = _turns(full)
            _copy_tree(full, tight, lambda element, parent: _as_it_is(element, parent, turns))
            if turns:
                turn_projection(full, tight)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path)


def copy_frames(path: Path, lengths: Mapping[str, int]) -> None:
    """Atomically replaces a file by a copy of its first frames, to which more can be appended.

    Args:
        path: a file, possibly left by a killed writer.
        lengths: path of each time-dependent element in the file -> frames to keep; other elements are omitted.

    Raises:
        InputError: if frames are missing.
    """
    draft = path.with_name(path.name + ".part")

    def first_frames(element: h5py.Group, parent: h5py.Group) -> None:
        place = element.name.strip("/")
        if place in lengths:
            _copy_element(element, parent.file, lengths[place])

    try:
        with (
            h5py.File(path, "r", locking=False) as broken,
            h5py.File(draft, "w", libver="earliest", locking=False) as whole,
        ):
            for place in lengths:
                broken[place]  # a KeyError if it is missing
            _copy_tree(broken, whole, first_frames)
    except (OSError, KeyError, RuntimeError, ValueError) as fault:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: lacks frames that its checkpoint counts; it is damaged ({fault}).") from None
    draft.replace(path)


def _copy_tree(source: h5py.File, target: h5py.File, element: Handler) -> None:
    _copy_group(source, target, element)
    for name in schema.IDENTITY:
        target[f"{schema.PROJECTION}/{name}"] = target[f"{schema.VECTORS}/{name}"]
    for bonds in target.get(schema.CONNECTIVITY, {}).values():
        bonds.attrs["particles_group"] = target[schema.VECTORS].ref  # references are valid within one file only


def _copy_group(source: h5py.Group, target: h5py.Group, element: Handler) -> None:
    _copy_attributes(source, target)
    for name, item in source.items():
        if item.name == f"/{schema.UNFINISHED}":
            continue
        if isinstance(item, h5py.Dataset):
            if source.name.strip("/") != schema.PROJECTION or name not in schema.IDENTITY:
                source.copy(item, target, name)
        elif "value" in item:
            element(item, target)
        else:
            _copy_group(item, target.require_group(name), element)


def _as_it_is(element: h5py.Group, parent: h5py.Group, turns: bool) -> None:
    """Copies compressed chunks unchanged."""
    if not (turns and element.name.strip("/") == PLACE):
        element.parent.copy(element, parent, element.name.rsplit("/", 1)[1])


def _copy_element(source: h5py.Group, target: h5py.File, length: int) -> None:
    place, value = source.name.strip("/"), source["value"]
    frames = Frames(source.file, place)
    if len(frames) < length:
        raise ValueError(f"{source.name} has {len(frames)} frames, not {length}")
    new = Element.create(target, place, value.shape[1:], value.dtype.str[1:], value.chunks)
    _copy_attributes(source, target[place])
    for start in range(0, length, new.block):
        block = slice(start, min(start + new.block, length))
        new.extend(frames.steps[block], frames.times[block], frames.read(block))
    new.write_tail()
    new.count_tail()


def _copy_attributes(source: h5py.Group, target: h5py.Group) -> None:
    items: list[tuple[str, Any]] = list(source.attrs.items())
    for key, value in items:
        target.attrs[key] = value


def _turns(file: h5py.File) -> bool:
    """Whether there is a projection, whose axes are those of the first frame, to be recomputed."""
    shape: tuple[int, ...] = file[f"{schema.VECTORS}/{schema.POSITION}/value"].shape
    return PLACE in file and shape[0] > 0 and shape[2] > 3
