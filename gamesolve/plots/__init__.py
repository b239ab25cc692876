"""Pictures of games and runs: each function takes data, draws on matplotlib axes and returns them.

With ``ax=None`` a function makes a new figure, as wide as one column of a journal. It does not use pyplot, so it needs
no display: ``plots.convergence(curves).figure.savefig("curves.png")``. No function opens a window, changes matplotlib's
global style or is random. The colours are distinct to colour-blind readers. `dark` turns a finished picture into one
for dark pages.

>>> import numpy as np
>>> from gamesolve import plots
>>> axes = plots.convergence({"slow": 0.9 ** np.arange(50), "fast": 0.5 ** np.arange(50)})
>>> [line.get_label() for line in axes.lines]
['slow', 'fast']
"""

from gamesolve.plots.bifurcations import bifurcation
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
    "bifurcation",
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
