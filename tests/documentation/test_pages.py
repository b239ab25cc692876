"""The built pages fit the screens of laptops and phones, as measured in headless Chromium.

``GAMESOLVE_SITE=docs/_build`` names a built site; without it the test builds one, without running the notebooks.
"""

import json
import os
import pathlib
import select
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAPTOP, PHONE = 1280, 390
PATIENCE = 300  # seconds until a browser that says nothing counts as stopped
# Not pages of ours: the source code, the index, the search and redirects.
OTHERS = ("_modules", "_static", "_sources", "jupyter_execute", "genindex", "py-modindex", "search")
# Blocks of code and of output that hide a part of their lines, with their excess in pixels and their first line.
CUT = """
[...document.querySelectorAll("main pre, article pre")]
  .filter(block => block.offsetParent && block.scrollWidth > block.clientWidth + 1)
  .map(block => [block.scrollWidth - block.clientWidth, block.innerText.trim().split("\\n")[0]])
"""
# How far the page scrolls sideways, and the deepest elements that reach beyond its edge.
SIDEWAYS = """
(() => {
  const page = document.scrollingElement, edge = page.clientWidth;
  if (page.scrollWidth <= edge + 1) return [];
  const shown = element => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible") return false;
    return true;
  };
  const beyond = [...document.querySelectorAll("body *")].filter(
    element => element.getBoundingClientRect().right + page.scrollLeft > edge + 1 && shown(element));
  const deepest = beyond.filter(element => !beyond.some(other => other !== element && element.contains(other)));
  return [[page.scrollWidth - edge, ...deepest.slice(0, 3).map(
    element => `<${element.tagName.toLowerCase()} class="${element.className}"> ${element.textContent.slice(0, 60)}`)]];
})()
"""


class Browser:
    """Chromium without a window, told what to do by the DevTools protocol over a pair of pipes."""

    def __init__(self, program, profile):
        told, self.tell = os.pipe()
        self.hear, heard = os.pipe()
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
        # Chromium reads its commands from descriptor 3 and answers on 4.
        launch = f'exec "$@" 3<&{told} 4>&{heard}'
        self.process = subprocess.Popen(
            ["bash", "-c", launch, "bash", program, *options, f"--user-data-dir={profile}"],
            pass_fds=(told, heard),
            stderr=subprocess.DEVNULL,
        )
        os.close(told)
        os.close(heard)
        self.number, self.buffer, self.kept, self.session = 0, b"", [], None
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.do("Page.enable")
        self.do("Network.enable")
        self.do("Network.setBlockedURLs", urls=["http://*", "https://*"])  # no page waits for the network

    def do(self, method, **arguments):
        """Call a method of the protocol and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": arguments}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.tell, json.dumps(message).encode() + b"\0")
        answer = self.wait(lambda answer: answer.get("id") == self.number)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def wait(self, accept):
        """Return the first message that is accepted, and keep those before it."""
        for message in self.kept:
            if accept(message):
                return message
        while True:
            while b"\0" not in self.buffer:
                ready, _, _ = select.select([self.hear], [], [], PATIENCE)
                received = os.read(self.hear, 1 << 16) if ready else b""
                assert received, "the browser does not answer"
                self.buffer += received
            message, _, self.buffer = self.buffer.partition(b"\0")
            if accept(message := json.loads(message)):
                return message
            self.kept.append(message)

    def measure(self, page, width, script):
        """Open a file in a window of this width and return the value of a script."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.kept.clear()
        self.do("Page.navigate", url=page.as_uri())
        self.wait(lambda message: message.get("method") == "Page.loadEventFired")
        result = self.do("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"]["value"]

    def close(self):
        """End the browser."""
        self.session = None
        self.do("Browser.close")
        self.process.wait(30)
        os.close(self.tell)
        os.close(self.hear)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    given = os.environ.get("GAMESOLVE_SITE")
    if given:
        return pathlib.Path(given).resolve()
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-D", "nb_execution_mode=off"]
    subprocess.run([*build, ROOT / "docs", folder], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def faults(site, browser, width, script):
    """Return what the script finds on each page of ours, by page, without the pages on which it finds nothing."""
    pages = sorted(page.relative_to(site) for page in site.rglob("*.html"))
    ours = [page for page in pages if not any(str(page).startswith(other) for other in OTHERS)]
    assert ours, f"no pages in {site}"
    found = {str(page): browser.measure(site / page, width, script) for page in ours}
    return {page: entries for page, entries in found.items() if entries}


def listed(faults):
    """Return one line for each fault."""
    return "\n".join(f"{page}: {entry}" for page, entries in faults.items() for entry in entries)


@pytest.mark.full
def test_no_block_is_cut_on_a_laptop(site, browser):
    found = faults(site, browser, LAPTOP, CUT)
    assert not found, f"{len(found)} pages have blocks that are cut at {LAPTOP} pixels\n{listed(found)}"


@pytest.mark.full
def test_no_page_scrolls_sideways_on_a_phone(site, browser):
    found = faults(site, browser, PHONE, SIDEWAYS)
    assert not found, f"{len(found)} pages scroll sideways at {PHONE} pixels\n{listed(found)}"
