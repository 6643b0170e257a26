"""Black holes: groups of identical rows in a published cast, under public recipes and under other mechanisms.

Rows that never occur feel nearly one field. Under decoupled decay their differences shrink like exp(-L), L = sum of eta
lambda, until nothing but rounding tells them apart, and a bfloat16 cast shows in which cells the cloud lies. This script
moves such clouds in a surrogate of the recorded field (`black_holes_field`), with the arithmetic of AdamW
(`black_holes_law`, `black_holes_rows`), inspects casts (`black_holes_cast`) and compares them with what was published
(`black_holes_published`). Every cast is a line of outputs/black-holes/casts.jsonl, written as it comes; cases that are
there already are not repeated. `black_holes_page` writes docs/studies/black-holes.md from these lines.

    make black-holes          about half an hour on one core
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import black_holes_page
import numpy as np
from black_holes_cast import Cast, cast_of, predicted_split
from black_holes_field import Single, Surrogate, fit
from black_holes_law import Moments, Recipe, march
from black_holes_rows import Law, steps

from gasfield.kernels.bfloat16 import round_to_bfloat16

RESULTS = Path("outputs/black-holes/casts.jsonl")
ROWS, WIDE = 2100, 2560
"""Of the published model."""
WEAK = 7.6e-4
"""Strength at which decay balances the field at the published size of the rows: rms |W| = strength / lambda."""
PIECE = 1000

SHORT = Recipe("constant", 1.5e-3, 0.1, 120_000)
RECIPES = (
    Recipe("Pythia 2.8B", 1.6e-4, 0.01, 143_000, warmup=1430, kind="cosine"),
    Recipe("Llama 2 7B", 3e-4, 0.1, 500_000, kind="cosine"),
    Recipe("DeepSeek-V2-Lite", 4.2e-4, 0.1, 302_000, kind="steps", spread=0.006),
    Recipe("SmolLM3 3B, embedding decayed", 2e-4, 0.1, 4_720_000, kind="wsd"),
)
"""Sources: arXiv 2304.01373; 2307.09288; 2405.04434 and the model card of the Lite model (4,608 x 4,096 tokens a step,
5.7T tokens); the model's configurations (its embedding has no decay in fact)."""


@dataclass(frozen=True)
class Line:
    """A cast of a case."""

    case: str
    kind: str
    seed: int
    total: float
    median_size: float
    predicted: float
    cast: Cast


def cloud(source: np.random.Generator, dimensions: int, spread: float, rows: int = ROWS) -> Single:
    """Columns (D, N) of Gaussian rows."""
    return np.asarray(source.normal(0, spread, (dimensions, rows)), np.float32)


def common(columns: Single, recipe: Recipe, field: Surrogate, every: float, start: float = 0.0) -> Iterator[float]:
    """Moves columns in a common field; yields L whenever it has grown by `every`, from `start` on, and at the end."""
    moments, total, due = Moments(len(columns)), 0.0, max(start, every)
    for first in range(0, recipe.steps, PIECE):
        rates = recipe.rates(first, min(PIECE, recipe.steps - first))
        march(columns, *moments.updates(field.gradients(len(rates)), rates, recipe.decay))
        total += float(rates.sum() * recipe.decay)
        if total >= due or first + PIECE >= recipe.steps:
            due = total + every
            yield total


def line(case: str, kind: str, seed: int, total: float, columns: Single) -> Line:
    """What a cast of these columns shows."""
    middle = float(np.median(np.abs(columns.mean(axis=1, dtype=np.float64))))
    return Line(case, kind, seed, total, middle, predicted_split(columns), cast_of(columns))


def full_size(recipe: Recipe, seed: int, every: float, start: float, last: float = np.inf) -> Iterator[Line]:
    """A recipe with its own number of steps, in the published dimension and with as many rows."""
    source = np.random.default_rng(seed)
    columns = cloud(source, WIDE, recipe.spread)
    for total in common(columns, recipe, Surrogate(source, WIDE, WEAK), every, start):
        yield line(recipe.name, "full", seed, total, columns)
        if total > last:
            return


def scan(rate: float, decay: float, spread: float, seed: int) -> Iterator[Line]:
    """Rate and decay in 64 dimensions, up to L = 16 or a million steps."""
    recipe = Recipe(f"{rate:g}, {decay:g}, {spread:g}", rate, decay, min(1_000_000, int(16 / (rate * decay))))
    source = np.random.default_rng(seed)
    columns = cloud(source, 64, spread)
    for total in common(columns, recipe, Surrogate(source, 64, WEAK), 0.1):
        yield line(recipe.name, "scan", seed, total, columns)


def fields(case: str, strength: float, memory: float, seed: int) -> Iterator[Line]:
    """Other common fields, in 64 dimensions."""
    source = np.random.default_rng(seed)
    columns = cloud(source, 64, 0.02)
    for total in common(columns, SHORT, Surrogate(source, 64, strength, memory), 0.1):
        yield line(case, "mechanism", seed, total, columns)


