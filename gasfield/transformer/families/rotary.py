"""Frequencies of rotary positions, from what a configuration states of them.

Plain: base^(-2i/r) for i < r/2 (Su et al., arXiv:2104.09864). "linear" divides them by a factor (Chen et al.,
arXiv:2306.15595); "llama3" divides low ones by a factor and leaves high ones as they are, with a passage between (Llama
3.1, Meta 2024).
"""

from __future__ import annotations

import math

import numpy as np

from gasfield.errors import InputError
from gasfield.printable import shortened
from gasfield.transformer.configuration import Configuration
from gasfield.transformer.parts import Array, Rotary

_KINDS = ("default", "linear", "llama3")


def rotary_of(config: Configuration, base: float, turned: int) -> Rotary:
    """The rotation of `turned` coordinates.

    Args:
        config: of the model; `rope_parameters` or `rope_scaling` of it is read.
        base: theta, where these do not state `rope_theta`.
        turned: r.

    Raises:
        InputError: if r is odd or of a kind that is not computed, or constants are not positive.
    """
    stated = config.inside("rope_parameters" if config.entries.get("rope_parameters") else "rope_scaling")
    kind = stated.entries.get("rope_type", stated.entries.get("type", "default"))
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise InputError(
            f"{config.path}: rotary positions of kind {shortened(str(kind))} are not computed; {known} are."
        )
    theta = stated.number("rope_theta", base)
    if turned % 2 or theta <= 0:
        reason = "rope_theta must be positive" if theta <= 0 else f"{turned} rotary coordinates are no pairs"
        raise InputError(f"{config.path}: {reason}.")
    powers = np.arange(0, turned, 2, dtype=np.float32) / np.float32(turned)
    frequencies = np.float32(1) / np.float32(theta) ** powers
    if kind != "default":
        frequencies = _scaled(stated, kind, frequencies)
    return Rotary(np.asarray(frequencies, np.float32))


def _scaled(stated: Configuration, kind: str, frequencies: Array) -> Array:
    factor = stated.number("factor", 1.0)
    if factor <= 0:
        raise InputError(f"{stated.path}: factor of rotary positions must be positive.")
    slow = frequencies / np.float32(factor)
    if kind == "linear":
        return slow
    low, high = stated.number("low_freq_factor", 1.0), stated.number("high_freq_factor", 4.0)
    first = stated.size("original_max_position_embeddings", 8192)
    if high <= low:
        raise InputError(f"{stated.path}: high_freq_factor must exceed low_freq_factor.")
    turns = first * frequencies / np.float32(2 * math.pi)
    share = np.clip((turns - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32)
    mixed: Array = (1 - share) * slow + share * frequencies
    return mixed
