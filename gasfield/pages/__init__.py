"""Pages about a trajectory or a sweep: `gasfield.view`, and the same served to a browser on this machine."""

from gasfield.pages.either import is_sweep, view
from gasfield.pages.serving import serve_sweep
from gasfield.pages.writing import opened_for_page, view_sweep

__all__ = ["is_sweep", "opened_for_page", "serve_sweep", "view", "view_sweep"]
