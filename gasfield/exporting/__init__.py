"""Trajectories for other programs: tables, arrays, the projector of TensorBoard, netCDF."""

from gasfield.exporting.exporting import FORMATS, export

__all__ = ["FORMATS", "export"]
