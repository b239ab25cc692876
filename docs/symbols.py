"""Write a page for each public name that docs/api lists; the pages are made at each build and not committed."""

import inspect
import pathlib
import runpy
from typing import Any

from sphinx.application import Sphinx

HERE = pathlib.Path(__file__).resolve().parent
# Two folders, because some file systems can not hold both Basins and basins in one.
FOLDERS = {"autoclass": HERE / "api" / "classes", "autofunction": HERE / "api" / "functions"}
TEMPLATE = (HERE / "_templates" / "symbol.rst_t").read_text(encoding="utf-8")


def members(cls: type) -> list[str]:
    """Return the documented methods and properties that a class itself defines, in the order of its source."""
    fields = getattr(cls, "_fields", ())
    public = [name for name in vars(cls) if name == "__call__" or not name.startswith("_")]
    own = [name for name in public if name not in fields and inspect.getdoc(vars(cls)[name])]
    return [name for name in own if callable(getattr(cls, name)) or isinstance(vars(cls)[name], property)]


def directive(value: Any) -> str:
    """Return the directive of autodoc that documents a function or a class."""
    return "autoclass" if inspect.isclass(value) else "autofunction"


def page(name: str, value: Any, module_page: str, module: str, pages: dict[str, str]) -> str:
    """Return the text of the page of one name: where it belongs, and its documentation."""
    listed = members(value) if inspect.isclass(value) else []
    return TEMPLATE.format(
        name=name,
        rule="=" * len(name),
        module=module,
        page=module_page,
        more="".join(f" {text}: :doc:`{target}`." for text, target in pages.items()),
        directive=directive(value),
        options=f"   :members: {', '.join(listed)}\n" if listed else "",
    )


def guides(value: Any) -> dict[str, str]:
    """Return the pages of the guide about a named solver: its family, and the solver if it has a page there."""
    entry = getattr(value, "entry", None)
    if entry is None:
        return {}
    pages = {"Family": f"/solvers/{entry.family}", "Gallery": f"/solvers/methods/{entry.name}"}
    return {text: target for text, target in pages.items() if (HERE / f"{target[1:]}.md").exists()}


def write(_app: Sphinx) -> None:
    """Write the pages that have changed, and remove those of names that are no longer listed."""
    listed = runpy.run_path(str(HERE / "listed.py"))
    texts = {}
    for module_page, names in listed["BY_PAGE"].items():
        for name in names:
            value = listed["find"](name)
            path = FOLDERS[directive(value)] / f"{name}.rst"
            texts[path] = page(name, value, module_page, listed["TITLES"][module_page], guides(value))
    for folder in FOLDERS.values():
        folder.mkdir(exist_ok=True)
        for old in {*folder.glob("*.rst")} - texts.keys():
            old.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for its sources, and after other extensions have written theirs."""
    app.connect("builder-inited", write, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
