"""Clusters, order, breathing, orbits, memory, tables and maps: known answers, and figures of several groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gasfield.diagnostics import diagnose
from gasfield.diagnostics.fields.retrieval import pitchfork
from gasfield.diagnostics.kinematics.breathing import maxima
from gasfield.diagnostics.kinematics.orbit import fit_orbit
from gasfield.diagnostics.structure.clusters import cluster_sizes, plateau
from gasfield.runs import RunResult, run
from gasfield.scenario import Scenario

GAS = {"kind": "gaussian", "count": 30, "spread": 1.0}


def result_of(folder: Path, **keys: Any) -> RunResult:
    """A short run of a scenario with these parts."""
    whole = {
        "title": "a test", "question": "Is it known?", "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "a", "from": GAS}, {"name": "b", "from": GAS}], "run": {"steps": 50}, **keys,
    }  # fmt: skip
    return run(Scenario.model_validate(whole), output=folder / "out")


# Clusters.


def test_planted_clusters_are_found() -> None:
    """Three clouds of 5, 9 and 20, each within .1, a distance of 3 apart; a chain holds together by single linkage."""
    chance = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]], [5, 9, 20], axis=0)
    places = centres + chance.uniform(-0.05, 0.05, centres.shape)
    assert cluster_sizes(places, 0.2).tolist() == [20, 9, 5]
    assert cluster_sizes(places, 4.0).tolist() == [34]
    assert len(cluster_sizes(places, 1e-6)) == 34
    chain = np.stack([np.arange(10.0), np.zeros(10)], axis=1)
    assert cluster_sizes(chain, 1.0).tolist() == [10]
    assert len(cluster_sizes(chain, 0.99)) == 10


def test_the_longest_plateau_is_found() -> None:
    times = np.arange(8.0)
    assert plateau(times, np.array([9, 4, 4, 3, 3, 3, 1, 1]), most=5) == (3, 2.0)
    assert plateau(times, np.array([9, 4, 4, 3, 3, 3, 1, 1]), most=2) == (0, 0.0)
    assert plateau(times, np.array([1] * 8), most=5) == (0, 0.0)  # one cluster is the end, not a plateau


# Breathing and orbits.


def test_maxima_of_a_cosine() -> None:
    """Tops at whole periods: of parabolas through points a twentieth of a period apart, to 1e-3."""
    times = np.linspace(0.0, 10.0, 201)
    at, heights = maxima(times, np.cos(2 * np.pi * (times - 0.013)))
    np.testing.assert_allclose(at, 0.013 + np.arange(1, 10), atol=1e-3)
    np.testing.assert_allclose(heights, 1.0, atol=1e-3)
    assert len(maxima(times, times)[0]) == 0


def test_a_circle_about_a_drift_is_found() -> None:
    times = np.linspace(0.0, 30.0, 200)
    drift, rate, radius = np.array([0.3, -0.1, 0.05]), 1.7, 0.4
    circle = radius * np.stack([np.cos(rate * times), np.sin(rate * times), 0 * times], axis=1)
    fit = fit_orbit(times, 2.0 + times[:, None] * drift + circle)
    np.testing.assert_allclose(fit.drift, drift, atol=1e-8)
    assert fit.rate == pytest.approx(rate, abs=1e-8)
    assert fit.radius == pytest.approx(radius, abs=1e-8)
    assert fit.left < 1e-8
    walk = np.cumsum(np.random.default_rng(0).standard_normal((200, 3)), axis=0)
    assert fit_orbit(times, walk).left > 0.05  # negative control: no orbit


# Basins.


def test_basins_of_a_double_well(tmp_path: Path) -> None:
    """Minima at (-1, 0) and (1, 0) with the energy 0; a is planted in the left one, b in both by halves."""
    gas = [{"name": "a", "from": {"kind": "point", "count": 20, "at": [-0.8, 0.3]}},
           {"name": "b", "from": {"kind": "places", "at": [[0.7, 0.1], [-1.2, 0.5]] * 10}}]  # fmt: skip
    keys = RUNS["basins"] | {"gas": gas, "temperature": 1e-4, "run": {"steps": 5}}
    result = result_of(tmp_path, **keys, diagnostics=["basins"])
    both: dict[str, Any] = {name: result.diagnosis.results[name]["basins"] for name in "ab"}
    a, b = both.values()
    np.testing.assert_allclose(a.minima, [[-1.0, 0.0]], atol=1e-6)
    assert sorted(np.round(b.minima[:, 0], 6)) == [-1.0, 1.0]
    np.testing.assert_allclose(b.energies, 0.0, atol=1e-9)
    np.testing.assert_allclose(b.shares, 0.5)
    assert result.summary["groups"]["b"]["basins"]["count"]["value"] == 2
    tilted = result_of(
        tmp_path / "tilted", **keys | {"forces": [{"kind": "double_well", "tilt": 9.0}]}, diagnostics=["basins"]
    )
    assert tilted.summary["groups"]["b"]["basins"]["count"]["value"] == 1  # negative control: one well is left


# Maps.


def test_the_map_is_the_energy_of_the_field(tmp_path: Path) -> None:
    """At every point of the grid k/2 |x|^2, and its slope; no map of an optimiser's run."""
    result = result_of(tmp_path, **RUNS["field_map"], diagnostics=["field_map"])
    field_map: Any = result.diagnosis.whole["field_map"]
    panel = field_map.panels[0]
    x, y = np.meshgrid(panel.x, panel.y)
    np.testing.assert_allclose(panel.energy, 0.5 * (x**2 + y**2), atol=1e-12)
    np.testing.assert_allclose(panel.force, np.stack([-x, -y], axis=2), atol=1e-12)
    assert np.abs(panel.energy - 0.505 * (x**2 + y**2)).max() > 1e-2  # negative control
    law = {"kind": "sgd", "learning_rate": 0.01}
    trained = result_of(tmp_path / "sgd", **RUNS["field_map"] | {"dynamics": law}, diagnostics=["field_map"])
    assert "optimiser" in trained.diagnosis.left_out[0].reason


