"""Numba building blocks shared by forces and dynamics."""
