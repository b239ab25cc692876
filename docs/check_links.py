"""Check the links inside the built site: ``python docs/check_links.py build/docs`` prints those that lead nowhere."""

import html.parser
import pathlib
import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

GENERATED = {"_modules", "_static"}


class Page(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        """Read the text of the page."""
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what the tag links to and its name."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value or "")


def broken(site: pathlib.Path) -> Iterator[str]:
    """Yield a line for each link of a page of ours that leads nowhere; Sphinx writes those of `GENERATED`."""
    files = [file for file in sorted(site.rglob("*.html")) if not GENERATED & {*file.relative_to(site).parts}]
    pages = {file.resolve(): Page(file.read_text(encoding="utf-8")) for file in files}
    for file, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                yield f"{file.relative_to(site.resolve())}: {link} does not exist"
            elif target in pages and parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{file.relative_to(site.resolve())}: {link} has no such anchor"


if __name__ == "__main__":
    sys.exit("\n".join(broken(pathlib.Path(sys.argv[1]))) or 0)
