"""A tiny transformer to record: pre-norm, learned positions, output matrix tied to the embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gasfield.recording.plan import Geometry


class Block(nn.Module):
    """Attention and a feed-forward layer, each on the normalised residual stream."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        width = geometry.dimensions
        self.heads = geometry.heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, geometry.feed_forward)
        self.contract = nn.Linear(geometry.feed_forward, width)

    def forward(self, stream: Tensor) -> Tensor:
        """(B, S, D) -> (B, S, D)."""
        stream = stream + self._attend(self.attention_norm(stream))
        hidden: Tensor = stream + self.contract(functional.gelu(self.expand(self.feed_forward_norm(stream))))
        return hidden

    def _attend(self, stream: Tensor) -> Tensor:
        batch, sequence, width = stream.shape
        parts = self.query_key_value(stream).view(batch, sequence, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: Tensor = self.attention_out(mixed.transpose(1, 2).reshape(batch, sequence, width))
        return out


class TinyLanguageModel(nn.Module):
    """Token ids -> logits, which are hidden states @ embedding.T, without a bias."""

    def __init__(self, geometry: Geometry, seed: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(geometry.vocabulary, geometry.dimensions)
        self.positions = nn.Embedding(geometry.sequence, geometry.dimensions)
        self.blocks = nn.ModuleList(Block(geometry) for _ in range(geometry.layers))
        self.norm = nn.LayerNorm(geometry.dimensions)
        self.output = nn.Linear(geometry.dimensions, geometry.vocabulary, bias=False)
        self.output.weight = self.embedding.weight
        self._initialise(geometry.initial_spread, seed)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, S, V) of token ids (B, S)."""
        stream = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            stream = block(stream)
        logits: Tensor = self.output(self.norm(stream))
        return logits

    def _initialise(self, spread: float, seed: int) -> None:
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim == 2:
                    parameter.normal_(0.0, spread, generator=source)
            for module in self.modules():
                if isinstance(module, nn.Linear) and module.bias is not None:
                    module.bias.zero_()
