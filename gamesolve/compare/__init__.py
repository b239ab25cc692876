"""Compare solvers on one game: everything that ``gamesolve compare`` computes. Nothing here prints or draws.

`prepare` fixes everything that the solvers share, `measure` runs one solver (`begin` without its timing), and `picture`
gathers the data of a figure.

>>> import gamesolve as gs
>>> from gamesolve import compare, registry
>>> problem = compare.prepare("curl", gs.games.curl(), compare.Settings(steps=400))
>>> run = compare.measure(problem, registry.SOLVERS["extragradient"], compare.Settings(steps=400))
>>> run.row.status, round(run.row.contraction, 4), round(run.row.predicted, 4)
('budget', 0.995, 0.995)
"""

from gamesolve.compare.curves import contraction
from gamesolve.compare.pictures import Picture, picture
from gamesolve.compare.plane import Plane
from gamesolve.compare.problem import Problem, Settings, prepare
from gamesolve.compare.runs import Begun, Row, Run, begin, measure
from gamesolve.compare.spectra import stability
from gamesolve.compare.timing import time_steps
from gamesolve.compare.tuning import tuned
from gamesolve.compare.verdicts import verdict

__all__ = [
    "Begun",
    "Picture",
    "Plane",
    "Problem",
    "Row",
    "Run",
    "Settings",
    "begin",
    "contraction",
    "measure",
    "picture",
    "prepare",
    "stability",
    "time_steps",
    "tuned",
    "verdict",
]
