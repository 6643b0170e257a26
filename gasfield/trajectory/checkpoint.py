"""A checkpoint: everything that a run needs to go on, bit for bit, and how far its trajectory had come.

It is a small HDF5 file beside the trajectory, replaced in one step, so that a kill leaves the old or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after some step.

    Attributes:
        scenario_sha256: of the resolved scenario; another one cannot go on from here.
        state: arrays by name: of the gas, and of its law of motion.
        lengths: place of each time-dependent element in the trajectory -> frames that it had.
    """

    scenario_sha256: str
    state: Mapping[str, NDArray[Any]]
    lengths: Mapping[str, int]

    def save(self, path: Path) -> None:
        """Writes it, whole or not at all, and brings it to the disk."""
        draft = path.with_name(path.name + ".part")
        with h5py.File(draft, "w", libver="earliest", locking=False) as file:
            file.attrs["scenario_sha256"] = self.scenario_sha256
            for name, array in self.state.items():
                file.create_dataset(f"state/{name}", data=array)
            for place, length in self.lengths.items():
                file.create_dataset(f"lengths/{place}", data=np.int64(length))
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads one back.

        Raises:
            InputError: if it is no checkpoint, or damaged.
        """
        try:
            with h5py.File(path, "r", locking=False) as file:
                return cls(
                    scenario_sha256=str(file.attrs["scenario_sha256"]),
                    state=_leaves(file["state"]),
                    lengths={name: int(length) for name, length in _leaves(file["lengths"]).items()},
                )
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as fault:
            raise InputError(f"{path}: no checkpoint of gasfield, or damaged ({fault}).") from None


def _leaves(group: h5py.Group) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    group.visititems(note)
    return found
