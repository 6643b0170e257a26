"""Tracers: tagged structures inserted into a flow to measure its deformation."""

from gasfield.tracers.planting import (
    GroupSnapshot,
    PlacedStructure,
    PlacementContext,
    Tracer,
    place_of_token,
    plant,
)
from gasfield.tracers.shapes import SHAPES, AnyShape, Shape, Structure, structure_of

__all__ = [
    "SHAPES",
    "AnyShape",
    "GroupSnapshot",
    "PlacedStructure",
    "PlacementContext",
    "Shape",
    "Structure",
    "Tracer",
    "place_of_token",
    "plant",
    "structure_of",
]
