"""Interaction kernels found again from our own simulations, and how fast the error falls with the trajectories.

    python docs/studies/interaction_kernels.py      writes interaction-kernels.md and ../figures/interaction-kernels.png

Lennard-Jones spheres by Newton's law in free space; attention tokens on the sphere; and M independent noisy
trajectories of particles that attract and repel each other, for two numbers of particles and of dimensions. With linear
splines, which approximate a smooth kernel to second order (s = 2), on a number of intervals in proportion to
(M/log M)^(1/(2s+1)), the error is expected to fall as (M/log M)^(-s/(2s+1)), whatever N and D are (Lu, Zhong, Tang and
Maggioni, 2019, PNAS 116:14424). A minute or two.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.diagnostics.group import Group
from gasfield.learning.data import TrainingData
from gasfield.learning.model import Fitted
from gasfield.learning.models.kernel import KernelModel
from gasfield.operations import TrajectoryRecorder
from gasfield.plots.style import CONTEXT, INITIAL, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.simulation import Simulation

HERE = Path(__file__).parent
Array = NDArray[np.float64]

MORSE = {"kind": "pair_expression", "energy": "(1 - exp(1 - r**2))**2"}
"""Repulsion below r = 1 and attraction above it, smooth down to r = 0: Morse's potential in r^2."""
SIZES = ((5, 2), (8, 6))
"""Numbers of particles and dimensions."""
ALL, MOST, LEAST, STEPS, TIME_STEP, TEMPERATURE = 4096, 2048, 32, 10, 0.01, 0.2
SMOOTHNESS, INTERVALS = 2, 6.0
"""s of linear splines, and the number of intervals over (M/log M)^(1/(2s+1))."""
EXPECTED = -SMOOTHNESS / (2 * SMOOTHNESS + 1)
REPEATS = 8
"""Most independent sets of M trajectories."""


class Curve(NamedTuple):
    """Relative errors (k,) with their standard errors, for numbers of trajectories (k,)."""

    counts: Array
    errors: Array
    spreads: Array

    def slope(self, abscissa: Array) -> tuple[float, float]:
        """Of log error over the logarithm of an abscissa (k,), with its standard error."""
        x, y = np.log(abscissa), np.log(self.errors)
        weights = self.errors / np.maximum(self.spreads, 0.01 * self.errors)
        (slope, _), covariance = np.polyfit(x, y, 1, w=weights, cov="unscaled")
        return float(slope), float(np.sqrt(covariance[0, 0]))


def effective(counts: Array) -> Array:
    """M/log M."""
    return np.asarray(counts / np.log(counts))


def morse(r: Array) -> Array:
    """phi = U'/r."""
    grown = np.exp(1.0 - r**2)
    return np.asarray(4.0 * (1.0 - grown) * grown)


def noisy_trajectories(count: int, particles: int, dimensions: int) -> list[Array]:
    """(STEPS + 1, N, D) each: Brownian motion from independent random places."""
    paths = []
    for seed in range(count):
        start = np.random.default_rng(seed).normal(size=(particles, dimensions)) * 1.5 / np.sqrt(2 * dimensions)
        law = {"kind": "brownian", "scheme": "euler_maruyama", "time_step": TIME_STEP}
        sim = Simulation(start, forces=[MORSE], dynamics=law, temperature=TEMPERATURE, seed=seed)
        path = [sim.gas.positions.copy()]
        path += [sim.step(1).gas.positions.copy() for _ in range(STEPS)]
        paths.append(np.array(path))
    return paths


def miss(fitted: Fitted) -> float:
    """|(phi - true phi) r| over |true phi r| in the root mean square over sampled pairs."""
    arrays = fitted.terms["kernel"].arrays
    r, weights = arrays["argument"], arrays["samples"]
    wrong, known = (arrays["phi"] - morse(r)) * r, morse(r) * r
    return float(np.sqrt(np.sum(weights * wrong**2) / np.sum(weights * known**2)))


