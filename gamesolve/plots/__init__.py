"""Pictures of games and runs: each function takes data, draws on one pair of axes and returns it.

Nothing here opens a window or touches matplotlib's global style; with ``ax=None`` a figure of its own is made, one
column of a journal wide and without pyplot, so that no display is needed: ``plots.convergence(curves).figure.savefig(
"curves.png")``. Colours differ to colour-blind readers, and nothing is random. `dark` turns what is drawn into a
picture for dark pages.

>>> import numpy as np
>>> from gamesolve import plots
>>> axes = plots.convergence({"slow": 0.9 ** np.arange(50), "fast": 0.5 ** np.arange(50)})
>>> [line.get_label() for line in axes.lines]
['slow', 'fast']
"""

from gamesolve.plots.comparisons import comparison
from gamesolve.plots.curves import convergence, lines, performance_profile
from gamesolve.plots.darkness import dark
from gamesolve.plots.gan import density, discriminator, latent_map, samples, surface
from gamesolve.plots.landscape import path_angle, vector_field
from gamesolve.plots.maps import basins, rate_map
from gamesolve.plots.paper import legend
from gamesolve.plots.pictures import images
from gamesolve.plots.portrait import equilibria, phase_portrait
from gamesolve.plots.regions import stability_regions
from gamesolve.plots.spectra import spectrum

__all__ = [
    "basins",
    "comparison",
    "convergence",
    "dark",
    "density",
    "discriminator",
    "equilibria",
    "images",
    "latent_map",
    "legend",
    "lines",
    "path_angle",
    "performance_profile",
    "phase_portrait",
    "rate_map",
    "samples",
    "spectrum",
    "stability_regions",
    "surface",
    "vector_field",
]
