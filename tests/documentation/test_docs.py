"""Every public name is documented, and the examples run."""

import ast
import inspect
import pathlib
import re
import runpy

import matplotlib.pyplot as plt
import pytest

from gamesolve import registry

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = runpy.run_path(str(ROOT / "docs" / "listed.py"))
EVERY, LISTED, MODULES, NAMES, find = (DOCS[name] for name in ("EVERY", "LISTED", "MODULES", "NAMES", "find"))


@pytest.mark.parametrize("path", [*MODULES, *NAMES])
def test_public_names_are_documented(path):
    assert path in LISTED, f"docs/api lacks {path}"
    value = find(path)
    first, *rest = (inspect.getdoc(value) or "").splitlines() or [""]
    assert first.endswith("."), f"the summary of {path} is not one sentence on one line: {first!r}"
    assert not rest or not rest[0]


def test_what_is_lacking_is_found():
    assert DOCS["lacking"]() == []
    assert DOCS["lacking"](LISTED - {"gamesolve.simgd"}) == ["gamesolve.simgd"]


@pytest.mark.parametrize("path", sorted(LISTED))
def test_the_api_pages_list_names_that_exist_once(path):
    assert find(path) is not None
    assert EVERY.count(path) == 1


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_solvers_have_full_docstrings(name):
    text = inspect.getdoc(registry.SOLVERS[name].make)
    for section in ("Args", "Returns", "Example", "Reference"):
        assert f"\n{section}:\n" in text
    for argument in inspect.signature(registry.SOLVERS[name].make).parameters:
        assert f"\n    {argument}: " in text


def code_of(page):
    """Return the Python of a script, or the blocks of a Markdown page, without the options of its cells."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|\{code-cell\} ipython3)\n(.*?)```", text, re.DOTALL)
    source = text if page.suffix == ".py" else "\n".join(blocks)
    return re.sub(r"^:\w+:.*$", "", source, flags=re.MULTILINE)


def dotted(node):
    """Return the parts of ``a.b.c``, or nothing if it does not begin with a name."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return [*before, node.attr] if before else []
    return [node.id] if isinstance(node, ast.Name) else []


PAGES = [*(ROOT / "examples").glob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]


@pytest.mark.parametrize(
    "page", sorted(page for page in PAGES if "_build" not in page.parts), ids=lambda page: page.name
)
def test_the_names_that_examples_and_pages_use_exist(page):
    nodes = list(ast.walk(ast.parse(code_of(page))))
    known = {"gs": "gamesolve"}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gamesolve"):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        root, *rest = dotted(node) or [""]
        if root in known and root not in own:
            find(".".join([known[root], *rest]))


def calls_in(code):
    """Yield the public function and the keywords of each call in a piece of code, if it is Python."""
    try:
        nodes = ast.walk(ast.parse(code, mode="eval"))
    except SyntaxError:
        return
    for node in nodes:
        root, *rest = (isinstance(node, ast.Call) and dotted(node.func)) or [""]
        if root == "gs" and (path := ".".join(["gamesolve", *rest])) in LISTED:
            yield find(path), {keyword.arg for keyword in node.keywords if keyword.arg}


def test_calls_in_the_text_use_arguments_that_exist():
    sources = [*PAGES, *(ROOT / "gamesolve").rglob("*.py"), ROOT / "CHANGELOG.md"]
    seen = 0
    for page in sources:
        for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
            for function, keywords in calls_in(code):
                known = inspect.signature(function).parameters
                free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
                assert free or keywords <= {*known}, f"{page.name}: {code}"
                seen += 1
    assert seen > 100


# Ten seconds each; the site runs them too when it is built.
LONG = {
    "05_tiny_gans",
    "06_dirac_gan",
    "07_gan_on_a_line",
    "08_gan_in_the_plane",
    "13_spectra",
    "15_images",
    "19_n_players",
    "23_nnx_dcgan",
    "14_counter_attack",
    "24_equinox_spectral_norm",
    "28_dynamics_of_training",
    "27_fields_of_small_gans",
    "29_losses_and_ends",
    "22_own_solver",
    "12_cycles_and_basins",
    "09_projection_problem",
    "26_logging_and_stopping",
    "10_your_own_networks",
    "11_films",
    "03_cosine",
    "02_fields",
    "17_step_size",
    "04_anticipation",
}
EXAMPLES = [
    pytest.param(script, id=script.name, marks=[pytest.mark.full] if script.stem in LONG else [])
    for script in sorted((ROOT / "examples").glob("*.py"))
]


@pytest.mark.parametrize("script", EXAMPLES)
def test_examples_run(script, capsys, monkeypatch):
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(script))
    plt.close("all")
    assert capsys.readouterr().out
