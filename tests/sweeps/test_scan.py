"""What a scan varies, and the points that it gives."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.scenario.document import read_value
from gasfield.scenario.scan import Scan
from gasfield.spec import parse
from gasfield.sweeps.points import Point, count_points, points_of
from gasfield.sweeps.refinement import Refiner, added_points
from gasfield.sweeps.sweeping import about_scan


def scan(**keys: Any) -> Scan:
    return parse(Scan, keys)  # type: ignore[no-any-return]


def values(made: Scan) -> list[dict[str, Any]]:
    return [dict(point.values) for point in points_of(made, 3)]


def test_lists_make_a_grid_whose_last_key_varies_fastest() -> None:
    made = scan(**{"temperature": [0.2, 0.4], "forces.0.beta": [1, 2, 3]})
    assert values(made) == [{"temperature": t, "forces.0.beta": b} for t in (0.2, 0.4) for b in (1, 2, 3)]
    assert count_points(made, 3) == 6


def test_seeds_count_from_that_of_the_scenario_or_are_given() -> None:
    assert [point.seed for point in points_of(scan(temperature=[1.0], seeds=3), 7)] == [7, 8, 9]
    assert [point.seed for point in points_of(scan(temperature=[1.0], seeds=[5, 1]), 7)] == [5, 1]
    assert [point.seed for point in points_of(scan(temperature=[1.0]), 7)] == [7]


def test_a_range_has_its_ends_exactly() -> None:
    linear = [each["t"] for each in values(scan(t={"from": 0.1, "to": 0.7, "count": 4}))]
    assert linear[0] == 0.1
    assert linear[-1] == 0.7
    np.testing.assert_allclose(linear, [0.1, 0.3, 0.5, 0.7])
    log = [each["t"] for each in values(scan(t={"from": 1e-3, "to": 1.0, "count": 4, "spacing": "log"}))]
    assert log[0] == 1e-3
    assert log[-1] == 1.0
    np.testing.assert_allclose(log, [1e-3, 1e-2, 1e-1, 1.0])


def test_each_part_of_each_range_of_a_latin_hypercube_holds_one_point() -> None:
    """McKay, Beckman and Conover. Of 50 independent points each part would hold one with a probability of 1e-21."""
    made = scan(
        a={"from": 0.0, "to": 1.0}, b={"from": 10.0, "to": 20.0}, kind=["x", "y"],
        sample={"kind": "latin_hypercube", "points": 50, "seed": 4},
    )  # fmt: skip
    found = values(made)
    assert len(found) == count_points(made, 0) == 100
    for kind in ("x", "y"):
        mine = [each for each in found if each["kind"] == kind]
        for path, first, last in (("a", 0.0, 1.0), ("b", 10.0, 20.0)):
            parts = [int((each[path] - first) / (last - first) * 50) for each in mine]
            assert sorted(parts) == list(range(50))
    assert values(made) == found
    random = np.random.default_rng(0).random(50)
    assert sorted((random * 50).astype(int)) != list(range(50))


def test_points_survive_as_text() -> None:
    point = Point({"b": [1, 2], "a": {"kind": "x"}}, 4)
    assert Point.of(point.text()) == point
    assert point.text() == Point({"a": {"kind": "x"}, "b": [1, 2]}, 4).text()
    assert json.loads(point.overrides[0].partition("=")[2]) == [1, 2]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"temperature": []}, "at least 1"),
        ({"temperature": 0.3}, r"a list of values or a range \{from: 0.2, to: 0.4, count: 5\}, not 0.3"),
        ({}, "varies nothing"),
        ({"temperature": {"from": 1, "to": 1, "count": 3}}, "two different ends"),
        ({"temperature": {"from": 1, "to": 2}}, "how many values"),
        ({"temperature": {"from": -1, "to": 2, "count": 3, "spacing": "log"}}, "above 0"),
        ({"temperature": {"from": 1, "to": 2, "count": 3}, "sample": {"points": 4}}, "leave it out"),
        ({"temperature": [1], "sample": {"points": 4}}, "there is none"),
        ({"seeds": 0}, "seeds"),
        ({"seed": [1, 2]}, "seeds are given as"),
        ({"a..b": [1]}, "no path"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        scan(**keys)


def test_too_many_points_and_repeated_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="at most 10,000,000"):
        count_points(scan(**{f"k{i}": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] for i in range(8)}), 0)
    with pytest.raises(InputError, match="given twice"):
        count_points(scan(temperature=[1.0], seeds=[2, 2]), 0)


def test_a_key_and_a_part_of_it_are_not_varied_together() -> None:
    """Which of two values is placed last would decide."""
    with pytest.raises(InputError, match=r"part of forces\.0"):
        scan(**{"forces.0": [{"kind": "harmonic"}], "forces.0.stiffness": [1.0, 2.0]})


def test_values_are_written_as_yaml_reads_them() -> None:
    text = "hi \U0001f600 \u00e9"
    assert read_value(Point({"a": text}, 1).overrides[0].partition("=")[2]) == text


REFINED: dict[str, Any] = {
    "x": {"from": 0.0, "to": 1.0, "count": 3, "refine": {"result": "step", "points": 6}}, "kind": ["a", "b"], "seeds": 2
}  # fmt: skip


def test_points_are_added_where_the_result_changes_most() -> None:
    """Of a step, every added point halves the interval that holds it; each point follows from those before it."""
    made = scan(**REFINED)
    steps = {"a": 0.3, "b": 0.8}

    def found(point: Point, result: str) -> float | None:
        assert result == "step"
        return float(point.values["x"] > steps[point.values["kind"]]) if run is None or point.text() in run else None

    run: set[str] | None = None
    whole = added_points(made, 0, found)
    assert len(whole) == 6 * 2 * 2
    assert {point.seed for point in whole} == {0, 1}
    for kind, step in steps.items():
        mine = [point.values["x"] for point in whole if point.values["kind"] == kind][::2]
        low, high = (0.0, 0.5) if step < 0.5 else (0.5, 1.0)
        for place in mine:
            assert place == 0.5 * (low + high)
            low, high = (place, high) if place <= step else (low, place)
        assert high - low == 0.5**7
    run = {point.text() for point in points_of(made, 0)}
    order: list[Point] = []
    while len(order) < len(whole):
        more = added_points(made, 0, found)
        assert more[: len(order)] == order
        assert more == whole[: len(more)]
        order = more
        run |= {point.text() for point in more[: len(run)]}  # some of them


def test_points_that_failed_are_passed_over() -> None:
    made = scan(x={"from": 1.0, "to": 16.0, "count": 5, "spacing": "log", "refine": {"result": "r", "points": 2}})
    values = {1.0: 0.0, 2.0: np.nan, 4.0: 0.5, 8.0: 1.5, 16.0: 1.5}  # 1 to 4 would be halved at 2
    added = added_points(made, 0, lambda point, _: values.get(round(point.values["x"], 9), 0.6))
    assert [point.values["x"] for point in added] == pytest.approx([2**2.5, 2**2.75])
    nothing = added_points(made, 0, lambda *_: np.nan)
    assert nothing == []


def test_no_result_is_asked_for_again_when_points_are_added() -> None:
    """Once while it is unknown and once when it is known, however many rounds follow."""
    made = scan(x={**REFINED["x"], "refine": {"result": "r", "points": 50}}, kind=["a", "b"], seeds=2)
    run, asked = {point.text() for point in points_of(made, 0)}, Counter[str]()

    def found(point: Point, _: str) -> float | None:
        asked[point.text()] += 1
        return math.tanh(20.0 * (point.values["x"] - 0.3)) if point.text() in run else None

    refiner = Refiner(made, 0)
    while more := refiner.advance(found):
        run |= {point.text() for point in more}
    assert refiner.added == added_points(made, 0, found)
    assert len(refiner.added) == 50 * 2 * 2
    assert max(asked.values()) <= 3  # that of `added_points` included


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ("forces.10.stiffness", "forces.10.stiffness"),
        ("forces.1.cutoff", "forces.1"),
        ("forces.1", "forces.1"),
        ("temperature.groups", "temperature"),
        ("temperature_of_none", "temperature_of_none"),
        ("forces", "forces.1"),
        ("dynamics", "dynamics.time_step"),
        ("space", "space"),
    ],
)
def test_a_fault_is_about_the_key_that_its_place_is_in(parameter: str, path: str) -> None:
    """By keys and not by characters: forces.10 is no part of forces.1."""
    made = scan(
        **{"forces.1": [{}], "forces.10.stiffness": [1.0], "temperature": [1.0], "dynamics.time_step": [0.1]}
    )  # fmt: skip
    assert about_scan(InputError("is wrong.", parameter=parameter), made).parameter == path


@pytest.mark.parametrize(
    ("keys", "place", "text"),
    [
        ({"a": REFINED["x"], "b": REFINED["x"]}, "b.refine", "refine one range"),
        (
            {"a": {**REFINED["x"], "count": None}, "sample": {"kind": "latin_hypercube", "points": 4}},
            "a.refine",
            "grid",
        ),
        ({"a": {**REFINED["x"], "refine": {"result": "r", "points": 0}}}, "a.refine.points", "greater than"),
        ({"a": {**REFINED["x"], "refine": {"points": 3}}}, "a.refine", "key .result. is missing"),
    ],
)
def test_what_cannot_be_refined_is_refused(keys: dict[str, Any], place: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as fault:
        scan(**keys)
    assert fault.value.parameter == place
