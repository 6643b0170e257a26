"""Which learning rates, decays and precisions draw dead rows together? A map, beside the law of decoupled decay.

    python docs/studies/contraction_map.py [DIRECTORY]      writes contraction-map.md and its picture

Runs the scan of the scenario `contraction-map`, and its part in bfloat16 once more with stochastic rounding. The law:
in every step decay multiplies the distance of two rows by 1 - eta lambda, and what else moves them does so with or
without decay, so that the radius at a decay is (1 - eta lambda)^T of that without.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.plots.style import INK, SERIES, dress, legend, new_figure, save
from gasfield.scenario import load_scenario
from gasfield.sweeps import Sweep

HERE = Path(__file__).parent
STEPS = 500
RESULT = "groups.dead.radius.ratio"
RATE, DECAY = "dynamics.learning_rate", "dynamics.weight_decay"
KINDS = {
    "float32": {"dynamics.weight_dtype": "float32", "dynamics.weight_rounding": "nearest"},
    "bfloat16": {"dynamics.weight_dtype": "bfloat16", "dynamics.weight_rounding": "nearest"},
    "bfloat16, stochastic rounding": {"dynamics.weight_dtype": "bfloat16", "dynamics.weight_rounding": "stochastic"},
}
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Map:
    """Radius at the end over that at the start.

    Attributes:
        rates, decays: (m,), (n,) eta and lambda; the first decay is 0.
        ratio, error: (n, m), with standard errors over rows.
    """

    rates: Values
    decays: Values
    ratio: Values
    error: Values

    @property
    def exponent(self) -> Values:
        """(n - 1, m) -T ln(1 - eta lambda), what the law of decay takes from the logarithm of the radius."""
        return np.asarray(-STEPS * np.log1p(-np.outer(self.decays[1:], self.rates)))

    @property
    def felt(self) -> tuple[Values, Values]:
        """(n - 1, m) share of the decay that the radius follows, 1 under the law, and its standard error."""
        taken = np.log(self.ratio[0] / self.ratio[1:])
        relative = self.error / self.ratio
        return taken / self.exponent, np.hypot(relative[0], relative[1:]) / self.exponent


def run(directory: Path) -> Sweep:
    """Both scans."""
    scenario = load_scenario("contraction-map")
    assert scenario.scan is not None
    gasfield.sweep(scenario, output=directory)
    keys = scenario.scan.model_dump(mode="json", by_alias=True, exclude_none=True)
    return gasfield.sweep(
        scenario,
        keys | {"dynamics.weight_dtype": ["bfloat16"], "dynamics.weight_rounding": ["stochastic"]},
        output=directory,
    )


def map_of(sweep: Sweep, kind: dict[str, str]) -> Map:
    """The part of the table that is of one kind."""
    frame = sweep.to_dataframe()
    for key, value in kind.items():
        frame = frame[frame[key] == value]
    ratio, error = (frame.pivot(index=DECAY, columns=RATE, values=RESULT + ending) for ending in ("", ".error"))
    return Map(ratio.columns.to_numpy(float), ratio.index.to_numpy(float), ratio.to_numpy(float), error.to_numpy(float))


def picture(maps: dict[str, Map]) -> None:
    """Maps of the ratio, and the decay that is felt over that of the law."""
    figure = new_figure(14.0, 3.9)
    panels = figure.subplots(1, 4, width_ratios=[1, 1, 1.15, 1.2])
    for ax, (name, drawn) in zip(panels, maps.items(), strict=False):
        shown = ax.imshow(drawn.ratio, origin="lower", vmin=0.1, vmax=1.0, cmap="viridis", aspect="auto")
        for (row, column), value in np.ndenumerate(drawn.ratio):
            ax.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7,
                color="white" if value < 0.6 else INK,
            )  # fmt: skip
        dress(ax, name, "learning rate", "weight decay")
        ax.set_xticks(range(len(drawn.rates)), [f"{rate:g}" for rate in drawn.rates], fontsize=7)
        ax.set_yticks(range(len(drawn.decays)), [f"{decay:g}" for decay in drawn.decays], fontsize=7)
        ax.grid(False)
    bar = figure.colorbar(shown, ax=panels[2])
    bar.ax.set_title("radius,\nend / start", fontsize=7)  # a label at the side would stand in the next panel
    ax = panels[3]
    for (name, drawn), colour, marker, beside in zip(maps.items(), SERIES, "os^", (0.94, 1.0, 1.06), strict=False):
        value, error = drawn.felt
        taken = (value * drawn.exponent).ravel()
        ax.errorbar(
            beside * drawn.exponent.ravel(), taken, (error * drawn.exponent).ravel(), fmt=marker, color=colour,
            markersize=3.5, capsize=1.5, linewidth=0.8, label=name,
        )  # fmt: skip
    reach = np.array([0.025, 4.5])
    ax.plot(reach, reach, color=INK, linewidth=1.0, label="law of decay")
    ax.set_xscale("log")
    ax.set_yscale("log")
    dress(ax, "What decay takes from ln radius", "−T ln(1 − ηλ)", "ln(radius without / with decay)")
    legend(ax, fontsize=7)
    save(figure, HERE.parent / "figures" / "contraction-map.png")


def rows_of(values: Values, errors: Values, heads: Values, digits: int = 3) -> str:
    """Rows of a table in Markdown."""
    return "\n".join(
        f"| {head:g} | "
        + " | ".join(f"{v:.{digits}f} ± {e:.{digits}f}" for v, e in zip(row, wrong, strict=True))
        + " |"
        for head, row, wrong in zip(heads, values, errors, strict=True)
    )


def page(maps: dict[str, Map]) -> str:
    """The page, all numbers as measured."""
    single = maps["float32"]
    rates = " | ".join(f"{rate:g}" for rate in single.rates)
    line = "|---" * (len(single.rates) + 1) + "|"
    tables = ""
    for name, drawn in maps.items():
        value, error = drawn.felt
        tables += f"**{name}**: radius, end / start\n\n| λ \\ η | {rates} |\n{line}\n"
        tables += rows_of(drawn.ratio, drawn.error, drawn.decays) + "\n\n"
        tables += f"share of the decay that the radius follows (1 under the law)\n\n| λ \\ η | {rates} |\n{line}\n"
        tables += rows_of(value, error, drawn.decays[1:], 2) + "\n\n"
    return PAGE.format(tables=tables, **_numbers(maps))


def _numbers(maps: dict[str, Map]) -> dict[str, Any]:
    single, half, drawn = maps.values()
    few = single.exponent < 0.3
    share = {name: each.felt[0][few] for name, each in maps.items()}
    most = single.felt[0][-1, -1]
    return {
        "few": int(few.sum()),
        "single": f"{share['float32'].min():.2f} to {share['float32'].max():.2f}",
        "half": f"{half.felt[0].min():.2f} to {half.felt[0].max():.2f}",
        "drawn": f"{drawn.felt[0].min():.2f} to {drawn.felt[0].max():.2f}",
        "drawn_few": f"{share['bfloat16, stochastic rounding'].min():.2f} to "
        f"{share['bfloat16, stochastic rounding'].max():.2f}",
        "most": f"{most:.2f}",
        "exponent": f"{single.exponent[-1, -1]:.1f}",
        "single_free": f"{single.ratio[0].min():.3f} to {single.ratio[0].max():.3f}",
        "half_free": f"{half.ratio[0].min():.3f} to {half.ratio[0].max():.3f}",
        "drawn_free": f"{drawn.ratio[0].min():.3f} to {drawn.ratio[0].max():.3f}",
    }


PAGE = """# Which learning rates, decays and precisions draw dead rows together?

