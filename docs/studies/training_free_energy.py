"""What of "training lowers a free energy" is true: checkpoints of the tiny model against a source of known entropy.

    python docs/studies/training_free_energy.py     writes training-free-energy.md, ../figures/training-free-energy.png

Trains twice with `gasfield record --keep-model` (some minutes; kept in outputs/training-free-energy): on a Markov chain
over eight letters, whose entropy is known, and on natural text, where only their sum is measured.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import markov_source
import numpy as np
from numpy.typing import NDArray

from gasfield.language.base import LanguageModel
from gasfield.language.open import open_model
from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.sampling.thermodynamics.next_token import NextToken
from gasfield.sampling.thermodynamics.thermo import thermo
from gasfield.statistics.canonical import canonical, energies_of

HERE = Path(__file__).parent
KEPT = HERE.parent.parent / "outputs" / "training-free-energy"
Array = NDArray[np.float64]
LETTERS, TRAINING_SEED, TEST_SEED, TEST, CONTEXT_LENGTH = 300_000, 1, 2, 40, 64
COMMON = {"field": "none", "every": 100, "precision": "fp32", "dead": 0, "dead-rows": 8, "threads": 1}
MARKOV = {"vocabulary-size": 256, "live-rows": 8, "steps": 600, "keep-steps": "0,3,10,30,100,200,400"}
NATURAL = {"vocabulary-size": 4096, "steps": 1000, "keep-steps": "0,10,30,100,300,600"}
TEMPERATURES = (0.5, 1.0, 2.0)
PASSAGE = "In the beginning God created the heaven and the earth. And the earth was without form, and void"


@dataclass(frozen=True)
class Step:
    """A checkpoint against the Markov source, means over positions, each at TEMPERATURES.

    Attributes:
        step: updates so far.
        energy: (T,) <E> of the data in the model's energies E = -log q.
        divergence: (T,) KL(data || model at T), computed as its sum P log(P / q_T).
        free_energy: (T,) F of the model.
        entropy: S of the data.
        error: standard error of the energy over test sequences.
        worst: the largest error of <E> - T S - F = T KL at any position and temperature.
        raw: F at T = 1 if the energies are -logits instead.
    """

    step: int
    energy: Array
    divergence: Array
    free_energy: Array
    entropy: float
    error: float
    worst: float
    raw: float


def trained(name: str, options: dict[str, object]) -> list[tuple[int, Path]]:
    """Folders of the checkpoints of a training by their steps, trained if they are not there."""
    folder = KEPT / name
    if not (folder / "config.json").exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        words = [part for option, value in (COMMON | options).items() for part in (f"--{option}", str(value))]
        command = [sys.executable, "-m", "gasfield.cli", "record", *words, "--overwrite"]
        subprocess.run([*command, "--keep-model", str(folder), "-o", str(KEPT / f"{name}.h5")], check=True)
    steps = [(int(path.name[5:]), path) for path in sorted(folder.glob("step-*"))]
    return [*steps, (int(str(options["steps"])), folder)]


def against_source(step: int, model: LanguageModel) -> Step:
    """Measures a checkpoint at every position of test sequences of the source."""
    matrix = markov_source.transition_matrix()
    assert model.tokenizer is not None
    letter = [int(model.tokenizer.encode(each)[0]) for each in markov_source.LETTERS]
    chains = markov_source.states(TEST * CONTEXT_LENGTH, TEST_SEED).reshape(TEST, CONTEXT_LENGTH)
    law = np.zeros((len(letter), model.vocabulary))
    law[:, letter] = matrix
    rows, raws = [], []
    worst = 0.0
    for chain in chains:
        logits = model.logits(np.array(letter)[chain])
        energies, data = energies_of(logits), law[chain]
        entropy = markov_source.row_entropies(matrix)[chain]
        free = canonical(energies, TEMPERATURES).free_energy
        energy = (data * energies).sum(axis=1)
        divergence = np.stack([_divergence(data, energies, temperature) for temperature in TEMPERATURES], axis=1)
        left = energy[:, None] - np.array(TEMPERATURES) * entropy[:, None] - free
        worst = max(worst, float(np.abs(left - np.array(TEMPERATURES) * divergence).max()))
        rows.append(np.column_stack([energy, entropy, divergence, free]).mean(axis=0))
        raws.append(float(canonical(-np.asarray(logits, float), 1.0).free_energy.mean()))
    table = np.array(rows)
    mean, count = table.mean(axis=0), len(TEMPERATURES)
    error = float(table[:, 0].std(ddof=1) / len(table) ** 0.5)
    return Step(
        step, np.full(count, mean[0]), mean[2 : 2 + count], mean[2 + count :], float(mean[1]), error, worst,
        float(np.mean(raws)),
    )  # fmt: skip


def _divergence(data: Array, energies: Array, temperature: float) -> Array:
    """(P,) sum of P log(P / q_T), q_T by a softmax of its own."""
    scaled = -energies / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    law = np.exp(scaled)
    law /= law.sum(axis=1, keepdims=True)
    found: Array = np.where(data > 0.0, data * np.log(np.where(data > 0.0, data, 1.0) / law), 0.0).sum(axis=1)
    return found


def natural(checkpoints: list[tuple[int, Path]]) -> list[tuple[int, float, float, list[NextToken]]]:
    """Step, loss and its standard error on a passage, and the next token after each of its positions."""
    found = []
    for step, path in checkpoints:
        model = open_model(path)
        assert model.tokenizer is not None
        ids = model.tokenizer.encode(PASSAGE)
        energies = energies_of(model.logits(ids)[:-1])
        surprisals = np.take_along_axis(energies, ids[1:, None], axis=1)[:, 0]
        tokens = thermo(model, ids=[ids], every_position=True, temperatures=[1.0]).models[0].tokens
        error = float(surprisals.std(ddof=1) / len(surprisals) ** 0.5)
        found.append((step, float(surprisals.mean()), error, list(tokens)))
    return found


def main() -> None:
    """Measures, writes the page and draws the picture."""
    corpus = KEPT / "markov.txt"
    if not corpus.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        markov_source.write(corpus, LETTERS, TRAINING_SEED)
    checkpoints = trained("markov", MARKOV | {"corpus": corpus})
    steps = [against_source(step, open_model(path)) for step, path in checkpoints]
    series = natural(trained("natural", NATURAL))
    matrix = markov_source.transition_matrix()
    rate = float(markov_source.stationary(matrix) @ markov_source.row_entropies(matrix))
    cold, one, hot = range(3)
    rows = "".join(
        f"| {s.step} | {s.energy[one]:.4f} ± {s.error:.4f} | {s.entropy:.4f} | {s.divergence[one]:.4f} | "
        f"{s.free_energy[one]:.0e} | {s.raw:.2f} | {s.divergence[cold]:.3f} | {s.free_energy[cold]:.3f} | "
        f"{s.divergence[hot]:.3f} | {s.free_energy[hot]:.3f} |\n"
        for s in steps
    )
    heats = "".join(
        f"| {step} | {loss:.2f} ± {error:.2f} | {np.mean([t.functions.entropy[0] for t in tokens]):.2f} | "
        f"{np.abs([t.functions.free_energy[0] for t in tokens]).max():.0e} | "
        f"{np.mean([t.peak.temperature for t in tokens]):.2f} | {np.mean([t.peak.height for t in tokens]):.2f} | "
        f"{sum(t.scaling.melting_point is not None for t in tokens)} of {len(tokens)} |\n"
        for step, loss, error, tokens in series
    )
    states = series[0][3][0].scaling.states[-1]
    before, after = (np.mean([token.peak.temperature for token in series[k][3]]) for k in (0, -1))
    page = PAGE.format(
        rows=rows, heats=heats, rate=rate, worst=max(s.worst for s in steps), first=steps[0], last=steps[-1],
        zipf=series[0][3][0].zipf.peak().height, states=states, cold_place=before, warm_place=after,
        largest=max(abs(s.free_energy[one]) for s in steps),
    )  # fmt: skip
    (HERE / "training-free-energy.md").write_text(page, encoding="utf-8")
    draw(steps, HERE.parent / "figures" / "training-free-energy.png")


def draw(steps: list[Step], path: Path) -> None:
    """Loss and its parts; the identity's parts at other temperatures."""
    figure = new_figure(11.0, 4.4)
    left, right = figure.subplots(1, 2)
    at = np.array([max(s.step, 1) for s in steps])
    left.plot(at, [s.energy[1] for s in steps], "o-", color=INK, label="loss = ⟨E⟩ of the data")
    left.plot(at, [s.entropy for s in steps], color=SERIES[1], linestyle="dashed", label="S of the data")
    left.plot(at, [s.divergence[1] for s in steps], "o-", color=SIMULATED, label="KL(data ‖ model)")
    left.plot(at, [s.free_energy[1] for s in steps], "o-", color=CONTEXT, label="F of the model, E = −log q")
    left.plot(at, [s.raw for s in steps], color=CONTEXT, linestyle="dotted", label="F of the model, E = −logit")
    dress(left, "T = 1, a Markov chain as the data", "training step (0 drawn at 1)", "nats per token")
    for k, colour, temperature in ((0, SERIES[0], TEMPERATURES[0]), (2, SERIES[4], TEMPERATURES[2])):
        total = [temperature * s.divergence[k] + s.free_energy[k] for s in steps]
        name = f"T = {temperature:g}"
        right.plot(at, total, "o-", color=colour, label=f"{name}: ⟨E⟩ − T S of the data")
        right.plot(
            at, [s.free_energy[k] for s in steps], color=colour, linestyle="dashed", label=f"{name}: F of the model"
        )
    dress(right, "At other temperatures", "training step (0 drawn at 1)", "nats per token")
    for ax in (left, right):
        ax.set_xscale("log")
        legend(ax, fontsize=8)
    save(figure, path)


