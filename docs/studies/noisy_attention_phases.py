"""Phases of noisy attention: where tokens order, and whether with a jump; from what `noisy_attention_scans.py` has run.

    python docs/studies/noisy_attention_phases.py DIRECTORY     writes noisy-attention-phases.md and its picture

Parts that have not been run yet are left out of the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from noisy_attention_scans import DIMENSIONS, FORMS
from scipy.special import gamma

import gasfield
from gasfield.diagnostics.fields.noisy_attention_law import Form, critical_temperature, jumps_from, steady_order
from gasfield.plots.style import INK, SERIES, dress, legend, new_figure, save
from gasfield.sweeps import Sweep
from gasfield.sweeps.transitions import Transition

HERE = Path(__file__).parent
ORDER = "groups.gas.order."
D, BETA, FORM, SIZE = "space.dimensions", "forces.0.beta", "forces.0.form", "gas.0.from.count"
EDGES, CLEAR, RUNS = 4, 2.0, 6
"""Values of beta in each dimension, standard errors by which a cumulant is clearly above, and runs of most of them."""
STIFF = (8, 4.0, "unnormalised")
"""The case whose fluctuations are taken beyond its hysteresis."""
COLOURS = dict(zip(DIMENSIONS, SERIES, strict=False))


@dataclass(frozen=True)
class Case:
    """One dimension, beta and form."""

    d: int
    beta: float
    form: Form

    @classmethod
    def of(cls, at: Any) -> Case:
        """That of a transition or of a row."""
        return cls(int(at[D]), float(at[BETA]), at[FORM])

    @property
    def theory(self) -> float:
        """T_c."""
        return critical_temperature(self.beta, self.form, self.d)


def part(folder: Path, name: str) -> Sweep | None:
    """A sweep of the study; None if it has not been begun."""
    return gasfield.open_sweep(folder / name) if (folder / name / "sweep.json").is_file() else None


def boundary(folder: Path) -> dict[Case, Transition]:
    """T_c from fluctuations above it, for each case."""
    found: dict[Case, Transition] = {}
    for name in ("fluctuations", "above"):
        if (sweep := part(folder, name)) is not None:
            for each in sweep.transitions(f"{ORDER}fluctuation", "temperature"):
                case = Case.of(each.at)
                if each.place is not None and ((case.d, case.beta, case.form) == STIFF) == (
                    each.span[0] > 2 * case.theory
                ):
                    found[case] = each
    return dict(sorted(found.items(), key=lambda item: (item[0].form, item[0].d, item[0].beta)))


def branches(folder: Path) -> dict[Case, Transition]:
    """Where runs from order and from disorder differ."""
    found = {}
    for name in ("jumps", "softmax", "flat"):
        if (sweep := part(folder, name)) is not None:
            for each in sweep.transitions(f"{ORDER}mean", "temperature"):
                if "fewer than three" not in each.reason and "two starts" not in each.reason:
                    found[Case.of(each.at)] = each
    return found


def cumulants(folder: Path) -> Iterator[tuple[int, int, np.ndarray[Any, Any]]]:
    """Dimension, size, and rows of beta, mean cumulant and standard error at T_c."""
    if (sweep := part(folder, "edge")) is None:
        return
    frame = sweep.to_dataframe().dropna(subset=[f"{ORDER}binder"])
    for (d, size), rows in frame.groupby([D, SIZE]):
        grouped = rows.groupby(BETA)[f"{ORDER}binder"]
        yield int(d), int(size), np.stack([grouped.mean().index, grouped.mean(), grouped.sem()], axis=1)


def order_over_temperature(folder: Path, name: str, case: Case) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """For each start, rows of T/T_c, order and its error."""
    if (sweep := part(folder, name)) is None:
        return
    frame = sweep.to_dataframe()
    frame = frame[(frame[D] == case.d) & (frame[BETA] == case.beta) & (frame[FORM] == case.form)]
    for start, rows in frame.groupby(frame["gas.0.from"].astype(str)):
        rows = rows.sort_values("temperature")
        values = np.stack([rows["temperature"] / case.theory, rows[f"{ORDER}mean"], rows[f"{ORDER}mean.error"]], axis=1)
        yield ("from order" if "point" in start else "from disorder"), values


def picture(folder: Path) -> None:
    """Boundaries, branches, cumulants."""
    figure = new_figure(13.5, 8.0)
    panels = figure.subplots(2, 2).ravel()
    for ax, form in zip(panels, FORMS, strict=False):
        _boundary_panel(ax, form, boundary(folder))
    _branches_panel(panels[2], folder)
    _cumulants_panel(panels[3], folder)
    save(figure, HERE.parent / "figures" / "noisy-attention-phases.png")


def _boundary_panel(ax: Axes, form: Form, found: dict[Case, Transition]) -> None:
    betas = np.linspace(0.3, 4.4, 80)
    for d, colour in COLOURS.items():
        ax.plot(betas, [critical_temperature(beta, form, d) for beta in betas], color=colour, linewidth=1.2)
        mine = [(case.beta, each.place) for case, each in found.items() if (case.d, case.form) == (d, form)]
        ax.errorbar(
            [beta for beta, _ in mine], [place.value for _, place in mine if place],
            [2 * place.error for _, place in mine if place], fmt="o", color=colour, markersize=5, capsize=3,
            label=f"d = {d}",
        )  # fmt: skip
    ax.set_yscale("log")
    dress(ax, f"{form} attention: T_c measured, over theory (lines)", "beta", "temperature")
    legend(ax)


def _branches_panel(ax: Axes, folder: Path) -> None:
    for d, colour in COLOURS.items():
        case = Case(d, 4.0, "unnormalised")
        for start, rows in order_over_temperature(folder, "jumps", case):
            style = {"fmt": "o-" if start == "from order" else "s--", "markersize": 4, "capsize": 2, "linewidth": 1.0}
            label = f"d = {d}" if start == "from order" else None
            ax.errorbar(rows[:, 0], rows[:, 1], rows[:, 2], color=colour, label=label, **style)
    dress(ax, "unnormalised, beta = 4: from order (solid), from disorder (dashed)", "T / T_c", "order, 192 tokens")
    legend(ax)


def _cumulants_panel(ax: Axes, folder: Path) -> None:
    for d, size, rows in cumulants(folder):
        ax.errorbar(
            rows[:, 0] / jumps_from(d), rows[:, 1], rows[:, 2], fmt="o-" if size > 100 else "s--", color=COLOURS[d],
            markersize=4, capsize=2, linewidth=1.0, label=f"d = {d}, {size} tokens",
        )  # fmt: skip
    ax.axvline(1.0, color=INK, linewidth=1.0)
    dress(ax, "unnormalised, at T_c: cumulants of two sizes", "beta / theory's beta*", "Binder cumulant")
    legend(ax, fontsize=7)


def boundary_table(found: dict[Case, Transition]) -> str:
    """Rows of the table of T_c."""
    rows = ""
    for case, each in found.items():
        assert each.place is not None
        value, error = each.place.value, each.place.error
        sizes = ", ".join(
            f"{at.value / case.theory:.3f}" for at in each.details.values() if isinstance(at.value, float)
        )
        rows += f"| {case.form} | {case.d} | {case.beta:g} | {value:.4f} ± {error:.4f} | {case.theory:.4f} "
        rows += f"| {value / case.theory:.3f} ± {error / case.theory:.3f} | {sizes} |\n"
    return rows


def branch_table(found: dict[Case, Transition]) -> str:
    """Rows of the table of hysteresis."""
    rows = ""
    for case, each in found.items():
        span = f"{each.span[0] / case.theory:.2f} to {each.span[1] / case.theory:.2f}"
        seen = "none"
        if each.place is not None:
            low, high, gap = (each.details[name].value for name in ("lowest", "highest", "gap"))
            seen = f"{low / case.theory:.2f} to {high / case.theory:.2f}, gap {gap:.2f}"  # type: ignore[operator]
        elif "end of the range" in each.reason:
            seen = "up to an end of the range"
        rows += f"| {case.form} | {case.beta:g} | {case.d} | {span} | {seen} | {_theory_of_branches(case)} |\n"
    return rows


def _theory_of_branches(case: Case) -> str:
    """Up to which T/T_c the mean field keeps order, by bisection."""
    low, high = 0.9, 3.0
    for _ in range(9):
        middle = 0.5 * (low + high)
        kept = steady_order(case.beta, middle * case.theory, case.form, 0.98, case.d) > 0.05
        low, high = (middle, high) if kept else (low, middle)
    return f"1 to {low:.2f}" if low > 1.01 else "none"


def cumulant_of(d: int, power: int) -> float:
    """Of the weight exp(-R^power) R^(d-1): 4 at T_c of a continuous transition, 6 at the edge beyond which it jumps."""
    second, fourth = (gamma((d + k) / power) / gamma(d / power) for k in (2, 4))
    return float(1.0 - fourth / (3.0 * second**2))


def edge_table(folder: Path) -> str:
    """Rows of the table of beta*, of dimensions that have been run whole."""
    rows, curves = "", {(d, size): each for d, size, each in cumulants(folder)}
    for d in DIMENSIONS:
        sizes = sorted(size for dimension, size in curves if dimension == d)
        if len(sizes) < 2 or len(curves[d, sizes[-1]]) < EDGES:
            continue
        small, large = (curves[d, size] for size in (sizes[0], sizes[-1]))
        apart = (large[:, 1] - small[:, 1]) / np.hypot(large[:, 2], small[:, 2])
        edge = cumulant_of(d, 6)
        jumps = np.flatnonzero(large[:, 1] - edge > CLEAR * large[:, 2])
        below = [beta for beta, value, _ in large[: jumps[0] if jumps.size else 0] if value < edge]
        bracket = f"{below[-1]:g} to {large[jumps[0], 0]:g}" if below else "none"
        values = ", ".join(f"{row[1]:.3f} ± {row[2]:.3f}" for row in large)
        rows += f"| {d} | {', '.join(f'{beta:g}' for beta in large[:, 0])} | {values} "
        rows += f"| {cumulant_of(d, 4):.3f}, {edge:.3f} "
        rows += f"| {', '.join(f'{z:+.1f}' for z in apart)} | {bracket} | {jumps_from(d):.4f} |\n"
    return rows


PAGE = """# Where do tokens order, and with a jump or without?

