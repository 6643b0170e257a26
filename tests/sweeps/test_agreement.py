"""Do the seeds of a point agree? In a double well whose barrier nobody crosses they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.scenario import Scenario
from gasfield.statistics.between_runs import scatter, scatter_ratio
from gasfield.sweeps.table import RATIO

pytest.importorskip("pandas")


def test_scatter_of_runs_that_agree_has_the_chi_squared_distribution() -> None:
    """6 runs of known error: the p-value is uniform (Kolmogorov: 1.95/sqrt(n) is exceeded with a probability of 1e-3),
    and the mean of F is 1 (its variance is 2/5 over n ensembles). Errors that are too small by 1.3 fail both."""
    ensembles, runs = 4000, 6
    random = np.random.default_rng(3)
    value = (7.0 + 0.2 * random.standard_normal((ensembles, runs))).ravel()
    number = np.repeat(np.arange(ensembles), runs)
    for error, agrees in ((0.2, True), (0.2 / 1.3, False)):
        ratio, p = scatter_ratio(value, np.full(value.shape, error), number)
        off = np.abs(np.sort(p) - (np.arange(ensembles) + 0.5) / ensembles).max()
        assert (off < 1.95 / np.sqrt(ensembles)) == agrees
        assert (abs(np.mean(ratio**2) - 1.0) < 4.0 * np.sqrt(0.4 / ensembles)) == agrees


def test_runs_without_a_value_or_an_error_are_left_out() -> None:
    value, error = np.array([1.0, 3.0, np.nan, 2.0, 5.0]), np.array([1.0, 1.0, 1.0, np.nan, 1.0])
    number = np.array([0, 0, 0, 1, 1])
    np.testing.assert_allclose(scatter(value, number), [np.sqrt(2)] * 3 + [np.sqrt(4.5)] * 2)
    ratio, p = scatter_ratio(value, error, number)
    np.testing.assert_allclose(ratio, [np.sqrt(2), np.nan])
    np.testing.assert_allclose(p, [0.15729920705, np.nan])  # erfc(1), one degree of freedom


def test_seeds_in_a_double_well_agree_only_above_its_barrier(tmp_path: Path) -> None:
    """One particle in a tilted double well: at T = barrier/20 it stays in the well in which it starts (Kramers' time
    is 1e9 times the run), so seeds have two energies; at T = 2 barriers it crosses every few relaxation times."""
    data = {
        "title": "Two wells", "question": "Do seeds agree?", "seed": 1, "space": {"kind": "free", "dimensions": 1},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 1, "spread": 1.0}}],
        "forces": [{"kind": "double_well", "barrier": 1.0, "width": 1.0, "tilt": -0.3}],
        "dynamics": {"kind": "brownian", "time_step": 0.01}, "temperature": 2.0,
        "run": {"steps": 3000, "record_every": 15, "observe_every": 15}, "diagnostics": ["thermodynamics"],
    }  # fmt: skip
    made = gasfield.sweep(
        Scenario.model_validate(data), {"temperature": [0.05, 2.0], "seeds": 4}, output=tmp_path / "s"
    )
    agreement = made.agreement()
    assert agreement.tests >= 10
    found = {(each.result, each.values["temperature"]) for each in agreement.disagreements}
    assert ("groups.gas.energy.potential", 0.05) in found
    assert {temperature for _, temperature in found} == {0.05}
    ratio = made.to_dataframe()["groups.gas.energy.potential" + RATIO]
    assert ratio[:4].min() == ratio[0] > 10.0
    assert ratio[4:].max() < 3.0
    (cold, low), (hot, high) = made.r_hat("gas/potential_energy", skip=0.1)
    assert (cold.values["temperature"], hot.values["temperature"]) == (0.05, 2.0)
    assert low.bulk > 1.5
    assert high.bulk < 1.05
    with pytest.raises(InputError, match="between 0 and 1"):
        made.r_hat("gas/potential_energy", skip=1.0)


def test_seeds_alone_are_one_point(tmp_path: Path) -> None:
    """A scan without keys: the scatter is over all rows."""
    data = {
        "title": "A well", "question": "?", "seed": 1, "space": {"kind": "free", "dimensions": 1},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4, "spread": 1.0}}],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}], "dynamics": {"kind": "brownian", "time_step": 0.1},
        "temperature": 1.0, "run": {"steps": 20, "record_every": 2}, "diagnostics": ["cloud"],
    }  # fmt: skip
    made = gasfield.sweep(Scenario.model_validate(data), {"seeds": 3}, output=tmp_path / "s")
    values = made.to_dataframe()["groups.gas.radius.end"]
    np.testing.assert_allclose(made.to_dataframe()["groups.gas.radius.end.scatter"], np.std(values, ddof=1))
