"""HDF5 files that can be read at any moment while they grow."""

from gasfield.hdf5.column import Column
from gasfield.hdf5.growing import Edit, GrowingFile
from gasfield.hdf5.tree import Entry

__all__ = ["Column", "Edit", "Entry", "GrowingFile"]
