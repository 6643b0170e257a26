"""Tracers: tagged structures planted in a flow, to see what it does to them."""

from gasfield.tracers.planting import Planting, Present, Soil, Tracer, plant
from gasfield.tracers.shapes import Shape, Structure, structure_of

__all__ = ["Planting", "Present", "Shape", "Soil", "Structure", "Tracer", "plant", "structure_of"]
