"""A trajectory in a browser: one HTML file, or a server on this machine for what is too large for one."""

from gasfield.viewing.serving import serve
from gasfield.viewing.writing import view

__all__ = ["serve", "view"]
