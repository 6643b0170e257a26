"""Figures: written, not empty, and without changes of global settings of matplotlib."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from gasfield.comparison import compare
from gasfield.gas import Gas
from gasfield.plots.panels import Curve, curves, principal_plane
from gasfield.plots.style import Role
from gasfield.trajectory import Trajectory, TrajectoryWriter


def lattice_run(path: Path, squeeze: float, dimensions: int = 5) -> Trajectory:
    """A square lattice that drifts and is squeezed, in bfloat16-like steps at the end."""
    x = np.zeros((16, dimensions))
    x[:, :2] = 0.02 * np.array([[i, j] for i in range(4) for j in range(4)])
    bonds = np.array([[i, i + 1] for i in range(15) if i % 4 != 3])
    gas = Gas(x, np.zeros(16, np.int64), ["lattice"], np.arange(16), [""] * 16, {"lattice": bonds})
    with TrajectoryWriter(path, gas, precision="float64", provenance={}) as writer:
        for step in range(11):
            moving = min(step, 8)  # the last steps stand still
            writer.frame(step, step, x * (1 - squeeze * moving / 10) + 0.01 * moving)
    return Trajectory(path)


def test_every_picture_of_a_comparison_is_drawn(tmp_path: Path) -> None:
    settings = dict(matplotlib.rcParams)
    runs = lattice_run(tmp_path / "real.h5", 0.3), lattice_run(tmp_path / "simulated.h5", 0.31)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = compare(*runs).plot_all(tmp_path / "plots")
    assert {path.stem for path in paths} == {
        "centroid-path",
        "radius-and-freezing",
        "step-length",
        "hindcast",
        "structure-lattice",
        "stretches-lattice",
    }
    for path in paths:
        image = imread(path)
        assert min(image.shape[:2]) > 400
        assert 0.01 < np.mean(image[..., :3].min(axis=2) < 0.9) < 0.8  # neither blank nor blotted
    assert not list((tmp_path / "plots").glob(".*"))
    assert dict(matplotlib.rcParams) == settings


def test_real_is_solid_and_simulated_dashed_over_it() -> None:
    steps = np.arange(3)
    ax = curves([Curve(steps, steps / 2, role, role.value) for role in (Role.REAL, Role.SIMULATED)], "title", "y")
    real, simulated = ax.lines
    assert real.get_linestyle() == "-"
    assert simulated.get_linestyle() == "--"
    assert real.get_color() != simulated.get_color()
    assert simulated.get_zorder() > real.get_zorder()


@pytest.mark.parametrize("values", [np.zeros(4), np.array([0.0, 1e-3, 0.0, 1e-2])])
def test_a_logarithmic_axis_bears_zeros(values: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = curves([Curve(np.arange(4), values, Role.REAL, "x", values / 2, values * 2)], "t", "y", log=True)
        ax.figure.canvas.draw()
    assert ax.get_yscale() == ("log" if values.any() else "linear")


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_principal_plane_points_along_the_way(dimensions: int) -> None:
    rows = np.random.default_rng(0).normal(0, 0.01, (6, dimensions))
    positions = rows + np.arange(5)[:, None, None] * np.eye(dimensions)[0]
    _, axes = principal_plane(positions)
    assert axes.shape == (2, dimensions)
    assert axes[0, 0] == pytest.approx(1, abs=1e-3)


def test_results_do_not_import_matplotlib_before_they_draw() -> None:
    code = "import sys, gasfield.comparison; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
