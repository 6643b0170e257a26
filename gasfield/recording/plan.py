"""What is kept of a training run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gasfield.spec import Spec
from gasfield.tracers import Tracer

Step = Annotated[int, Field(ge=0)]
MantissaBits = Annotated[int, Field(ge=7, le=23)]


class RecordingPlan(Spec):
    """What is kept of a training run."""

    dead_rows: Annotated[int, Field(ge=1)] = 64
    live_rows: Annotated[int, Field(ge=1)] = 32
    tracers: tuple[Tracer, ...] = ()
    every: Annotated[int, Field(ge=1)] = 1
    """Steps between two recorded frames."""
    field: Literal["affine", "full", "none"] = "affine"
    """`affine` at every step (and `full` at `full_steps` of them), `full` at every step as well, or none."""
    full_steps: Step | tuple[Step, ...] = 20
    """How many steps keep the exact field beside the affine one, spread logarithmically; or which."""
    survey_steps: Annotated[int, Field(ge=0)] = 12
    hidden_bits: MantissaBits = 23
    """Mantissa bits kept of the hidden states; 23 is all of float32, and bfloat16 needs 7."""
    survey_bits: MantissaBits = 23
    """Mantissa bits kept of the survey of all dead rows."""
