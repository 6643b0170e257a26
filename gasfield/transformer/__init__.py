"""Decoder-only transformers in NumPy, float32: their weights as arrays, and pure functions that compute each part."""

from gasfield.transformer.arithmetic import (
    attend,
    attention_weights,
    feed_forward,
    head_writes,
    mix,
    normalise,
    project,
    rotate,
    written,
)
from gasfield.transformer.parts import MLP, Array, Layer, Norm, Rotary, Transformer
from gasfield.transformer.passing import attention_step, embed, logits, mlp_step, streams
from gasfield.transformer.reading import read_transformer
from gasfield.transformer.sharing import one_thread, share_transformer

__all__ = [
    "MLP",
    "Array",
    "Layer",
    "Norm",
    "Rotary",
    "Transformer",
    "attend",
    "attention_step",
    "attention_weights",
    "embed",
    "feed_forward",
    "head_writes",
    "logits",
    "mix",
    "mlp_step",
    "normalise",
    "one_thread",
    "project",
    "read_transformer",
    "rotate",
    "share_transformer",
    "streams",
    "written",
]
