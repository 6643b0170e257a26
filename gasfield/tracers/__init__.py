"""Tracers: tagged structures planted in a flow, to see what it does to them."""

from gasfield.tracers.planting import Planting, Tracer, plant
from gasfield.tracers.shapes import Shape, Structure

__all__ = ["Planting", "Shape", "Structure", "Tracer", "plant"]
