"""Differences of free energy by thermodynamic integration (Kirkwood 1935, Journal of Chemical Physics 3:300).

Along a path of potentials U_lambda at one temperature, dF/dlambda = <dU/dlambda>. Along temperature, the potential
kept, d(F/T)/dT = -<E>/T^2. Both are means that runs measure, with errors; the integrals are weighted sums of them, so
that their errors follow from the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import scipy

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.thermodynamics.thermodynamics import Thermodynamics
from gasfield.errors import InputError
from gasfield.statistics.estimate import stated
from gasfield.trajectory import Trajectory, open_trajectory

Run = Group | Trajectory | Path | str
Rule = Literal["gauss-legendre", "spline", "trapezoid"]


class Mean(NamedTuple):
    """A mean that was measured at one place of a path, with its standard error."""

    at: float
    value: float
    error: float


@dataclass(frozen=True)
class Quadrature:
    """An integral over [a, b] as a weighted sum of values at nodes.

    Attributes:
        rule: "gauss-legendre": exact for polynomials of degree 2 n - 1, the ends are no nodes; "spline": the cubic
            spline through n >= 4 nodes (not-a-knot), error h^4; "trapezoid": error h^2.
        nodes: (n,) ascending.
        ends: a and b.
    """

    rule: Rule
    nodes: Values
    ends: tuple[float, float]

    @classmethod
    def through(cls, nodes: Values, ends: tuple[float, float]) -> Quadrature:
        """The best rule for given nodes: Gauss-Legendre if these are its nodes between the ends, a spline or trapezoids
        if the first and the last node are the ends.

        Raises:
            InputError: if there are fewer than two nodes, two at one place, or neither rule fits.
        """
        a, b = ends
        if len(nodes) < 2 or np.any(np.diff(nodes) <= 0):
            raise InputError("an integral needs two different places of its path, at least.")
        if np.allclose(nodes, gauss_legendre(len(nodes), ends), rtol=0, atol=1e-6 * (b - a)):
            return cls("gauss-legendre", nodes, ends)
        if not np.allclose([nodes[0], nodes[-1]], ends, rtol=0, atol=1e-9 * (b - a)):
            raise InputError(
                f"the path goes from {a:g} to {b:g}, its means are known from {nodes[0]:g} to {nodes[-1]:g}: give "
                "means at both ends, or at the Gauss-Legendre nodes between them (`gauss_legendre`)."
            )
        return cls("spline" if len(nodes) >= 4 else "trapezoid", nodes, ends)

    def interpolant(self, values: Values) -> Callable[[Values], Values]:
        """The curve through values (n, ...) that the rule integrates."""
        if self.rule == "gauss-legendre":
            curve: Callable[[Values], Values] = scipy.interpolate.BarycentricInterpolator(self.nodes, values)
            return curve
        if self.rule == "spline":
            spline: Callable[[Values], Values] = scipy.interpolate.CubicSpline(self.nodes, values)
            return spline
        return lambda at: np.stack([np.interp(at, self.nodes, column) for column in values.T], axis=-1)

    @property
    def weights(self) -> Values:
        """(n,) such that the integral of values at the nodes is weights . values."""
        if self.rule == "gauss-legendre":
            half = 0.5 * (self.ends[1] - self.ends[0])
            return np.asarray(half * np.polynomial.legendre.leggauss(len(self.nodes))[1], np.float64)
        return np.asarray(self.weights_up_to[-1], np.float64)

    @property
    def weights_up_to(self) -> Values:
        """(n, n): row i are the weights of the integral from the first node to node i."""
        if self.rule == "trapezoid":
            steps = np.diff(self.nodes)
            rows = np.zeros((len(self.nodes), len(self.nodes)))
            for i, step in enumerate(steps):
                rows[i + 1 :, i : i + 2] += 0.5 * step
            return rows
        if self.rule == "spline":
            cardinal = scipy.interpolate.CubicSpline(self.nodes, np.eye(len(self.nodes))).antiderivative()
            sums: Values = cardinal(self.nodes) - cardinal(self.nodes[0])
            return sums
        raise ValueError("Gauss-Legendre nodes do not divide the path into parts")

    def discretisation(self, values: Values) -> float:
        """How far the integral may be off for want of nodes: its distance from that through every second node (and the
        last one). A cautious number: the rule itself is better than the coarser one, and noise of the values adds.
        NaN for fewer than four nodes."""
        if len(self.nodes) < 4:
            return np.nan
        kept = np.unique(np.append(np.arange(0, len(self.nodes), 2), len(self.nodes) - 1))
        nodes, a, b = self.nodes[kept], *self.ends
        if self.rule == "gauss-legendre":
            x, w = np.polynomial.legendre.leggauss(len(nodes))
            coarse = float(
                w @ scipy.interpolate.BarycentricInterpolator(nodes, values[kept])(0.5 * (a + b) + 0.5 * (b - a) * x)
            )
            coarse *= 0.5 * (b - a)
        else:
            coarse = float(
                Quadrature("spline" if len(nodes) >= 4 else "trapezoid", nodes, self.ends).weights @ values[kept]
            )
        return abs(float(self.weights @ values) - coarse)


def gauss_legendre(count: int, ends: tuple[float, float] = (0.0, 1.0)) -> Values:
    """The nodes (n,) at which to measure means for the best integral over a path from `ends`[0] to `ends`[1]."""
    nodes: Values = 0.5 * (ends[0] + ends[1]) + 0.5 * (ends[1] - ends[0]) * np.polynomial.legendre.leggauss(count)[0]
    return nodes


@dataclass(frozen=True, kw_only=True)
class PathResult(Result):
    """A difference of free energy along a path of potentials.

    Attributes:
        points: the means of dU/dlambda.
        quadrature: how they were integrated.

    Keys: `free_energy.difference`, with the statistical error that the weights make of those of the means, and
    `free_energy.discretisation`, how far it may be off for want of nodes.
    """

    points: tuple[Mean, ...]
    quadrature: Quadrature

    def draw(self, ax: Axes | None = None) -> Axes:
        """The means with their errors, the curve through them, and its area."""
        from gasfield.plots.thermal import integrand

        at, values, errors = (np.array(column) for column in zip(*self.points, strict=True))
        fine = np.linspace(*self.quadrature.ends, 200)
        curve = self.quadrature.interpolant(values[:, None])(fine)[:, 0]
        text = self.estimates["free_energy.difference"].quantity().text()
        labels = f"{self.group}: ΔF = {text}", "place λ on the path", "⟨∂U/∂λ⟩"
        return integrand(at, values, errors, (fine, curve), labels, ax)


def thermodynamic_integration(
    points: Sequence[Mean | tuple[float, float, float]], ends: tuple[float, float] = (0.0, 1.0)
) -> PathResult:
    """F at the end of a path of potentials minus F at its start, at one temperature.

    Args:
        points: (lambda, mean of dU/dlambda, its standard error), each from a run of its own.
        ends: lambda at the start and at the end.

    Raises:
        InputError: if the places neither reach both ends nor are Gauss-Legendre nodes between them.
    """
    means = tuple(sorted(Mean(*point) for point in points))
    at, values, errors = _columns(means)
    quadrature = Quadrature.through(at, ends)
    weights, off = quadrature.weights, quadrature.discretisation(values)
    notes = [f"integrated by the rule '{quadrature.rule}'"]
    if np.isnan(off):
        notes.append("fewer than four means: the error of discretisation is undefined")
    return PathResult(
        group="path",
        estimates={
            "free_energy.difference": stated(weights @ values, np.linalg.norm(weights * errors), "energy"),
            "free_energy.discretisation": stated(off, np.nan, "energy"),
        },
        notes=tuple(notes),
        points=means,
        quadrature=quadrature,
    )


@dataclass(frozen=True, kw_only=True)
class TemperatureResult(Result):
    """Free energy along temperature, the potential kept.

    Attributes:
        temperatures: (n,) ascending [energy].
        reduced: (n,) F(T)/T - F(T0)/T0, T0 the lowest; per particle if the energies are.
        errors: (n,) their standard errors.

    Keys: `free_energy.reduced_difference`, the last of `reduced`, and `free_energy.discretisation`, how far that may be
    off for want of temperatures.
    """

    temperatures: Values
    reduced: Values
    errors: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """F/T - F0/T0 over temperature, with three standard errors."""
        from gasfield.plots.thermal import curve_with_errors

        text = self.estimates["free_energy.reduced_difference"].quantity().text()
        title = f"{self.group}: F/T changes by {text}"
        labels = title, "temperature T [energy]", f"F(T)/T − F(T₀)/T₀,  T₀ = {self.temperatures[0]:.4g}"
        return curve_with_errors(self.temperatures, self.reduced, self.errors, labels, ax)

    def free_energies(self, at_lowest: float) -> Values:
        """F(T) (n,) from a known F at the lowest temperature [energy]."""
        return np.asarray(self.temperatures * (self.reduced + at_lowest / self.temperatures[0]), np.float64)


def free_energy_along_temperature(
    points: Sequence[Run | tuple[float, float, float]], *, group: str | None = None
) -> TemperatureResult:
    """F(T)/T - F(T0)/T0 = - int <E>/T^2 dT, as the integral of -<E>/T over log T, whose integrand is nearly flat.

    Args:
        points: runs at different temperatures (trajectories, paths of them, run directories, or groups), whose bath and
            mean energy are taken: the total energy where there are velocities, else the potential one, as
            `Thermodynamics` gives them. Or (T, <E>, its standard error) for each.
        group: the group of each run that is meant; may be left out where a run has one.

    Raises:
        InputError: if there are fewer than two temperatures, one is not positive, a run has several groups and none is
            named, or a run has no steady energy.
    """
    means = tuple(sorted(Mean(*point) if isinstance(point, tuple) else _energy_of(point, group) for point in points))
    temperatures, energies, errors = _columns(means)
    if np.any(temperatures <= 0):
        raise InputError("free energy along temperature needs temperatures above 0.")
    if len(means) < 2 or np.any(np.diff(temperatures) <= 0):
        raise InputError("free energy along temperature needs two different temperatures, at least.")
    place, integrand, noise = np.log(temperatures), -energies / temperatures, errors / temperatures
    quadrature = Quadrature("spline" if len(means) >= 4 else "trapezoid", place, (place[0], place[-1]))
    weights, off = quadrature.weights_up_to, quadrature.discretisation(integrand)
    reduced, reduced_errors = weights @ integrand, np.linalg.norm(weights * noise, axis=1)
    notes = [f"integrated by the rule '{quadrature.rule}' in log T"]
    if np.isnan(off):
        notes.append("fewer than four temperatures: the error of discretisation is undefined")
    return TemperatureResult(
        group="temperature",
        estimates={
            "free_energy.reduced_difference": stated(reduced[-1], reduced_errors[-1], "1"),
            "free_energy.discretisation": stated(off, np.nan, "1"),
        },
        notes=tuple(notes),
        temperatures=temperatures,
        reduced=reduced,
        errors=reduced_errors,
    )


def _energy_of(source: Run, name: str | None) -> Mean:
    """The temperature and the mean energy of a run."""
    if isinstance(source, Group):
        return _energy_of_group(source)
    with nullcontext(source) if isinstance(source, Trajectory) else open_trajectory(source) as trajectory:
        if name is None and len(trajectory.names) > 1:
            raise InputError(
                f"{trajectory.path}: has the groups {', '.join(trajectory.names)}; name one.", parameter="group"
            )
        return _energy_of_group(group_of(trajectory, name or trajectory.names[0]))


def _energy_of_group(group: Group) -> Mean:
    estimates = Thermodynamics().compute(group).estimates
    bath = estimates["temperature.bath"]
    energy = estimates["energy.total" if np.isfinite(estimates["energy.kinetic"].value) else "energy.potential"]
    if not np.isfinite(bath.value) or energy.error is None:
        raise InputError(f"group '{group.name}': no bath at one temperature, or too few energies there.")
    return Mean(float(bath.value), float(energy.value), float(energy.error))


def _columns(means: Sequence[Mean]) -> tuple[Values, Values, Values]:
    at, values, errors = np.array(means, np.float64).reshape(-1, 3).T
    return at, values, errors
