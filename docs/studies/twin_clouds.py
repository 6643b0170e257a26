"""Clouds of the twin study: the dead rows of a recorded training, as they were and under other laws in its field."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from precision_kinds import shares
from precision_replays import (
    BETAS,
    EPSILON,
    Cloud,
    gas_of,
    load,
    mean_radius,
    moved,
    store,
)
from twin_field import CumulantField
from twin_laws import RATE, TwinLaw
from twin_training import whole_matrix

from gasfield.diagnostics.lattice.distinct import identical
from gasfield.dynamics import Conditions
from gasfield.errors import Note
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.kernels.lattices import fraction_bits, lattice_keys, round_to
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

FORMAT = 2
"""To be raised when a cloud means something else than it did, so that files of before are not taken for it."""
PUBLISHED = "bfloat16"
"""What rows are looked at in for powers of two and identical rows: as their cast would be published."""
ROWS = (0, 256)
"""Dead rows that are followed: from, to (exclusive). More would change numbers by less than another seed does."""
EARLY = 207
"""A step of the survey at which no cloud has collapsed along an axis yet, so that all kinds of motion are defined."""
NEAR_POWERS_BY_CHANCE = float(np.log2((1 + 1.5 * 2.0**-7) / (1 - 1.5 * 2.0**-8)))
"""Share of numbers with evenly spread logarithms that the cast puts within a cell of a power of two: 2.5%."""


def replay(recording: Path, law: TwinLaw, seed: int, rows: tuple[int, int] = ROWS) -> Cloud:
    """Moves dead rows of a recording from where they started to the end of its field, under a law.

    Args:
        recording: with the affine field of every step.
        law: what moves them.
        seed: of stochastic rounding.
        rows: of the dead rows.
    """
    with Trajectory(recording) as opened:
        survey, field = opened.survey(), opened.affine_field()
    gas = gas_of(survey.values[0][slice(*rows)])
    force = TotalForce([CumulantField(field)])
    conditions = Conditions(Free(dimensions=gas.dimensions), force, seed=seed)
    means = load(whole_matrix(recording)) if law.matrix else {}
    shown, step = gas, _coupled_step(gas, force, law, means) if law.matrix == "coupled" else _own(gas, law, conditions)
    if law.matrix == "centred":
        shown, step = _centred(gas, step, means["mean_row"])
    return _described(moved(shown, step, partial(seen, shown), survey.steps))


def _own(gas: Gas, law: TwinLaw, conditions: Conditions) -> Callable[[], None]:
    """A step of gasfield's own dynamics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)  # of blocks of 8-bit moments, which the page tells of
        dynamics = law.specification.build(gas, conditions)
    dynamics.project(gas)
    return lambda: dynamics.advance(gas)


def _coupled_step(gas: Gas, force: TotalForce, law: TwinLaw, means: Cloud) -> Callable[[], None]:
    """A step with coupled second moments: v is the running mean of the mean square over the vocabulary, as it was in
    the training whose field this is (Stollenwerk and Stollenwerk, 2025)."""
    gas.positions = round_to(gas.positions, law.weights)
    first, second = np.zeros(gas.positions.shape), np.zeros(gas.dimensions)
    beta1, beta2 = BETAS

    def step() -> None:
        gradient = -force.force(gas)
        second[...] = beta2 * second + (1 - beta2) * means["mean_square"][gas.step]
        first[...] = first + (1 - beta1) * (gradient - first)
        gas.step += 1
        root = np.sqrt(second / (1 - beta2**gas.step)) + EPSILON
        gas.positions[...] = round_to(gas.positions - RATE / (1 - beta1**gas.step) * first / root, law.weights)

    return step


def _centred(gas: Gas, step: Callable[[], None], mean_row: NDArray[np.floating]) -> tuple[Gas, Callable[[], None]]:
    """The same motion seen from the mean row of the whole matrix, as it was in the training. That is the motion of the
    centred law, as logits that all change by the same number leave every probability as it is."""
    shown = gas_of(gas.positions - mean_row[0])

    def on() -> None:
        step()
        shown.positions[...] = gas.positions - mean_row[gas.step]

    return shown, on


