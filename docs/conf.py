"""Sphinx configuration: ``make docs`` builds the site, and ``make docs-fast`` builds it without running any code."""

import builtins
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

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "symbols",
    "links",
    "typed",
]
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

# Names of other projects become links if the inventories of their sites may be loaded, which needs a network.
INVENTORIES = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "jax": "https://docs.jax.dev/en/latest",
    "optax": "https://optax.readthedocs.io/en/latest",
    "flax": "https://flax.readthedocs.io/en/latest",
    "matplotlib": "https://matplotlib.org/stable",
}
intersphinx_mapping = {}
if os.environ.get("GAMESOLVE_INTERSPHINX"):
    intersphinx_mapping = {name: (address, None) for name, address in INVENTORIES.items()}
nitpicky = True
OUTSIDE = [
    *dir(builtins),
    *("abc", "collections", "contextlib", "dataclasses", "enum", "functools", "os", "pathlib", "types", "typing"),
    *("PIL", "chex", "equinox", "eqx", "flax", "jax", "jaxlib", "jaxtyping", "jnp", "matplotlib", "nnx", "np", "numpy"),
    *("optax", "optimistix", "orbax", "pandas", "pd", "plt", "scipy", "tensorboardX", "tqdm"),
    *("Any", "ArrayLike", "Axes", "Callable", "Collection", "Hashable", "Iterable", "Iterator", "Mapping", "Mesh"),
    *("Sequence", "P", "_Entry"),
]
nitpick_ignore_regex = [("py:.*", rf"({'|'.join(OUTSIDE)})(\..*)?")]

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 1200
nb_merge_streams = True
suppress_warnings = ["myst-nb.lexer"]  # without execution the language of the cells is not known; the default is Python
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div.highlight-python pre, div.highlight-ipython3 pre, div.highlight-sh pre, div.cell_input pre"

html_theme = "sphinx_book_theme"
html_title = f"gamesolve {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_theme_options: dict[str, object] = {"home_page_in_toc": True, "navbar_persistent": [], "show_toc_level": 2}

# pyproject.toml names the address of the repository once there is one; the pages then link to it.
addresses = dict(entry.split(", ", 1) for entry in metadata.metadata("gamesolve").get_all("Project-URL") or ())
if "Repository" in addresses:
    html_theme_options |= {
        "repository_url": addresses["Repository"],
        "repository_branch": "main",
        "path_to_docs": "docs",
        "use_repository_button": True,
        "use_issues_button": True,
        "use_source_button": True,
    }


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
