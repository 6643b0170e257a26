"""Basins belong to minima: places where the gradient vanishes and the Hessian is positive, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gasfield.diagnostics.context import Origin, RunContext
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.structure import descent
from gasfield.diagnostics.structure.basins import Basins, BasinsResult
from gasfield.diagnostics.thermodynamics.confinement import is_confined
from gasfield.diagnostics.thermodynamics.thermodynamics import Thermodynamics
from gasfield.dynamics import DYNAMICS
from gasfield.forces.base import FORCES
from gasfield.spaces import SPACES
from gasfield.trajectory import Series

FREE = {"kind": "free"}


def group_in(
    forces: list[dict[str, Any]], places: np.ndarray, space: dict[str, Any] | None = None, temperature: float = 0.1
) -> Group:
    """A group that is seen at places (N, D), twice, in a field."""
    space = FREE if space is None else space
    run = RunContext(
        space=SPACES[space["kind"]].model_validate(space | {"dimensions": places.shape[1]}),
        laws=tuple(FORCES[force["kind"]].model_validate(force) for force in forces),
        dynamics=DYNAMICS["brownian"].model_validate({"kind": "brownian", "time_step": 0.01}),
        groups=("gas",),
    )
    steps = np.arange(2)
    bath = {"temperature": Series(steps, steps.astype(float), np.full(2, temperature))}
    return Group("gas", steps, np.stack([places, places]), origin=Origin(run), series=bath)


def basins(forces: list[dict[str, Any]], places: np.ndarray, space: dict[str, Any] | None = None) -> BasinsResult:
    return Basins().compute(group_in(forces, places, space))


def ends(result: BasinsResult) -> dict[str, float]:
    shares = {key.split(".")[-1]: float(e.value) for key, e in result.estimates.items() if ".ends." in key}
    assert sum(shares.values()) == pytest.approx(1.0)
    return {name: share for name, share in shares.items() if share}


def cloud(dimensions: int, spread: float = 0.3, count: int = 120) -> np.ndarray:
    return spread * np.random.default_rng(2).normal(size=(count, dimensions))


def bcc(side: int = 4, spacing: float = 0.2) -> np.ndarray:
    corners = np.stack(np.meshgrid(*3 * [np.arange(side)]), axis=-1).reshape(-1, 3).astype(float)
    return spacing * (np.concatenate([corners, corners[: (side - 1) ** 3] + 0.5]) - 0.5 * (side - 1))


@pytest.mark.parametrize("places", [cloud(3), bcc()], ids=["cloud", "lattice"])
def test_a_saddle_has_no_basins(places: np.ndarray) -> None:
    """U = -(x^2 - y^2) s/2: from everywhere but y's own plane the energy falls without end."""
    shear = [{"kind": "linear_flow", "shear": [{"axes": [0, 1], "rate": 0.5}]}]
    result = basins(shear, places)
    assert len(result.minima) == 0
    assert not result.drawable
    assert set(ends(result)) <= {"unbounded", "saddle", "rare"}
    assert ends(result)["unbounded"] > 0.9
    assert any("the energy falls without end" in note for note in result.notes)
    assert len(basins([*shear, {"kind": "harmonic", "stiffness": 2.0}], places).minima) == 1  # negative control


def test_the_minima_of_mueller_and_brown() -> None:
    """Their energies and places, from the literature (Mueller and Brown 1979), to five digits."""
    x = np.random.default_rng(1).uniform([-1.2, -0.2], [1.0, 1.8], (200, 2))
    result = basins([{"kind": "mueller_brown"}], x)
    np.testing.assert_allclose(result.energies, [-146.69952, -108.16672, -80.76782], atol=1e-5)
    np.testing.assert_allclose(result.minima, [[-0.55822, 1.44173], [0.62350, 0.02804], [-0.05001, 0.46669]], atol=1e-5)
    assert set(ends(result)) == {"minimum"}


