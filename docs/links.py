"""Resolve the short names of docstrings and pages, and link the code on pages to the API.

``{py:obj}`gs.solve``` links to `gamesolve.solve`. So do `gs.solve`, `analysis.rate` and the names of solvers in plain
backquotes, if they are documented.
"""

import re
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
    "Callable": "collections.abc.Callable",
    "Hashable": "collections.abc.Hashable",
    "Iterable": "collections.abc.Iterable",
    "Iterator": "collections.abc.Iterator",
    "Mapping": "collections.abc.Mapping",
    "Path": "pathlib.Path",
    "Sequence": "collections.abc.Sequence",
}
PREFIXES = {"np.": "numpy.", "jnp.": "jax.numpy."}
CODE = re.compile(r"(?:gs\.|gamesolve\.)?[A-Za-z_][\w.]*(?:\(.*\))?")


def found(target: str, around: str, documented: dict[str, Any]) -> str | None:
    """Return the full name of what a short name stands for inside a module, or None.

    A name in the same module comes first, then one of `gamesolve`, then the only one that ends with it.
    """
    target = re.sub(r"^(gs|gamesolve)\.", "", target)
    parts = around.split(".")
    for size in range(len(parts), -1, -1):
        name = ".".join([*(parts[:size] or ["gamesolve"]), target])
        if name in documented:
            return name
    ends = [name for name in documented if name.endswith(f".{target}")]
    return ends[0] if len(ends) == 1 else None


def resolve(app: Sphinx, env: Any, node: addnodes.pending_xref, text: nodes.TextElement) -> nodes.reference | None:
    """Return the link of a name that the Python domain did not find; names of other libraries go on to intersphinx."""
    if node.get("refdomain") != "py":
        return None
    domain: PythonDomain = env.domains.python_domain
    target = node["reftarget"]
    name = found(target, node.get("py:module") or "", domain.objects)
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
            name = words.partition("(")[0]
            known = "." in name or name in registry.SOLVERS
            if not known or not CODE.fullmatch(words) or linked(literal):
                continue
            short = re.sub(r"^(gs|gamesolve)\.", "", name)
            full = f"gamesolve.{short}"
            place = domain.objects.get(full)
            if place and place.docname != self.env.docname:
                code = literal.deepcopy()
                literal.replace_self(link(self.app, self.env.docname, place.docname, place.node_id, full, code))


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
