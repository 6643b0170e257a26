"""Can a matrix alone tell which tokens never occurred in training?

The tiny model is trained on the shipped text with 3,700 dead tokens of 10,000, in two precisions, with weight decay,
and on the whole text, in which the tokenizer's own left-overs alone never occur; its whole embedding is kept at some
steps (outputs/dead-rows; once). The score of `gasfield dead` is then held against the truth. Writes
docs/studies/dead-rows.md and docs/figures/dead-rows.png. Run by `make study`; about ten minutes the first time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from gasfield.embedding import Matrix
from gasfield.inspection.dormancy import densest, dormancy
from gasfield.plots.style import SERIES, dress, headline, legend, new_figure
from gasfield.statistics.estimate import Estimate
from gasfield.statistics.separation import area_under_curve

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "outputs" / "dead-rows"
RUNS = {
    "fp32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "fp32, decay 0.1": {"precision": "fp32", "weight_decay": 0.1},
    "fp32, whole text": {"precision": "fp32", "dead": 0},
}
STEPS = (0, 10, 30, 100, 300, 1000)
TRAIN = """
import sys, json
import numpy as np, torch
from gasfield.recording.corpus import tokenize
from gasfield.recording.training import Training, TrainingPlan
plan = TrainingPlan.model_validate(json.loads(sys.argv[1]))
kept = json.loads(sys.argv[2])
torch.set_num_threads(1)
corpus = tokenize(plan.text, plan.geometry.vocabulary, plan.dead)
training = Training(plan, corpus)
frames, seen = [], np.zeros((len(kept), plan.geometry.vocabulary), np.int64)
counts = np.zeros(plan.geometry.vocabulary, np.int64)
batch = training.batch
def counted():
    tokens, targets = batch()
    np.add.at(counts, np.concatenate([tokens[:, 0].numpy(), targets.numpy().ravel()]), 1)
    return tokens, targets
training.batch = counted
matrix = training.model.embedding.weight
def keep(step):
    if step in kept:
        seen[len(frames)] = counts
        frames.append(matrix.detach().float().numpy().copy())
keep(0)
for step, _ in enumerate(training.losses(), 1):
    keep(step)
in_text = np.bincount(corpus.ids, minlength=len(counts))
np.savez_compressed(sys.argv[3], frames=np.array(frames), seen=seen, in_text=in_text)
"""


def matrices(name: str) -> Path:
    """Trains in a process of its own, unless it was done before: frames (S, V, D), how often each token was seen."""
    path = FOLDER / f"{name.replace(', ', '-').replace(' ', '-')}.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part.npz")
        plan = json.dumps({"steps": STEPS[-1], **RUNS[name]})
        tunables = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8000000000"
        command = [sys.executable, "-c", TRAIN, plan, json.dumps(STEPS), str(draft)]
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"GLIBC_TUNABLES": tunables})
        draft.replace(path)
    return path


@dataclass(frozen=True)
class Told:
    """What the matrix told at one step.

    Attributes:
        areas: score -> area under the curve, for tokens that never occur in the text.
        unseen: the same of the distance, for tokens that had not been seen by then; None at step 0.
        called: rows that were called dead.
        right: share of them that are, and share that had not been seen by then.
        found: share of the dead rows that were called so.
        rank: Spearman's correlation of the distance with the count, among tokens that had been seen, and its error.
    """

    areas: dict[str, Estimate]
    unseen: Estimate | None
    called: int
    right: tuple[float, float]
    found: float
    rank: tuple[float, float]


def told(rows: NDArray[np.float32], seen: NDArray[np.int64], in_text: NDArray[np.int64]) -> Told:
    """Looks at one matrix (V, D), knowing how often each token was seen so far and is in the text."""
    matrix, every = Matrix("", "", "float32", rows.view(np.uint32)), np.arange(len(rows))
    score, centre = dormancy(matrix, every), densest(matrix, every)
    norms = np.linalg.norm(rows, axis=1)
    dead, unseen = in_text == 0, seen == 0
    others = {"distance": score.scores, "norm": -norms, "cosine": rows @ centre / norms}
    called = np.zeros(len(rows), bool) if score.threshold is None else score.scores > score.threshold
    known = np.flatnonzero(~unseen)
    return Told(
        areas={name: area_under_curve(values, dead) for name, values in others.items()} if dead.any() else {},
        unseen=area_under_curve(score.scores, unseen) if 0 < unseen.sum() < len(rows) else None,
        called=int(called.sum()),
        right=(float(dead[called].mean()), float(unseen[called].mean())) if called.any() else (np.nan, np.nan),
        found=float(called[dead].mean()) if dead.any() else np.nan,
        rank=rank_correlation(-score.scores[known], seen[known]) if len(known) else (np.nan, np.nan),
    )


def rank_correlation(scores: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Spearman's, and its standard error over 200 resamplings of the rows."""
    chance = np.random.default_rng(0)
    draws = chance.integers(0, len(scores), (200, len(scores)))
    return float(spearmanr(scores, counts)[0]), float(np.std([spearmanr(scores[d], counts[d])[0] for d in draws]))