def real(recording: Path, rows: tuple[int, int] = ROWS) -> Cloud:
    """What became of dead rows in training."""
    with Trajectory(recording) as opened:
        survey, last_motion = opened.survey(), opened.last_motion().values[:, slice(*rows)]
        radius, unmoved = (opened.observable(f"dead/{name}").values for name in ("radius", "unmoved"))
        loss = opened.observable("loss").values
    gases = [gas_of(frame[slice(*rows)]) for frame in survey.values]
    views = [seen(gas, last) for gas, last in zip(gases, last_motion, strict=True)]
    cloud: Cloud = {key: np.array([view[key] for view in views]) for key in views[0]}
    cloud |= {"survey": survey.steps, "radius": radius, "unmoved": unmoved, "loss": loss}
    cloud["radius"][survey.steps] = [mean_radius(gas.positions) for gas in gases]  # of these rows, as of the replays
    return _described(cloud | {"start": gases[0].positions, "end": gases[-1].positions})


def seen(gas: Gas, last_motion: NDArray[np.int64]) -> dict[str, Any]:
    """What is looked at in a step of the survey."""
    published = round_to(gas.positions, PUBLISHED)
    return {
        "last_motion": last_motion.astype(np.int16),
        "near_powers": share_near_powers(published),
        "distinct": identical(gas.positions)[0],
        "distinct_published": identical(published)[0],
        "centroid": gas.positions.mean(axis=0, dtype=np.float64),
        "places": gas.positions.copy(),
    }


def share_near_powers(rows: NDArray[np.float32], precision: str = PUBLISHED) -> float:
    """Fraction of coordinates on the lattice of a precision that are at or within one cell of a power of two."""
    bits = fraction_bits(precision)
    fraction = (rows.view(np.uint32) >> (23 - bits)) & (2**bits - 1)
    return float(np.mean((fraction <= 1) | (fraction == 2**bits - 1)))


def _described(cloud: Cloud) -> Cloud:
    """With the kinds of motion (7,), `kinds` from the first step to the last, and `early_kinds` to an early one; and
    without the places of the rows between."""
    places, steps = cloud.pop("places"), cloud["survey"]
    early = min(int(np.searchsorted(steps, EARLY)), len(steps) - 1)
    until = {"survey": steps[[0, early]], "start": places[0], "end": places[early]}
    return cloud | {"kinds": shares(cloud), "early_kinds": shares(until)}


def cells_apart(rows: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Median over coordinates of the distance between two sets of rows (N, D), in cells of their published cast."""
    keys = [lattice_keys(round_to(one, PUBLISHED), PUBLISHED).astype(np.int64) for one in (rows, others)]
    return float(np.median(np.abs(keys[0] - keys[1])))


# What is kept.


def kept_file(recording: Path, fingerprint: str, name: str, law: TwinLaw | None, rows: tuple[int, int] = ROWS) -> Path:
    """Where a cloud is kept: its name holds all that decides it. Without a law it is that of the training itself."""
    decides = {"format": FORMAT, "recording": fingerprint, "law": law and dict(law.keys), "matrix": law and law.matrix}
    key = sha256(json.dumps(decides | {"rows": rows}, sort_keys=True).encode()).hexdigest()[:12]
    return recording.parent / f"{recording.stem}-{name}-{key}.npz"


def cloud_once(
    recording: Path, fingerprint: str, name: str, law: TwinLaw | None, seed: int, rows: tuple[int, int] = ROWS
) -> str:
    """Makes a cloud and keeps it, unless it was kept before; says what it did."""
    path = kept_file(recording, fingerprint, name, law, rows)
    if path.exists():
        return ""
    cloud = real(recording, rows) if law is None else replay(recording, law, seed, rows)
    store(path, cloud)
    return f"{recording.stem}, {name}: radius {cloud['radius'][-1]:.4f}, unmoved {cloud['unmoved'][-1]:.1%}"
