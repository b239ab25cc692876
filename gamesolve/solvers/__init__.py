"""Named solvers: short functions that chain the parts of `gamesolve.transforms`, in families.

A step starts from all players ``z``. ``v`` is the field at ``z``, ``J`` its Jacobian, ``J_o`` the off-diagonal blocks
of ``J``, and ``A`` its antisymmetric part. ``E`` stands for the step sizes, ``eta`` for a single one, and ``s`` for a
singular value of the matrix of a bilinear game. `gamesolve.transforms.rates` explains the values of a
``learning_rate``; arguments that are called step sizes, or described "as for ``learning_rate``", take the same values.
"""

# ruff: noqa: F403 - the names are those of the families' __all__

from gamesolve.solvers import (
    adaptive,
    adjusted,
    anchored,
    competition,
    extrapolated,
    gradient,
    implicit,
    monotone,
    safeguarded,
    shaping,
    simplex,
    variance_reduced,
    wrappers,
)
from gamesolve.solvers.adaptive import *
from gamesolve.solvers.adjusted import *
from gamesolve.solvers.anchored import *
from gamesolve.solvers.competition import *
from gamesolve.solvers.extrapolated import *
from gamesolve.solvers.gradient import *
from gamesolve.solvers.implicit import *
from gamesolve.solvers.monotone import *
from gamesolve.solvers.safeguarded import *
from gamesolve.solvers.shaping import *
from gamesolve.solvers.simplex import *
from gamesolve.solvers.variance_reduced import *
from gamesolve.solvers.wrappers import *

FAMILIES = (
    gradient,
    extrapolated,
    adjusted,
    monotone,
    anchored,
    adaptive,
    competition,
    implicit,
    shaping,
    simplex,
    variance_reduced,
    wrappers,
    safeguarded,
)

__all__: list[str] = []
__all__ += adaptive.__all__
__all__ += adjusted.__all__
__all__ += anchored.__all__
__all__ += competition.__all__
__all__ += extrapolated.__all__
__all__ += gradient.__all__
__all__ += implicit.__all__
__all__ += monotone.__all__
__all__ += safeguarded.__all__
__all__ += shaping.__all__
__all__ += simplex.__all__
__all__ += variance_reduced.__all__
__all__ += wrappers.__all__
