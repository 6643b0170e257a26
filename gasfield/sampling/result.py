"""The outcome of `gasfield sample`: counts beside exact probabilities, texts, and what each processor did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.quantity import Quantity, nested_leaves
from gasfield.sampling.chain import Chain
from gasfield.sampling.draws.chi_square import chi_square
from gasfield.sampling.processors.base import entropy_of
from gasfield.sampling.sources import Context
from gasfield.sampling.stages import Shift, Stage
from gasfield.sampling.texts import Texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from gasfield.plots.style import OnFailure

Array = NDArray[np.float64]

LISTED = 50
"""Likeliest tokens that are listed one by one."""


@dataclass(frozen=True)
class Token:
    """One token of the law.

    Attributes:
        id: its id.
        text: as text.
        model: its probability under the model's law at T = 1.
        probability: under the law that was drawn from.
        count: how often it was drawn; None for texts.
        frequency: count over draws, with its binomial error from the exact probability.
    """

    id: int
    text: str
    model: float
    probability: float
    count: int | None
    frequency: Quantity | None

    def as_json(self) -> dict[str, Any]:
        """Every number as a leaf."""
        data: dict[str, Any] = {
            "id": self.id,
            "text": self.text,
            "model": Quantity(self.model, "1").leaf(),
            "probability": Quantity(self.probability, "1").leaf(),
        }
        if self.count is not None and self.frequency is not None:
            data |= {"count": Quantity(self.count, "1").leaf(), "frequency": self.frequency.leaf()}
        return data


@dataclass(frozen=True)
class Sample:
    """Draws from a law, and the way from the model's law to it.

    Attributes:
        context: model or file, and what stands before the token.
        profile: whose processors.
        chain: the processors.
        seed: of the draws.
        count: number of draws, or of texts.
        model: (V,) the law of the next token before the chain, at T = 1.
        law: (V,) after it.
        counts: (V,) how often each token was drawn; None for texts.
        texts: the texts; None for single tokens.
        stages: what each processor does to the law of the next token.
        shift: what a shift of all logits to a maximum of 0 would change.
        notes: what must be said.
    """

    context: Context
    profile: str
    chain: Chain
    seed: int
    count: int
    model: Array
    law: Array
    counts: NDArray[np.int64] | None
    texts: Texts | None
    stages: tuple[Stage, ...]
    shift: Shift
    notes: tuple[str, ...]

    def tokens(self, most: int = LISTED) -> list[Token]:
        """The likeliest tokens of the law that was drawn from."""
        likeliest = np.argsort(-self.law, kind="stable")[:most]
        return [self._token(int(index)) for index in likeliest if self.law[index] > 0.0]

    def _token(self, index: int) -> Token:
        p = float(self.law[index])
        count = None if self.counts is None else int(self.counts[index])
        error = float(np.sqrt(p * (1.0 - p) / self.count))
        frequency = None if count is None else Quantity(count / self.count, "1", error)
        return Token(index, self.context.token(index), float(self.model[index]), p, count, frequency)

    def quantities(self) -> dict[str, Quantity]:
        """Numbers of the whole: entropies, the shift, the chi-square of the counts, means over texts."""
        found = {
            "entropy_of_model": Quantity(float(entropy_of(self.model)), "nats"),
            "entropy": Quantity(float(entropy_of(self.law)), "nats"),
            "support": Quantity(int((self.law > 0.0).sum()), "1"),
            "shift.divergence": Quantity(self.shift.divergence, "nats"),
            "shift.distance": Quantity(self.shift.distance, "1"),
        }
        if self.counts is not None:
            test = chi_square(self.counts, self.law)
            found["chi_square"] = Quantity(test.statistic, "1")
            found["chi_square.freedom"] = Quantity(test.freedom, "1")
            found["chi_square.p_value"] = Quantity(test.p_value, "1")
        if self.texts is not None:
            found["surprisal"] = _mean(-self.texts.log_p.sum(axis=1) / self.texts.lengths)
            found["surprisal_as_sampled"] = _mean(-self.texts.log_q.sum(axis=1) / self.texts.lengths)
        return found

    def written(self) -> list[dict[str, Any]]:
        """Each text with its log probabilities."""
        if self.texts is None:
            return []
        return [
            {
                "text": self.context.decode(tokens[:length]),
                "ids": tokens[:length].tolist(),
                "log_p": Quantity(float(log_p.sum()), "nats").leaf(),
                "log_q": Quantity(float(log_q.sum()), "nats").leaf(),
            }
            for tokens, length, log_p, log_q in zip(
                self.texts.tokens, self.texts.lengths, self.texts.log_p, self.texts.log_q, strict=True
            )
        ]

    def as_json(self) -> dict[str, Any]:
        """All numbers; of the tokens, the likeliest."""
        listed = self.tokens()
        return {
            "source": self.context.name,
            "prompt": {"text": self.context.label, "ids": self.context.ids.tolist()},
            "profile": self.profile,
            "seed": self.seed,
            "count": self.count,
            "sample": nested_leaves(self.quantities()),
            "stages": [stage.as_json() for stage in self.stages],
            "tokens": [token.as_json() for token in listed],
            "other_tokens": Quantity(max(0.0, 1.0 - sum(token.probability for token in listed)), "1").leaf(),
            "texts": self.written(),
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, Callable[[], Figure | SubFigure]]:
        """Every figure that applies, by name; drawn when it is called."""
        import gasfield.plots.sampling as pictures

        found: dict[str, Callable[[], Figure | SubFigure]] = {"law": lambda: pictures.law(self)}
        if self.stages:
            found["stages"] = lambda: pictures.stages(self)
        return found

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)


def _mean(values: Array) -> Quantity:
    """The mean of independent values with its standard error, if there are two or more."""
    error = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else None
    return Quantity(float(values.mean()), "nats per token", error)
