"""Local maps against exact flows: where a flow is linear one map says all, where it folds only local ones do."""

from __future__ import annotations

from functools import cache
from math import sqrt
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.diagnostics import Group, diagnose
from gasfield.diagnostics.kinematics.deformation import Deformation, DeformationResult
from gasfield.runs import run
from gasfield.scenario import Scenario
from gasfield.statistics.local_maps import LocalMaps, shell
from gasfield.tracers.shapes.curves import Ring
from gasfield.tracers.shapes.grids import Sheet

Values = NDArray[np.float64]
A, E, W = 0.1, 0.25, 2 * np.pi / 10


def deformed(points: Values, later: Values, bonds: NDArray[np.int64], elapsed: float) -> DeformationResult:
    times = np.array([0.0, elapsed])
    return Deformation().compute(Group("sheet", np.arange(2), np.stack([points, later]), bonds=bonds, times=times))


@pytest.mark.parametrize(
    ("matrix", "stretch"),
    [
        ([[1.0, 1.5], [0.0, 1.0]], sqrt(1 + 1.5**2 / 2 + 1.5 * sqrt(1 + 1.5**2 / 4))),
        ([[2.0, 0.0], [0.0, 0.5]], 2.0),
        ([[0.6, -0.8], [0.8, 0.6]], 1.0),
    ],
    ids=["shear", "saddle", "rotation"],
)
def test_of_a_linear_flow_local_and_global_exponents_are_exact(matrix: list[list[float]], stretch: float) -> None:
    """At every particle, edges and corners included; nothing is left over, and no map is reversed."""
    sheet = Sheet(side=(5, 7), spacing=0.3).structure()
    result = deformed(sheet.points, sheet.points @ np.transpose(matrix) + 2.0, sheet.bonds, 4.0)
    assert result.local.ftle == pytest.approx(np.log(stretch) / 4.0, abs=1e-12)
    assert result.local.maps @ result.frame.T == pytest.approx(np.broadcast_to(matrix, (35, 2, 2)), abs=1e-12)
    found = result.quantities()
    for key in ("ftle.global", "ftle.local.mean", "ftle.local.largest"):
        assert found[key].value == pytest.approx(np.log(stretch) / 4.0, abs=1e-12)
    assert found["d2min.relative"].value == pytest.approx(0.0, abs=1e-12)
    assert result.local.unexplained == pytest.approx(0.0, abs=1e-12)
    assert found["reversed.local"].value == 0.0
    assert not any("unexplained" in note for note in result.notes)


# The double gyre (Shadden, Lekien and Marsden, Physica D 212:271, 2005).


def velocity(x: Values, t: float) -> tuple[Values, Values]:
    """(..., 2) the velocity of the double gyre, and its gradient (..., 2, 2)."""
    a = E * np.sin(W * t)
    f, slope, bend = a * x[..., 0] ** 2 + (1 - 2 * a) * x[..., 0], 2 * a * x[..., 0] + 1 - 2 * a, 2 * a
    sx, cx, sy, cy = np.sin(np.pi * f), np.cos(np.pi * f), np.sin(np.pi * x[..., 1]), np.cos(np.pi * x[..., 1])
    v = np.pi * A * np.stack([-sx * cy, cx * sy * slope], axis=-1)
    first = np.stack([-np.pi * slope * cx * cy, np.pi * sx * sy], axis=-1)
    second = np.stack([-np.pi * slope**2 * sx * sy + bend * cx * sy, np.pi * slope * cx * cy], axis=-1)
    return v, np.pi * A * np.stack([first, second], axis=-2)


@cache
def carried(side: int, spacing: float, elapsed: float) -> tuple[Values, Values, Values, NDArray[np.int64]]:
    """A sheet about (.6, .4): points, their positions later, the exact maps of the flow there (Runge-Kutta of the
    trajectories and of their variational equation), and bonds."""
    sheet = Sheet(side=(side, side), spacing=spacing).structure()
    x, maps, h = sheet.points + np.array([0.6, 0.4]), np.tile(np.eye(2), (side**2, 1, 1)), 0.02
    start = x.copy()
    for n in range(round(elapsed / h)):
        slopes: list[tuple[Values, Values]] = []
        for part, at in ((0.0, 0.0), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0)):
            dx, dm = slopes[-1] if slopes else (0.0, 0.0)
            v, gradient = velocity(x + part * h * dx, (n + at) * h)
            slopes.append((v, gradient @ (maps + part * h * dm)))
        x = x + h / 6 * sum(w * s[0] for w, s in zip((1, 2, 2, 1), slopes, strict=True))
        maps = maps + h / 6 * sum(w * s[1] for w, s in zip((1, 2, 2, 1), slopes, strict=True))
    return start, x, maps, sheet.bonds