def mechanism(case: str, law: Law, strength: float, seed: int, identical: bool = False) -> Iterator[Line]:
    """Rows with gradients of their own, in 64 dimensions."""
    source = np.random.default_rng(seed)
    rows = np.ascontiguousarray(cloud(source, 64, 0.02, 1 if identical else 1000).T)
    rows = np.repeat(rows, 1000, axis=0) if identical else rows
    rows = round_to_bfloat16(rows) if law.weights == "bfloat16" else rows
    recipe, due = replace(SHORT, peak=2 * SHORT.peak, steps=46_000), 0.25
    for total in steps(rows, law, recipe, Surrogate(source, 64, strength), strength, seed):
        if total >= due:
            due += 0.25
            yield line(case, "mechanism", seed, total, np.ascontiguousarray(rows.T))


def restart(seed: int, groups: int, further: float, strength: float) -> Iterator[Line]:
    """A cast with at most so many groups becomes the float32 masters of a further training, as a published base model
    does; with a field of its own, whose tidal part acts on the casts of its rows."""
    source = np.random.default_rng(seed)
    columns = cloud(source, WIDE, 0.02)
    case = f"restart, {strength:g}, {further:g}"
    for total in common(columns, SHORT, Surrogate(source, WIDE, WEAK), 0.1, 14.0):
        found = line(case + ": before", "restart", seed, total, columns)
        if 0 < found.cast.groups <= groups and found.cast.singles < 0.05 * ROWS:
            break
    yield found
    distinct, which = np.unique(round_to_bfloat16(columns).T, axis=0, return_inverse=True)
    # Components of a normalised state are about 1; a few states span the tidal part. |g| = |h| times a probability.
    states = source.normal(size=(32, WIDE)) / np.sqrt(32 * np.sqrt(WIDE))
    rows = np.ascontiguousarray(distinct)
    rate = 1e-3 if further > 0.1 else 1e-5
    recipe, law = Recipe("", rate, 0.1, round(further / (0.1 * rate)), 100), Law(tidal=states, view=True)
    due = further / 4
    for total in steps(rows, law, recipe, Surrogate(source, WIDE, strength), strength, seed):
        if total >= 0.99 * due:
            due += further / 4
            yield line(case + ": after", "restart", seed, total, np.ascontiguousarray(rows[which].T))


def cases() -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """All of them, the most important first."""
    for seed in (1, 2, 3):
        yield f"short {seed}", lambda seed=seed: full_size(SHORT, seed, 0.1, 11.0)
    for name, strength, memory in (
        ("common, weak", WEAK, np.inf), ("common, strong", 100.0, np.inf), ("common, wandering", 10 * WEAK, 2e3),
        ("no field", 0.0, np.inf),
    ):  # fmt: skip
        for seed in (1, 2, 3):
            yield f"{name} {seed}", lambda a=name, b=strength, c=memory, d=seed: fields(a, b, c, d)
    tidal = fit().tidal
    for name, law, strength, identical in (
        ("tidal at masters, weak", Law(tidal), WEAK, False),
        ("tidal at casts, weak", Law(tidal, view=True), WEAK, False),
        ("tidal at masters, strong", Law(tidal), 0.1, False),
        ("tidal at casts, strong", Law(tidal, view=True), 0.1, False),
        ("bfloat16 weights, weak", Law(weights="bfloat16"), WEAK, False),
        ("bfloat16 weights, strong", Law(weights="bfloat16"), 1.0, False),
        ("identical start, no noise", Law(), WEAK, True),
        ("identical start, noise", Law(noise=2.0**-9), WEAK, True),
        ("identical start, noise, bfloat16 weights", Law(noise=2.0**-9, weights="bfloat16"), 1.0, True),
    ):
        yield f"{name} 1", lambda a=name, b=law, c=strength, d=identical: mechanism(a, b, c, 1, d)
    for seed in (1, 2):
        for further, strength in ((0.02, 0.05), (1.0, WEAK)):
            yield f"restart {seed} {further}", lambda a=seed, b=further, c=strength: restart(a, 62, b, c)
    for rate in (1e-4, 3e-4, 1e-3):
        for decay in (0.03, 0.1, 0.3):
            for spread in (0.006, 0.02, 0.1):
                yield f"scan {rate} {decay} {spread}", lambda a=rate, b=decay, c=spread: scan(a, b, c, 1)
    for recipe in RECIPES:
        yield recipe.name, lambda recipe=recipe: full_size(recipe, 1, 0.1, 7.0, 18.0)


def main(only: str = "") -> None:
    """Runs the cases that are not there yet, and writes the page."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if RESULTS.exists():
        done = {found["done"] for found in map(json.loads, RESULTS.read_text().splitlines()) if "done" in found}
    for name, run in cases():
        if name in done or only not in name:
            continue
        with RESULTS.open("a") as file:
            for found in run():
                if found.cast.singles > 0.95 * sum((found.cast.singles, *found.cast.sizes)):
                    continue  # no groups yet
                file.write(json.dumps(asdict(found), default=float) + "\n")
                file.flush()
            file.write(json.dumps({"done": name, "last": asdict(found)}, default=float) + "\n")
        print(name, flush=True)
    black_holes_page.write(RESULTS)


if __name__ == "__main__":
    main(*sys.argv[1:])
