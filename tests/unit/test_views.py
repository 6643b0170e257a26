"""Diagnostics of what would be published: positions rounded to a lower precision, and cells of every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gasfield
from gasfield.diagnostics import Group
from gasfield.diagnostics.lattice.cells import Cells
from gasfield.diagnostics.lattice.distinct import Distinct
from gasfield.diagnostics.lattice.freezing import Freezing
from gasfield.diagnostics.lattice.lifecycle import Lifecycle
from gasfield.diagnostics.stored import Stored
from gasfield.embedding import open_matrix
from gasfield.errors import InputError
from gasfield.kernels.lattices import FORMATS, round_to
from gasfield.runs import simulate
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation


def walk(frames: int = 12, rows: int = 9, dimensions: int = 5) -> np.ndarray:
    """A cloud that slows down: float32 positions (T, N, D)."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(frames, rows, dimensions)) * 2.0 ** -np.arange(frames)[:, None, None] * 0.1
    return (0.3 + np.cumsum(steps, axis=0)).astype(np.float32)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("kind", [Cells, Freezing, Distinct, Lifecycle])
def test_a_view_is_the_result_of_the_rounded_positions(kind: type, precision: str) -> None:
    x = walk()
    steps = np.arange(len(x))
    rounded = kind().compute(Group("rows", steps, round_to(x, precision), precision))
    single = Group("rows", steps, x, "float32")
    stored = Stored(lambda rows, frames: x[frames, rows], steps, np.arange(x.shape[1]), x.shape[2], x.dtype)
    for group in (single, Group("rows", steps, stored, "float32")):
        seen = kind(view=precision).compute(group)
        assert repr(seen.estimates) == repr(rounded.estimates)
    if kind is Freezing:
        assert not np.array_equal(kind().compute(single).last_motion, rounded.last_motion), "float32 still moves"


@pytest.mark.parametrize("precision", ["float16", "float8_e4m3fn", "float8_e5m2"])
def test_cells_of_every_format_are_counted_across_binades_and_zero(precision: str) -> None:
    quantum = float(FORMATS[precision].quantum)
    smallest = float(FORMATS[precision].smallest_normal)
    x = np.array([[[-quantum, 1.0, smallest]], [[quantum, 2.0, smallest - quantum]]], np.float32)
    bits = {"float16": 10, "float8_e4m3fn": 3, "float8_e5m2": 2}[precision]
    result = Cells().compute(Group("rows", np.arange(2), x, precision))
    assert result.total.tolist() == [[2 + 2**bits + 1]]
    assert result.largest.tolist() == [[max(2, 2**bits)]]


def test_cells_of_float32_point_to_the_view() -> None:
    group = Group("rows", np.arange(12), walk(), "float32")
    assert Cells().why_not(group) == (
        "positions are float32, not on the lattice of bfloat16, float16, float8_e4m3fn, float8_e5m2: "
        "the parameter view rounds them to one"
    )
    assert Cells(view="bfloat16").why_not(group) is None
    with pytest.raises(InputError):
        Cells(view="float64")


SCENARIO = """
title: a float16 run with random rounding
question: is its file whole?
seed: 3
space: {kind: free, dimensions: 2}
gas: [{name: rows, from: {kind: gaussian, count: 30, spread: 1.0e-5}}]
forces: [{kind: harmonic, stiffness: 1.0}]
dynamics:
  {kind: adamw, learning_rate: 1.0e-6, weight_dtype: float16, moment_dtype: blockwise_8bit, weight_rounding: stochastic}
run: {steps: 20, record_every: 2}
diagnostics: [cells, {kind: distinct, view: float8_e5m2}]
"""


def test_a_run_on_another_lattice_is_written_diagnosed_and_inspected(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    simulate(Simulation.from_scenario(load_scenario(tmp_path / "scenario.yaml")), tmp_path / "run.h5")
    with gasfield.open(tmp_path / "run.h5") as trajectory:
        assert trajectory.precision == "float16"
        x = trajectory.gas(20).positions
        np.testing.assert_array_equal(x, round_to(x, "float16"))
        found = gasfield.diagnose(trajectory, ["cells", {"kind": "distinct", "view": "float8_e5m2"}]).results["rows"]
        assert found["cells"].estimates["cells.l1"].value > 0
        assert found["distinct"].estimates["distinct.end"].value < 30
    assert open_matrix(tmp_path / "run.h5").precision == "float16"
