"""Spaces, one file each. `SPACES` maps the `kind` of a scenario to a space."""

from gasfield.spaces.ball import Ball
from gasfield.spaces.base import SPACES, AnySpace, Space
from gasfield.spaces.box import Box
from gasfield.spaces.free import Free
from gasfield.spaces.periodic import Periodic
from gasfield.spaces.sphere import Sphere

__all__ = ["SPACES", "AnySpace", "Ball", "Box", "Free", "Periodic", "Space", "Sphere"]
