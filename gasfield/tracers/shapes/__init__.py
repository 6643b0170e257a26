"""Shapes of tracer structures: points in k dimensions, centred on the origin, and the bonds that tie neighbours."""

from gasfield.tracers.shapes.base import MOST, SHAPES, Find, Shape, ShapeSpec, structure_of
from gasfield.tracers.shapes.structure import Structure

__all__ = ["MOST", "SHAPES", "Find", "Shape", "ShapeSpec", "Structure", "structure_of"]
