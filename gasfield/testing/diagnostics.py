"""The contract of a diagnostic, as a test: for those that ship with gasfield and for your own.

from gasfield.testing_diagnostics import check_diagnostic
check_diagnostic(Asphericity())
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.diagnostics.base import DIAGNOSTICS, Diagnostic, Result, Scope
from gasfield.diagnostics.context import WHOLE
from gasfield.diagnostics.group import Group
from gasfield.quantity import nested_leaves

Positions = NDArray[np.float32]


def poor_positions(dimensions: int) -> dict[str, Positions]:
    """Positions (T, N, D) in which much is undefined, by what is wrong with them; all are bfloat16."""
    chance = np.random.default_rng(6)
    cloud = chance.normal(size=(6, 8, dimensions))
    row = np.arange(8)[:, None]
    later = np.arange(6)[:, None, None] < 3
    cases = {
        "one frame": cloud[:1],
        "one row": cloud[:, :1],
        "two rows": cloud[:, :2],
        "no rows": cloud[:, :0],
        "all at one place": np.ones(cloud.shape),
        "nothing moves": np.broadcast_to(cloud[:1], cloud.shape),
        "collapse to a point": cloud * np.linspace(1.0, 0.0, 6)[:, None, None],
        "a row is never there": np.where(row == 2, np.nan, cloud),
        "nothing is ever there": np.full(cloud.shape, np.nan),
        "a row is infinite": np.where(row == 2, np.inf, cloud),
        "all begin later": np.where(later, np.nan, cloud),
        "half begin later": np.where(later & (row < 4), np.nan, cloud),
    }
    return {name: _rounded(x) for name, x in cases.items()}


def _rounded(x: NDArray[np.float64]) -> Positions:
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def poor_groups(like: Group | None) -> Iterator[tuple[str, Group]]:
    """Groups with `poor_positions`, by what is wrong with them: of the run that a group comes from, with its name and
    its numbers over time; of recordings in three dimensions and in one if there is none."""
    for dimensions in (like.dimensions,) if like else (3, 1):
        for case, x in poor_positions(dimensions).items():
            bonds = np.array([[0, 1]]) if x.shape[1] > 1 else np.empty((0, 2), np.int64)
            group = Group(case, np.arange(len(x)), x, "bfloat16", bonds)
            if like is not None:
                moving = None if like.velocities is None else x[:, ::-1].copy()
                group = replace(group, name=like.name, velocities=moving, series=like.series, origin=like.origin)
            yield case, group


def check_diagnostic(diagnostic: Diagnostic[Result], good: Group | None = None) -> None:
    """Checks what is asked of a diagnostic.

    * It is registered, and all of its parameters have defaults and descriptions.
    * Of a group to which it applies it gives the same numbers twice, leaves the group as it is, and draws a picture;
      its curves, if it has any, are as long as its steps.
    * Of groups in which much is undefined it says why it does not apply, or gives results under its usual keys, with a
      note wherever a value is undefined; so of rows of the run that the good group comes from, and of recordings.
    * Of recordings it says that it needs a run, if it does.

    Args:
        diagnostic: with any parameters.
        good: a group to which it applies; a whole gas for a diagnostic of the gas as a whole. No picture is looked at
            and poor groups are those of recordings only if left out.

    Raises:
        AssertionError: if it does not hold; the text says what.
    """
    spec, kind = type(diagnostic), diagnostic.kind_name
    assert DIAGNOSTICS[kind] is spec, f"{kind}: is not registered"
    for name, field in spec.model_fields.items():
        assert name == "kind" or not field.is_required(), f"{kind}: {name} has no default"
        assert name == "kind" or field.description, f"{kind}: {name} has no description"
    roots = set() if good is None else _roots(_check_good(diagnostic, good))
    for like in (None, good) if good is not None and good.origin.context is not None else (None,):
        for case, group in poor_groups(like):
            found = _check_poor(diagnostic, case, group)
            if found is not None and roots:
                assert _roots(found) <= roots, f"{kind}, {case}: has other keys"


def _roots(result: Result) -> set[str]:
    """The first words of its keys: how many there are may depend on how many rows."""
    return {key.split(".")[0] for key in result.estimates}


def _check_good(diagnostic: Diagnostic[Result], group: Group) -> Result:
    """A group to which it applies has results, twice the same, and a picture with content."""
    kind = diagnostic.kind_name
    before = group.places()
    reason = diagnostic.why_not(group)
    assert reason is None, f"{kind}: does not apply to the good group: {reason}"
    result, again = diagnostic.compute(group), diagnostic.compute(replace(group))
    np.testing.assert_array_equal(group.places(), before, f"{kind}: changes the group")
    for key, estimate in result.estimates.items():
        np.testing.assert_array_equal(estimate.value, again.estimates[key].value, f"{kind}: {key} is not reproducible")
    assert any(np.isfinite(estimate.value).any() for estimate in result.estimates.values()), f"{kind}: nothing is known"
    nested_leaves(result.quantities())  # no key stands in the place of another one
    _check_series(result, kind)
    axes = result.plot()
    axes.figure.canvas.draw()
    assert any(has_content(panel) for panel in axes.figure.axes), f"{kind}: the picture is empty"
    return result


def _check_series(result: Result, where: str) -> None:
    """Its curves have a value for each of its steps, or for each interval between them, and a unit."""
    for name, (values, unit) in result.series().items():
        steps = len(result.steps)  # type: ignore[attr-defined]
        assert np.shape(values) in ((steps,), (max(steps - 1, 0),)), (
            f"{where}: {name} has another length than its steps"
        )
        assert unit, f"{where}: {name} has no unit"


def has_content(axes: Axes) -> bool:
    """Whether lines, marks, areas, images or arrows are drawn in axes, and more than one number tells where."""
    drawn = [*axes.lines, *axes.collections, *axes.images, *axes.patches]
    box = getattr(axes, "xy_dataLim", axes.dataLim)  # panels of three dimensions have limits of their own
    return bool(drawn) and bool(np.isfinite(box.get_points()).all()) and (box.width > 0 or box.height > 0)


def _check_poor(diagnostic: Diagnostic[Result], case: str, group: Group) -> Result | None:
    """What is undefined is so with a reason; the results, if it applies."""
    if diagnostic.scope is Scope.WHOLE:
        group = replace(group, name=WHOLE, parts=(group,))
    where = f"{diagnostic.kind_name}, {case}"
    reason = diagnostic.why_not(group)
    if diagnostic.needs_run and group.origin.context is None:
        assert reason == group.origin.reason, f"{where}: does not say that it needs a run: {reason}"
    if reason is not None:
        assert len(reason) > 5, f"{where}: no reason"
        return None
    result = diagnostic.compute(group)
    for key, quantity in result.quantities().items():
        assert quantity.leaf()["value"] is not None or result.notes, f"{where}: {key} is undefined without a note"
    _check_series(result, where)
    if diagnostic.throughout and case in ("a row is never there", "a row is infinite"):
        assert any("left out" in note for note in result.notes), f"{where}: does not say that rows are left out"
    return result
