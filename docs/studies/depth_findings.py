"""Tables and pictures of what depth_of_texts.py has measured.

Reads outputs/depth-of-texts.json; writes docs/studies/depth-of-texts.md and docs/figures/depth-order.png,
depth-motion.png and depth-heads.png. A few seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.depth.head_classes import CLASSES, SIGNS, classified, thresholds
from gasfield.diagnostics.depth.heads import PROPERTIES
from gasfield.diagnostics.depth.mean_field import effective_time
from gasfield.plots.heads import heads_in_plane
from gasfield.plots.kinds import COLOURS
from gasfield.plots.style import INITIAL, INK, SERIES, dress, headline, new_figure
from gasfield.quantity import Quantity
from gasfield.statistics.motion_decomposition import KINDS

HERE = Path(__file__).parent
FIGURES = HERE.parent / "figures"
MEASURED = HERE.parent.parent / "outputs" / "depth-of-texts.json"
CONTROLS = ("random_words", "shuffled_prose")
Values = NDArray[np.float64]


class Results:
    """What was measured, by text."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.texts: dict[str, Any] = stored["texts"]
        self.all: dict[str, Any] | None = stored.get("all")
        self.meaningful = [name for name in self.texts if name not in CONTROLS]

    def number(self, name: str, key: str) -> Quantity:
        """A number of a text with its error."""
        leaf = self.texts[name]["numbers"][key]
        return Quantity(leaf["value"], leaf["unit"], leaf.get("error"))

    def value(self, name: str, key: str) -> float:
        """NaN where undefined."""
        value = self.texts[name]["numbers"][key]["value"]
        return float("nan") if value is None else float(value)

    def mean(self, key: str) -> Quantity:
        """Over the texts that mean something, with the error over texts."""
        return over_texts(np.array([self.value(name, key) for name in self.meaningful]))

    def curve(self, name: str, key: str) -> Values:
        """An array over depth."""
        return array(self.texts[name]["curves"][key])


def array(stored: dict[str, Any]) -> Values:
    """As stored by depth_of_texts.py."""
    return np.array([np.nan if v is None else v for v in stored["values"]], float).reshape(stored["shape"])


def over_texts(values: Values, unit: str = "1") -> Quantity:
    """Mean and standard error of values (texts,)."""
    values = values[np.isfinite(values)]
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Quantity(float(values.mean()), unit, error if error > 1e-12 else None)  # the weights are those of all texts


def text(quantity: Quantity) -> str:
    """Without its unit."""
    return str(quantity).replace(f" {quantity.unit}", "") if quantity.value is not None else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Of Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


# --- order over depth -------------------------------------------------------------------------------------------------

ORDER = {
    "loss [nats]": "lens.energy.end",
    "mean cosine, start": "alignment.start",
    "end": "alignment.end",
    "end with sinks": "alignment.end.with_sinks",
    "time of the law": "alignment.effective_time",
    "falls": "alignment.falls",
    "spread": "alignment.spread",
    "entropy of Gram, start": "gram_entropy.start",
    "end ": "gram_entropy.end",
    "end, null": "gram_entropy.end.null",
    "entropy of lens, end": "lens.entropy.end",
    "final direction: own": "final_distance.own",
    "half-way [layer]": "final_distance.half",
    "work of attention": "layer_work.attention",
    "reach [tokens]": "attention_reach.distance",
    "with sinks": "attention_reach.distance.with_sinks",
    "null": "attention_reach.distance.null",
    "weight on sinks": "attention_reach.sink",
}


def order_tables(results: Results) -> str:
    """By text, and the mean over texts."""
    names = [*results.meaningful, *(name for name in CONTROLS if name in results.texts)]
    rows = []
    for label, key in ORDER.items():
        mean = text(results.mean(key))
        rows.append([label, mean, *(text(results.number(name, key)) for name in names)])
    tokens = ["tokens", "", *(str(results.texts[name]["tokens"]) for name in names)]
    labels = {name: name.replace("_", " ") for name in names}
    head = ["", "mean over texts", *(f"*{labels[n]}*" if n in CONTROLS else labels[n] for n in names)]
    return table(head, [tokens, *rows])


def law_of_the_others(results: Results) -> tuple[Quantity, Quantity, Quantity]:
    """Root mean square errors of the mean cosine of a text over all sub-layers, predicted by the mean-field law from
    its own start at the median effective times of all other texts; by the mean cosines of these; by its own start."""
    names = results.meaningful
    law, others, start = [], [], []
    for name in names:
        rest = [other for other in names if other != name]
        own = results.curve(name, "alignment.cosines")
        times = np.median([results.curve(other, "alignment.effective") for other in rest], axis=0)
        count = int(results.texts[name]["tokens"])
        grid = 1.0 - np.geomspace(1.0, 1e-3, 400)
        known = np.array([effective_time(own[0], max(c, 1e-6), count, 1.0) for c in grid])
        errors = [np.interp(times, known, grid) - own,
                  np.mean([results.curve(other, "alignment.cosines") for other in rest], axis=0) - own,
                  own[0] - own]  # fmt: skip
        for kept, error in zip((law, others, start), errors, strict=True):
            kept.append(float(np.sqrt(np.mean(error[1:] ** 2))))
    return over_texts(np.array(law)), over_texts(np.array(others)), over_texts(np.array(start))


