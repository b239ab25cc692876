"""Sphinx configuration: ``python -m sphinx -W -b html docs docs/_build`` with the extra ``docs`` installed."""

import os
import runpy
import sys
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Examples train in full; GAMESOLVE_FAST=1 takes a few steps only, to check that everything builds. Empty means unset.
if os.environ.get("GAMESOLVE_FAST") == "":
    del os.environ["GAMESOLVE_FAST"]

sys.path.append(str(Path(__file__).parent))  # for the extensions `symbols`, `links` and `typed` beside this file

project = "gamesolve"
author = "The gamesolve developers"
copyright = "2026, The gamesolve developers"  # noqa: A001 - Sphinx's name
release = metadata.version("gamesolve")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
extensions += ["symbols", "links", "typed"]
exclude_patterns = ["_build", "jupyter_execute", "*.py", "solvers/*.py"]
templates_path: list[str] = []
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False
autosummary_generate = False
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 1200
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = "gamesolve"
html_theme_options = {"home_page_in_toc": True, "show_toc_level": 2}


def setup(app: Sphinx) -> None:
    """Fill the generated parts of the pages; stop the build if a public name is not documented."""
    here = Path(__file__).parent
    fill = runpy.run_path(str(here / "fill.py"))["fill"]

    def read(_app: Sphinx, _page: str, source: list[str]) -> None:
        source[0] = fill(source[0])

    app.connect("source-read", read)
    lacking = runpy.run_path(str(here / "listed.py"))["lacking"]()
    if lacking:
        raise ExtensionError(f"docs/api lacks {', '.join(lacking)}; list them there.")
