"""Specifications of a training run and of its recording. This module does not need PyTorch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from gasfield.recording.corpus import DEFAULT_TEXT
from gasfield.spec import Spec
from gasfield.streams import Seed
from gasfield.tracers import Tracer

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
MantissaBits = Annotated[int, Field(ge=7, le=23)]
Precision = Literal["bf16", "bf16-fp32state", "fp32"]


class Geometry(Spec):
    """Size of the model. The defaults are those of the published "Crucible" runs."""

    vocabulary: Count = 10_000
    """Tokens V of the vocabulary, the rows of the embedding."""
    dimensions: Count = 64
    """Width D of the model."""
    layers: Count = 2
    """Transformer blocks, each with attention and a feed-forward layer."""
    heads: Annotated[int, Field(ge=1, validate_default=True)] = 2
    """Attention heads per block; a divisor of the width."""
    feed_forward: Count = 256
    """Width of the feed-forward layers."""
    sequence: Count = 64
    """Tokens per sequence."""
    initial_spread: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of the initial values of every matrix, the embedding included."""

    @field_validator("heads")
    @classmethod
    def _heads_share_the_width(cls, heads: int, info: ValidationInfo) -> int:
        if info.data.get("dimensions", heads) % heads:
            raise ValueError(f"must divide dimensions, {info.data['dimensions']}")
        return heads


class TrainingPlan(Spec):
    """Everything that determines a training run."""

    text: str = DEFAULT_TEXT
    """UTF-8 text to train on, plain, .xz or .gz."""
    precision: Precision = "bf16"
    """Precision of weights and optimiser state; `bf16-fp32state` keeps the state in float32."""
    steps: Count = 500
    """Training steps."""
    batch: Count = 32
    """Sequences per step."""
    seed: Seed = 1
    """Seed of the initial weights, the batches and the choice of rows."""
    dead: Natural = 3700
    """Number of tokens of the vocabulary that never occur in training; 0 trains on the whole text."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of AdamW."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of the first and second moment of AdamW."""
    epsilon: Annotated[float, Field(ge=0)] = 1e-8
    """Added to the root of the second moment of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled weight decay."""
    geometry: Geometry = Geometry()


def _steps_as_text(given: Any) -> Any:
    """`20` is a number of steps, `0,10,250` a list of them."""
    if not isinstance(given, str):
        return given
    try:
        steps = tuple(int(part) for part in given.split(","))
    except ValueError:
        raise PydanticCustomError("steps", "give their number (20) or a list (0,10,250)") from None
    return steps if "," in given else steps[0]


Steps = Annotated[Natural | tuple[Natural, ...], BeforeValidator(_steps_as_text)]
"""Steps of a training: their number, spread logarithmically, or a list."""


class RecordingPlan(Spec):
    """What is recorded of a training run."""

    dead_rows: Count = 64
    """Dead rows followed at every step."""
    live_rows: Count = 32
    """Live rows followed at every step."""
    tracers: tuple[Tracer, ...] = ()
    """Structures planted in dead rows before training."""
    parts: bool = False
    """Keep the gradients of the live rows in parts: what pushes them, what pulls them, the input side."""
    every: Count = 1
    """Steps between two recorded frames; the field is kept at every step."""
    field: Literal["affine", "full", "none"] = "affine"
    """`affine` at every step (and `full` at `full_steps` of them), `full` (exact, at every step: large), or `none`."""
    full_steps: Steps = 20
    """Steps that also keep the exact field: their number, spread logarithmically, or a list (0,10,250)."""
    survey_steps: Natural = 12
    """Number of steps at which all dead rows are kept."""
    hidden_bits: MantissaBits = 23
    """Mantissa bits kept of the hidden states, 7 (bfloat16) to 23 (float32)."""
    survey_bits: MantissaBits = 23
    """Mantissa bits kept of the survey of all dead rows, 7 to 23."""
