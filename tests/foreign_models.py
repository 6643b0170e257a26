"""Third-party models: small modules of several architectures, with batches and a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY, WIDTH, LIVE = 120, 12, 80
"""Token ids >= LIVE never occur."""
DEAD_IDS = range(LIVE, VOCABULARY)
IGNORED = -100


class Untied(nn.Module):
    """An embedding, called by keyword, a recurrent layer, and a separate output layer."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Embedding(32, WIDTH)
        self.mix = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=bias)

    def hidden(self, ids: Tensor) -> Tensor:
        return self.mix(self.tokens(input=ids) + self.places.weight[: ids.shape[1]])[0]

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.hidden(ids))


class Tied(Untied):
    """The output layer shares the matrix of the embedding, called by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(input=self.hidden(ids))  # by a keyword, which a hook finds elsewhere


class TiedWithoutLayer(Untied):
    """The logits are an explicit product with the embedding, without an output layer."""

    def __init__(self, by: str = "linear") -> None:
        super().__init__()
        del self.head
        self.by = by

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.hidden(ids)
        if self.by == "linear":
            return functional.linear(hidden, self.tokens.weight)
        return hidden @ self.tokens.weight.T


class Bent(Untied):
    """The logits are transformed after the output layer."""

    def __init__(self, bend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.bend = bend

    def forward(self, ids: Tensor) -> Tensor:
        return self.bend(super().forward(ids))


class Decoder(nn.Module):
    """A causal transformer of PyTorch's own layers, with an output matrix of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Embedding(16, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 24, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 1, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        nn.init.normal_(self.head.weight, 0.0, 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        return self.head(self.body(self.tokens(ids) + self.places.weight[:length], mask=mask, is_causal=True))


class Feedforward(nn.Module):
    """A model that is compiled whole: embedding, causal mean, a layer, an output layer tied to the embedding or not."""

    def __init__(self, *, tied: bool = False) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.tokens(ids)
        past = rows.cumsum(dim=1) / torch.arange(1, ids.shape[1] + 1, device=ids.device)[:, None]
        return self.head(rows + functional.gelu(self.mix(past)))


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> Any:
    """A model with reproducible initial weights."""
    torch.manual_seed(seed)
    return make()


def batch(seed: int, size: int = 4, length: int = 9) -> tuple[Tensor, Tensor]:
    """Ids and targets (B, S), with a third of the targets ignored."""
    source = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, LIVE, (size, length + 1), generator=source)
    targets = ids[:, 1:].clone()
    targets[torch.rand(targets.shape, generator=source) < 1 / 3] = IGNORED
    return ids[:, :-1], targets


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy without ignored targets."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)
