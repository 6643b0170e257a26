"""Trains the tiny model and hands over, before each update, what a recorder may want to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gasfield.errors import BlowUp, InputError
from gasfield.recording.corpus import DEFAULT_TEXT, Corpus
from gasfield.recording.model import Geometry, TinyLanguageModel
from gasfield.recording.optimiser import Precision, make_optimiser, moments
from gasfield.spec import Spec
from gasfield.streams import Stream, generator, word


class TrainingPlan(Spec):
    """Everything that decides a training run."""

    text: str = DEFAULT_TEXT
    precision: Precision = "bf16"
    steps: Annotated[int, Field(ge=1)] = 500
    batch: Annotated[int, Field(ge=1)] = 32
    seed: Annotated[int, Field(ge=0)] = 1
    dead: Annotated[int, Field(ge=0)] = 3700
    """How many tokens of the vocabulary shall never occur."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: Annotated[float, Field(ge=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    geometry: Geometry = Geometry()


@dataclass(frozen=True)
class Moment:
    """The training at one step, before its update. Tensors are views: copy what outlives the step.

    Attributes:
        step: updates made so far.
        weights: (V, D) embedding.
        loss: mean cross-entropy; None after the last update, as is everything below.
        hidden: (B, D) final hidden states of the batch.
        log_partition: (B,) log Z of each position, of the logits as training had them.
        gradient: (V, D) gradient of the embedding.
        moments: first and second moment (V, D) of the embedding, None before the first update.
    """

    step: int
    weights: Tensor
    loss: float | None = None
    hidden: Tensor | None = None
    log_partition: Tensor | None = None
    gradient: Tensor | None = None
    moments: tuple[Tensor, Tensor] | None = None


class Training:
    """A model, its optimiser and its batches, ready to be stepped through."""

    def __init__(self, plan: TrainingPlan, corpus: Corpus) -> None:
        """Builds the model in its precision.

        Raises:
            InputError: if the text is shorter than one sequence.
        """
        if len(corpus.ids) <= plan.geometry.sequence + 1:
            raise InputError(
                f"{corpus.name}: {len(corpus.ids)} tokens to train on are fewer than one sequence of "
                f"{plan.geometry.sequence} and its target; take a longer text, fewer --dead or a shorter --sequence."
            )
        self.plan = plan
        self._ids = torch.from_numpy(corpus.ids)
        self._batches = generator(plan.seed, Stream.BATCHES)
        self.model = TinyLanguageModel(plan.geometry, word(plan.seed, Stream.MODEL_INIT))
        self._optimiser = make_optimiser(
            self.model, plan.precision, plan.learning_rate, plan.betas, plan.epsilon, plan.weight_decay
        )

    @property
    def weights(self) -> Tensor:
        """(V, D) the tied embedding, detached."""
        return self.model.embedding.weight.detach()

    def plant(self, rows: NDArray[np.int64], positions: NDArray[np.float64]) -> None:
        """Puts embedding rows at given positions (M, D), rounded to the precision of the model."""
        self.weights[torch.from_numpy(rows)] = torch.from_numpy(positions).to(self.weights.dtype)

    def moments(self) -> Iterator[Moment]:
        """Trains, yielding each step before its update, and the end.

        Raises:
            BlowUp: if the loss is no longer finite.
        """
        embedding = cast(nn.Parameter, self.model.embedding.weight)
        for step in range(self.plan.steps):
            tokens, targets = self._batch()
            hidden = self.model.hidden(tokens)
            logits = self.model.logits(hidden).flatten(0, 1).float()
            log_probabilities = functional.log_softmax(logits, dim=-1)
            loss = functional.nll_loss(log_probabilities, targets.flatten())
            log_partition = _at(logits.detach(), targets) - _at(log_probabilities.detach(), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            if not torch.isfinite(loss):
                raise BlowUp(f"training step {step}: the loss is {loss.item()}. Try a smaller --lr.")
            assert embedding.grad is not None
            yield Moment(
                step=step,
                weights=self.weights,
                loss=loss.item(),
                hidden=hidden.detach().flatten(0, 1),
                log_partition=log_partition,
                gradient=embedding.grad,
                moments=moments(self._optimiser, embedding),
            )
            self._optimiser.step()
            self._optimiser.zero_grad()
        yield Moment(self.plan.steps, self.weights, moments=moments(self._optimiser, embedding))

    def _batch(self) -> tuple[Tensor, Tensor]:
        sequence = self.plan.geometry.sequence
        starts = torch.from_numpy(self._batches.integers(0, len(self._ids) - sequence - 1, self.plan.batch))
        windows = self._ids[starts[:, None] + torch.arange(sequence + 1)]
        return windows[:, :-1], windows[:, 1:]


def _at(scores: Tensor, targets: Tensor) -> Tensor:
    """(B, V) -> (B,), the entry of each target. What a softmax took off it is log Z, without another pass over all."""
    return scores.gather(1, targets.reshape(-1, 1)).squeeze(1)
