"""A picture never fails for its numbers: every panel is drawn from data that have no limits, no spread or no points."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasfield.diagnostics.kinematics.plane import principal_axes
from gasfield.plots import (
    arrows,
    distributions,
    flow,
    kinds,
    maps,
    matrix,
    memory,
    panels,
    rows,
    spreading,
    strain,
    thermal,
    time_series,
)
from gasfield.plots.panel import Panel
from gasfield.plots.style import Role, new_figure, save, save_all, set_limits
from gasfield.trajectory import Series, projection

Make = Callable[..., np.ndarray]


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


def _with_nan(*shape: int) -> np.ndarray:
    values = _random(*shape)
    values[..., -1:] = np.nan
    return values


def _one_huge(*shape: int) -> np.ndarray:
    values = _random(*shape)
    values.flat[:1] = 1e300
    return values


DATA: dict[str, tuple[Make, int]] = {
    "huge": (lambda *shape: 1e300 * _random(*shape), 5),
    "one huge": (_one_huge, 5),
    "infinite": (lambda *shape: np.full(shape, np.inf), 5),
    "nothing known": (lambda *shape: np.full(shape, np.nan), 5),
    "a column unknown": (_with_nan, 5),
    "constant": (lambda *shape: np.ones(shape), 5),
    "zero": (lambda *shape: np.zeros(shape), 5),
    "denormal": (lambda *shape: 5e-324 * np.ones(shape), 5),
    "tiny": (lambda *shape: 1e-300 * _random(*shape), 5),
    "far away": (lambda *shape: 1e99 + np.zeros(shape), 5),
    "hardly different": (lambda *shape: 1.0 + 1e-16 * _random(*shape), 5),
    "one": (_random, 1),
}


def _panel_of(f: Make, n: int) -> Panel:
    side = np.linspace(0.0, 1.0, 8) * float(np.nan_to_num(f(1)[0], nan=1.0, posinf=1.0))
    return Panel(("a",), side, side, f(8, 8), f(8, 8, 2), (f(n, 2, 2),), (f(n, 2),), (f(n, 2),), float(f(1)[0]))


def _flow_of(f: Make, n: int) -> Panel:
    side = np.linspace(0.0, 1.0, 8)
    return Panel(("a", "b"), side, side, None, f(8, 8, 2), (f(n, 2, 2),) * 2, (f(n, 2),) * 2, (f(n, 2),) * 2, np.nan)


def _beside(f: Make, n: int) -> Axes:
    value = float(f(1)[0])
    return thermal.temperatures_beside(new_figure().add_subplot(), {"kinetic": (value, abs(value))}, value)


def _paths(f: Make, n: int) -> list[panels.Paths]:
    return [panels.Paths(f(n, 3, 2), role, "a") for role in (Role.REAL, Role.SIMULATED)]


def _law(f: Make, n: int) -> Axes:
    sample = distributions.Histogram(np.arange(n + 1.0), f(n), np.abs(f(n)), "s")
    return distributions.against_law(sample, distributions.LawCurve(np.arange(9.0), f(9), f(n), "l"), "t", "x")


STEPS = np.arange(5)
PANELS: dict[str, Callable[[Make, int], Any]] = {
    "curves": lambda f, n: panels.curves(
        [panels.Curve(STEPS[:n], f(n), Role.REAL, "a", f(n), f(n))], "t", "y", limits=(0.0, float(f(1)[0]))
    ),
    "curves, logarithmic": lambda f, n: panels.curves(
        [panels.Curve(STEPS[:n], f(n), Role.REAL, "a", f(n), f(n))], "t", "y", log=True
    ),
    "stacked": lambda f, n: panels.stacked(STEPS[:n], np.abs(f(2, n)), ["a", "b"], "t", "y"),
    "plane": lambda f, n: panels.plane(_paths(f, n), "t"),
    "places": lambda f, n: panels.places(_paths(f, n), "t"),
    "structure": lambda f, n: panels.structure(
        f(n, 3), np.array([[0, n - 1]]), Role.REAL, "t", float(f(1)[0]), new_figure().add_subplot(projection="3d")
    ),
    "kinds": lambda f, n: kinds.kinds_over_time(STEPS[:n], f(7, n), f(6, n), list("abcdefg"), "t"),
    "over time": lambda f, n: time_series.over_time({"a": (f(n), f(n))}, "t", "y"),
    "over time, logarithmic": lambda f, n: time_series.over_time({"a": (f(n), f(n))}, "t", "y", log=True),
    "clusters": lambda f, n: time_series.cluster_counts({"a": (f(n), STEPS[:n] + 1)}, "t"),
    "order": lambda f, n: time_series.order_over_temperature([(float(f(1)[0]), 0.5, float(f(1)[0]))], 0.1, "t"),
    "tracks": lambda f, n: time_series.tracks({"a": (f(n, 2, 3), f(2, 3))}, "t"),
    "basins": lambda f, n: time_series.basin_shares({"a": (f(n), f(n, 2), f(2, 3), f(2))}, "t"),
    "many basins": lambda f, n: time_series.basin_shares({"a": (f(n), f(n, 8), f(8, 3), f(8))}, "t"),
    "map": lambda f, n: maps.field_panels([_panel_of(f, n)]),
    "flow map": lambda f, n: maps.field_panels([_flow_of(f, n)]),
    "against a law": _law,
    "accumulating": lambda f, n: distributions.accumulating({"a": (f(n), f(n), f(n))}, float(f(1)[0]), "r", "t", "y"),
    "density": lambda f, n: distributions.plane_density(
        np.arange(6.0), np.arange(6.0), f(6, 6), (np.arange(6.0), np.arange(6.0)), f(5, 5), "t"
    ),
    "radial": lambda f, n: distributions.radial(np.arange(n) + f(n), f(n), f(n), (float(f(1)[0]), 1.0), "t", None),
    "norms": lambda f, n: matrix.norms(np.abs(f(n)), "1", identical=f(n), given=f(n)),
    "dead rows": lambda f, n: matrix.dead_rows(f(n), STEPS[:n] > 2, label="d", threshold=float(f(1)[0])),
    "matrix plane": lambda f, n: matrix.plane(
        matrix.PrincipalPlane(f(2), {"a": f(n, 2)}, f(n, 2), n, f(2, 2), np.array([3, 2]))
    ),
    "bundle": lambda f, n: rows.bundle(STEPS[:n], f(n, 4), "t", "y"),
    "cells": lambda f, n: rows.cell_counts(STEPS[:n], np.abs(f(n, 4)), new_figure().add_subplot()),
    "freezing": lambda f, n: rows.freeze_counts(np.arange(n + 1.0), STEPS[:n], 1, 3, new_figure().add_subplot()),
    "directions": lambda f, n: rows.directions_map(f(n), f(n), STEPS[:n], "t"),
    "before and after": lambda f, n: rows.before_and_after(f(2, n, 2), ("x", "y"), "t"),
    "energies": lambda f, n: thermal.energies_over_time({"total": Series(STEPS[:n], f(n), f(n))}, 0.0, "t"),
    "temperatures": _beside,
    "heat": lambda f, n: thermal.heat_over_time(f(n), f(n), 0.0, (float(f(1)[0]), 1.0), "t", equilibrium=True),
    "integrand": lambda f, n: thermal.integrand(f(n), f(n), np.abs(f(n)), (f(9), f(9)), ("t", "x", "y")),
    "curve": lambda f, n: thermal.curve_with_errors(f(n), f(n), f(n), ("t", "x", "y")),
    "strain": lambda f, n: strain.strained(f(2, n, 2), np.array([[0, n - 1]]), f(2, 1), ["a", "b"], "t"),
    "strain in space": lambda f, n: strain.strained(f(2, n, 3), np.array([[0, n - 1]]), f(2, 1), ["a", "b"], "t"),
    "spreading": lambda f, n: spreading.square_displacements_over_lags(f(n), {"a": f(n)}, "t"),
    "bifurcation": lambda f, n: memory.bifurcation(f(2), [f(n), f(n)], (f(9), f(9)), "t"),
    "flows": lambda f, n: flow.two_flows(f(n, 2), f(n, 2), f(n, 2), f(n), "t"),
    "force arrows": lambda f, n: arrows.force_arrows(f(n, 3), f(n, 3), f(n, n, 3), "t"),
}


USUAL = ("one huge", "nothing known", "constant", "denormal")
"""What is tried in every run of the tests; the others with the validations."""


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_drawn_from_any_numbers(panel: str) -> None:
    faults = faults_of(panel, USUAL)
    assert not faults, f"{panel}: " + "; ".join(faults)


@pytest.mark.validate
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_drawn_from_all_numbers(panel: str) -> None:
    faults = faults_of(panel, tuple(DATA))
    assert not faults, f"{panel}: " + "; ".join(faults)


def faults_of(panel: str, names: tuple[str, ...]) -> list[str]:
    """What goes wrong, warnings included, when a panel is drawn from some of the data."""
    faults = []
    for name in names:
        make, count = DATA[name]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                drawn = PANELS[panel](make, count)
                figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
                figure.set_layout_engine("none")
                figure.draw_without_rendering()
        except Exception as fault:
            faults.append(f"{name}: {type(fault).__name__}: {fault}")
    return faults


def test_numbers_that_are_not_drawn_are_counted() -> None:
    figure = time_series.over_time({"a": (np.arange(4.0), np.array([1.0, 1e300, -np.inf, np.nan]))}, "t", "y").figure
    assert [text.get_text() for text in figure.texts] == ["2 numbers beyond 1e+100 are not drawn"]
    assert not time_series.over_time({"a": (np.arange(4.0), np.array([1.0, 1e99, 0.0, np.nan]))}, "t", "y").figure.texts


@pytest.mark.parametrize("ends", [(np.nan, 1.0), (0.0, np.inf), (1.0, 1.0), (1.0, 1.0 + 1e-16)])
def test_limits_without_an_extent_are_not_set(ends: tuple[float, float]) -> None:
    ax = new_figure().add_subplot()
    before = ax.get_xlim()
    set_limits(ax, x=ends)
    assert ax.get_xlim() == before
    set_limits(ax, x=(3.0, 2.0))
    assert ax.get_xlim() == (3.0, 2.0)


def test_a_picture_that_fails_is_named_and_the_others_are_drawn(tmp_path: Any) -> None:
    def fails() -> Figure:
        raise np.linalg.LinAlgError("no axes")

    said: list[str] = []
    drawn = save_all({"a": fails, "b": new_figure}, tmp_path, lambda name, fault: said.append(f"{name}: {fault}"))
    assert said == ["a: no axes"]
    assert [path.name for path in drawn] == ["b.png"]
    with pytest.raises(np.linalg.LinAlgError):
        save_all({"a": fails}, tmp_path)
    assert save(new_figure(), tmp_path / "c.png").is_file()


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_principal_axes_do_not_depend_on_the_unit(scale: float) -> None:
    """Squares of 1e300 are infinite, and eigenvalue solvers fail: axes are those of the rows in another unit."""
    rows_of = np.random.default_rng(4).normal(size=(3, 40, 5)) * [5.0, 3.0, 1.0, 1.0, 1.0]
    for axes_of in (panels.principal_plane, lambda x: principal_axes(x, 2)):
        np.testing.assert_allclose(axes_of(scale * rows_of)[1], axes_of(rows_of)[1], atol=1e-12)
    np.testing.assert_allclose(projection.principal_axes(scale * rows_of[0]), projection.principal_axes(rows_of[0]))


def test_axes_of_few_points_in_many_dimensions_are_those_of_all_moments() -> None:
    """The singular vectors of the points are the eigenvectors of their moments: the same plane, to rounding."""
    points = np.random.default_rng(0).standard_normal((9, 600)) * np.linspace(1.0, 5.0, 9)[:, None]
    axes, centred = projection.principal_axes(points), points - points.mean(axis=0)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    most = np.sort(np.linalg.eigvalsh(centred.T @ centred))[:-4:-1]
    np.testing.assert_allclose(np.sum((centred @ axes.T) ** 2, axis=0), most, rtol=1e-10)
