"""Results as data frames and data sets: the numbers of the JSON, and curves whose ends are these numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield import extras
from gasfield.diagnostics import diagnose
from gasfield.errors import InputError
from gasfield.quantity import Quantity, nested_leaves, quantities_of
from gasfield.trajectory import Trajectory

pandas = pytest.importorskip("pandas", reason="needs the extra `gasfield[tables]`")
pytest.importorskip("xarray", reason="needs the extra `gasfield[tables]`")
CURVES: dict[str, dict[str, str | None]] = {
    "cloud": {"radius": "radius.end", "centroid_norm": "centroid.norm", "radius_error": None},
    "step_length": {"median": "step_length.end"},
    "distinct": {"distinct": "distinct.end"},
    "bonds": {"kept": "bonds.retention"},
    "freezing": {"frozen": None, "unmoved": None},
    "coherence": {"cosine": "coherence.end"},
    "motion": {"cumulated_rotation": "motion.rotation"},
    "deformation": {"d2min": None, "stretch_1": None},
    "cells": {"median_total": None, "unmoved": None},
    "lifecycle": {"early": None, "frozen": None},
    "pair_dispersion": {"square": None},
}
"""Diagnostic -> curve -> the number that is its last value."""


@pytest.fixture(scope="module")
def diagnosis():
    from paths import RECORDINGS

    with Trajectory(RECORDINGS / "kjv-bf16.h5") as trajectory:
        return diagnose(trajectory, list(CURVES), groups=["lattice", "dead"])


def test_all_numbers_are_in_the_table(diagnosis) -> None:
    table = diagnosis.to_dataframe()
    expected = [
        (group, label, name, quantity)
        for group, results in diagnosis.results.items()
        for label, result in results.items()
        for name, quantity in result.quantities().items()
    ]
    assert len(table) == sum(len(quantity.parts()) for *_, quantity in expected)
    for group, label, name, quantity in expected:
        lines = table[(table["group"] == group) & (table["diagnostic"] == label) & (table["name"] == name)]
        parts = [part.leaf() for part in quantity.parts()]
        for column in ("value", "error"):
            numbers = np.array([np.nan if part[column] is None else part[column] for part in parts], float)
            np.testing.assert_array_equal(lines[column], numbers)
        assert set(lines["unit"]) == {quantity.unit}
        assert lines["part"].tolist() == (list(range(1, len(parts) + 1)) if isinstance(quantity.value, list) else [0])


def test_numbers_over_groups(diagnosis) -> None:
    data = diagnosis.to_xarray()
    for group in ("lattice", "dead"):
        radius = diagnosis.results[group]["cloud"].quantities()["radius.end"]
        assert data["radius.end"].sel(group=group) == radius.value
        assert data["radius.end.error"].sel(group=group) == radius.error
    assert data["radius.end"].attrs == {"units": "length"}
    assert np.isnan(data["bonds.retention"].sel(group="dead"))  # it has no bonds


@pytest.mark.parametrize("label", CURVES)
def test_curves_end_where_the_numbers_are(diagnosis, label: str) -> None:
    result = diagnosis.results["lattice"][label]
    table, data = result.to_dataframe(), result.to_xarray()
    assert table.index.tolist() == result.steps.tolist()
    assert table.index.name == "step"
    assert set(table.attrs["units"]) == set(table.columns) == set(data.data_vars)
    assert CURVES[label].keys() <= set(table.columns)
    for curve, number in CURVES[label].items():
        np.testing.assert_array_equal(data[curve], table[curve])
        assert np.isfinite(table[curve]).sum() > len(table) // 2
        if number is not None:
            value = result.quantities()[number].value
            assert table[curve].iloc[-1] == pytest.approx(value, rel=1e-12), number
            assert data[curve].attrs["units"] == result.quantities()[number].unit


def test_a_curve_of_intervals_begins_at_their_ends(diagnosis) -> None:
    result = diagnosis.results["lattice"]["freezing"]
    unmoved = result.to_dataframe()["unmoved"]
    assert np.isnan(unmoved.iloc[0])
    np.testing.assert_array_equal(unmoved.iloc[1:], result.unmoved)


def test_leaves_are_read_back() -> None:
    numbers = {
        "a": Quantity(1.5, "length", 0.5),
        "a.null": Quantity(2.0, "length"),
        "b.c": Quantity([1.0, 2.0], "1", [0.1, None]),
        "b.undefined": Quantity(None, "1"),
    }
    assert dict(quantities_of(nested_leaves(numbers))) == numbers
    wrong = [
        {"value": "<b>", "unit": "1", "error": None},
        {"value": True, "unit": "1", "error": None},
        {"value": [1.0, 2.0], "unit": "1", "error": [1.0]},
        {"value": 1.0, "unit": 1, "error": None},
        {"value": 1.0, "unit": "1"},
        [1.0],
    ]
    assert not dict(quantities_of({str(number): leaf for number, leaf in enumerate(wrong)}))


def test_a_missing_package_is_named(diagnosis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    result = diagnosis.results["lattice"]["cloud"]
    for call in (diagnosis.to_dataframe, diagnosis.to_xarray, result.to_dataframe, result.to_xarray):
        with pytest.raises(InputError, match=r"pip install 'gasfield\[tables\]'"):
            call()