Made by `docs/studies/noisy_attention_scans.py` and `docs/studies/noisy_attention_phases.py`. Tokens on the unit sphere
in d dimensions attend to each other and are coupled to a bath (scenario `noisy-attention-phases`). In the limit of
infinitely many, disorder is stable down to T_c = λ₁/β, divided by λ₀ for softmax attention, with
λ_l = Γ(d/2) (2/β)^(d/2−1) I_(l+d/2−1)(β); below, order grows without a jump where I_(d/2+1)(β)/I_(d/2)(β) < 1/d or for
softmax attention, and with one elsewhere (`gasfield/diagnostics/fields/noisy_attention_law.py` derives both from the
expansion of the steady law about the uniform one). Simulations do not use it: temperatures are laid around the
theory's, but what is fitted is not.

![Boundaries, branches from order and from disorder, and cumulants](../figures/noisy-attention-phases.png)

## The boundary

N⟨R²⟩ of disordered gases at three temperatures from 1.5 to 2.8 T_c (2.5 to 4 T_c for unnormalised attention at β = 4 in
eight dimensions, whose order is stable up to 2.27 T_c), six runs of 6,000 steps each. `--transition
groups.gas.order.fluctuation` fits the law of Curie and Weiss to each size and extrapolates 64 and 192 tokens along 1/N:

