"""Scalars of specifications are of their type and nothing else, and what fits none of several forms is one sentence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces import AnyForce
from gasfield.schedules import AnySchedule
from gasfield.spec import Spec, parse


class Inner(Spec):
    kind: Literal["inner"] = "inner"
    value: float = 0.0


class Other(Spec):
    kind: Literal["other"] = "other"


class Outer(Spec):
    count: int = 0
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    number: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    flag: bool = False
    text: str = ""
    pairs: tuple[tuple[int, float], ...] = ()
    names: tuple[str, ...] | Literal["each"] | None = None
    values: dict[str, float] = Field(default_factory=dict)
    matrix: float | tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | tuple[tuple[float, ...], ...] = 0.0
    part: Annotated[Inner | Other, Field(discriminator="kind")] = Inner()
    schedule: AnySchedule | None = None


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("count", 3, 3), ("count", 1e4, 10_000), ("count", np.int32(3), 3), ("count", np.float64(3.0), 3),
        ("count", 2.0**53, 2**53), ("seed", 2**64 - 1, 2**64 - 1), ("number", 2, 2.0), ("number", np.float32(2), 2.0),
        ("number", np.int64(2), 2.0), ("flag", np.bool_(True), True), ("pairs", [[1, 2]], ((1, 2.0),)),
        ("matrix", np.eye(2), ((1.0, 0.0), (0.0, 1.0))), ("matrix", np.arange(2), (0.0, 1.0)), ("text", "é\n", "é\n"),
        ("names", ["a"], ("a",)),
    ],
)  # fmt: skip
def test_numbers_and_arrays_of_python_are_welcome(key: str, given: Any, kept: Any) -> None:
    found = getattr(Outer(**{key: given}), key)
    assert (type(found), found) == (type(kept), kept)


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("count", "010", "count: should be an integer, not '010': write 10, without leading zeros."),
        ("count", "100", "count: should be an integer, not '100': write it without quotes."),
        ("count", "1_000", "count: should be an integer, not '1_000': write 1000."),
        ("count", "1:40", "count: should be an integer, not '1:40'."),
        ("count", True, "count: should be an integer, not true."),
        ("count", "yes", "count: should be an integer, not 'yes': that is no number."),
        ("count", 1.5, "count: should be an integer, not 1.5."),
        ("count", 1e17, "count: should be an integer, not 1e+17."),
        ("count", float("nan"), "count: should be an integer, not nan."),
        ("count", 10**30, f"count: should be an integer of 64 bits, not {10**30}."),
        ("seed", 2**64, f"seed: should be an integer of 64 bits, not {2**64}."),
        ("seed", -1, "seed: should be greater than or equal to 0, not -1."),
        ("number", "no", "number: should be a number, not 'no': that is no number."),
        ("number", False, "number: should be a number, not false."),
        ("number", -1, "number: should be greater than 0, not -1."),
        ("number", float("inf"), "number: should be a finite number, not inf."),
        ("number", 10**400, "number: should be a number below 1.8e308, not 1"),
        ("number", None, "number: should be a number, not null."),
        ("flag", "yes", "flag: should be true or false, not 'yes': write true."),
        ("flag", 1, "flag: should be true or false, not 1."),
        ("text", 5, "text: should be text, not 5."),
        ("text", "\ud800", "text: the character U+D800 is not allowed in text."),
        ("text", "a\0", "text: the character U+0000 is not allowed in text."),
        ("values", {"\ud800": 1.0}, "the character U+D800 is not allowed in text."),
        ("values", [1], "values: should be a mapping, not a list."),
        ("pairs", [[1]], "pairs.0: item 1, counted from 0, is missing."),
        ("pairs", [[1, 2, 3]], "pairs.0: should have at most 2 items, not 3."),
        ("names", "every", "names: should be a list of texts or 'each', not 'every'."),
        ("names", ["a", 1], "names.1: should be text, not 1."),
        ("matrix", "x", "matrix: should be a number, a list of numbers or a list of lists of numbers, not 'x'."),
        ("matrix", [1, "x"], "matrix.1: should be a number, not 'x'."),
        ("matrix", [[1, 2], ["x"]], "matrix.1.0: should be a number, not 'x'."),
        ("matrix", [1, float("nan")], "matrix.1: should be a finite number, not nan."),
        ("part", {"value": 1}, "part: the key 'kind' is missing."),
        ("part", {"kind": "third"}, "part.kind: there is no kind 'third' here; there are 'inner', 'other'."),
        ("part", 5, "part: should be a mapping, not 5."),
        ("part", {"kind": "inner", "value": "x"}, "part.value: should be a number, not 'x'."),
        ("schedule", "x", "schedule: should be a number, or a schedule such as"),
        ("zz\ud800", 1, "unknown key 'zz\\ud800'"),
    ],
)
def test_what_is_something_else_is_refused_in_one_sentence(key: str, given: Any, message: str) -> None:
    with pytest.raises(InputError) as refused:
        Outer(**{key: given})
    text = str(refused.value)
    assert message in text
    assert len(refused.value.faults) == 1
    assert text.isprintable()
    assert len(text) < 300


def test_center_is_another_spelling_of_centre() -> None:
    given = parse(AnyForce, {"kind": "linear_flow", "center": [1.0, 2.0]})
    assert given == parse(AnyForce, {"kind": "linear_flow", "centre": [1.0, 2.0]})
    with pytest.raises(InputError, match="unknown key 'center'"):
        parse(AnyForce, {"kind": "linear_flow", "centre": [1.0, 2.0], "center": [1.0, 2.0]})
    with pytest.raises(InputError, match="unknown key 'center'"):
        parse(AnyForce, {"kind": "soft_repulsion", "strength": 1.0, "cutoff": 1.0, "center": [1.0, 2.0]})