Made by `docs/studies/contraction_map.py`. The 64 dead rows of a real training, moved for 500 steps by AdamW in its
recorded affine field (`recordings/kjv-bf16.h5`; moments in float32), at five learning rates η, five decoupled decays
λ, and three ways of keeping the weights. The result is the mean distance of the rows from their centroid at the end
over that at the start, with its standard error over rows.

**The law.** Decay multiplies the distance of two rows by 1 − ηλ in every step. If whatever else moves them apart or
together does so with or without decay (an affine field, and a law of motion that is linear in the gradient), then the
radius with decay is (1 − ηλ)^T of that without. AdamW is not linear: it divides by the root of its second moment,
coordinate by coordinate.

![Radius at the end over that at the start, and what decay takes from it](../figures/contraction-map.png)

* **On float32 weights the law holds within a twentieth while little is taken**: where −T ln(1 − ηλ) < 0.3 ({few}
  points), the logarithm of the radius falls by {single} of what the law says. It falls behind where more is taken: at
  the largest rate and decay by {most} of the law's {exponent}, since the motion of the rows in the field keeps them
  apart. Without decay the radius ends at {single_free} of that at the start.
* **On bfloat16 weights it falls by {half} of the law's**: a change by less than half a cell is rounded away unless
  the gradient moves the weight too. Without any decay the rounding of the weights alone contracts the cloud to
  {half_free}, most at small rates ([how](../science.md)).
* **With stochastic rounding** of the same bfloat16 weights it falls by {drawn} of the law's, and by {drawn_few} where
  −T ln(1 − ηλ) < 0.3: rounding that is right in the mean loses no decay. Without decay the radius ends at
  {drawn_free}.

{tables}*Limits.* One training, one seed, 64 rows; errors are those over rows. The field is that of a training at η =
0.001 without decay: at other rates the live model would have made another one, and rows that leave the path of the
recorded centroid leave the region where the affine field is exact.
"""


def main() -> None:
    """Runs, draws and writes."""
    sweep = run(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/contraction-map-study"))
    maps = {name: map_of(sweep, kind) for name, kind in KINDS.items()}
    picture(maps)
    (HERE / "contraction-map.md").write_text(page(maps), encoding="utf-8")


if __name__ == "__main__":
    main()
