"""Emissions and receptivities learned from forces and from motion; the check is on the forces."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError
from gasfield.forces.attention.emission_receptivity import table
from gasfield.learning.designs.poles import pair_forces
from gasfield.learning.fit import fit_document
from gasfield.operations import TrajectoryRecorder
from gasfield.simulation import Simulation

Array = NDArray[np.float64]
SPECIFICATION = Path(__file__).parents[2] / "scenarios" / "fits" / "force-table.yaml"
SECOND = np.array(
    [
        [(-0.6392, -0.7031), (0, 0), (-0.0067, -0.0197)],
        [(-0.6392, -0.7031), (0, 0), (-0.0067, -0.0197)],
        [(0.0305, 0.1363), (0, 0), (-0.4995, -1.2486)],
    ]
)


def test_the_second_published_table_is_learned_to_its_printed_digits(tmp_path: Path) -> None:
    """From ten lines of YAML; the force of the field file, summed over tokens, is that of the table's columns."""
    text = SPECIFICATION.read_text()
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 10
    assert yaml.safe_load(text)["model"]["forces"] == SECOND.tolist()
    fit = fit_document(SPECIFICATION, tmp_path / "poles.h5")
    arrays = fit.field.terms["poles"].arrays
    again = table(arrays["emission"], arrays["receptivity"])
    np.testing.assert_allclose(again, SECOND, atol=5e-5)
    assert any("the scale of all poles is free" in note for note in fit.notes)
    assert any("directions of the poles are hardly determined" in note for note in fit.notes)
    assert np.linalg.norm(arrays["emission_error"][0]) > 0.03 * np.linalg.norm(arrays["emission"][0])
    np.testing.assert_allclose(table(3.0 * arrays["emission"], 3.0 * arrays["receptivity"]), SECOND, atol=6e-5)

    sim = Simulation(
        np.zeros((3, 2)), forces=[{"kind": "learned", "file": str(tmp_path / "poles.h5")}],
        dynamics={"kind": "advection", "time_step": 1.0, "scheme": "euler"},
    )  # fmt: skip
    np.testing.assert_allclose(sim.step(1).gas.positions, SECOND.sum(axis=0), atol=1.6e-4)


def test_the_first_published_table_follows_from_its_poles() -> None:
    """e and r are published, and so are the forces, the derivatives' function gives them too. (As an inverse problem it
    is singular: e_3 = r_3 lies where the direction of the force is undefined.)"""
    emissions, receptivities = [(2, 0), (0, 1), (0.5, 0.5)], [(0, 1), (1, 0), (0.5, 0.5)]
    first = np.array(
        [
            [(0, 0), (2, 0), (0.3795, -0.1265)],
            [(0, 0), (0, 0), (-0.7071, 0.7071)],
            [(0.7071, -0.7071), (-0.7071, 0.7071), (0, 0)],
        ]
    )
    np.testing.assert_allclose(table(emissions, receptivities), first, atol=5e-5)
    e, r = np.array(emissions, np.float64)[:, None], np.array(receptivities, np.float64)[None]
    np.testing.assert_allclose(pair_forces(e, r, 2.0, 1e-8, 0.0).force, first, atol=5e-5)


def test_derivatives_are_those_of_the_force() -> None:
    """Analytic derivatives against central differences, to 1e-7; the force against the engine's own."""
    chance, h = np.random.default_rng(1), 1e-6
    e, r = chance.normal(size=(2, 6, 3))
    for decay, softening in ((2.0, 0.0), (1.3, 0.4)):
        found = pair_forces(e, r, decay, 1e-8, softening)
        own = table(e, r, decay, 1e-8, softening)[np.arange(6), np.arange(6)]
        np.testing.assert_allclose(found.force, own, rtol=1e-12)
        for k, step in enumerate(h * np.eye(3)):
            by_e = pair_forces(e + step, r, decay, 1e-8, softening).force
            by_e -= pair_forces(e - step, r, decay, 1e-8, softening).force
            np.testing.assert_allclose(found.by_emission[..., k], by_e / (2 * h), rtol=1e-6, atol=1e-7)
            by_r = pair_forces(e, r + step, decay, 1e-8, softening).force
            by_r -= pair_forces(e, r - step, decay, 1e-8, softening).force
            np.testing.assert_allclose(found.by_receptivity[..., k], by_r / (2 * h), rtol=1e-6, atol=1e-7)


def test_poles_are_learned_from_motion(tmp_path: Path) -> None:
    """Four rigid tokens with two poles each: held-out velocities to 1e-9 of their square, and the planted offsets."""
    chance = np.random.default_rng(3)
    start = 2.0 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]) + 0.2 * chance.normal(size=(4, 2))
    a, b = 0.4 * chance.normal(size=(2, 4, 2))
    law: dict[str, Any] = {
        "kind": "emission_receptivity", "softening": 0.7, "emission": {"offsets": a.tolist()},
        "receptivity": {"offsets": b.tolist()},
    }  # fmt: skip
    sim = Simulation(start, forces=[law], dynamics={"kind": "advection", "time_step": 0.01})
    sim.add_operation(TrajectoryRecorder(tmp_path / "t.h5", 1))
    sim.step(60)
    sim.close()
    fit = gasfield.fit(tmp_path / "t.h5", {"kind": "emission_receptivity", "softening": 0.7, "starts": 10})
    assert float(fit.quantities["held_out"].value) < 1e-9  # type: ignore[arg-type]
    np.testing.assert_allclose(fit.field.terms["poles"].arrays["emission"], a, atol=0.002)
    np.testing.assert_allclose(fit.field.terms["poles"].arrays["receptivity"], b, atol=0.002)


@pytest.mark.parametrize(
    "forces", [[], [[[1.0, 0.0]], [[0.0, 1.0]]], [[[1.0], [0.0]], [[1.0], [0.0, 1.0]]]], ids=["empty", "row", "ragged"]
)
def test_a_table_of_another_shape_is_refused(forces: list[Any]) -> None:
    with pytest.raises(InputError, match=re.escape("the table needs N rows of N forces")):
        gasfield.fit([], {"kind": "emission_receptivity", "forces": forces})


def test_a_table_that_no_poles_make_is_said_to_be_missed() -> None:
    """Forces of random directions are no table of emissions and receptivities."""
    forces = np.random.default_rng(0).normal(size=(4, 4, 2)).round(3)
    fit = gasfield.fit([], {"kind": "emission_receptivity", "forces": forces.tolist(), "starts": 3})
    assert float(fit.quantities["largest_error"].value) > 0.01  # type: ignore[arg-type]
    assert any("more than its digits" in note for note in fit.notes)