def test_local_exponents_of_the_double_gyre_are_those_of_its_flow_map() -> None:
    """At interior points within an error of second order in the spacing: halved, it falls by four."""
    worst = []
    for side, spacing in ((21, 0.02), (41, 0.01)):
        start, later, maps, bonds = carried(side, spacing, 5.0)
        result = deformed(start, later, bonds, 5.0)
        exact = np.log(np.linalg.svd(maps)[1][:, 0]) / 5.0
        assert np.linalg.det(maps) == pytest.approx(1.0, abs=1e-6)  # incompressible
        inside = (np.abs(result.places) < 0.15).all(axis=1)
        worst.append(np.abs(result.local.ftle - exact)[inside].max())
        assert not result.local.reversed.any()
    assert worst[0] < 0.05 * np.abs(exact).max()
    assert worst[0] / worst[1] == pytest.approx(4.0, abs=0.6)


def test_a_sheet_that_winds_up_is_stretched_locally_and_not_by_one_map() -> None:
    """After two periods the mean of the local exponents is that of the flow map; that of one map is a fifth of it, and
    a note says why."""
    start, later, maps, bonds = carried(51, 0.006, 20.0)
    result = deformed(start, later, bonds, 20.0)
    found = result.quantities()
    exact = np.log(np.linalg.svd(maps)[1][:, 0]) / 20.0
    assert found["ftle.local.mean"].value == pytest.approx(exact.mean(), rel=0.02)
    assert found["ftle.global"].value < 0.5 * exact.mean()  # type: ignore[operator]
    assert found["d2min.relative"].value > 0.1  # type: ignore[operator]
    assert any("of the fit, not of the flow" in note for note in result.notes)


# Neighbourhoods, and the file.


@pytest.mark.parametrize("count", [12, 24, 200])
def test_points_on_a_line_have_no_local_maps(count: int) -> None:
    """The neighbours on a ring are nearly in line (of twelve points they span the plane within two bonds)."""
    ring = Ring(count=count, radius=1.0).structure()
    near, far = (shell(ring.bonds, count, distance) for distance in (1, 2))
    assert not len(LocalMaps.of(ring.points, near).rows)
    assert len(LocalMaps.of(ring.points, near, far).rows) == (count if count == 12 else 0)
    result = deformed(ring.points, 2 * ring.points, ring.bonds, 1.0)
    assert result.quantities()["ftle.global"].value == pytest.approx(np.log(2.0))
    assert (result.quantities()["ftle.local.mean"].value is None) == (count > 12)
    assert any("pair_dispersion" in note for note in result.notes) == (count > 12)


def test_maps_of_every_particle_are_in_a_file_of_the_run(tmp_path: Path) -> None:
    """A saddle: every local map is diag(e^a, e^-a). `diagnose` writes the same arrays; units are attributes."""
    scenario = {
        "title": "a test", "question": "Is it in the file?", "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "one", "from": {"kind": "gaussian", "count": 1, "spread": 1.0}}],
        "tracers": [{"name": "sheet", "shape": {"kind": "sheet", "side": [4, 3], "spacing": 0.2},
                     "frame": {"kind": "axes"}, "place": {"kind": "point", "at": [1.0, 0.0]}}],
        "forces": [{"kind": "expression", "force": ["x0", "-x1"]}],
        "dynamics": {"kind": "advection", "time_step": 0.01},
        "run": {"steps": 100, "record_every": 50}, "diagnostics": ["deformation", "cloud"],
    }  # fmt: skip
    result = run(Scenario.model_validate(scenario), output=tmp_path / "out", pictures="none")
    again = tmp_path / "again.h5"
    assert diagnose(tmp_path / "out", ["deformation"]).write_arrays(again)
    assert not diagnose(tmp_path / "out", ["cloud"]).write_arrays(tmp_path / "none.h5")
    assert not (tmp_path / "none.h5").exists()
    for path in (result.directory / "arrays.h5", again):
        with h5py.File(path) as file:
            assert list(file) == ["sheet"]
            found = file["sheet/deformation"]
            maps = found["map"][:] @ found["frame"][:].T
            assert maps == pytest.approx(np.broadcast_to(np.diag(np.exp([1.0, -1.0])), (12, 2, 2)), abs=1e-8)
            assert found["ftle"][:] == pytest.approx(np.ones(12), abs=1e-8)
            assert found["row"][:].tolist() == list(range(1, 13))
            assert found["ftle"].attrs["unit"] == "1/time"
