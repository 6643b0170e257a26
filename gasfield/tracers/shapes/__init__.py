"""Shapes of tracer structures: points in k dimensions, centred on the origin, with bonds between neighbours."""

from gasfield.tracers.shapes.base import MOST, SHAPES, AnyShape, Find, Shape, structure_of
from gasfield.tracers.shapes.structure import Structure

__all__ = ["MOST", "SHAPES", "AnyShape", "Find", "Shape", "Structure", "structure_of"]
