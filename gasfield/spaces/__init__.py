"""Spaces, one file each; `SPACES` names those that a scenario can ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.spaces.ball import Ball
from gasfield.spaces.base import Space
from gasfield.spaces.box import Box
from gasfield.spaces.free import Free
from gasfield.spaces.periodic import Periodic
from gasfield.spaces.sphere import Sphere

SPACES: dict[str, type[Space]] = {
    "free": Free,
    "periodic": Periodic,
    "box": Box,
    "ball": Ball,
    "sphere": Sphere,
}

SpaceSpec = Annotated[Free | Periodic | Box | Ball | Sphere, Field(discriminator="kind")]
"""Union of all spaces, told apart by `kind`."""

__all__ = ["SPACES", "Ball", "Box", "Free", "Periodic", "Space", "SpaceSpec", "Sphere"]
