"""What the scenarios of heads and of a lattice in a sentence say, as told in their headers."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.diagnostics import diagnose
from gasfield.diagnostics.diagnosis import Diagnosis
from gasfield.runs.run import run as run_scenario


def told_by(name: str, diagnostics: list[str], tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    result = run_scenario(name, overrides=["diagnostics=[]"], output=tmp_path_factory.mktemp(name) / "out")
    return diagnose(result.directory, diagnostics)


def test_most_heads_of_the_small_model_are_none_of_the_three(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = told_by("heads-as-forces", ["heads"], tmp_path_factory).results["verse"]["heads"].quantities()
    shares = {name: told[f"heads.{name}"].value for name in ("well", "constraint", "electric_field", "hill", "none")}
    assert shares == {"well": 0.05, "constraint": 0.05, "electric_field": 0.05, "hill": 0.0, "none": 0.9}
    assert (told["heads.attracts"].value, told["heads.repels"].value) == (0.25, 0.5)
    assert (told["heads.attracts.control"].value, told["heads.repels.control"].value) == (0.05, 0.0)


def test_heads_of_the_small_model_are_one_group(tmp_path_factory: pytest.TempPathFactory) -> None:
    for results in told_by("kinds-of-heads", ["heads"], tmp_path_factory).results.values():
        told = results["heads"].quantities()
        assert told["heads.kinds"].value == told["heads.kinds.null"].value == 1


def test_mlps_stretch_the_lattice_and_heads_do_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    results = told_by("lattice-in-a-sentence", ["deformation"], tmp_path_factory).results
    stretches = {
        name: np.array(results[name]["deformation"].quantities()["stretch.principal"].value)
        for name in ("lattice", "lattice-heads", "lattice-mlps")
    }
    np.testing.assert_allclose(stretches["lattice"], [9.56, 8.69, 5.79], rtol=2e-3)
    np.testing.assert_allclose(stretches["lattice-mlps"], [10.8, 8.68, 7.27], rtol=5e-3)
    np.testing.assert_allclose(stretches["lattice-heads"], [1.08, 1.04, 1.00], atol=5e-3)
