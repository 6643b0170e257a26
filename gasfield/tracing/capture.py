"""The parts of a forward pass, one layer at a time, by hooks on the modules of a transformer.

A text passes the model once as a whole, which gives its state after the embedding, what else each block is called with
(positions, mask), and the state in front of the unembedding, for a check. Then its blocks are called one by one, so
that all texts can advance through the layers together and no more than one layer is in memory.

The write of head h is its slice of what the output projection reads, times the rows of the projection that belong to
it. So no attention weights are needed, and any implementation of the attention has the same parts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from gasfield.errors import InputError
from gasfield.tracing.families import Block, Transformer

_EAGER = "eager"
"""The implementation of the attention that returns its weights."""
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""What a block is called with beside the stream."""


@dataclass
class Passage:
    """One text on its way through the layers.

    Attributes:
        stream: (S, D) its state.
        calls: what each block is called with.
        final: (S, D) the state in front of the unembedding, after the final normalisation, of the whole pass.
        logits: (V,) after its last token, of the whole pass.
    """

    stream: torch.Tensor
    calls: list[Call]
    final: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True)
class LayerParts:
    """What one layer does to a text.

    Attributes:
        middle: (S, D) the state between attention and MLP; None if there is none.
        after: (S, D) the state after the layer.
        mixed: (S, H, d) outputs of the heads, which the output projection reads.
        mlp: (S, D) the write of the MLP, its biases included.
        weights: (H, S, S) of the attention, queries by keys, if they are wanted.
    """

    middle: torch.Tensor | None
    after: torch.Tensor
    mixed: torch.Tensor
    mlp: torch.Tensor
    weights: torch.Tensor | None

    def heads(self, block: Block, rows: slice) -> torch.Tensor:
        """(H, n, D) the writes of the heads on some tokens."""
        return torch.matmul(self.mixed[rows].transpose(0, 1), block.weight)


@torch.inference_mode()
def begin(model: Transformer, ids: torch.Tensor) -> Passage:
    """Passes a text (S,) through the whole model.

    Raises:
        InputError: if its blocks are not called once each.
    """
    states: list[torch.Tensor] = []
    calls: list[Call] = []
    finals: list[torch.Tensor] = []

    def note_call(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        named = dict(named)
        stream = given[0] if given else named.pop("hidden_states")
        if not states:
            states.append(stream[0].clone())
        calls.append((given[1:], named))

    def note_final(module: Any, given: tuple[Any, ...], result: Any) -> None:
        finals.append(result[0])

    with ExitStack() as hooks:
        for block in model.blocks:
            _hook(hooks, block.module.register_forward_pre_hook, note_call, with_kwargs=True)
        _hook(hooks, model.final.register_forward_hook, note_final)
        logits = model.module(ids[None], use_cache=False).logits[0, -1] if len(ids) else None
    if logits is None or len(calls) != model.layers or len(finals) != 1:
        raise InputError(f"{model.name}: its {model.layers} blocks were called {len(calls)} times; cannot be traced.")
    return Passage(states[0], calls, finals[0], logits.float().clone())  # not a view of those of all tokens


@torch.inference_mode()
def advance(model: Transformer, passage: Passage, layer: int, *, weights: bool) -> LayerParts:
    """Takes a text through one layer.

    Args:
        model: the transformer.
        passage: the text; its stream becomes the state after the layer.
        layer: counted from 0.
        weights: whether the weights of the attention are wanted; see `eager`.

    Raises:
        InputError: if the attention gives none.
    """
    block, found = model.blocks[layer], dict[str, Any]()

    def note_mixed(module: Any, given: tuple[Any, ...]) -> None:
        found["mixed"] = given[0][0]

    def note_attention(module: Any, given: tuple[Any, ...], result: Any) -> None:
        found["weights"] = result[1] if isinstance(result, tuple) and len(result) > 1 else None

    def note_middle(module: Any, given: tuple[Any, ...]) -> None:
        found["middle"] = given[0][0]

    def note_mlp(module: Any, given: tuple[Any, ...], result: Any) -> None:
        found["mlp"] = (result[0] if isinstance(result, tuple) else result)[0]

    given, named = passage.calls[layer]
    with ExitStack() as hooks:
        _hook(hooks, block.output.register_forward_pre_hook, note_mixed)
        _hook(hooks, block.attention.register_forward_hook, note_attention)
        _hook(hooks, block.before_mlp.register_forward_pre_hook, note_middle)
        _hook(hooks, block.mlp.register_forward_hook, note_mlp)
        after = block.module(passage.stream[None], *given, **named)
    passage.stream = (after[0] if isinstance(after, tuple) else after)[0]
    heads, size, _ = block.weight.shape
    return LayerParts(
        middle=None if model.parallel else found["middle"],
        after=passage.stream,
        mixed=found["mixed"].reshape(-1, heads, size),
        mlp=found["mlp"].reshape(passage.stream.shape),
        weights=_weights(model, found["weights"], len(passage.stream)) if weights else None,
    )


def _weights(model: Transformer, given: Any, tokens: int) -> torch.Tensor:
    if not isinstance(given, torch.Tensor) or given.shape != (1, model.heads, tokens, tokens):
        raise InputError(
            f"{model.name}: {type(model.blocks[0].attention).__name__} gives no attention weights in this version of "
            "transformers; trace without them.",
            parameter="weights",
        )
    return given[0]


@contextmanager
def eager(module: Any) -> Iterator[None]:
    """Uses the attention that computes its weights, in place of a fused one that does not."""
    before = module.config._attn_implementation
    choose: Callable[[str], None] | None = getattr(module, "set_attn_implementation", None)
    if choose is None:
        choose = lambda name: setattr(module.config, "_attn_implementation", name)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        choose(_EAGER)
        try:
            yield
        finally:
            choose(before)


def _hook(hooks: ExitStack, register: Callable[..., Any], hook: Callable[..., None], **options: bool) -> None:
    hooks.callback(register(hook, **options).remove)
