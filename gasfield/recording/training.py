"""Trains the tiny model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from gasfield.errors import BlowUp, InputError
from gasfield.recording.corpus import Corpus
from gasfield.recording.model import TinyLanguageModel
from gasfield.recording.optimiser import make_optimiser
from gasfield.recording.plan import TrainingPlan
from gasfield.streams import Stream, generator, word


class Training:
    """A model, its optimiser and its batches."""

    def __init__(self, plan: TrainingPlan, corpus: Corpus) -> None:
        """Builds the model in its precision.

        Raises:
            InputError: if the text is shorter than one sequence.
        """
        if len(corpus.ids) <= plan.geometry.sequence + 1:
            raise InputError(
                f"{corpus.name}: {len(corpus.ids)} tokens to train on are fewer than one sequence of "
                f"{plan.geometry.sequence} and its target; take a longer text, fewer dead tokens or shorter sequences."
            )
        self.plan = plan
        self._ids = torch.from_numpy(corpus.ids)
        self._batches = generator(plan.seed, Stream.BATCHES)
        self.model = TinyLanguageModel(plan.geometry, word(plan.seed, Stream.MODEL_INIT))
        self.optimiser = make_optimiser(
            self.model, plan.precision, plan.learning_rate, plan.betas, plan.epsilon, plan.weight_decay
        )

    def losses(self) -> Iterator[float]:
        """Trains and yields the loss of each step, after its update and while its gradients still exist.

        Raises:
            BlowUp: if the loss becomes non-finite; the update is not made.
        """
        for step in range(self.plan.steps):
            tokens, targets = self.batch()
            logits = self.model(tokens).flatten(0, 1).float()
            loss = functional.cross_entropy(logits, targets.flatten())
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if not torch.isfinite(loss):
                raise BlowUp(f"training step {step}: the loss is {loss.item()}. Try a smaller learning rate.")
            self.optimiser.step()
            yield loss.item()

    def batch(self) -> tuple[Tensor, Tensor]:
        """The next token ids and targets (B, S)."""
        sequence = self.plan.geometry.sequence
        starts = torch.from_numpy(self._batches.integers(0, len(self._ids) - sequence - 1, self.plan.batch))
        windows = self._ids[starts[:, None] + torch.arange(sequence + 1)]
        return windows[:, :-1], windows[:, 1:]
