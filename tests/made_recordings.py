"""Recordings of trainings that never took place: rows moved by a law of our choice in a field that is known exactly.

The attributes say what a recorder would say, whatever law moved the rows, so that each fault of a hindcast can be
planted by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.adamw import AdamW
from gasfield.gas import Gas
from gasfield.kernels.lattices import round_to
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.field import pack_symmetric

ROWS, D, POSITIONS, STEPS = 24, 8, 40, 40
Values = NDArray[np.float64]
Law = Callable[[int], AdamW]
RATE = 1e-3


class Field:
    """A field with hidden states that turn and grow slowly; log Z is 0."""

    def __init__(self, seed: int = 0) -> None:
        source = np.random.default_rng(seed)
        self._first, self._last = source.normal(0.3, 1.5, (2, POSITIONS, D))

    def hidden(self, step: int) -> Values:
        """(B, D) as a file holds them."""
        mixed = self._first + (self._last - self._first) * step / STEPS
        return np.asarray(mixed.astype(np.float32), np.float64)

    def gradient(self, step: int, places: Values) -> Values:
        """(N, D) the exact gradient."""
        h = self.hidden(step)
        return np.asarray(np.exp(places @ h.T) @ h / POSITIONS)

    def expansion(self, step: int) -> dict[str, Any]:
        """The affine field about the origin, by the names of a file."""
        h = self.hidden(step)
        return {
            "reference": np.zeros(D),
            "gradient": h.mean(axis=0),
            "tidal": pack_symmetric(h.T @ h / POSITIONS),
            "potential": 1.0,
        }


def constant(**options: Any) -> Law:
    """AdamW with the same constants at every step."""
    law = AdamW(**{"learning_rate": RATE, **options})
    return lambda step: law


def made_recording(
    path: Path,
    law: Law = constant(),  # noqa: B008 (a law has no state)
    *,
    precision: str = "float32",
    every: int = 1,
    full: bool = True,
    affine: bool = True,
    exact_at: Callable[[int], bool] = lambda step: True,
    stochastic: bool = False,
    said: dict[str, Any] | None = None,
    steps: int = STEPS,
    group: str = "dead",
) -> Path:
    """Writes a recording.

    Args:
        path: the file.
        law: by which the rows really move, at each step.
        precision: the lattice of the weights.
        every: steps between frames.
        full, affine: whether each form of the field is written.
        exact_at: the steps at which the full field is.
        stochastic: whether weights, moved in float32, are rounded stochastically to bfloat16.
        said: attributes in place of those of a constant AdamW that begins; None for one leaves it out.
        steps: number of updates.
        group: name of the rows.
    """
    field, source = Field(), np.random.default_rng(1)
    weights = source.normal(0, 0.02, (ROWS, D)).astype(np.float32)
    weights = round_to(weights, precision)
    attributes = {
        "source": "recording", "training": "{}", "optimiser": "adamw", "optimiser_class": "torch.optim.adamw.AdamW",
        "learning_rate": RATE, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": 0.0, "state": "float32",
        "optimiser_step": 0, "device": "cpu", **(said or {}),
    }  # fmt: skip
    gas = Gas(weights, np.zeros(ROWS, np.int64), [group], np.arange(100, 100 + ROWS), [""] * ROWS)
    known = {name: value for name, value in attributes.items() if value is not None}
    with TrajectoryWriter(path, gas, precision=precision, provenance=known) as writer:
        _lay_out(writer, full=full, affine=affine)
        writer.frame(0, 0.0, weights)
        state = law(0).start(weights)
        for step in range(steps):
            gradient = field.gradient(step, weights.astype(np.float64))
            _write_field(writer, field, step, gradient, full=full and exact_at(step), affine=affine)
            law(step).update(weights, gradient.astype(np.float32), state, step + 1)
            if stochastic:
                weights = _rounded(weights, source)
            if (step + 1) % every == 0:
                writer.frame(step + 1, step + 1.0, weights)
    return path


def _rounded(weights: NDArray[np.float32], source: np.random.Generator) -> NDArray[np.float32]:
    """Stochastically: 16 random bits are added below the bfloat16, and the lower half is cut off."""
    words = weights.view(np.uint32) + source.integers(0, 1 << 16, weights.shape, dtype=np.uint32)
    return np.ascontiguousarray(words & np.uint32(0xFFFF0000)).view(np.float32)


def _lay_out(writer: TrajectoryWriter, *, full: bool, affine: bool) -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    if affine:
        packed = (D * (D + 1) // 2,)
        of_affine: dict[str, tuple[int, ...]] = {"reference": (D,), "gradient": (D,), "tidal": packed, "potential": ()}
        shapes |= {f"{schema.AFFINE}/{name}": shape for name, shape in of_affine.items()}
    if full:
        batch, rows = (POSITIONS,), (ROWS, D)
        parts = {"hidden": (POSITIONS, D), "log_partition": batch, "weight": batch, "gradient": rows, "position": rows}
        shapes |= {f"{schema.FULL}/{name}": shape for name, shape in parts.items()}
    for place, shape in shapes.items():
        writer.element(place, shape, "f8" if place.endswith(("potential", "weight")) else "f4")


def _write_field(
    writer: TrajectoryWriter, field: Field, step: int, gradient: Values, *, full: bool, affine: bool
) -> None:
    if affine:
        for name, value in field.expansion(step).items():
            writer.append(f"{schema.AFFINE}/{name}", step, step, value)
    if full:
        parts = {
            "hidden": field.hidden(step),
            "log_partition": np.zeros(POSITIONS),
            "weight": np.full(POSITIONS, 1.0 / POSITIONS),
            "gradient": gradient,
            "position": np.zeros((ROWS, D)),
        }
        for name, value in parts.items():
            writer.append(f"{schema.FULL}/{name}", step, step, value)
