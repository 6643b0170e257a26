"""Kinds of motion of a cloud in the precision study, kept in a file since they take some seconds each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from precision_replays import Case, Cloud, kept_file, load, real, store

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.motion import Motion
from gasfield.statistics.motion_decomposition import KINDS

__all__ = ["KINDS", "kinds_once", "shares"]

FORMAT = 2
"""To be raised when the decomposition means something else than it did."""

COLLAPSED = "the rows have collapsed along an axis"
"""How gasfield begins the note that says so (a test reads it)."""


def kinds_once(recording: Path, fingerprint: str, case: Case | None) -> NDArray[np.float64]:
    """(7,) shares in the order of `KINDS`, from the first step to the last, corrected for noise.

    The translation is a share of all motion, the others are of the thermal motion. NaN stands for what is not
    determined since the rows have collapsed along an axis: a map without an inverse does not tell how they turned, nor
    by how much all axes shrank alike. `case` None asks for the rows in training.
    """
    stem = f"{recording.stem}-real-{fingerprint}" if case is None else kept_file(recording, fingerprint, case).stem
    path = recording.parent / f"{stem}-kinds-{FORMAT}.npz"
    if not path.exists():
        store(path, {"shares": _kinds(recording, fingerprint, case)})
    return load(path)["shares"]


def _kinds(recording: Path, fingerprint: str, case: Case | None) -> NDArray[np.float64]:
    cloud = real(recording) if case is None else load(kept_file(recording, fingerprint, case))
    return shares(cloud)


def shares(cloud: Cloud) -> NDArray[np.float64]:
    """(7,) the same of a cloud; NaN also where its rows are too few for a linear map."""
    steps, places = cloud["survey"][[0, -1]], np.stack([cloud["start"], cloud["end"]])
    result = Motion(over_time=False).compute(Group("survey", steps=steps, positions=places))
    keys = ["motion.translation", *(f"motion.thermal.{kind}" for kind in KINDS[1:])]
    found = {key: quantity.value for key, quantity in result.quantities().items()}
    values = np.array([found.get(f"{key}.corrected") for key in keys], np.float64)  # None, unknown, becomes NaN
    if any(note.startswith(COLLAPSED) for note in result.notes):
        values[1:4] = np.nan
    return values
