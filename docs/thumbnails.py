"""Make the small pictures of the gallery of examples: ``python docs/thumbnails.py`` rewrites docs/figures/examples.

They come from the executed notebooks that the build of the site leaves in docs/jupyter_execute, and their alt texts
from the scripts. ``python docs/thumbnails.py FOLDER`` reads another folder of executed notebooks. The cards of the
gallery, docs/examples.md, show the pictures that exist.
"""

import base64
import io
import json
import pathlib
import re
import sys
from collections.abc import Iterator

from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
SMALL = HERE / "figures" / "examples"
SIZE = (320, 220)
ALT = re.compile(r'"alt": "([^"]*)"')
CARD = re.compile(r"(:link: examples/(\w+)\n:link-type: doc\n)(?::img-top: .*\n:img-alt: .*\n)?")
# Number of the picture that stands for an example, if it is not the first one.
CHOSEN = {"01_bilinear": 1, "04_anticipation": 1, "16_chaos": 1, "23_nnx_dcgan": 0, "27_fields_of_small_gans": 2}


def pictures(notebook: pathlib.Path) -> Iterator[bytes]:
    """Yield the pictures and films of an executed notebook, in order."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            film = re.search(r"data:image/gif;base64,([^\"]*)", "".join(data.get("text/html", "")))
            if film:
                yield base64.b64decode(film[1])
            elif "image/png" in data:
                yield base64.b64decode("".join(data["image/png"]))


def thumbnail(picture: bytes) -> Image.Image:
    """Return a picture, or the last frame of a film, on a white sheet of the common size."""
    opened = Image.open(io.BytesIO(picture))
    opened.seek(getattr(opened, "n_frames", 1) - 1)
    flat = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened.convert("RGBA")).convert("RGB")
    return ImageOps.pad(flat, SIZE, color="white").quantize(64)


def illustrated(page: str) -> str:
    """Return the gallery with a picture in every card that has one."""

    def card(match: re.Match[str]) -> str:
        name = match[2]
        if not (SMALL / f"{name}.png").exists():
            return match[1]
        texts = ALT.findall((HERE / "examples" / f"{name}.py").read_text(encoding="utf-8"))
        seen = texts[CHOSEN.get(name, 0)] if texts else "Last frame of a film"
        return f"{match[1]}:img-top: figures/examples/{name}.png\n:img-alt: {seen}\n"

    return CARD.sub(card, page)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "jupyter_execute" / "examples"
    SMALL.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(folder.glob("*.ipynb")):
        found = list(pictures(notebook))
        if found:
            chosen = found[CHOSEN.get(notebook.stem, 0)]
            thumbnail(chosen).save(SMALL / f"{notebook.stem}.png", optimize=True)
    gallery = HERE / "examples.md"
    gallery.write_text(illustrated(gallery.read_text(encoding="utf-8")), encoding="utf-8")
