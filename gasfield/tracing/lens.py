"""The logit lens: what the unembedding makes of the stream before the last layer (nostalgebraist, "interpreting GPT:
the logit lens", 2020). The final normalisation is applied to it first."""

from __future__ import annotations

import torch

from gasfield.tracing.families import Transformer

_BLOCK_BYTES = 1 << 25
"""Logits that are in memory at a time."""


class Lens:
    """Energies and entropies of the next token, in blocks of tokens that bound the memory.

    The two arrays of a block are used again: to take them anew from the system each time takes longer than the
    exponentials.
    """

    def __init__(self, model: Transformer, vocabulary: int) -> None:
        self._final = model.final
        self._weight = model.unembedding.weight.detach().T
        bias = getattr(model.unembedding, "bias", None)
        self._bias = None if bias is None else bias.detach()
        rows = max(1, _BLOCK_BYTES // (4 * vocabulary))
        self._logits, self._weights = torch.empty(rows, vocabulary), torch.empty(rows, vocabulary)

    @torch.inference_mode()
    def __call__(self, stream: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Energies and entropies [nats] at each position of a text.

        Args:
            stream: (S, D).
            targets: (S - 1,) the token after each position but the last.

        Returns:
            (S,) -log p of the token that follows, NaN at the last position; (S,) entropy of the law of the next token.
        """
        energies, entropies = torch.full((len(stream),), torch.nan), torch.empty(len(stream))
        for start in range(0, len(stream), len(self._logits)):
            rows = slice(start, start + len(self._logits))
            logits, wanted = self.logits(stream[rows]), targets[rows]
            logits -= logits.amax(dim=-1, keepdim=True)
            true = logits[: len(wanted)].gather(1, wanted[:, None])[:, 0]
            weights = torch.exp(logits, out=self._weights[: len(logits)])
            total = weights.sum(dim=-1)
            entropies[rows] = total.log() - torch.linalg.vecdot(weights, logits) / total
            energies[start : start + len(wanted)] = total[: len(wanted)].log() - true
        return energies, entropies

    @torch.inference_mode()
    def logits(self, stream: torch.Tensor) -> torch.Tensor:
        """(n, V) of states (n, D), no more than are in memory at a time; valid until the next call."""
        logits = torch.mm(self._final(stream[None])[0], self._weight, out=self._logits[: len(stream)])
        return logits if self._bias is None else logits.add_(self._bias)
