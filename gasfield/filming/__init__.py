"""Films of trajectories: structures, clouds and trails over time, with the field that moves them."""

from gasfield.filming.film import animate

__all__ = ["animate"]
