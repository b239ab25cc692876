"""The code of every page runs when its blocks are pasted, in order, into a fresh interpreter.

Each page has its own process, with a folder to write to. The processes are forked from a server that has imported
the libraries, but not gamesolve: an import costs more than most pages.
"""

import multiprocessing
import pathlib
import re
import textwrap
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)(```+|:::+)(?:python|\{code-cell\}[^\n]*)\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^ *:[\w-]+:.*$", re.MULTILINE)
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["jax", "optax", "matplotlib.pyplot"])

# Pages that run for more than some ten seconds; patterns of `fnmatch`.
LONG = (
    "docs/analysis.md",
    "docs/certificates.md",
    "docs/choosing*",
    "docs/concepts.md",
    "docs/games.md",
    "docs/gan.md",
    "docs/how_to/command_line.md",
    "docs/how_to/flax_*.md",
    "docs/how_to/several_devices.md",
    "docs/recommend.md",
    "docs/running.md",
    "docs/solvers/*",
    "docs/tutorials/*",
    "docs/watching.md",
)


def program(text):
    """Return the Python of a page. Every line keeps its number, so that a traceback points into the page."""
    lines = [""] * text.count("\n")
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(3))
        code = textwrap.dedent(OPTION.sub("", block[3])).splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines) + "\n"


PAGES = {
    page.relative_to(ROOT).as_posix(): program(page.read_text(encoding="utf-8"))
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "_build" not in page.parts
}
CASES = [
    pytest.param(name, marks=[pytest.mark.full] if any(fnmatch(name, pattern) for pattern in LONG) else [])
    for name, code in PAGES.items()
    if code.strip()
]


@pytest.mark.parametrize("name", CASES)
def test_blocks_run_in_a_fresh_interpreter(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    with ProcessPoolExecutor(1, mp_context=SERVER) as processes:
        processes.submit(exec, PAGES[name], {"__name__": "__main__"}).result()


def test_blocks_are_found_and_keep_their_lines():
    page = "# Title\n\n```python\na = 1\n```\n\n- item\n\n  ```{code-cell} ipython3\n  :tags: [x]\n\n  b = a\n  ```\n"
    assert {line: code for line, code in enumerate(program(page).splitlines(), 1) if code} == {4: "a = 1", 12: "b = a"}
