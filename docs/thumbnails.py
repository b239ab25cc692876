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
CHOSEN = {"01_bilinear": 1, "04_anticipation": 1, "16_chaos": 1, "27_fields_of_small_gans": 2}
# The part of a picture with several panels that is shown: left, top, right and bottom, from 0 to 1.
PART = {
    "02_fields": (0.0, 0.0, 0.5, 0.5),
    "05_tiny_gans": (0.5, 0.0, 1.0, 0.5),
    "06_dirac_gan": (0.0, 0.0, 0.34, 0.8),
    "07_gan_on_a_line": (0.0, 0.0, 0.5, 1.0),
    "08_gan_in_the_plane": (0.0, 0.0, 0.4, 1.0),
    "13_spectra": (0.0, 0.0, 0.5, 1.0),
    "16_chaos": (0.5, 0.0, 1.0, 1.0),
    "22_own_solver": (0.0, 0.0, 0.5, 1.0),
}


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


def thumbnail(picture: bytes, part: tuple[float, float, float, float]) -> Image.Image:
    """Return a part of a picture, or of the last frame of a film, cut to the common size."""
    opened = Image.open(io.BytesIO(picture))
    opened.seek(getattr(opened, "n_frames", 1) - 1)
    flat = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened.convert("RGBA")).convert("RGB")
    box = [share * side for share, side in zip(part, 2 * flat.size, strict=True)]
    return ImageOps.fit(flat.crop(tuple(map(round, box))), SIZE).quantize(64)


def illustrated(page: str) -> str:
    """Return the gallery with a picture in every card that has one."""

    def card(match: re.Match[str]) -> str:
        name = match[2]
        if not (SMALL / f"{name}.png").exists():
            return match[1]
        texts = ALT.findall((HERE / "examples" / f"{name}.py").read_text(encoding="utf-8"))
        seen = texts[CHOSEN.get(name, 0)] if texts else "Last frame of a film"
        seen = f"Part of this picture: {seen}" if name in PART else seen
        return f"{match[1]}:img-top: figures/examples/{name}.png\n:img-alt: {seen}\n"

    return CARD.sub(card, page)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "jupyter_execute" / "examples"
    SMALL.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(folder.glob("*.ipynb")):
        found = list(pictures(notebook))
        if found:
            chosen = found[CHOSEN.get(notebook.stem, 0)]
            thumbnail(chosen, PART.get(notebook.stem, (0.0, 0.0, 1.0, 1.0))).save(
                SMALL / f"{notebook.stem}.png", optimize=True
            )
    gallery = HERE / "examples.md"
    gallery.write_text(illustrated(gallery.read_text(encoding="utf-8")), encoding="utf-8")