def fitted_to(paths: list[Array]) -> Fitted:
    """A kernel of linear splines, on the number of intervals for so many trajectories."""
    times = TIME_STEP * np.arange(STEPS + 1)
    groups = tuple(Group("gas", np.arange(STEPS + 1), path, times=times) for path in paths)
    count = round(INTERVALS * float(effective(np.array(len(paths)))) ** (1 / (2 * SMOOTHNESS + 1)))
    model = KernelModel(splines=count + 1, degree=1, scheme="forward", limits=(0.0, 3.0))
    return model.fit(TrainingData(groups, (), "free", blocks=1))


def curve_of(particles: int, dimensions: int) -> Curve:
    """Errors for M = LEAST ... MOST trajectories, each in several independent sets."""
    paths = noisy_trajectories(ALL, particles, dimensions)
    counts = [LEAST * 2**k for k in range(int(np.log2(MOST // LEAST)) + 1)]
    errors, spreads = [], []
    for count in counts:
        sets = min(REPEATS, ALL // count)
        found = np.array([miss(fitted_to(paths[k * count : (k + 1) * count])) for k in range(sets)])
        errors.append(float(found.mean()))
        spreads.append(float(found.std(ddof=1) / np.sqrt(sets)))
        print(f"N = {particles}, D = {dimensions}, M = {count}: {errors[-1]:.4f} +- {spreads[-1]:.4f}")
    return Curve(np.array(counts, np.float64), np.array(errors), np.array(spreads))


def lennard_jones(folder: Path) -> dict[str, Array]:
    """Four clusters of nine spheres that vibrate."""
    chance, files = np.random.default_rng(2), []
    lattice = 1.12 * np.array(np.meshgrid(range(3), range(3))).reshape(2, -1).T
    for number in range(4):
        start = lattice * (1.0 + 0.04 * number) + 0.04 * chance.normal(size=lattice.shape)
        motion = {"kind": "newton", "time_step": 0.004}
        sim = Simulation(start, forces=[{"kind": "lennard_jones", "cutoff": 20.0}], dynamics=motion)
        files.append(recorded(sim, folder / f"spheres-{number}.h5", 250))
    return dict(gasfield.fit(files, {"kind": "kernel", "splines": 30}).field.terms["kernel"].arrays)


def tokens(folder: Path) -> dict[str, Array]:
    """24 tokens on the sphere, with unnormalised attention at beta = 2."""
    start = np.random.default_rng(0).normal(size=(24, 3))
    start /= np.linalg.norm(start, axis=1)[:, None]
    law = {"kind": "attention", "form": "unnormalised", "beta": 2.0}
    sim = Simulation(
        start, forces=[law], space={"kind": "sphere", "dimensions": 3},
        dynamics={"kind": "advection", "time_step": 0.02},
    )  # fmt: skip
    file = recorded(sim, folder / "tokens.h5", 60)
    fit = gasfield.fit(file, {"kind": "kernel", "normalisation": "mean"})
    return dict(fit.field.terms["kernel"].arrays)


def recorded(sim: Simulation, path: Path, steps: int) -> Path:
    """A frame at every step."""
    sim.add_operation(TrajectoryRecorder(path, 1))
    sim.step(steps)
    sim.close()
    return path


def share(arrays: dict[str, Array], known: Array) -> float:
    """Relative error of phi in the root mean square over sampled pairs."""
    weights = arrays["samples"]
    return float(np.sqrt(np.sum(weights * (arrays["phi"] - known) ** 2) / np.sum(weights * known**2)))


def draw_kernel(ax: Any, arrays: dict[str, Array], known: Array, title: str, name: str) -> None:
    """phi with its band over the truth."""
    argument, phi, error = arrays["argument"], arrays["phi"], arrays["phi_error"]
    ax.plot(argument, known, color=INK, linewidth=2.2, label="the law of the simulation")
    ax.fill_between(argument, phi - 2 * error, phi + 2 * error, color=CONTEXT, alpha=0.3, linewidth=0)
    ax.plot(argument, phi, color=SIMULATED, linestyle=(0, (3.5, 2.0)), label="learned (band: two standard errors)")
    dress(ax, title, name, "phi")
    legend(ax)


def draw(spheres: dict[str, Array], head: dict[str, Array], curves: dict[tuple[int, int], Curve]) -> None:
    """Both kernels, and the errors over the number of trajectories."""
    figure = new_figure(13.5, 4.2)
    axes = figure.subplots(1, 3)
    r, s = spheres["argument"], head["argument"]
    draw_kernel(axes[0], spheres, lj(r), "Lennard-Jones spheres, free space", "distance [length]")
    axes[0].set_ylim(-30, 6)
    draw_kernel(axes[1], head, np.exp(2.0 * s), "Attention tokens, sphere: exp(2 s)", "cosine")
    for (size, curve), colour in zip(curves.items(), SERIES, strict=False):
        slope, spread = curve.slope(curve.counts)
        name = f"N = {size[0]}, D = {size[1]}: slope {slope:.2f} ± {spread:.2f}"
        axes[2].errorbar(curve.counts, curve.errors, 2 * curve.spreads, fmt="o", color=colour, label=name)
    counts = next(iter(curves.values())).counts
    level = np.exp(np.mean([np.log(curve.errors) for curve in curves.values()]))
    for x, dash, name in ((counts, "solid", "M"), (effective(counts), "dashed", "(M/log M)")):
        guide = level * (x / np.exp(np.mean(np.log(x)))) ** EXPECTED
        axes[2].plot(counts, guide, color=INITIAL, linewidth=1.2, linestyle=dash, label=f"{name}^{EXPECTED:.1f}")
    axes[2].set(xscale="log", yscale="log")
    dress(axes[2], "M noisy trajectories, linear splines", "M", "relative error of phi r")
    legend(axes[2])
    save(figure, HERE.parent / "figures" / "interaction-kernels.png")


def lj(r: Array) -> Array:
    """phi = U'/r of 4 (r^-12 - r^-6)."""
    return np.asarray(-(48.0 * r**-14 - 24.0 * r**-8))


def main() -> None:
    """Simulates, fits, draws, and writes the page."""
    with TemporaryDirectory() as name:
        spheres, head = lennard_jones(Path(name)), tokens(Path(name))
    errors = share(spheres, lj(spheres["argument"])), share(head, np.exp(2.0 * head["argument"]))
    print(f"Lennard-Jones {errors[0]:.2e}, attention {errors[1]:.2e}")
    curves = {size: curve_of(*size) for size in SIZES}
    draw(spheres, head, curves)
    rows = "".join(
        f"| {n} | {d} | {over_m[0]:.2f} ± {over_m[1]:.2f} | {over_log[0]:.2f} ± {over_log[1]:.2f} | "
        + ", ".join(f"{error:.3f}" for error in curves[n, d].errors)
        + " |\n"
        for n, d in SIZES
        for over_m in [curves[n, d].slope(curves[n, d].counts)]
        for over_log in [curves[n, d].slope(effective(curves[n, d].counts))]
    )
    counts = ", ".join(f"{int(count)}" for count in curves[SIZES[0]].counts)
    page = (
        "# Interaction kernels from simulations\n\nMade by `python docs/studies/interaction_kernels.py`.\n\n"
        f"Relative error of phi over the sampled pairs: Lennard-Jones spheres in free space {errors[0]:.1e}, "
        f"exp(2 s) of attention on the sphere {errors[1]:.1e}.\n\n"
        f"M independent noisy trajectories of {STEPS} steps, linear splines: the expected exponent is {EXPECTED:.2f}.\n"
        "The bound of Lu and others is in M/log M; the variance of the fit itself has no logarithm, so that the error\n"
        "is nearer to a power of M.\n\n"
        f"| N | D | slope over M | over M/log M | relative error at M = {counts} |\n|---|---|---|---|---|\n{rows}\n"
        "![Kernels, and their errors over M](../figures/interaction-kernels.png)\n"
    )
    (HERE / "interaction-kernels.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
