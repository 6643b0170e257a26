"""What a scenario says of a relaxation before the run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.spec import Spec

Positive = Annotated[float, Field(gt=0.0)]


class Minimize(Spec):
    """Moves the particles downhill to a minimum of the potential energy before the first step. Passive tracers stay
    where they were planted."""

    force: Positive = 1e-3
    """The largest force on a particle at which the minimum is reached [energy/length]."""
    steps: Annotated[int, Field(ge=1)] = 1000
    """Steps of the descent, at most."""
    longest_move: Positive | None = None
    """The farthest that a particle moves in a step; a tenth of the mean distance of nearest neighbours if left out
    [length]."""
