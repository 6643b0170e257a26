"""Black holes: groups of identical rows in a published cast, under public recipes and under other mechanisms.

Rows that never occur feel nearly one field. Under decoupled decay their differences shrink like exp(-L), L = sum of
eta lambda, until nothing but rounding tells them apart, and a bfloat16 cast shows in which cells the cloud lies. This
script moves such clouds in a surrogate of the recorded field (`black_holes_field`), with the arithmetic of AdamW
(`black_holes_law`, `black_holes_rows`), inspects casts (`black_holes_cast`) and compares them with what was published
(`black_holes_published`). Every cast is a line of outputs/black-holes/casts.jsonl, written as it comes; cases that are
there already are not repeated. `black_holes_page` writes docs/studies/black-holes.md from these lines.

    make black-holes          about ten minutes of one core
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from time import process_time

import black_holes_page
import numpy as np
from black_holes_cast import Cast, cast_of, groups_of, predicted_split
from black_holes_field import Single, Surrogate, fit, tidal
from black_holes_law import Moments, Recipe, march
from black_holes_rows import Law, steps
from numpy.typing import NDArray

from gasfield.kernels.bfloat16 import round_to_bfloat16

RESULTS = Path("outputs/black-holes/casts.jsonl")
ROWS, WIDE = 2100, 2560
"""Of the published model."""
WEAK = 7.6e-4
"""Strength at which decay balances the field at the published size of the rows: rms |W| = strength / lambda."""
FURTHER = Recipe("further training", 5e-5, 0.1, 4_000, warmup=100)
RESTARTS = (
    ("restart, tidal at casts", 0.05, True, True),
    ("restart, common", 0.05, False, False),
    ("restart, tidal at masters", 0.05, True, False),
    ("restart, tidal at casts, weak", WEAK, True, True),
    ("restart, tidal at casts, strength 0.01", 0.01, True, True),
)
LAST = 18.0
"""L at which a run is cut off: all rows are one by then."""
PIECE = 1000
FEW = (8, 20)
"""Groups that are about as many as the published 13."""

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
    groups: tuple[list[list[int]], list[int]] | None
    """Different rows in their split coordinates, and how many of each: of casts with few."""


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
    cast = cast_of(columns)
    groups = None
    if FEW[0] <= cast.groups <= FEW[1] and cast.split <= 60:
        rows, counts = groups_of(columns)
        groups = (rows.tolist(), counts.tolist())
    return Line(case, kind, seed, total, middle, predicted_split(columns), cast, groups)


def full_size(recipe: Recipe, seed: int, start: float, every: float = 0.1) -> Iterator[Line]:
    """A recipe in the published dimension and with as many rows."""
    source = np.random.default_rng(seed)
    columns = cloud(source, WIDE, recipe.spread)
    for total in common(columns, recipe, Surrogate(source, WIDE, WEAK), every, start):
        yield line(recipe.name, "full", seed, total, columns)
        if total > LAST:
            return


def all_steps(recipe: Recipe, seed: int) -> Iterator[Line]:
    """A recipe with its own number of steps, in 64 dimensions."""
    source = np.random.default_rng(seed)
    columns = cloud(source, 64, recipe.spread)
    for total in common(columns, recipe, Surrogate(source, 64, WEAK), 0.1):
        yield line(recipe.name, "recipe", seed, total, columns)
        if total > LAST:
            return


def scan(rate: float, decay: float, spread: float, seed: int) -> Iterator[Line]:
    """Rate and decay in 64 dimensions, up to L = 16 or 300,000 steps."""
    recipe = Recipe(f"{rate:g}, {decay:g}, {spread:g}", rate, decay, min(300_000, int(16 / (rate * decay))))
    source = np.random.default_rng(seed)
    columns = cloud(source, 64, spread)
    for total in common(columns, recipe, Surrogate(source, 64, WEAK), 0.25):
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


def wide_tidal(case: str, view: bool, seed: int) -> Iterator[Line]:
    """The tidal part in the published dimension: 300 rows, in a common field until L = 13.5 and with it from there."""
    source = np.random.default_rng(seed)
    columns = cloud(source, WIDE, 0.02, 300)
    recipe = replace(SHORT, steps=90_000)
    field = Surrogate(source, WIDE, WEAK)
    *_, start = common(columns, recipe, field, 20.0)
    rows, due = np.ascontiguousarray(columns.T), 0.1
    further, law = Recipe("", 5e-3, 0.1, 7_000, 100), Law(tidal(source, WIDE), view=view)
    for total in steps(rows, law, further, field, WEAK, seed):
        if total >= due:
            due += 0.1
            yield line(case, "mechanism", seed, start + total, np.ascontiguousarray(rows.T))


@cache
def base(seed: int) -> tuple[Line, Single, NDArray[np.int64]]:
    """A cloud in a common field at its first cast with at most 62 groups, as a published base model: what it shows, the
    different rows of the cast (n, D), and which of them every row is (N,)."""
    source = np.random.default_rng(seed)
    columns = cloud(source, WIDE, 0.02)
    quick = replace(SHORT, peak=4 * SHORT.peak, steps=SHORT.steps // 4, warmup=500)
    for total in common(columns, quick, Surrogate(source, WIDE, WEAK), 0.1, 14.5):
        found = line("base", "base", seed, total, columns)
        if 0 < found.cast.groups <= 62 and found.cast.singles < 0.05 * ROWS:
            break
    distinct, which = np.unique(round_to_bfloat16(columns).T, axis=0, return_inverse=True)
    return found, np.ascontiguousarray(distinct), which.ravel()


def restart(seed: int, case: str, strength: float, *, tides: bool, view: bool) -> Iterator[Line]:
    """That cast becomes the float32 masters of a further training of 4,000 steps, L = 0.02, with a field of its own,
    which acts on different rows only: equal ones stay equal."""
    found, distinct, which = base(seed)
    yield found
    rows = distinct.copy()
    source = np.random.default_rng((seed, 1))
    law = Law(tidal(source, WIDE) if tides else None, view=view)
    due = 0.0025
    for total in steps(rows, law, FURTHER, Surrogate(source, WIDE, strength), strength, seed):
        if total >= 0.999 * due:
            due += 0.0025
            yield line(case, "restart", seed, total, np.ascontiguousarray(rows[which].T))


def cases() -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """All of them, the most important first."""
    for seed in (1, 2, 3):
        yield f"short {seed}", partial(full_size, SHORT, seed, 11.0)
    for name, strength, memory in (
        ("common, weak", WEAK, np.inf), ("common, strong", 100.0, np.inf), ("common, wandering", 10 * WEAK, 2e3),
        ("no field", 0.0, np.inf),
    ):  # fmt: skip
        for seed in (1, 2, 3):
            yield f"{name} {seed}", partial(fields, name, strength, memory, seed)
    recorded = fit().tidal
    yield "tidal at casts 1", partial(mechanism, "tidal at casts, weak", Law(recorded, view=True), WEAK, 1)
    yield "tidal at masters 1", partial(mechanism, "tidal at masters, weak", Law(recorded), WEAK, 1)
    for recipe in RECIPES:
        yield f"{recipe.name}, all steps", partial(all_steps, recipe, 1)
    for seed, (name, strength, tides, view) in product((1, 2, 3), RESTARTS):
        yield f"{name} {seed}", partial(restart, seed, name, strength, tides=tides, view=view)
    for recipe in RECIPES:
        scaled = replace(recipe, peak=10 * recipe.peak, steps=recipe.steps // 10, warmup=recipe.warmup // 10)
        yield recipe.name, partial(full_size, scaled, 1, 7.0, 1.0)
    for rate, decay, spread in product((1e-4, 3e-4, 1e-3), (0.03, 0.1, 0.3), (0.006, 0.02, 0.1)):
        yield f"scan {rate} {decay} {spread}", partial(scan, rate, decay, spread, 1)
    for name, law, strength, identical in (
        ("bfloat16 weights, weak", Law(weights="bfloat16"), WEAK, False),
        ("bfloat16 weights, strong", Law(weights="bfloat16"), 1.0, False),
        ("identical start, no noise", Law(), WEAK, True),
        ("identical start, noise", Law(noise=2.0**-9), WEAK, True),
        ("identical start, noise, bfloat16 weights", Law(noise=2.0**-9, weights="bfloat16"), 1.0, True),
        ("tidal at casts, strong", Law(recorded, view=True), 0.1, False),
        ("tidal at masters, strong", Law(recorded), 0.1, False),
    ):
        yield f"{name} 1", partial(mechanism, name, law, strength, 1, identical)
    for name, view in (("tidal at casts", True), ("tidal at masters", False)):
        yield f"wide {name} 1", partial(wide_tidal, f"{name}, D = 2,560", view, 1)


def finished() -> set[str]:
    """Cases that are there; lines of one that was cut off are removed."""
    if not RESULTS.exists():
        return set()
    lines = RESULTS.read_text().splitlines(keepends=True)
    done = [place for place, text in enumerate(lines) if text.startswith('{"done"')]
    RESULTS.write_text("".join(lines[: done[-1] + 1] if done else []))
    return {json.loads(lines[place])["done"] for place in done}


def main(only: str = "") -> None:
    """Runs the cases that are not there yet, and writes the page."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    done = finished()
    for name, run in cases():
        if name in done or only not in name:
            continue
        start = process_time()
        with RESULTS.open("a") as file:
            for found in run():
                if found.cast.singles > 0.95 * sum((found.cast.singles, *found.cast.sizes)):
                    continue  # no groups yet
                file.write(json.dumps(asdict(found), default=float) + "\n")
                file.flush()
            file.write(
                json.dumps({"done": name, "last": asdict(found), "seconds": process_time() - start}, default=float)
                + "\n"
            )
        print(name, flush=True)
    black_holes_page.write(RESULTS)


if __name__ == "__main__":
    main(*sys.argv[1:])
