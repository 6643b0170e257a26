"""Least squares from sums by block in time, with errors, and the numbers that say how good a fit is."""
