"""Diagnostics of positions on a floating-point lattice: cells, freezing, distinct rows."""