| form | d | β | T_c measured | theory | measured/theory | of 64, 192 tokens |
|---|---|---|---|---|---|---|
{boundary}
All {count} are within {worst:.1%} of the theory, {within} within 2%. In units of their errors they are off by {pulls}
(root mean square {root:.2f}; errors are the larger of those from the scatter between runs and from within them, which
makes them cautious). In the picture bars are two standard errors. At large β softmax attention of 64 tokens is far from
the limit, and two sizes do not reach it fully.

## With a jump or without

Runs of 192 tokens that start at one pole and in disorder, 4,000 steps, temperatures a tenth of T_c apart, time steps so
small that the steepest force (e^β) is resolved. Where the mean orders of the two differ significantly, both phases are
stable for the length of a run (`--transition groups.gas.order.mean`):

| form | β | d | T/T_c run | they differ at T/T_c | mean field keeps order in T/T_c |
|---|---|---|---|---|---|
{branches}
Small gases leave a phase that is about to lose its stability early, so that a measured range is narrower than that of
the mean field; a range narrower than the step of a tenth is not seen at all.

## From which β on it jumps

At T_c itself the Binder cumulant tells which it is, without any barrier. Where order sets in continuously, R is
distributed there as exp(−R⁴) R^(d−1) once N is large, and at β* as exp(−R⁶) R^(d−1), both in units that shrink with N,
so that the cumulant is a known number which does not depend on N; with a jump it grows with N towards 2/3. Six runs of
10,000 steps each of 64 and 256 tokens ({more} at 1.15 β* in two dimensions), at the theory's T_c, which the first
table confirms, at 0.6, 0.85, 1.15 and 1.4 of the theory's β*. The bracket is from the last β at which the cumulant of
256 tokens is below that of β* to the first at which it is above by {clear:g} standard errors:

| d | β | cumulant of 256 tokens | continuous, at β* | 256 less 64, in errors | β* measured | theory's β* |
|---|---|---|---|---|---|---|
{edges}
Without the known numbers, by the growth with N alone, the jump is seen from the third β on in three and eight
dimensions, and from the fourth in two, where these runs do not decide at the third.
"""


def _runs_beyond(folder: Path) -> str:
    """The numbers of runs of both sizes at the beta with more than six."""
    if (sweep := part(folder, "edge")) is None:
        return "more"
    counts = sweep.to_dataframe().dropna(subset=[f"{ORDER}binder"]).groupby([D, BETA, SIZE]).size()
    many = counts[counts > RUNS]
    return f"{many.max()} and {many.min()}" if len(many) else f"{RUNS}"


def main() -> None:
    """Writes page and picture of what has been run."""
    folder = Path(sys.argv[1])
    found = boundary(folder)
    places = [(each.place, case.theory) for case, each in found.items() if each.place]
    off = np.array([place.value / theory - 1.0 for place, theory in places])
    pulls = np.array([(place.value - theory) / place.error for place, theory in places])
    picture(folder)
    text = PAGE.format(
        boundary=boundary_table(found), branches=branch_table(branches(folder)), edges=edge_table(folder),
        clear=CLEAR, more=_runs_beyond(folder), count=len(off), worst=float(np.abs(off).max()),
        within=int((np.abs(off) < 0.02).sum()),
        pulls=f"{pulls.min():+.1f} to {pulls.max():+.1f}", root=float(np.sqrt(np.mean(pulls**2))),
    )  # fmt: skip
    (HERE / "noisy-attention-phases.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
