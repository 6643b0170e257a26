"""The real trainings of the twin study: a small language model under one of several laws of motion, recorded.

Trainings of one seed start from the same weights and see the same batches, whatever their law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from precision_replays import store
from torch import Tensor, nn
from twin_optimisers import MixedOptimiser, Storing, StoringOptimiser

from gasfield.recording import Recorder
from gasfield.recording.cadence import spread_steps
from gasfield.recording.corpus import Corpus, tokenize
from gasfield.recording.optimiser import RoundedAdamW
from gasfield.recording.plan import Geometry, Precision, TrainingPlan
from gasfield.recording.training import Training

STEPS, CHECK_STEPS = 3000, 1620
"""Of the trainings whose field serves all laws, and of those that check predictions: a step of the survey of both."""
PLAN = TrainingPlan(steps=STEPS, batch=16, dead=1000, geometry=Geometry(vocabulary=4000))
"""A fifth of the work of the shipped recordings: 1,024 positions a step, 4,000 tokens of which 1,000 never occur."""
SURVEYS = 40
"""Steps at which all dead rows are kept."""
LION_RATE, LION_BETAS = 1e-4, (0.9, 0.99)
"""A tenth of AdamW's learning rate, as its authors advise (three to ten times smaller)."""


@dataclass(frozen=True)
class Trained:
    """A law under which a model is really trained.

    Attributes:
        precision: of the model, and of the optimiser if `storing` is None.
        storing: the law, if it is none of those that gasfield records by itself.
    """

    precision: Precision
    storing: Storing | None = None

    @property
    def is_field(self) -> bool:
        """Whether its recorded field serves all laws; the others check what these predict."""
        return self.storing is None


TRAINED = {
    "bf16": Trained("bf16"),
    "bf16-fp32state": Trained("bf16-fp32state"),
    "fp32": Trained("fp32"),
    "stochastic": Trained("bf16-fp32state", Storing(weights="stochastic")),
    "coupled": Trained("fp32", Storing(rule="coupled_adam")),
    "master": Trained("bf16-fp32state", Storing(weights="master")),
}
"""By the name of the law; the fields first."""


MIXED: dict[str, Storing | None] = {
    "bf16": None,
    "bf16-fp32state": Storing(),
    "stochastic": Storing(weights="stochastic"),
    "stochastic-all": Storing(weights="stochastic", stochastic_moments=True),
    "kahan": Storing(weights="kahan"),
    "master": Storing(weights="master"),
    "lion-bf16": Storing(rule="lion"),
    "lion-stochastic": Storing(rule="lion", weights="stochastic"),
}
"""Laws of parts of the dead rows in one training, whose other weights are moved by `MIXED_BASE`; None is PyTorch's own
AdamW."""
MIXED_BASE = "bf16-fp32state"
MIXED_NAME = "mixed"


def rows_of(law: str) -> tuple[int, int]:
    """The dead rows that a law moves in a mixed training: from, to (exclusive)."""
    share, place = PLAN.dead // len(MIXED), list(MIXED).index(law)
    return share * place, share * (place + 1)


def optimiser_for(trained: Trained, training: Training) -> Any:
    """The optimiser of a training, on its model, which is in its precision already."""
    if trained.storing is None:
        return training.optimiser
    matrix = training.model.embedding.weight if trained.storing.rule == "coupled_adam" else None
    return _storing(trained.storing, list(training.model.parameters()), training.plan, matrix)


def _storing(
    storing: Storing | None, parameters: list[nn.Parameter], plan: TrainingPlan, coupled: nn.Parameter | None = None
) -> Any:
    """An optimiser of some parameters with the constants of a plan."""
    if storing is None:
        return torch.optim.AdamW(
            parameters, lr=plan.learning_rate, betas=plan.betas, eps=plan.epsilon, weight_decay=0.0, foreach=False
        )
    lion = storing.rule == "lion"
    return StoringOptimiser(
        parameters,
        storing,
        lr=LION_RATE if lion else plan.learning_rate,
        betas=LION_BETAS if lion else plan.betas,
        eps=plan.epsilon,
        coupled=coupled,
        seed=plan.seed,
    )


def mixed_optimiser(training: Training, dead: NDArray[np.int64]) -> MixedOptimiser:
    """The optimiser of a training whose dead rows are moved by all laws of `MIXED`."""
    rows = {law: torch.from_numpy(dead[slice(*rows_of(law))]) for law in MIXED}
    others = {law: partial(_storing, storing, plan=training.plan) for law, storing in MIXED.items()}
    return MixedOptimiser(training.optimiser, training.model.embedding.weight, others, rows)


def whole_matrix(path: Path) -> Path:
    """Where the means over the whole matrix are kept: `mean_square` (T, D) of the gradient, `mean_row` (T + 1, D)."""
    return path.with_suffix(".npz")


def train(path: Path, trained: Trained | None, plan: TrainingPlan) -> None:
    """Trains and records, unless it was done before; a training that was interrupted begins anew. Without a law it is
    a mixed training."""
    if path.exists():
        return
    corpus = tokenize(plan.text, plan.geometry.vocabulary, plan.dead)
    precision = (trained or TRAINED[MIXED_BASE]).precision
    training = Training(plan.model_copy(update={"precision": precision}), corpus)
    training.optimiser = (
        mixed_optimiser(training, corpus.dead_ids) if trained is None else optimiser_for(trained, training)
    )
    draft = path.with_suffix(".part.h5")
    recorder = _recorder(draft, training, corpus)
    matrix, squares, rows = training.model.embedding.weight, [], [_mean(training.model.embedding.weight)]
    try:
        for loss in training.losses():
            recorder.step(loss)
            assert matrix.grad is not None
            squares.append(_mean(matrix.grad.float() ** 2))
            rows.append(_mean(matrix))
    finally:
        failure = recorder.finish()
    if failure is not None:
        raise failure
    store(whole_matrix(path), {"mean_square": np.stack(squares), "mean_row": np.stack(rows)})
    draft.replace(path)


def _recorder(path: Path, training: Training, corpus: Corpus) -> Recorder:
    known = isinstance(training.optimiser, torch.optim.Optimizer | RoundedAdamW)
    return Recorder(
        training.model,
        path,
        rows={"dead": 8, "live": 8},
        dead=corpus.dead_ids,
        every=100,
        field="affine",
        field_every=1,
        survey_steps=spread_steps(SURVEYS, training.plan.steps),
        optimizer=training.optimiser if known else None,
        seed=training.plan.seed,
        patience=math.inf,
        overwrite=True,
    )


def _mean(matrix: Tensor) -> NDArray[np.float32]:
    """(D,) mean of the rows (V, D)."""
    mean: NDArray[np.float32] = matrix.detach().float().mean(dim=0).numpy()
    return mean
