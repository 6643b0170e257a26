"""The laws of motion of the twin study, which move the dead rows of a recorded training in place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin_training import LION_BETAS, LION_RATE

from gasfield.dynamics import SGD, AdamW, Lion
from gasfield.dynamics.optimiser import Optimiser

RATE = 1e-3
SGD_RATE = 3.0
"""At which momentum .9 in float32 carries the cloud about as far as AdamW does."""
_KINDS: Mapping[str, type[Optimiser]] = {"adamw": AdamW, "lion": Lion, "sgd": SGD}
_BYTES = {
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "blockwise_8bit": 1 + 4 / 256,
}


@dataclass(frozen=True)
class TwinLaw:
    """A law.

    Attributes:
        label: what tables call it.
        keys: of its specification.
        unrounded: name of the law without rounding, from which the loss is measured.
        matrix: what of it needs the whole matrix, and is taken from the means that were kept of the training: `coupled`
            second moments, or the mean row that `centred` subtracts.
    """

    label: str
    keys: Mapping[str, Any]
    unrounded: str = "fp32"
    matrix: Literal["", "coupled", "centred"] = ""

    @property
    def specification(self) -> Optimiser:
        """The law as gasfield's dynamics."""
        return _KINDS[self.keys["kind"]].model_validate(dict(self.keys))

    @property
    def weights(self) -> str:
        """Precision of the weights."""
        return str(self.keys.get("weight_dtype", "float32"))

    @property
    def bytes(self) -> float:
        """Memory for a weight, with all that is kept from step to step; without its gradient. Coupled second moments
        are one for each column, which is next to nothing."""
        kept = self.keys.get("moment_dtype", "float32")
        moments = 1 if self.keys["kind"] in ("lion", "sgd") or self.matrix == "coupled" else 2
        rounding = self.keys.get("weight_rounding", "nearest")
        extra = {"master": 4, "kahan": _BYTES[self.weights]}.get(rounding, 0)
        return _BYTES[self.weights] + moments * _BYTES[kept] + extra


def _adamw(weights: str, rounding: str = "nearest", moments: str = "float32", **keys: str) -> dict[str, Any]:
    law = {"kind": "adamw", "learning_rate": RATE, "weight_dtype": weights, "weight_rounding": rounding}
    return law | {"moment_dtype": moments} | keys


def _lion(weights: str, rounding: str = "nearest", moments: str = "float32") -> dict[str, Any]:
    law = {"kind": "lion", "learning_rate": LION_RATE, "betas": LION_BETAS, "weight_dtype": weights}
    return law | {"weight_rounding": rounding, "moment_dtype": moments}


def _sgd(weights: str, rounding: str = "nearest", moments: str = "float32") -> dict[str, Any]:
    law = {"kind": "sgd", "learning_rate": SGD_RATE, "momentum": 0.9, "weight_dtype": weights}
    return law | {"weight_rounding": rounding, "moment_dtype": moments}


_BF16, _RANDOM, _8BIT = "bfloat16", "stochastic", "blockwise_8bit"
_GRADIENT = {"gradient_dtype": _BF16}
"""Of formats with few exponents: without a scale, gradients of 1e-5 would be 0 in them."""

LAWS: Mapping[str, TwinLaw] = {
    "fp32": TwinLaw("all float32", _adamw("float32")),
    "bf16": TwinLaw("all bf16, each operation rounded", _adamw(_BF16, moments=_BF16)),
    "bf16-fused": TwinLaw("all bf16, each tensor rounded once", _adamw(_BF16, moments=_BF16, implementation="fused")),
    "bf16-fp32state": TwinLaw("bf16, float32 moments", _adamw(_BF16)),
    "stochastic-moments": TwinLaw(
        "bf16, bf16 stochastic moments", _adamw(_BF16, moments=_BF16, moment_rounding=_RANDOM)
    ),
    "8bit": TwinLaw("bf16, 8-bit moments", _adamw(_BF16, moments=_8BIT)),
    "stochastic": TwinLaw("stochastic bf16, float32 moments", _adamw(_BF16, _RANDOM)),
    "stochastic-bf16": TwinLaw("stochastic bf16, bf16 moments", _adamw(_BF16, _RANDOM, moments=_BF16)),
    "stochastic-all": TwinLaw(
        "stochastic bf16, bf16 stochastic moments", _adamw(_BF16, _RANDOM, moments=_BF16, moment_rounding=_RANDOM)
    ),
    "stochastic-8bit": TwinLaw("stochastic bf16, 8-bit moments", _adamw(_BF16, _RANDOM, moments=_8BIT)),
    "kahan": TwinLaw("Kahan bf16, float32 moments", _adamw(_BF16, "kahan")),
    "kahan-bf16": TwinLaw("Kahan bf16, bf16 moments", _adamw(_BF16, "kahan", moments=_BF16)),
    "master": TwinLaw("float32 master, bf16 view", _adamw(_BF16, "master")),
    "float16": TwinLaw("float16, float32 moments", _adamw("float16", **_GRADIENT)),
    "e4m3": TwinLaw("float8 e4m3, float32 moments", _adamw("float8_e4m3fn", **_GRADIENT)),
    "e4m3-stochastic": TwinLaw(
        "stochastic float8 e4m3, float32 moments", _adamw("float8_e4m3fn", _RANDOM, **_GRADIENT)
    ),
    "e4m3-master": TwinLaw("float32 master, float8 e4m3 view", _adamw("float8_e4m3fn", "master", **_GRADIENT)),
    "e5m2": TwinLaw("float8 e5m2, float32 moments", _adamw("float8_e5m2", **_GRADIENT)),
    "coupled": TwinLaw("coupled Adam, float32", _adamw("float32"), "coupled", "coupled"),
    "coupled-bf16": TwinLaw("coupled Adam, bf16, float32 moments", _adamw(_BF16), "coupled", "coupled"),
    "centred": TwinLaw("AdamW, mean row subtracted, float32", _adamw("float32"), "centred", "centred"),
    "lion": TwinLaw("Lion, float32", _lion("float32"), "lion"),
    "lion-bf16": TwinLaw("Lion, bf16, float32 momentum", _lion(_BF16), "lion"),
    "lion-stochastic": TwinLaw("Lion, stochastic bf16, float32 momentum", _lion(_BF16, _RANDOM), "lion"),
    "sgd": TwinLaw("SGD, float32", _sgd("float32"), "sgd"),
    "sgd-bf16": TwinLaw("SGD, bf16, float32 momentum", _sgd(_BF16), "sgd"),
    "sgd-stochastic": TwinLaw("SGD, stochastic bf16, float32 momentum", _sgd(_BF16, _RANDOM), "sgd"),
}
"""By name; those that are also trained for real have the same name there."""