def order_picture(results: Results) -> None:
    """Four quantities over depth: thin lines are texts, thick ones the controls, black the mean."""
    figure = new_figure(11.0, 7.6)
    panels = {
        "Mean cosine between tokens": "alignment.cosines",
        "Von Neumann entropy of the Gram matrix (nats)": "gram_entropy.entropies",
        "Distance to the final state, 1 - cosine": "final_distance.distances",
        "Entropy of the logit lens (nats)": "lens.entropy",
    }
    for ax, (title, key) in zip(figure.subplots(2, 2).ravel(), panels.items(), strict=True):
        for name in results.texts:
            curve = results.curve(name, key)
            depth = np.linspace(0.0, 30.0, len(curve))
            at = CONTROLS.index(name) if name in CONTROLS else None
            style: dict[str, Any] = {"color": "#b8bcc6", "linewidth": 0.9, "zorder": 1}
            if at is not None:
                style = {"color": SERIES[at], "linewidth": 1.8, "zorder": 3, "label": name.replace("_", " ")}
            ax.plot(depth, curve, **style)
        mean = np.mean([results.curve(name, key) for name in results.meaningful], axis=0)
        ax.plot(np.linspace(0.0, 30.0, len(mean)), mean, color=INK, linewidth=2.0, label="mean of ten texts", zorder=4)
        if key == "final_distance.distances":
            null = np.mean([results.curve(name, "final_distance.null") for name in results.meaningful], axis=0)
            ax.plot(
                np.linspace(0.0, 30.0, len(null)),
                null,
                color=INITIAL,
                linestyle="dashed",
                label="to other tokens' ends",
            )
        dress(ax, title, "layer", "")
        ax.legend(fontsize=8, frameon=False)
    headline(figure, "Twelve texts on their way through SmolLM2-135M, attention sinks left out")
    figure.savefig(FIGURES / "depth-order.png", dpi=110)


# --- motion -----------------------------------------------------------------------------------------------------------


def motion_table(results: Results) -> str:
    """Mean shares over sub-layers, with the errors over texts."""
    rows = []
    ways: dict[str, Callable[[str], Quantity]] = {
        "all sub-layers": lambda kind: results.mean(f"layer_motion.{kind}"),
        "*null: displacements permuted*": lambda kind: results.mean(f"layer_motion.{kind}.null"),
        "with sinks": lambda kind: results.mean(f"layer_motion.{kind}.with_sinks"),
        "attention": lambda kind: results.mean(f"layer_motion.attention.{kind}"),
        "MLP": lambda kind: results.mean(f"layer_motion.mlp.{kind}"),
    }
    for label, of in ways.items():
        rows.append([label, *(text(of(kind)) for kind in KINDS)])
    for control in CONTROLS:
        label = f"*{control.replace('_', ' ')}*"
        rows.append([label, *(text(results.number(control, f"layer_motion.{kind}")) for kind in KINDS)])
    if results.all is not None:
        for label, key in (("all texts together, map of all 576 axes", "shares"), ("*its null*", "null")):
            shares = array(results.all[key])
            rows.append([label, *(text(over_texts(column)) for column in shares.T)])
    return table(["", *KINDS], rows)


def motion_picture(results: Results) -> None:
    """Shares of the thermal motion over depth, without and with sinks."""
    figure = new_figure(11.0, 4.4)
    for ax, (title, key) in zip(
        figure.subplots(1, 2),
        {"Without attention sinks": "shares", "With attention sinks": "with_sinks"}.items(),
        strict=True,
    ):
        shares = np.mean([results.curve(name, f"layer_motion.{key}") for name in results.meaningful], axis=0)
        depth = np.arange(1, len(shares) + 1) / 2
        for place, kind in enumerate(KINDS[:4]):
            ax.plot(depth, shares[:, place], color=COLOURS[place], linewidth=1.5, label=kind)
        dress(ax, title, "layer", "share of the square displacement")
        ax.set_ylim(-0.05, 1.0)
        ax.legend(fontsize=8, frameon=False)
    headline(figure, "Kinds of motion of the cloud of tokens in each sub-layer, mean of ten texts")
    figure.savefig(FIGURES / "depth-motion.png", dpi=110)


# --- heads ------------------------------------------------------------------------------------------------------------


class HeadTables:
    """Properties (texts, L, H) of all heads and of shuffled ones."""

    def __init__(self, results: Results) -> None:
        names = results.meaningful
        self.found = {p: np.array([results.curve(n, f"heads.{p}") for n in names]) for p in PROPERTIES}
        self.null = {p: np.array([results.curve(n, f"heads.null.{p}") for n in names]) for p in PROPERTIES}
        flags = (*CLASSES, *SIGNS, "none")
        self.by_text = {f: np.array([results.curve(n, f"heads.{f}") for n in names]) for f in flags}
        self.mean = {p: values.mean(axis=0) for p, values in self.found.items()}
        self.mean_null = {p: values.mean(axis=0) for p, values in self.null.items()}
        self.flags = classified(self.mean, thresholds(self.mean_null))


