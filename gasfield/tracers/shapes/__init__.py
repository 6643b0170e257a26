"""Shapes of tracer structures: points in k dimensions, centred on the origin, with bonds between neighbours."""

from gasfield.tracers.shapes.base import MOST, SHAPES, Find, Shape, ShapeSpec, structure_of
from gasfield.tracers.shapes.structure import Structure

__all__ = ["MOST", "SHAPES", "Find", "Shape", "ShapeSpec", "Structure", "structure_of"]
