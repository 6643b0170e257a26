"""Can a matrix alone tell which tokens never occurred in training?

The tiny model is trained on the shipped text with 3,700 dead tokens of 10,000, in two precisions, with weight decay,
and with no dead tokens at all; its whole embedding is kept at some steps (outputs/dead-rows; once). The score of
`gasfield dead` is then held against the truth. Writes docs/studies/dead-rows.md and docs/figures/dead-rows.png. Run by
`make study`; about ten minutes the first time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "outputs" / "dead-rows"
RUNS = {
    "fp32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "fp32, decay 0.1": {"precision": "fp32", "weight_decay": 0.1},
    "fp32, no dead tokens": {"precision": "fp32", "dead": 0},
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
    import json

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


if __name__ == "__main__":
    for run in RUNS:
        print(matrices(run), np.load(matrices(run))["frames"].shape, flush=True)