def table(name: str, steps: dict[int, Told]) -> str:
    """Markdown of one run."""
    lines = [
        f"## {name}",
        "",
        "| step | distance | norm | cosine | unseen by then | called dead | of them dead | of them unseen ",
    ]
    lines[-1] += "| found of the dead | rank correlation with the count |"
    lines.append("|---" * 10 + "|")
    for step, each in steps.items():
        areas = [
            each.areas[key].quantity().text() if key in each.areas else "–" for key in ("distance", "norm", "cosine")
        ]
        unseen = "–" if each.unseen is None else each.unseen.quantity().text()
        shares = [share(each.right[0]), share(each.right[1]), share(each.found)]
        rank = "–" if np.isnan(each.rank[0]) else f"{each.rank[0]:.3f} ± {each.rank[1]:.3f}"
        cells = [str(step), *areas, unseen, str(each.called or "cannot tell"), *shares, rank]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def share(value: float) -> str:
    """Per cent, or a dash."""
    return "–" if np.isnan(value) else f"{value:.1%}"


def draw(results: dict[str, dict[int, Told]], path: Path) -> None:
    """The area under the curve over the steps, and how the distances lie at three of them."""
    figure = new_figure(13, 4.2)
    areas, *panels = figure.subplots(1, 4, width_ratios=(1.5, 1, 1, 1))
    for (name, steps), colour in zip(results.items(), SERIES, strict=False):
        if all(each.areas for each in steps.values()):
            values = [each.areas["distance"].quantity() for each in steps.values()]
            at = [max(step, 3) for step in steps]
            areas.errorbar(at, [v.value for v in values], [v.error for v in values], fmt="o-", color=colour, label=name)
    areas.set_xscale("log")
    areas.set_xticks([3, 10, 30, 100, 300, 1000], ["0", "10", "30", "100", "300", "1000"])
    areas.axhline(0.5, color="#8d8d99", linestyle=":")
    dress(areas, "How well the matrix tells", "training step", "area under the curve")
    legend(areas, loc="lower right")
    stored = np.load(matrices("fp32"))
    for panel, step in zip(panels, (30, 300, 1000), strict=True):
        rows = stored["frames"][STEPS.index(step)]
        matrix, every = Matrix("", "", "float32", rows.view(np.uint32)), np.arange(len(rows))
        score, dead = dormancy(matrix, every), stored["in_text"] == 0
        edges = np.geomspace(0.7, 20, 80).tolist()
        panel.hist(-score.scores[~dead], edges, color=SERIES[1], alpha=0.5, label="occur")
        panel.hist(-score.scores[dead], edges, color=SERIES[0], alpha=0.6, label="never occur")
        if score.threshold is not None:
            panel.axvline(-score.threshold, color="#444", linestyle="--", label="called dead below")
        panel.set_xscale("log")
        panel.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
        dress(panel, f"fp32, step {step}", "distance [of the nearest]", "")
        legend(panel)
    headline(figure, "Which tokens never occurred, by the matrix alone")
    figure.savefig(path)


def main() -> None:
    """Trains what is missing, looks, writes."""
    results: dict[str, dict[int, Told]] = {}
    for name in RUNS:
        stored = np.load(matrices(name))
        frames, seen, in_text = stored["frames"], stored["seen"], stored["in_text"]
        print(f"{name}: {int(np.sum(in_text == 0))} tokens never occur")
        results[name] = {step: told(frames[k], seen[k], in_text) for k, step in enumerate(STEPS)}
        print(table(name, results[name]), flush=True)
    head = (
        "# Dead rows from the matrix alone\n\n"
        "Area under the curve of three scores for tokens that never occur in the text (distance from the densest "
        "place, minus the norm, cosine with that place), with DeLong's errors; of the distance for tokens that had "
        "not been seen by then; what is called dead without being told anything.\n\n"
    )
    text = head + "\n".join(table(name, steps) for name, steps in results.items())
    (ROOT / "docs" / "studies" / "dead-rows.md").write_text(text, encoding="utf-8")
    draw(results, ROOT / "docs" / "figures" / "dead-rows.png")


if __name__ == "__main__":
    main()
