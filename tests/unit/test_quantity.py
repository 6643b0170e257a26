"""Leaves: plain numbers that JSON can hold, nested by dotted keys."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gasfield.quantity import Quantity, nested_leaves, quantities_of


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1.5, 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(2.0), 2.0),
        (np.array([1.0, np.nan]), [1.0, None]),
        ([np.float64(1.0), float("inf")], [1.0, None]),
        (float("nan"), None),
        (None, None),
    ],
)
def test_a_leaf_is_plain_json(value: Any, plain: Any) -> None:
    leaf = Quantity(value, "length", value).leaf()
    assert leaf == {"value": plain, "unit": "length", "error": plain}
    assert json.loads(json.dumps(leaf, allow_nan=False)) == leaf


def test_dotted_keys_become_branches() -> None:
    tree = nested_leaves({"radius.real": Quantity(1.0, "length"), "radius.simulated": Quantity(2.0, "length")})
    assert {side: leaf["value"] for side, leaf in tree["radius"].items()} == {"real": 1.0, "simulated": 2.0}


@pytest.mark.parametrize("order", [1, -1])
def test_what_belongs_to_a_number_stands_in_it(order: int) -> None:
    keys = {"share": 1.0, "share.permutation_null": 2.0, "a.b": 3.0}
    tree = nested_leaves({key: Quantity(keys[key], "1") for key in list(keys)[::order]})
    leaf = {"unit": "1", "error": None}
    assert tree == {
        "share": {"value": 1.0, **leaf, "permutation_null": {"value": 2.0, **leaf}},
        "a": {"b": {"value": 3.0, **leaf}},
    }


@pytest.mark.parametrize("keys", [("radius", "radius.value"), ("radius.unit", "radius"), ("a.b", "a.b.error.c")])
def test_a_key_takes_no_place_of_a_leaf(keys: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"leaf"):
        nested_leaves({key: Quantity(1.0, "1") for key in keys})


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.159376, 0.00142, "0.1594(14)"),
        (12345.678, 20.0, "12346(20)"),
        (1.234567e-6, 1.2e-9, "1.2346(12)e-06"),
        (0.0, 0.0077, "0 (< 0.0077)"),
        (1.0, 0.029, "1 (> 0.971)"),
        (0.0, 0.0, "0"),
        (1e-30, 2e-16, "0"),
        ([0.0, 1.0], [0.1, 0.1], "0.00(10), 1.00(10)"),
        (-7.5e-5, 6.1e-5, "-7.5(61)e-05"),
        (1e7, 2e9, "0.0(20)e+09"),
        (3.0, None, "3"),
        (None, None, "–"),
        ([1.0, 2.0], [0.1, 0.2], "1.00(10), 2.00(20)"),
    ],
)
def test_text_shows_the_digits_that_the_error_supports(value: Any, error: Any, text: str) -> None:
    assert Quantity(value, "1", error).text() == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-0.001, 0.004, "zero within error"),
        (-0.0079, 0.004, "zero within error"),
        (-0.0081, 0.004, "-0.0081(40) length^2/time"),
        (0.001, 0.004, "0.0010(40) length^2/time"),
        (-0.001, None, "-0.001 length^2/time"),
    ],
)
def test_no_negative_coefficient_where_it_is_zero_within_error(value: float, error: float | None, text: str) -> None:
    coefficient = Quantity(value, "length^2/time", error, positive=True)
    assert str(coefficient) == text
    assert coefficient.leaf() == {"value": value, "unit": "length^2/time", "error": error, "positive": True}
    (_, read), *_ = quantities_of({"diffusion": coefficient.leaf()})
    assert read == coefficient
    assert "zero" not in str(Quantity(value, "length^2/time", error))
