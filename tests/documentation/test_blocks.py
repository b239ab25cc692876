"""The code of every page runs when its blocks are pasted, in order, into a fresh interpreter."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)(```+|:::+)(?:python|\{code-cell\}[^\n]*)\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^ *:[\w-]+:.*$", re.MULTILINE)
LIMIT = 600  # seconds

# Pages that run for more than some ten seconds.
LONG: set[str] = set()


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
    pytest.param(name, marks=[pytest.mark.full] if name in LONG else [])
    for name, code in PAGES.items()
    if code.strip()
]


@pytest.mark.parametrize("name", CASES)
def test_blocks_run_in_a_fresh_interpreter(name, tmp_path):
    (tmp_path / "page.py").write_text(PAGES[name], encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "agg", "GAMESOLVE_FAST": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("XLA_FLAGS", None)  # a page chooses its devices itself
    run = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert run.returncode == 0, f"{name}:\n{run.stderr[-3000:]}"


def test_blocks_are_found_with_their_lines():
    page = "# Title\n\n```python\na = 1\n```\n\n- item\n\n  ```{code-cell} ipython3\n  :tags: [hide-input]\n\n  b = a\n  ```\n"
    assert program(page).splitlines() == ["", "", "", "a = 1", "", "", "", "", "", "", "", "b = a", ""]
    assert any(name.startswith("docs/") for name in PAGES)