def test_a_minimum_at_a_wall_and_on_a_sphere() -> None:
    """Where the force points out of the space, the energy rises in all directions that are left."""
    pull = [{"kind": "constant", "force": [3.0, 0.0]}]
    tilted = basins([*pull, {"kind": "harmonic", "stiffness": 1.0}], cloud(2), {"kind": "box", "side": 2.0})
    np.testing.assert_allclose(tilted.minima, [[1.0, 0.0]], atol=1e-6)
    assert set(ends(tilted)) == {"minimum"}
    in_ball = basins(pull, cloud(2), {"kind": "ball", "radius": 1.0})
    np.testing.assert_allclose(in_ball.minima, [[1.0, 0.0]], atol=1e-5)
    x = cloud(3)
    on_sphere = basins([{"kind": "constant", "force": [0.0, 0.0, 2.0]}], x / np.linalg.norm(x, axis=1)[:, None],
                       {"kind": "sphere"})  # fmt: skip
    np.testing.assert_allclose(on_sphere.minima, [[0.0, 0.0, 1.0]], atol=1e-5)
    along = basins(pull, cloud(2), {"kind": "box", "side": 2.0})  # negative control: it slides freely along the wall
    assert len(along.minima) == 0


def test_a_valley_that_is_flat_in_one_direction_is_no_minimum() -> None:
    flat = basins([{"kind": "harmonic", "stiffness": 1.0}, {"kind": "linear_flow", "shear": [{"axes": [0, 1],
        "rate": 1.0}]}], cloud(2, count=40))  # fmt: skip
    assert len(flat.minima) == 0
    assert set(ends(flat)) <= {"saddle", "rare"}


def test_many_dimensions_end_within_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """384 dimensions: as many places as the work allows, and the minima of the wells are found to be such."""
    spent = []
    monkeypatch.setattr(descent.Slope, "__del__", lambda self: spent.append(descent.WORK - self.work), raising=False)
    centres = np.random.default_rng(3).normal(size=(6, 384))
    wells = {"kind": "landscape", "temperature": 1.0, "centres": centres.tolist(), "widths": 1.0}
    places = np.repeat(centres, 84, axis=0)[:500] + cloud(384, 0.3, 500)
    result = basins([wells], places)
    assert len(result.minima) == 6
    np.testing.assert_allclose(np.sort(result.minima[:, 0]), np.sort(centres[:, 0]), atol=1e-6)
    assert any("particles are used" in note for note in result.notes)
    assert 0 < max(spent) < 1.2 * descent.WORK


@pytest.mark.parametrize(
    ("forces", "dimensions", "is_so"),
    [
        ([{"kind": "harmonic", "stiffness": 1.0}], 2, True),
        ([{"kind": "harmonic", "stiffness": 1.0}], 40, True),
        ([{"kind": "mueller_brown"}], 2, True),
        ([{"kind": "linear_flow", "dilation": -0.5, "shear": [{"axes": [3, 7], "rate": 0.4}]}], 40, True),
        ([{"kind": "linear_flow", "dilation": -0.5, "shear": [{"axes": [3, 7], "rate": 0.6}]}], 40, False),
        (
            [{"kind": "linear_flow", "dilation": -0.5, "shear": [{"axes": [3, 7], "rate": 0.6, "angle": 30.0}]}],
            40,
            False,
        ),
        ([{"kind": "linear_flow", "shear": [{"axes": [0, 1], "rate": 0.5}]}], 3, False),
        ([{"kind": "gaussian_wells", "wells": [{"at": [0.0] * 5, "depth": 2.0, "width": 1.0}]}], 5, False),
        ([{"kind": "gaussian_wells", "wells": [{"at": [0.0] * 2, "depth": 2.0, "width": 1.0}]}], 2, False),
        ([{"kind": "gaussian_wells", "wells": [{"at": [0.0] * 5, "depth": 9.0, "width": 1.0}]}], 5, True),
        ([{"kind": "gaussian_wells", "wells": [{"at": [0.0] * 2, "depth": 9.0, "width": 1.0}]}], 2, True),
        ([{"kind": "lennard_jones"}], 3, False),
        ([{"kind": "lennard_jones"}, {"kind": "harmonic", "stiffness": 1.0}], 3, True),
    ],
)
def test_confinement_is_judged_alike_in_all_dimensions(
    forces: list[dict[str, Any]], dimensions: int, is_so: bool
) -> None:
    """exp(-U/T) is integrable if the energy rises faster than D T log r in every direction."""
    places = 3.0 * cloud(dimensions, count=30) if dimensions < 4 else cloud(dimensions, count=30)
    gas = group_in(forces, places)
    assert is_confined(gas) is is_so
    if not is_so:
        gas = group_in(forces, places)
        gas.series["potential_energy"] = Series(gas.steps, gas.times, np.zeros(2))  # type: ignore[index]
        said = " ".join(Thermodynamics().compute(gas).notes)
        assert "nothing confines the particles" in said
        assert Thermodynamics().compute(gas).quantities()["heat_capacity"].value is None
