"""The version of gasfield, in one place that everything may import."""

__version__ = "0.1.0"

ARITHMETIC = 3
"""Version of the arithmetic: raised whenever the bits of any trajectory change. A run is only resumed with the same."""
