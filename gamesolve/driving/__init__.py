"""Driving a solver: one step, one compiled call, a loop over chunks, a sweep. `gamesolve` exports its functions."""
