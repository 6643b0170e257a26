"""The map W <- W + a r - b W: contraction by decay alone; and drift on the bfloat16 lattice, where rows merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from paths import ROOT

from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.kinematics.plane import Plane
from gasfield.diagnostics.lattice.distinct import Distinct
from gasfield.diagnostics.lattice.freezing import Freezing
from gasfield.runs.run import run
from gasfield.scenario import Scenario
from gasfield.trajectory import Trajectory


def cloud_after(folder: Path, name: str, **keys: Any) -> Group:
    """The cloud after a run of a shipped scenario with other parts."""
    whole = yaml.safe_load((ROOT / "scenarios" / f"{name}.yaml").read_text()) | {"diagnostics": []}
    for key, value in keys.items():
        whole[key] = whole[key] | value if isinstance(value, dict) else value
    run(Scenario.model_validate(whole), output=folder / "out", pictures="none")
    with Trajectory(folder / "out" / "trajectory.h5") as trajectory:
        return group_of(trajectory, "cloud")


def test_decay_alone_draws_a_cloud_to_a_point(tmp_path: Path) -> None:
    """The published numbers: RandomState(42), 100 points of N(0, .02) in two dimensions, a = .001, b = .01, 500 steps.

    In float32: each of 500 steps rounds a coordinate by 2^-24 of .1 at most, and forgets it by .99 a step.
    """
    points = np.random.RandomState(42).normal(0, 0.02, (100, 2))
    places = {"name": "cloud", "from": {"kind": "places", "at": points.tolist()}}
    group = cloud_after(tmp_path, "decay-without-a-force", gas=[places])
    left = 0.99**500
    # The learning rate and the decay are float32 numbers: their product is .01 to 2^-23 in each step.
    tolerance = 100 * 0.1 * 2.0**-24 + 500 * 0.01 * 2.0**-23 * 0.1
    np.testing.assert_allclose(group.positions[-1], points * left + [0.1 * (1 - left), 0], rtol=0, atol=tolerance)
    spread = Plane().compute(group).quantities()
    start, end = (float(spread[f"plane.second.{time}"].value) for time in ("start", "end"))
    assert start == pytest.approx(0.019877, abs=5e-7)
    assert end == pytest.approx(0.000131, abs=5e-7)
    assert end / start == pytest.approx(0.006570, abs=2e-6)
    ratio = float(spread["plane.first.end"].value) / float(spread["plane.first.start"].value)
    assert ratio == pytest.approx(left, rel=1e-3)  # along r too: it is no line but a point


def test_without_decay_the_cloud_keeps_its_size(tmp_path: Path) -> None:
    group = cloud_after(tmp_path, "decay-without-a-force", dynamics={"weight_decay": 0.0})
    spread = Plane().compute(group).quantities()
    assert spread["plane.second.end"].value == pytest.approx(spread["plane.second.start"].value, rel=1e-5)


def test_drifting_rows_become_one_where_half_a_cell_exceeds_the_step(tmp_path: Path) -> None:
    """Each coordinate stops at the first power of two above 256 s of its step s: half a cell is 2^-8 of it there."""
    group = cloud_after(tmp_path, "drift-and-round")
    force = np.array([1.0, -1.0, 0.9, -0.8, 0.7, 0.6, -0.5, 0.4])
    stop = np.sign(force) * 2.0 ** np.ceil(np.log2(256 * 1e-3 * np.abs(force)))
    assert stop.tolist() == [0.5, -0.5, 0.25, -0.25, 0.25, 0.25, -0.25, 0.125]
    assert np.all(np.abs(group.positions[0]) < np.abs(stop))  # all start inside
    assert np.all(group.positions[-1] == stop)
    result = Distinct().compute(group)
    assert result.distinct[[0, -1]].tolist() == [500, 1]
    assert result.quantities()["distinct.half"].value == 395  # as the scenario says
    assert (np.argmax(result.distinct < 500), np.argmax(result.distinct == 1)) == (358, 497)
    assert np.all(np.diff(result.distinct) <= 0)  # one force for all: what has merged cannot part
    assert Freezing().compute(group).quantities()["frozen.fraction"].value == 1


def test_in_float32_no_two_rows_meet(tmp_path: Path) -> None:
    result = Distinct().compute(cloud_after(tmp_path, "drift-and-round", dynamics={"weight_dtype": "float32"}))
    assert result.distinct[-1] == 500
    assert result.quantities()["distinct.half"].value is None
