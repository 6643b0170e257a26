"""A made recording of live rows: an output matrix that learns to predict targets from given hidden states.

The loss is cross-entropy over the whole vocabulary, computed by its definition in float64; the matrix is moved in
float32 by a law of our choice. The hidden states do not depend on it, so that what a row would have done elsewhere, all
else being equal, can be computed as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.sgd import SGD
from gasfield.gas import Gas
from gasfield.trajectory import TrajectoryWriter, schema

TOKENS, D, POSITIONS, STEPS = 9, 4, 30, 20
Values = NDArray[np.float64]
Single = NDArray[np.float32]
LAW = SGD(learning_rate=0.3)


@dataclass
class Lesson:
    """A training of the matrix.

    Attributes:
        path: of W(t), (STEPS + 1, V, D).
    """

    seed: int = 0
    path: list[Single] = field(default_factory=list)

    def __post_init__(self) -> None:
        source = np.random.default_rng(self.seed)
        self._hidden = source.normal(0.0, 1.0, (STEPS, POSITIONS, D)).astype(np.float32).astype(np.float64)
        often = np.arange(TOKENS) ** 2.0  # token 0 never occurs
        self.targets = source.choice(TOKENS, (STEPS, POSITIONS), p=often / often.sum())
        self.path = self._train(source.normal(0.0, 0.3, (TOKENS, D)).astype(np.float32))

    def hidden(self, step: int) -> Values:
        """(B, D)."""
        return np.asarray(self._hidden[step])

    def log_partition(self, step: int, matrix: Single) -> Values:
        """(B,) log Z of a matrix."""
        return np.asarray(np.log(np.exp(self.hidden(step) @ matrix.astype(np.float64).T).sum(axis=1)))

    def parts(self, step: int, matrix: Single) -> tuple[Values, Values]:
        """(V, D) push and pull of all rows of a matrix."""
        h = self.hidden(step)
        share = np.exp(h @ matrix.astype(np.float64).T - self.log_partition(step, matrix)[:, None])
        wanted = np.eye(TOKENS)[self.targets[step]]
        return share.T @ h / POSITIONS, -wanted.T @ h / POSITIONS

    def gradient(self, step: int, matrix: Single) -> Values:
        """(V, D) of the loss."""
        push, pull = self.parts(step, matrix)
        return np.asarray(push + pull)

    def _train(self, matrix: Single) -> list[Single]:
        path, state = [matrix], LAW.start(matrix)
        for step in range(STEPS):
            matrix = matrix.copy()
            LAW.update(matrix, self.gradient(step, matrix).astype(np.float32), state, step + 1)
            path.append(matrix)
        return path

    def elsewhere(self, row: int, start: Single) -> Single:
        """(D,) where a row ends that starts elsewhere, while all other rows move as they did."""
        place, state = start[None].copy(), LAW.start(start[None])
        for step in range(STEPS):
            matrix = self.path[step].copy()
            matrix[row] = place[0]
            gradient = self.gradient(step, matrix)[row : row + 1]
            LAW.update(place, gradient.astype(np.float32), state, step + 1)
        return np.asarray(place[0])

    def write(self, path: Path) -> Path:
        """The recording of it: every row is live."""
        gas = Gas(self.path[0], np.zeros(TOKENS, np.int64), ["live"], np.arange(TOKENS), [""] * TOKENS)
        said = {"source": "recording", "training": "{}", "optimiser": "sgd", "learning_rate": LAW.learning_rate,
                "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "optimiser_step": 0,
                "device": "cpu"}  # fmt: skip
        with TrajectoryWriter(path, gas, precision="float32", provenance=said) as writer:
            writer.subset(schema.LIVE, np.arange(TOKENS), np.arange(TOKENS))
            writer.frame(0, 0.0, self.path[0])
            for step, matrix in enumerate(self.path[:-1]):
                for place, value in self._elements(step, matrix).items():
                    if not step:
                        writer.element(place, np.shape(value), np.asarray(value).dtype)
                    writer.append(place, step, step, value)
                writer.frame(step + 1, step + 1.0, self.path[step + 1])
        return path

    def _elements(self, step: int, matrix: Single) -> dict[str, NDArray[np.generic]]:
        push, pull = self.parts(step, matrix)
        return {
            f"{schema.FULL}/hidden": self.hidden(step),
            f"{schema.FULL}/log_partition": self.log_partition(step, matrix),
            f"{schema.FULL}/weight": np.full(POSITIONS, 1.0 / POSITIONS),
            f"{schema.FULL}/gradient": push + pull,
            f"{schema.LIVE}/gradient": push + pull,
            f"{schema.LIVE}/push": push,
            f"{schema.LIVE}/pull": pull,
            f"{schema.LIVE}/input": np.zeros_like(push),
            f"{schema.LIVE}/targets": np.bincount(self.targets[step], minlength=TOKENS),
            f"{schema.LIVE}/inputs": np.zeros(TOKENS, np.int64),
        }