PAGE = """# Does training lower a free energy?

Made by `python docs/studies/training_free_energy.py`, which trains the tiny model twice with `--keep-model`. For any
energies E, any law P of the data and any temperature

    ⟨E⟩_P − T S_P = F(T) + T KL(P ‖ model at T),        F(T) = −T log Σ exp(−E/T)

and with E = −log q, the model's own, F(1) = 0 by normalisation and ⟨E⟩_P is the loss: loss = S_P + KL(P ‖ q).

**What is true.** The *equilibrium* free energy of the model is 0 at T = 1 before, during and after training (largest
mean value here {largest:.0e}), so training does not lower it. What training lowers is the *nonequilibrium* free energy
⟨E⟩ − S of the data in the model's energies, from {first.divergence[1]:.2f} to {last.divergence[1]:.4f} nats, and that
is the divergence KL(data ‖ model), no more and no less. The entropy of the data, {rate:.4f} nats a letter in an
endless text, is a constant that training cannot touch. If the energies are the raw logits, F at T = 1 moves
({first.raw:.2f} to {last.raw:.2f}), but that number depends on the arbitrary zero of the logits.

## A source of known entropy

A Markov chain over eight letters (`markov_source.py`): its law after every letter is known, so that loss, entropy and
divergence are three separate exact sums over the next letter at each of 40 x 64 positions of test text. The identity
holds at every position, checkpoint and temperature to {worst:.0e}.

| step | loss | S of data | KL, T = 1 | F(1) | F(1), E = −logit | KL, T = .5 | F(.5) | KL, T = 2 | F(2) |
|---|---|---|---|---|---|---|---|---|---|
{rows}
At other temperatures the model's own free energy does move, in both directions: F(.5) falls from
{first.free_energy[0]:.2f} to {last.free_energy[0]:.2f} nats and F(2) rises from {first.free_energy[2]:.2f} to
{last.free_energy[2]:.2f}, as the law sharpens. KL(data ‖ model at T) is least at T = 1 once the model is trained.

![Loss, entropy and divergence over training; free energies at other temperatures](../figures/training-free-energy.png)

## Natural text

The King James Bible, vocabulary {states:,}; the loss is measured on a passage of the training text. Its two parts are
not measured: S of natural text is unknown, and only on text that was not trained on is the expected loss an upper
bound of it. Beside it the next token after each position of the passage: mean S(1), the largest |F(1)|, mean place and
height of the peak of C (a bare Zipf list of as many states: {zipf:.1f}), and how many [melt](melting.md).

| step | loss | S(1) | largest F(1) | T of peak | C there | melt |
|---|---|---|---|---|---|---|
{heats}
The peak moves from T = {cold_place:.2f} to {warm_place:.2f} as the law sharpens. Some tokens melt before any training,
at a temperature where nothing is sampled: random energies do so in 8% of draws of this size, if their lowest state
happens to lie deep. A melting point is a property of a spectrum, not a sign of knowledge.
"""

if __name__ == "__main__":
    main()
