"""Sphinx makes the site of these pages: `make docs`. Nothing in it comes from the network when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gasfield.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project, author, copyright = "gasfield", "gasfield", "Apache-2.0"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/*.py", "**/_*"]

html_theme = "furo"
html_title = "gasfield"
html_search_scorer = str(Path(__file__).with_name("_search.js"))
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

# Headings of the pages have the anchors that GitHub gives them.
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Notebooks are executed by `make notebooks` and shown as they are.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, str] = {}

default_role = "literal"
autodoc_mock_imports = ["tokenizers", "torch"]  # the site is made without them
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
napoleon_google_docstring, napoleon_numpy_docstring = True, False
python_maximum_signature_line_length = 80


def setup(app: Sphinx) -> None:
    """Called by Sphinx. Extensions have set up theirs by the time of the hook."""
    app.connect("builder-inited", keep_inside, priority=900)


def keep_inside(app: Sphinx) -> None:
    """What is taken out of notebooks lies within the folder of the site, not beside it."""
    inside = str(Path(app.doctreedir) / "notebooks")
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=inside)  # type: ignore[attr-defined]
