"""HDF5 files that can be read at any moment while they grow."""
