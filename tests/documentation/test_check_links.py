"""The link check of the documentation finds links that lead nowhere."""

import pathlib
import runpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
broken = runpy.run_path(str(ROOT / "docs" / "check_links.py"))["broken"]


def test_broken_links_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="sub/a.html#here">x</a><a href="#top">x</a><a href="https://example.org/x">x</a>'
        '<a href="gone.html">x</a><a href="sub/a.html#gone">x</a><img src="gone.png"><p id="top">'
    )
    (tmp_path / "sub" / "a.html").write_text('<a id="here" href="../index.html">x</a>')
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "template.html").write_text('<a href="gone.html">x</a>')
    assert list(broken(tmp_path)) == [
        "index.html: gone.html does not exist",
        "index.html: sub/a.html#gone has no such anchor",
        "index.html: gone.png does not exist",
    ]
