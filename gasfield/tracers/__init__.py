"""Tracers: tagged structures inserted into a flow to measure its deformation."""

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
