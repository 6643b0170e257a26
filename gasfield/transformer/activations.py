"""Activations of MLPs, by the names of transformers; they compute in the type of x."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

Real = NDArray[np.floating[Any]]
_ROOT_2_OVER_PI, _CUBIC, _ROOT_HALF = math.sqrt(2 / math.pi), 0.044715, math.sqrt(0.5)


def _gelu(x: Real) -> Real:
    y: Real = 0.5 * x * (1 + erf(x * _ROOT_HALF))
    return y


def _gelu_tanh(x: Real) -> Real:
    y: Real = 0.5 * x * (1 + np.tanh(_ROOT_2_OVER_PI * (x + _CUBIC * x * x * x)))
    return y


def _silu(x: Real) -> Real:
    y: Real = x * expit(x)
    return y


def _relu(x: Real) -> Real:
    return np.maximum(x, 0)


ACTIVATIONS: Mapping[str, Callable[[Real], Real]] = {
    "gelu": _gelu,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "silu": _silu,
    "swish": _silu,
    "relu": _relu,
}
