"""Diagnostics of what structures do: bonds, clusters, basins, order."""
