"""Pictures: one style, and panels that draw arrays; results of diagnostics and comparisons call them."""

from gasfield.plots.panels import Curve, Paths, curves, places, plane, principal_plane, stacked, structure
from gasfield.plots.style import DPI, SERIES, Role, dress, headline, legend, new_figure, save

__all__ = [
    "DPI",
    "SERIES",
    "Curve",
    "Paths",
    "Role",
    "curves",
    "dress",
    "headline",
    "legend",
    "new_figure",
    "places",
    "plane",
    "principal_plane",
    "save",
    "stacked",
    "structure",
]
