"""Resolve the short names of docstrings and pages, and link the code on pages to the API.

``{py:obj}`gs.solve``` links to `gamesolve.solve`. So do `gs.solve`, `analysis.rate` and the names of solvers in plain
backquotes, if they are documented.
"""

import importlib
import itertools
import operator
import re
from collections.abc import Collection
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.transforms.post_transforms import SphinxPostTransform

from gamesolve import registry

# Short names of other libraries in annotations and docstrings.
OUTSIDE = {
    "Any": "typing.Any",
    "ArrayLike": "jax.typing.ArrayLike",
    "Axes": "matplotlib.axes.Axes",
    "Callable": "collections.abc.Callable",
    "Collection": "collections.abc.Collection",
    "Hashable": "collections.abc.Hashable",
    "Iterable": "collections.abc.Iterable",
    "Iterator": "collections.abc.Iterator",
    "Mapping": "collections.abc.Mapping",
    "Mesh": "jax.sharding.Mesh",
    "P": "typing.ParamSpec",
    "Sequence": "collections.abc.Sequence",
    "_Entry": "typing.TypeVar",
}
PREFIXES = {"np.": "numpy.", "jnp.": "jax.numpy."}
# Solvers whose names are also those of attributes.
WORDS = {"average", "stackelberg"}
CODE = re.compile(r"(?:gs\.|gamesolve\.)?[A-Za-z_][\w.]*(?:\(.*\))?")


def found(target: str, around: str, documented: Collection[str]) -> str | None:
    """Return the full name of what a short name stands for inside a module, or None.

    A name in the module comes first, then one in a package around it, then the nearest one that ends with the name.
    """
    target = re.sub(r"^(gs|gamesolve)\.", "", target)
    parts = around.split(".")
    for size in range(len(parts), 0, -1):
        name = ".".join([*parts[:size], target])
        if name in documented:
            return name
    ends = [name for name in documented if name.endswith(f".{target}")]
    # Names of types that several modules use are in gamesolve.trees.
    near = lambda name: (shared(name.split("."), parts), name.startswith("gamesolve.trees."))
    return max(ends, key=near, default=None)


def shared(one: list[str], other: list[str]) -> int:
    """Return how many parts two names share at their beginning."""
    return len([*itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))])


def module_around(node: Any) -> str:
    """Return the module that defines the object whose docstring contains a node, or else that of the page."""
    here = node.get("py:module") or "gamesolve"
    while node is not None and not isinstance(node, addnodes.desc):
        node = node.parent
    if node is None or not node[0].get("module"):
        return here
    module, name = node[0]["module"], node[0]["fullname"]
    try:
        value = operator.attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError):
        return module
    return getattr(value, "__module__", None) or module


def resolve(app: Sphinx, env: Any, node: addnodes.pending_xref, text: nodes.TextElement) -> nodes.reference | None:
    """Return the link of a name that the Python domain did not find; names of other libraries go on to intersphinx."""
    if node.get("refdomain") != "py":
        return None
    domain: PythonDomain = env.domains.python_domain
    target = node["reftarget"]
    name = found(target, module_around(node), domain.objects)
    if name:
        place = domain.objects[name]
        return link(app, node["refdoc"], place.docname, place.node_id, name, text)
    node["reftarget"] = OUTSIDE.get(target, target)
    for short, full in PREFIXES.items():
        node["reftarget"] = re.sub(f"^{re.escape(short)}", full, node["reftarget"])
    # An attribute or alias of the standard library is a class for Python's domain, but not in every inventory.
    node["reftype"] = "obj"
    return None


def link(app: Sphinx, source: str, page: str, anchor: str, title: str, text: nodes.Node) -> nodes.reference:
    """Return a link from one page to an anchor of another."""
    address = app.builder.get_relative_uri(source, page) + f"#{anchor}"
    return nodes.reference("", "", text, internal=True, refuri=address, reftitle=title)


class LinkedCode(SphinxPostTransform):
    """Link inline code that names a public function or class, such as `gs.solve` or `analysis.rate`."""

    default_priority = 5

    def run(self, **_options: Any) -> None:
        """Replace literals by links to what they name."""
        domain = self.env.domains.python_domain
        for literal in list(self.document.findall(nodes.literal)):
            words = literal.astext()
            name = meant(words.partition("(")[0], domain.objects) if CODE.fullmatch(words) else None
            if name is None or linked(literal):
                continue
            place = domain.objects[name]
            if place.docname != self.env.docname:
                code = literal.deepcopy()
                literal.replace_self(link(self.app, self.env.docname, place.docname, place.node_id, name, code))


def meant(words: str, documented: Collection[str]) -> str | None:
    """Return the full name of a public object that inline code names for certain, or None.

    Certain are dotted names, the names of solvers, classes of `gamesolve`, and names with an underscore that only one
    object has.
    """
    short = re.sub(r"^(gs|gamesolve)\.", "", words)
    full = f"gamesolve.{short}"
    solver = words in registry.SOLVERS and words not in WORDS
    if full in documented and ("." in words or "_" in words or words[:1].isupper() or solver):
        return full
    ends = [name for name in documented if name.endswith(f".{words}")] if "_" in words and "." not in words else []
    return ends[0] if len(ends) == 1 else None


def linked(node: nodes.Node) -> bool:
    """Return whether a node is part of a link, a reference or a heading already."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.reference | addnodes.pending_xref | addnodes.desc_signature | nodes.title):
            return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Resolve before intersphinx looks for what is left."""
    app.connect("missing-reference", resolve, priority=400)
    app.add_post_transform(LinkedCode)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
