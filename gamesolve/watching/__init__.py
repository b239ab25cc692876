"""Watch a training: a callback of `gamesolve.run` that measures it now and then, and names what it does."""

from gamesolve.watching.callback import Watch, watch
from gamesolve.watching.treating import Change, Treated, treat
from gamesolve.watching.verdicts import STATES, Verdict, judge

__all__ = ["STATES", "Change", "Treated", "Verdict", "Watch", "judge", "treat", "watch"]
