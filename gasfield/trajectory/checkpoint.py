"""Checkpoints: everything needed to resume a run bit by bit, and the length of its trajectory.

A checkpoint is a small HDF5 file beside the trajectory, replaced atomically: a kill leaves the old or the new one.
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
        identity: SHA-256 of the scenario and its plug-ins; a run with another one cannot resume from here.
        state: arrays by name: of the gas, of its dynamics, and of operations, such as the number of frames in a file.
    """

    identity: str
    state: Mapping[str, NDArray[Any]]

    def save(self, path: Path) -> None:
        """Writes the checkpoint atomically and syncs it to disk."""
        draft = path.with_name(path.name + ".part")
        with h5py.File(draft, "w", libver="earliest", locking=False) as file:
            file.attrs["scenario_sha256"] = self.identity
            for name, array in self.state.items():
                file.create_dataset(f"state/{name}", data=array)
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads a checkpoint.

        Raises:
            InputError: if it is not a checkpoint, or damaged.
        """
        try:
            with h5py.File(path, "r", locking=False) as file:
                state = _leaves(file["state"])
                # Before operations had a state, the frames of the trajectory were counted beside it.
                lengths = _leaves(file["lengths"]) if "lengths" in file else {}
                state |= {f"operation/0/{place}": length for place, length in lengths.items()}
                return cls(str(file.attrs["scenario_sha256"]), state)
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as fault:
            raise InputError(f"{path}: not a checkpoint of gasfield, or damaged ({fault}).") from None


def _leaves(group: h5py.Group) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    group.visititems(note)
    return found