# Memory.


@pytest.mark.parametrize("sharpness", [0.0, 0.5, 1.0, 1.0 + 1e-6, 1.5, 20.0])
def test_pitchfork(sharpness: float) -> None:
    m = pitchfork(sharpness)
    assert m == pytest.approx(np.tanh(sharpness * m), abs=1e-13)
    assert (m > 0) == (sharpness > 1)


# Whole runs.

NEWTON = {"kind": "newton", "time_step": 0.01}
SPHERE = {"kind": "sphere", "dimensions": 3}
CHARGED = [{"name": name, "from": {"kind": "point", "at": [0, 0]}, "charge": 1.0,
            "velocities": {"kind": "given", "velocity": [1, 0]}} for name in "ab"]  # fmt: skip
RUNS: dict[str, dict[str, Any]] = {
    "clusters": {"forces": [{"kind": "gravity", "softening": 0.1, "groups": "each"}], "dynamics": NEWTON},
    "breathing": {"forces": [{"kind": "gravity", "softening": 0.1, "groups": "each"}], "dynamics": NEWTON},
    "orbit": {"gas": CHARGED, "forces": [{"kind": "lorentz", "field": 9.0}], "dynamics": NEWTON},
    "order": {"space": SPHERE, "forces": [{"kind": "attention", "groups": "each"}],
              "dynamics": {"kind": "advection", "time_step": 0.1}},
    "retrieval": {"forces": [{"kind": "hopfield", "patterns": [[2, 0], [-2, 0]]}],
                  "dynamics": {"kind": "advection", "scheme": "euler", "time_step": 1.0}},
    "force_table": {"forces": [{"kind": "emission_receptivity"}], "dynamics": {"kind": "advection", "time_step": 1e-6}},
    "basins": {"forces": [{"kind": "double_well"}], "dynamics": {"kind": "brownian", "time_step": 0.01},
               "temperature": 0.1},
    "field_map": {"forces": [{"kind": "harmonic", "stiffness": 1.0}], "dynamics": NEWTON},
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_its_numbers_and_its_picture(tmp_path: Path, name: str) -> None:
    result = result_of(tmp_path, **RUNS[name], diagnostics=[name])
    assert not result.diagnosis.left_out
    assert result.plots
    for plot in result.plots:
        assert plot.stat().st_size > 5_000


@pytest.mark.parametrize("name", RUNS)
def test_it_is_left_out_of_other_runs_with_a_reason(tmp_path: Path, name: str) -> None:
    """An ideal gas in a bath has no clusters, no breathing, no order, no memory, no table and no field."""
    law = {"kind": "brownian", "time_step": 0.01}
    result = result_of(tmp_path, dynamics=law, temperature=1.0, diagnostics=[name])
    assert result.diagnosis.left_out
    assert all(len(entry.reason) > 10 for entry in result.diagnosis.left_out)
    with result.open() as trajectory:
        assert diagnose(trajectory, [name]).left_out == result.diagnosis.left_out


def test_groups_share_a_picture_and_keep_their_numbers(tmp_path: Path) -> None:
    result = result_of(tmp_path, **RUNS["order"], diagnostics=["order"])
    assert [plot.name for plot in result.plots] == ["gas-snapshots.png", "groups-order.png"]
    assert {"a", "b"} == set(result.summary["groups"])
    ends = [result.summary["groups"][name]["order"]["end"]["value"] for name in "ab"]
    assert all(0.9 < end <= 1.0 for end in ends)  # attention at beta = 1 brings all to one place


def test_clusters_of_a_collapse_become_one(tmp_path: Path) -> None:
    keys = RUNS["order"] | {"run": {"steps": 200, "record_every": 5}}
    result = result_of(tmp_path, **keys, diagnostics=["clusters"])
    clusters = result.summary["groups"]["a"]["clusters"]
    assert clusters["start"]["value"] > 10
    assert clusters["end"]["value"] == 1
    assert clusters["largest"]["value"] == 1.0


def test_a_scenario_of_each_is_shipped() -> None:
    folder = Path(__file__).parents[2] / "scenarios"
    asked = [each for path in folder.glob("*.yaml") for each in yaml.safe_load(path.read_text()).get("diagnostics", [])]
    named = {each["kind"] if isinstance(each, dict) else each for each in asked}
    assert set(RUNS) <= named
