"""Figures of pressure, speeds, density and g(r): drawn without warnings, with errors, theory and p-values."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from exact_samples import experiment, run_of
from matplotlib.axes import Axes
from matplotlib.image import imread

from gasfield.diagnostics.base import Result
from gasfield.diagnostics.kinematics.speeds import Speeds
from gasfield.diagnostics.structure.radial_distribution import RadialDistribution
from gasfield.diagnostics.thermodynamics.density import Density
from gasfield.diagnostics.thermodynamics.pressure import Pressure
from gasfield.plots.style import new_figure, save

WELL = [{"kind": "harmonic", "stiffness": 1.0}]


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def results() -> dict[str, Result]:
    flat, box = {"kind": "free", "dimensions": 2}, {"kind": "box", "dimensions": 2, "side": 4.0}
    torus = {"kind": "periodic", "dimensions": 2, "side": 4.0}
    x, v = np.random.default_rng(1).uniform(-2, 2, (100, 60, 2)), normal(100, 60, 2)
    kinetic = 0.5 * np.mean(np.sum(v**2, axis=2), axis=1)
    walls = np.cumsum(np.random.default_rng(2).gamma(20.0, size=100))
    series = {"kinetic_energy": kinetic, "virial": np.zeros(100), "wall_impulse": walls}
    round_about = [*WELL, {"kind": "circulation", "rate": 1.0}]
    rows = np.stack(np.meshgrid(*[np.arange(4.0)] * 2), axis=-1).reshape(-1, 2) + 0.05 * normal(40, 16, 2)
    return {
        "pressure": Pressure().compute(run_of(x, experiment(box, 1.0), v, series=series)),
        "pressure without walls": Pressure().compute(run_of(x, experiment(torus, 1.0), v, series=series)),
        "speeds": Speeds().compute(run_of(x, experiment(flat, 1.0), v)),
        "density on a line": Density().compute(
            run_of(v[..., :1], experiment(flat | {"dimensions": 1}, 1.0, forces=WELL))
        ),
        "density in a plane": Density().compute(run_of(v, experiment(flat, 1.0, forces=WELL))),
        "density in eight dimensions": Density().compute(
            run_of(normal(50, 60, 8), experiment(flat | {"dimensions": 8}, 1.0, forces=WELL))
        ),
        "no law": Density().compute(run_of(v, experiment(flat, 1.0, forces=round_about))),
        "lattice": RadialDistribution().compute(run_of(rows, experiment(torus, 1.0, "brownian"))),
        "ideal gas": RadialDistribution().compute(run_of(x, experiment(torus, 1.0, "brownian"))),
        "one frame": RadialDistribution().compute(run_of(x[:1], experiment(torus, 1.0, "brownian"))),
    }


RESULTS = results()


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_drawn_alone_and_into_given_axes(name: str, tmp_path: Path) -> None:
    given = new_figure().add_subplot()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = RESULTS[name].plot()
        save(alone.figure, tmp_path / "alone.png")
        assert RESULTS[name].plot(given) is given
        save(given.figure, tmp_path / "given.png")
    for picture in ("alone.png", "given.png"):
        assert 0.01 < np.mean(imread(tmp_path / picture)[..., :3].min(axis=2) < 0.9) < 0.8
    assert isinstance(alone, Axes)
    assert alone.get_title(loc="left").startswith("gas: ")
    assert alone.get_legend() is not None


def test_what_is_claimed_is_in_the_picture() -> None:
    def labels(name: str) -> str:
        return " ".join(RESULTS[name].plot().get_legend_handles_labels()[1])

    assert "ideal gas" in labels("pressure")
    assert "at the walls" in labels("pressure")
    assert "at the walls" not in labels("pressure without walls")
    assert "Maxwell" in labels("speeds")
    assert "exp" in labels("density on a line")
    assert "exp" not in labels("no law")
    assert "peak" in labels("lattice")
    assert "peak" not in labels("ideal gas")
