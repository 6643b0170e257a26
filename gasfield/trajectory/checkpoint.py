"""Checkpoints: everything needed to resume a run bit by bit, and the length of its trajectory.

The checkpoints of a run are written into two files in turn: whatever happens to one while it is written, the other is
the checkpoint before. They are NPZ files, whose arrays have checksums.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.files import remove, write_file
from gasfield.hdf5.guard import open_checked

NAMES = ("checkpoint-0.npz", "checkpoint-1.npz")
FORMER = "checkpoint.h5"
_STATE = "state/"
_DAMAGE = (OSError, KeyError, RuntimeError, TypeError, ValueError, EOFError, MemoryError, BadZipFile, zlib.error)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after some step.

    Attributes:
        identity: SHA-256 of the scenario and its plug-ins; a run with another one cannot resume from here.
        state: arrays by name: of the gas, of its dynamics, and of operations, such as the number of frames in a file.
    """

    identity: str
    state: Mapping[str, NDArray[Any]]

    def save(self, folder: Path) -> Path:
        """Writes the checkpoint in place of the last but one, whole or not at all; the file.

        Raises:
            WriteError: if it cannot be written; the last one is unchanged.
        """
        places = _by_age(folder)
        number = _number(places[-1]) + 1
        content = io.BytesIO()
        arrays: dict[str, Any] = {f"{_STATE}{name}": array for name, array in self.state.items()}
        np.savez(content, number=np.array(number), identity=np.array(self.identity), **arrays)
        return write_file(places[0], content.getbuffer())

    @classmethod
    def load_newest(cls, folder: Path) -> Checkpoint | None:
        """The last checkpoint of a run; the one before if that is damaged; None if there is none.

        Raises:
            InputError: if all are damaged.
        """
        found = [place for place in reversed(_by_age(folder)) if place.is_file()]
        if not found:
            return _load_former(folder / FORMER) if (folder / FORMER).is_file() else None
        for place in found:
            try:
                return cls._load(place)
            except _DAMAGE as fault:
                reason = fault
        raise InputError(f"{found[0]}: not a checkpoint of gasfield, or damaged ({reason}).")

    @classmethod
    def load_each(cls, folder: Path) -> list[Checkpoint]:
        """The checkpoints of a run that are whole, the last one first."""
        found = []
        for place in reversed(_by_age(folder)):
            try:
                found.append(cls._load(place))
            except _DAMAGE:
                continue
        return found

    @classmethod
    def _load(cls, path: Path) -> Checkpoint:
        with np.load(path, allow_pickle=False) as file:
            state = {name.removeprefix(_STATE): file[name] for name in file.files if name.startswith(_STATE)}
            return cls(str(file["identity"]), state)

    @staticmethod
    def keep_newest(folder: Path) -> None:
        """Deletes all checkpoints but the last.

        Raises:
            WriteError: if it cannot be deleted.
        """
        older, newest = _by_age(folder)
        remove(older)
        if newest.is_file():
            remove(folder / FORMER)

    @staticmethod
    def delete_all(folder: Path) -> None:
        """Deletes all checkpoints of a run.

        Raises:
            WriteError: if one cannot be deleted.
        """
        for name in (*NAMES, FORMER):
            remove(folder / name)


def _by_age(folder: Path) -> list[Path]:
    """Both places, the one that was written last at the end."""
    return sorted((folder / name for name in NAMES), key=_number)


def _number(path: Path) -> int:
    """The number of a checkpoint: one more than that of the last; -1 if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return int(file["number"])
    except _DAMAGE:
        return -1


def _load_former(path: Path) -> Checkpoint:
    """A checkpoint of a version before, which had one file, in HDF5.

    Raises:
        InputError: if it is damaged.
    """
    try:
        with open_checked(path) as file:
            state = _leaves(file["state"])
            # Before operations had a state, the frames of the trajectory were counted beside it.
            lengths = _leaves(file["lengths"]) if "lengths" in file else {}
            state |= {f"operation/0/{place}": length for place, length in lengths.items()}
            return Checkpoint(str(file.attrs["scenario_sha256"]), state)
    except _DAMAGE as fault:
        raise InputError(f"{path}: not a checkpoint of gasfield, or damaged ({fault}).") from None


def _leaves(group: h5py.Group) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    group.visititems(note)
    return found
