"""Error of a simulation against the recorded trajectory, per row and step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.comparison.alignment import Pair
from gasfield.diagnostics.kinematics.cloud import centroids_without, path_without
from gasfield.kernels.lattices import is_on
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing, share

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Hindcast:
    """Errors of simulated rows relative to real ones.

    Attributes:
        steps: (T,) common steps.
        displacement_error: (T,) mean over rows of |x_sim - x_real| / |x_real - x_0|, where x_0 is the first common real
            frame. Rows with zero displacement are excluded; NaN where no row has moved yet.
        low, high: (T,) the 10th and the 90th percentile over rows.
        cells_equal: (T,) share of coordinates in the same cell; NaN unless both sides are in the same format of 16 or 8
            bits.
        estimates: `displacement_error`, `cells_equal` (both at the last frame) and `centroid_path_error`, the mean over
            frames of |c_sim - c_real| divided by the length of the real centroid's path.
        notes: what is undefined or was omitted, and why.
    """

    steps: NDArray[np.int64]
    displacement_error: Values
    low: Values
    high: Values
    cells_equal: Values
    estimates: dict[str, Estimate]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, pair: Pair) -> Hindcast:
        """Errors of one group, or of several combined."""
        notes: list[str] = []
        count = len(pair.real.steps)
        middle, low, high, equal = np.full((4, count), np.nan)
        start = pair.real.positions[0].astype(np.float64) if count else np.empty((0, 0))
        on_lattice = _on_lattice(pair, notes)
        for frame, (real, simulated) in enumerate(zip(pair.real.positions, pair.simulated.positions, strict=True)):
            errors = relative_errors(start, real, simulated)
            if len(errors):
                middle[frame] = errors.mean()
                low[frame], high[frame] = np.quantile(errors, [0.1, 0.9])
            if on_lattice and real.size:
                equal[frame] = _same_cell(real, simulated).mean()
        if count and not np.array_equal(start, pair.simulated.positions[0]):
            notes.append(f"positions already differ at the first common step, {pair.real.steps[0]}")
        return cls(
            steps=pair.real.steps,
            displacement_error=middle,
            low=low,
            high=high,
            cells_equal=equal,
            estimates={
                "displacement_error": _displacement_error(pair, start, notes),
                "cells_equal": _cells_equal(pair) if on_lattice else missing("1"),
                "centroid_path_error": _centroid_path_error(pair, notes),
            },
            notes=tuple(notes),
        )


def relative_errors(start: Values, real: NDArray[np.floating], simulated: NDArray[np.floating]) -> Values:
    """|simulated - real| / |real - start| of the rows (N, D) that have moved; fewer than N where some have not."""
    real, simulated = real.astype(np.float64), simulated.astype(np.float64)
    displacement = np.linalg.norm(real - start, axis=1)
    moved = displacement > 0
    errors: Values = np.linalg.norm(simulated - real, axis=1)[moved] / displacement[moved]
    return errors


def _on_lattice(pair: Pair, notes: list[str]) -> bool:
    """Whether cells can be compared; appends a note if not."""
    if (lattice := pair.lattice) is None:
        kinds = f"{pair.real.precision} and {pair.simulated.precision}"
        notes.append(f"cells_equal: positions are {kinds}; cells are compared in one format of 16 or 8 bits only")
        return False
    sides = (side.positions.astype(np.float32, copy=False) for side in (pair.real, pair.simulated))
    if all(is_on(positions, lattice).all() for positions in sides):
        return True
    notes.append(f"cells_equal: some positions are not {lattice} values although the file declares {lattice}")
    return False


def _same_cell(real: NDArray[np.floating], simulated: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N, D): whether both coordinates, numbers of one lattice, are in the same cell; +0 and -0 are the same."""
    return np.asarray(real == simulated)


def _displacement_error(pair: Pair, start: Values, notes: list[str]) -> Estimate:
    if not pair.real.positions.size:
        notes.append("no row is present in both: errors are undefined")
        return missing("1")
    errors = relative_errors(start, pair.real.positions[-1], pair.simulated.positions[-1])
    if len(errors) < pair.real.count:
        still = pair.real.count - len(errors)
        notes.append(f"displacement_error: {still} of {pair.real.count} rows have zero displacement and are excluded")
    return mean(errors, "1")


def _cells_equal(pair: Pair) -> Estimate:
    if not pair.real.positions.size:
        return missing("1")
    return share(_same_cell(pair.real.positions[-1], pair.simulated.positions[-1]))


def _centroid_path_error(pair: Pair, notes: list[str]) -> Estimate:
    """Mean distance of the centroids relative to the length of the real path, with jackknife errors over rows."""
    group = pair.real
    if not group.count or len(group.steps) < 2:
        notes.append("centroid_path_error: fewer than two common frames")
        return missing("1")
    distance, without, path, last = 0.0, np.zeros(group.count), 0.0, None
    several = group.count > 1
    for (_, real), (_, simulated) in zip(group.blocks(), pair.simulated.blocks(), strict=True):
        apart = simulated - real
        distance += float(np.linalg.norm(apart.mean(axis=1), axis=1).sum())
        if several:
            without += np.linalg.norm(centroids_without(apart), axis=2).sum(axis=0)
        centroid = real.mean(axis=1)
        joined = centroid if last is None else np.vstack([last, centroid])
        path += float(np.linalg.norm(np.diff(joined, axis=0), axis=1).sum())
        last = centroid[-1:]
    if path == 0:
        notes.append("centroid_path_error: the real centroid never moves")
        return missing("1")
    frames = len(group.steps)
    paths = path_without(group) if several else np.empty(0)
    if not np.all(paths > 0):
        return Estimate(np.array(distance / frames / path), "1")
    return jackknife(distance / frames / path, without[: len(paths)] / frames / paths, "1")