def head_tables(results: Results, heads: HeadTables) -> str:
    """Properties beside their null, and classes."""
    rows = []
    for name in PROPERTIES:
        own, null = heads.mean[name], heads.mean_null[name]
        error = heads.found[name].std(axis=0, ddof=1).mean() / np.sqrt(len(heads.found[name]))
        low, high = np.quantile(null, [0.01, 0.99])
        rows.append([
            name.replace("_", " "), f"{own.mean():.3f}", f"{own.min():.2f} to {own.max():.2f}", f"{error:.3f}",
            f"{null.mean():.3f}", f"{low:.3f} to {high:.3f}", f"{np.mean(own < low):.0%}, {np.mean(own > high):.0%}",
        ])  # fmt: skip
    head = ["property", "mean of heads", "range", "error of a head over texts", "shuffled heads", "1% to 99% of these",
            "heads below, above"]  # fmt: skip
    properties = table(head, rows)
    rows = []
    for name in (*CLASSES, "none", *SIGNS):
        often = heads.by_text[name].mean(axis=0)  # share of the texts
        rows.append([
            name.replace("_", " "), str(int(heads.flags[name].sum())), text(results.mean(f"heads.{name}")),
            text(results.mean(f"heads.{name}.control")), str(int(np.sum(often >= 0.9))), str(int(np.sum(often > 0))),
            *(text(results.number(control, f"heads.{name}")) for control in CONTROLS),
        ])  # fmt: skip
    head = ["class", "heads, by mean properties", "share in a text", "control: share of shuffled heads",
            "in nine texts of ten", "in any text", *(c.replace("_", " ") for c in CONTROLS)]  # fmt: skip
    return f"{properties}\n\n{table(head, rows)}"


def head_picture(heads: HeadTables) -> None:
    """The plane of divergence and dependence on distance, and the signs of writes."""
    figure = new_figure(12.0, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    shown = {name: heads.flags[name] for name in (*CLASSES, "none")}
    heads_in_plane(heads.mean, heads.mean_null, shown, "SmolLM2", left)
    bins = np.linspace(-1.0, 1.0, 41)
    right.hist(heads.mean["sign"].ravel(), bins, color=SERIES[0], alpha=0.75, label="heads")
    right.hist(heads.mean_null["sign"].ravel(), bins, color=INITIAL, alpha=0.75, label="O of one with V of another")
    dress(right, "Along what it reads, or against it", "sign of the eigenvalues of OV", "heads")
    right.set_yscale("log")
    right.legend(fontsize=8, frameon=False)
    figure.savefig(FIGURES / "depth-heads.png", dpi=110)


def main() -> None:
    """Writes everything."""
    results = Results(json.loads(MEASURED.read_text()))
    heads = HeadTables(results)
    law, others, start = law_of_the_others(results)
    kinds = [int(results.value(name, "heads.kinds")) for name in results.meaningful]
    null = [int(results.value(name, "heads.kinds.null")) for name in results.meaningful]
    sinks = "\n".join(f"* {name.replace('_', ' ')}: {sinks_of(results, name)}" for name in results.texts)
    sums = max(results.value(name, "layer_work.sum_error") for name in results.texts)
    shares = max(np.abs(results.curve(name, "layer_motion.shares").sum(axis=1) - 1.0).max() for name in results.texts)
    losses, ends = (
        np.array([results.value(n, k) for n in results.meaningful]) for k in ("lens.energy.end", "alignment.end")
    )
    page = f"""# Twelve texts in SmolLM2: motion over depth

SmolLM2-135M-Instruct on the texts of depth-texts.yaml, by depth_of_texts.py and depth_findings.py.
Errors in brackets: of a text over its tokens, of a mean over the ten texts that mean something. Controls in italics.

## Order over depth

{order_tables(results)}

Works of the parts of a layer sum to 1 within {sums:.2g}, shares of kinds of motion (stored with six digits) within
{shares:.2g}. Correlation of loss and mean cosine at the end over the ten texts: {np.corrcoef(losses, ends)[0, 1]:.2f}.

Error of the mean cosine over all sub-layers, root mean square: mean-field law from a text's own start at the median
effective times of the other texts {text(law)}; mean cosines of the other texts {text(others)}; a text's own start
{text(start)}.

## Sinks

{sinks}

## Kinds of motion in a sub-layer

{motion_table(results)}

## Heads

{head_tables(results, heads)}

Groups of heads by the gap statistic in each text: {kinds}; with properties dealt anew: {null}.
"""
    (HERE / "depth-of-texts.md").write_text(page)
    order_picture(results)
    motion_picture(results)
    head_picture(heads)


def sinks_of(results: Results, name: str) -> str:
    """The note that names them."""
    found = [note for note in results.texts[name]["notes"] if note.startswith("attention sinks")]
    return found[0].split("with_sinks: ")[1] if found else "none"


if __name__ == "__main__":
    main()
