"""Series of checkpoints of a small language model, trained in NumPy in a second: sound ones, and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing import Auditor, Finding
from gasfield.importing import Piece
from gasfield.kernels.bfloat16 import round_to_bfloat16

Array = NDArray[np.float32]
Frames = list[Array]
VOCABULARY, WIDTH, DEAD, BATCH = 160, 16, 16, 48
LADDER = [0, *(2**k for k in range(10)), *range(600, 600 + 20 * 143, 20)]
"""154 steps: 0, 1, 2, 4, ..., 512, then each 20."""


@dataclass(frozen=True)
class Trainer:
    """A bigram model, softmax(E[token] Wᵀ), trained by AdamW on a random text with Zipf's law.

    Attributes:
        steps: at which checkpoints are kept, ascending from 0.
        rate: learning rate as a function of the part of the training that is done.
        decay: weight decay.
        tied: whether W is E.
        frozen: whether E is not trained.
        bfloat16: whether weights are rounded after each update.
        forgets: steps after which the moments of the optimiser start anew.
        momentum: of plain gradient descent, used instead of AdamW if it is not None.
        spread: of the initial weights.
        batch: tokens in each step.
    """

    steps: Sequence[int] = field(default_factory=lambda: LADDER)
    rate: Callable[[float], float] = lambda done: 0.01 * (0.05 + 0.95 * np.cos(np.pi * done / 2) ** 2)
    decay: float = 0.0
    tied: bool = False
    frozen: bool = False
    bfloat16: bool = False
    forgets: Sequence[int] = ()
    momentum: float | None = None
    spread: float = 0.3
    batch: int = BATCH

    def train(self, seed: int) -> tuple[Frames, Frames]:
        """Matrices E and W (V, D) of all checkpoints."""
        chance = np.random.default_rng(seed)
        living = VOCABULARY - DEAD
        often = 1.0 / np.arange(1, living + 1)
        often /= often.sum()
        follows = chance.permuted(np.tile(np.arange(living), (living, 1)), axis=1)
        weights = [chance.normal(0, self.spread, (VOCABULARY, WIDTH)).astype(np.float32) for _ in range(2)]
        weights = [self._stored(each) for each in weights]
        if self.tied:
            weights[1] = weights[0]
        moments = [(np.zeros_like(each), np.zeros_like(each)) for each in weights]
        kept: tuple[Frames, Frames] = ([], [])
        since = 0
        for step in range(self.steps[-1] + 1):
            if step in self.steps:
                for place, each in zip(kept, weights, strict=True):
                    place.append(each.copy())
            if step in self.forgets:
                moments, since = [(np.zeros_like(each), np.zeros_like(each)) for each in weights], 0
            since += 1
            tokens = chance.choice(living, self.batch, p=often)
            targets = follows[tokens, chance.choice(living, self.batch, p=often)]
            of_e, of_w = _gradients(weights[0], weights[1], tokens, targets)
            gradients = [of_e + of_w] if self.tied else [of_e, of_w]
            rate = self.rate(step / self.steps[-1])
            for index, gradient in enumerate(gradients):
                if index == 0 and self.frozen:
                    continue
                weights[index] = self._stored(self._updated(weights[index], gradient, moments[index], rate, since))
            if self.tied:
                weights[1] = weights[0]
        return kept

    def _stored(self, weights: Array) -> Array:
        return np.asarray(round_to_bfloat16(weights), np.float32) if self.bfloat16 else weights

    def _updated(self, x: Array, gradient: Array, moments: tuple[Array, Array], rate: float, since: int) -> Array:
        m, v = moments
        if self.momentum is not None:
            m[:] = self.momentum * m + gradient
            return np.asarray(x * (1 - rate * self.decay) - rate * m, np.float32)
        m[:] = 0.9 * m + 0.1 * gradient
        v[:] = 0.98 * v + 0.02 * gradient**2
        update = (m / (1 - 0.9**since)) / (np.sqrt(v / (1 - 0.98**since)) + 1e-8)
        return np.asarray(x * (1 - rate * self.decay) - rate * update, np.float32)


def _gradients(e: Array, w: Array, tokens: NDArray[Any], targets: NDArray[Any]) -> tuple[Array, Array]:
    hidden = e[tokens]
    logits = hidden @ w.T
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(tokens)), targets] -= 1.0
    p /= len(tokens)
    of_e = np.zeros_like(e)
    np.add.at(of_e, tokens, p @ w)
    return of_e, np.asarray(p.T @ hidden, np.float32)


@dataclass(frozen=True)
class Series:
    """A series of checkpoints.

    Attributes:
        steps: of each.
        frames: the matrix of each.
        others: another tensor of each; None if the matrices are alone.
    """

    steps: list[int]
    frames: Frames
    others: Frames | None = None


def _cosine(done: float) -> float:
    return float(0.01 * np.cos(np.pi * done / 2) ** 2)


def _restarts(cycles: int) -> Callable[[float], float]:
    return lambda done: _cosine((done * cycles) % 1.0)


_EVEN = list(range(0, 154 * 15, 15))
TRAINERS = {
    "a cosine schedule": Trainer(),
    "a tied matrix": Trainer(tied=True),
    "log-spaced steps": Trainer(steps=[0, *np.unique(np.geomspace(1, 3000, 60).round()).astype(int).tolist()]),
    "warm restarts": Trainer(rate=_restarts(5), steps=_EVEN),
    "warm restarts, three checkpoints each": Trainer(rate=_restarts(8), steps=list(range(0, 2400, 100))),
    "a frozen embedding": Trainer(frozen=True, steps=_EVEN),
    "decay to rest": Trainer(rate=lambda done: 0.01 * 10 ** (-12 * done), decay=0.1, steps=_EVEN),
    "tiny rate in bfloat16": Trainer(rate=lambda done: 2e-4, bfloat16=True, steps=_EVEN),
    "few frames": Trainer(steps=[0, 500, 1000, 1500]),
    "three frames": Trainer(steps=[0, 10, 2000]),
    "a growing norm": Trainer(rate=lambda done: 0.03, spread=0.01, steps=_EVEN),
    "large early steps": Trainer(rate=lambda done: 0.3 * 10 ** (-3 * done), steps=_EVEN),
    "resumed without moments": Trainer(steps=_EVEN, forgets=[600, 1500]),
    "a schedule to zero": Trainer(rate=_cosine, steps=_EVEN),
    "a plateau": Trainer(rate=lambda done: 0.02, steps=_EVEN, batch=8),
    "a plateau in bfloat16": Trainer(rate=lambda done: 0.02, steps=_EVEN, batch=4, bfloat16=True),
    "strong decay": Trainer(decay=1.0, steps=_EVEN),
    "momentum": Trainer(momentum=0.9, rate=lambda done: 0.5, steps=_EVEN),
    "warmup": Trainer(rate=lambda done: 0.02 * min(1.0, 10 * done), steps=_EVEN),
}
"""Sound trainings."""
BASE = "a cosine schedule"
"""The one that is broken."""
WHOLE = ("a cosine schedule", "a frozen embedding", "few frames")
"""Those whose checkpoints hold both matrices; of the others E is alone."""


def sound(name: str, seed: int) -> Series:
    """A sound series."""
    e, w = TRAINERS[name].train(seed)
    return Series(list(TRAINERS[name].steps), e, w if name in WHOLE else None)


def broken(series: Series, kind: str, seed: int) -> tuple[Series, list[int]]:
    """A series that is broken in a way, and the steps that a finding should name.

    Args:
        series: a sound one.
        kind: "duplicate, adjacent", "duplicate, far", or a kind of findings; or one of these and a variant.
        seed: of the place.
    """
    chance = np.random.default_rng([seed, 1])
    frames, steps = [frame.copy() for frame in series.frames], list(series.steps)
    others = None if series.others is None else [frame.copy() for frame in series.others]
    at = int(chance.integers(20, len(frames) - 20))
    far = at + 12 if at < len(frames) // 2 else at - 12
    count = len(frames[0])
    wrong = [steps[at]]
    if kind == "duplicate, adjacent":
        frames[at] = frames[at - 1].copy()
        if others is not None:
            others[at] = others[at - 1].copy()
        wrong = [steps[at - 1], steps[at]]
    elif kind == "duplicate, far":
        frames[at] = frames[-1].copy()
        if others is not None:
            others[at] = others[-1].copy()
        wrong = [steps[at], steps[-1]]
    elif kind == "jump_back":  # the content of a far step, saved once more with another rounding
        frames[at] = (frames[far] * np.float32(1 + 1e-6)).astype(np.float32)
    elif kind == "jump_back, exchanged":
        frames[at], frames[far] = frames[far], frames[at]
        if others is not None:
            others[at], others[far] = others[far], others[at]
        wrong = sorted([steps[at], steps[far]])
    elif kind == "foreign_run":
        frames[at] = Trainer(steps=[0, steps[at]]).train(seed + 1000)[0][1]
    elif kind == "foreign_run, several":
        frames[at : at + 4] = Trainer(steps=[0, *steps[at : at + 4]]).train(seed + 1000)[0][1:]
        wrong = steps[at : at + 4]
    elif kind == "permuted_rows":
        frames[at] = frames[at][chance.permutation(count)]
    elif kind == "permuted_rows, a few":
        some = chance.choice(count, 6, replace=False)
        frames[at][some] = frames[at][np.roll(some, 1)]
    elif kind == "permuted_rows, from there on":
        order = chance.permutation(count)
        frames[at:] = [frame[order] for frame in frames[at:]]
    elif kind == "resized":
        frames[at] = np.concatenate([frames[at], frames[at][:3] + 1])
    elif kind == "dtype_change":
        frames[at] = frames[at].astype(np.float16)  # type: ignore[assignment]
    elif kind == "zero_rows":
        frames[at][chance.choice(count, 4, replace=False)] = 0.0
    elif kind == "zero_rows, identical":
        one, other = chance.choice(count, 2, replace=False)
        frames[at][one] = frames[at][other]
    elif kind == "missing_step":
        del frames[at], steps[at]
        if others is not None:
            del others[at]
    else:
        raise ValueError(kind)
    return replace(series, steps=steps, frames=frames, others=others), wrong


BROKEN = (
    "duplicate, adjacent",
    "duplicate, far",
    "jump_back",
    "jump_back, exchanged",
    "foreign_run",
    "foreign_run, several",
    "permuted_rows",
    "permuted_rows, a few",
    "permuted_rows, from there on",
    "resized",
    "dtype_change",
    "zero_rows",
    "zero_rows, identical",
    "missing_step",
)
"""Ways to break a series."""


def pieces(series: Series) -> Iterator[Piece]:
    for number, frame in enumerate(series.frames):
        x = np.ascontiguousarray(frame)
        other = None if series.others is None else series.others[number].tobytes()
        yield Piece(x.view(f"u{x.itemsize}"), str(x.dtype), _giving(other))


def _giving(other: bytes | None) -> Callable[[], bytes | None]:
    return lambda: other


def audited(series: Series) -> tuple[Finding, ...]:
    auditor = Auditor(series.steps)
    for piece in pieces(series):
        auditor.look(piece)
    return auditor.findings()


def check(findings: list[dict[str, Any]], way: str, steps: list[int]) -> None:
    """What is found is that way to break a series, at these steps, and nothing else."""
    kind = way.partition(",")[0]
    named = [step for each in findings if each["kind"] == kind for step in each["steps"]]
    assert sorted(named) == steps, findings
    assert {each["kind"] for each in findings if each["fault"]} == ({kind} - {"missing_step"})
