"""Schedules: a number for every step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gasfield.dynamics import Bath
from gasfield.errors import InputError
from gasfield.schedules import AnyTemperature, Constant

TEMPERATURE: TypeAdapter[Any] = TypeAdapter(AnyTemperature)


def values(spec: Any, steps: list[int]) -> list[float]:
    schedule = TEMPERATURE.validate_python(spec)
    return [schedule.at(step) for step in steps]


def test_a_number_is_constant() -> None:
    assert TEMPERATURE.validate_python(0.8) == Constant(value=0.8)
    assert values(2, [0, 10**9]) == [2.0, 2.0]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"kind": "ramp", "from": 1.0, "to": 0.0, "steps": 100, "start": 10}, [1, 1, 0.5, 0, 0]),
        ({"kind": "exponential", "from": 4.0, "to": 0.25, "steps": 100, "start": 10}, [4, 4, 1, 0.25, 0.25]),
        ({"kind": "cosine", "from": 1.0, "to": 3.0, "steps": 100, "start": 10}, [1, 1, 2, 3, 3]),
        ({"kind": "piecewise", "points": [[0, 5.0], [60, 7.0], [110, 9.0]]}, [5, 5, 7, 9, 9]),
        ({"kind": "warmup_cosine", "peak": 2.0, "warmup": 50, "steps": 100, "start": 10}, [0, 0, 2, 0, 0]),
        ({"kind": "warmup_linear", "peak": 2.0, "warmup": 25, "steps": 75, "start": 35, "floor": 1}, [0, 0, 2, 1, 1]),
        ({"kind": "table", "points": [[10, 1.0], [60, 2.0], [110, 0.0]]}, [1, 1, 2, 0, 0]),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_schedules_at_their_start_middle_and_end(spec: dict[str, Any], expected: list[float]) -> None:
    np.testing.assert_allclose(values(spec, [0, 10, 60, 110, 500]), expected, atol=1e-15)
    schedule = TEMPERATURE.validate_python(spec)
    assert schedule.settled == 110
    assert schedule.lowest == min(expected)


def test_warm_ups_have_the_bits_of_transformers() -> None:
    """The formulas of `get_cosine_schedule_with_warmup` and `get_linear_schedule_with_warmup`, times the rate."""
    rate, steps = 3e-4, range(7, 1000, 13)
    given = {"peak": rate, "warmup": 100, "steps": 1000}
    cosine = [rate * (0.5 * (1.0 + math.cos(math.pi * ((step - 100) / 900)))) for step in steps]
    linear = [rate * ((1000 - step) / 900) for step in steps]
    for kind, decay in (("warmup_cosine", cosine), ("warmup_linear", linear)):
        expected = [rate * (step / 100) if step < 100 else value for step, value in zip(steps, decay, strict=True)]
        assert values({"kind": kind, **given}, list(steps)) == expected


def test_exponential_changes_by_one_factor() -> None:
    found = np.array(values({"kind": "exponential", "from": 3.0, "to": 0.1, "steps": 50}, list(range(51))))
    np.testing.assert_allclose(found[1:] / found[:-1], (0.1 / 3.0) ** (1 / 50), rtol=1e-12)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (-0.1, "never below zero"),
        ({"kind": "ramp", "from": 1.0, "to": -1.0, "steps": 5}, "never below zero"),
        ({"kind": "by_group", "groups": {"a": 1.0, "b": -1.0}}, "never below zero"),
        ({"kind": "exponential", "from": 1.0, "to": 0.0, "steps": 5}, "above zero"),
        ({"kind": "table", "points": [[5, 1.0], [5, 2.0]]}, "ascend"),
        ({"kind": "ramp", "from": 1.0, "to": 2.0, "steps": 0}, "greater than or equal to 1"),
        ("hot", "a number, or a schedule"),
        (True, "a number, or a schedule"),
        (float("nan"), "finite"),
    ],
)
def test_bad_schedules_are_refused(spec: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TEMPERATURE.validate_python(spec)


def test_a_bath_gives_every_group_its_temperature() -> None:
    spec = {"kind": "by_group", "groups": {"hot": {"kind": "ramp", "from": 2.0, "to": 4.0, "steps": 10}, "cold": 0.5}}
    bath = Bath(TEMPERATURE.validate_python(spec), ["cold", "hot"])
    np.testing.assert_allclose(bath.at(5), [0.5, 3.0])
    assert not bath.uniform
    assert bath.lowest == 0.5
    assert Bath(TEMPERATURE.validate_python(1.0), ["a", "b"]).uniform


def test_a_bath_misses_no_group() -> None:
    spec = TEMPERATURE.validate_python({"kind": "by_group", "groups": {"hot": 1.0}})
    with pytest.raises(InputError, match="every group needs one: hot, cold"):
        Bath(spec, ["hot", "cold"])
