"""Trains the tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gasfield.errors import BlowUp, InputError
from gasfield.recording.corpus import DEFAULT_TEXT, Corpus
from gasfield.recording.model import Geometry, TinyLanguageModel
from gasfield.recording.optimiser import Precision, make_optimiser
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
        self.optimiser = make_optimiser(
            self.model, plan.precision, plan.learning_rate, plan.betas, plan.epsilon, plan.weight_decay
        )

    def losses(self) -> Iterator[float]:
        """Trains: the loss of each step, when its update was made and its gradients are still there.

        Raises:
            BlowUp: if the loss is no longer finite; the update is not made.
        """
        for step in range(self.plan.steps):
            tokens, targets = self.batch()
            logits = self.model(tokens).flatten(0, 1).float()
            loss = functional.cross_entropy(logits, targets.flatten())
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if not torch.isfinite(loss):
                raise BlowUp(f"training step {step}: the loss is {loss.item()}. Try a smaller --lr.")
            self.optimiser.step()
            yield loss.item()

    def batch(self) -> tuple[Tensor, Tensor]:
        """The next token ids and targets (B, S)."""
        sequence = self.plan.geometry.sequence
        starts = torch.from_numpy(self._batches.integers(0, len(self._ids) - sequence - 1, self.plan.batch))
        windows = self._ids[starts[:, None] + torch.arange(sequence + 1)]
        return windows[:, :-1], windows[:, 1:]
