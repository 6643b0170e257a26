"""Tracers: tagged structures planted in a flow, to see what it does to them."""

from gasfield.tracers.planting import Planting, Present, Soil, Tracer, plant
from gasfield.tracers.shapes import SHAPES, Shape, ShapeSpec, Structure, structure_of

__all__ = [
    "SHAPES",
    "Planting",
    "Present",
    "Shape",
    "ShapeSpec",
    "Soil",
    "Structure",
    "Tracer",
    "plant",
    "structure_of",
]
