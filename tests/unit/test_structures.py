"""Bonds, and the non-affine part of the flow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.flow import Flow
from gasfield.diagnostics.structure.bonds import Bonds
from gasfield.plots.style import new_figure
from gasfield.tracers.shapes.grids import Cubic, Sheet

Values = NDArray[np.float64]


def structure(after: Values, bonds: NDArray[np.int64], before: Values) -> Group:
    return Group("lattice", np.arange(2), np.stack([before, after]), bonds=bonds)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.2])
def test_a_dilation_strains_every_bond_alike(factor: float) -> None:
    made = Cubic(side=3, spacing=0.3).structure()
    result = Bonds().compute(structure(factor * made.points + 5.0, made.bonds, made.points))
    assert result.strain[-1] == pytest.approx(factor - 1.0, abs=1e-12)
    found = result.quantities()
    assert found["bonds.strain.mean"].value == pytest.approx(factor - 1.0, abs=1e-12)
    assert found["bonds.strain.std"].value == pytest.approx(0.0, abs=1e-12)
    assert found["bonds.retention"].value == 1.0


def test_a_structure_that_is_torn_in_two_loses_the_bonds_between() -> None:
    """A sheet of 4 x 5: pulled apart between its second and third row of four it loses 5 of its 31 bonds."""
    made = Sheet(side=(4, 5), spacing=1.0).structure()
    after = made.points + np.where(made.points[:, :1] > 0, [[1.0, 0.0]], 0.0)
    found = Bonds().compute(structure(after, made.bonds, made.points)).quantities()
    assert found["bonds.retention"].value == pytest.approx(26 / 31)
    assert found["bonds.strain.largest"].value == pytest.approx(1.0)
    loose = Bonds(limit=2.5).compute(structure(after, made.bonds, made.points)).quantities()
    assert loose["bonds.retention"].value == 1.0


def test_bonds_without_a_length_are_left_out_and_said() -> None:
    x = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    result = Bonds().compute(structure(2 * x, np.array([[0, 1], [1, 2]]), x))
    assert result.strain.shape == (2, 1)
    assert any("1 of 2 bonds have no length" in note for note in result.notes)


@pytest.mark.parametrize("dimensions", [2, 5, 64])
def test_a_linear_flow_leaves_no_arrows(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    x, matrix = rng.normal(size=(300, dimensions)), rng.normal(size=(dimensions, dimensions))
    result = Flow().compute(Group("cloud", np.arange(2), np.stack([x, x @ matrix + 3.0])))
    assert np.abs(result.remainder).max() < 1e-10
    assert np.abs(result.thermal).max() > 0.1
    assert result.quantities()["flow.plane_share"].value is None
    bent = Flow().compute(Group("cloud", np.arange(2), np.stack([x, x + 0.1 * x**2])))  # negative control
    assert np.abs(bent.remainder).max() > 0.05
    share = bent.quantities()["flow.plane_share"].value
    assert isinstance(share, float)
    assert share == pytest.approx(2 / dimensions, rel=0.5)


def test_few_rows_in_many_dimensions_have_a_flow_of_their_longest_axes() -> None:
    x = np.random.default_rng(1).normal(size=(40, 2560))
    result = Flow().compute(Group("cloud", np.arange(2), np.stack([x, 1.1 * x])))
    assert any("too few" in note for note in result.notes)
    assert result.places.shape == (40, 2)


@pytest.mark.parametrize("kind", ["bonds", "flow"])
def test_pictures_are_drawn_of_two_and_of_three_dimensions(kind: str, tmp_path: Path) -> None:
    for made in (Sheet(side=3, spacing=1.0).structure(), Cubic(side=3, spacing=1.0).structure()):
        group = structure(made.points + 0.1 * made.points**2, made.bonds, made.points)
        result = (Bonds() if kind == "bonds" else Flow()).compute(group)
        result.plot().figure.savefig(tmp_path / "a.png")
        if made.points.shape[1] == 2:
            assert result.plot(new_figure().add_subplot()).collections
