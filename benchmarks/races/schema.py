"""What the files of a run hold. A change of a name or a meaning raises `VERSION`."""

VERSION = 2

# Columns whose values depend on the machine and its load; all others are the same in a second run.
TIMING = ("seconds", "seconds_per_product", "compile_seconds", "microseconds", "exponent")

# What solvers can be compared at equal amounts of, by column of the points.
AXES = {
    "spent": "fields and products spent",
    "step": "steps",
    "fields": "fields",
    "samples": "examples drawn",
    "flops": "flops",
    "seconds": "seconds",
}

# One row of ``points/DEVICE/SUITE/GAME/SOLVER.parquet``: one point of the curve of one run.
POINTS = {
    "suite": "name of the suite",
    "game": "name of the game",
    "solver": "name of the solver",
    "device": "platform that it ran on",
    "seed": "number of the test start",
    "learning_rate": "tuned step size",
    "step": "steps taken",
    "fields": "evaluations of the whole field (every player's gradient once) in these steps",
    "jvps": "products with the Jacobian of the field; a product with one block counts as its share",
    "vjps": "products with its transpose, likewise",
    "iterations": "iterations of the inner linear solves; none where they are dense, which count a product an unknown",
    "samples": "examples drawn",
    "spent": "fields, jvps and vjps together, the axis of equal budgets",
    "flops": "XLA's count for one step, before it optimises, times the steps; the body of an inner solve counts once",
    "seconds": "wall time of the compiled program, divided among its lanes and over their course by what was spent",
    "value": "what should go to zero: distance to the nearest known equilibrium, or the measure that the suite names",
    "residual": "Euclidean norm of the field",
}

# Keys of ``cells/DEVICE/SUITE/GAME/SOLVER.json``, beside ``suite``, ``game``, ``solver`` and ``device``.
CELL = {
    "status": "counts of runs by how they ended: converged (norm of the field at 1e-5 of what it was, in float64 "
    "1e-11, or the measure at a thousandth of its target); diverged (not finite, or a thousand times larger than at "
    "the start); cycling (neither, and without noise, and in each of the last three quarters it travels at least twice "
    "as far as it gets while the peaks agree to a percent); budget",
    "flow": "what the flow does at the equilibrium nearest to the first start: stable, neutral or unstable",
    "learning_rate": "step size that won the tuning: least median of the final value over the tuning starts",
    "tuning": "that median by step size; null where it is not finite",
    "at_edge": "whether the winner is the smallest or largest step size of the grid",
    "final": "final value of each seed, null where not finite",
    "first": "value of each seed at its start",
    "to_target": "by column of the points: what each seed had spent when its value first fell to the target, null "
    "where it never did",
    "target": "the target, relative to the start",
    "budget": "what each run might spend",
    "lanes": "number of runs in the program",
    "steps": "steps of each run",
    "flops_per_step": "see flops of the points",
    "contraction": "measured factor per step of the distance, median over the seeds; null where it can't be fitted",
    "predicted": "spectral radius of the solver's step map at the equilibrium (gamesolve.analysis.rate)",
    "products_per_step": "mean spent by a step until the budget ended, inner solves included, median over seeds",
    "seconds": "wall time of the compiled program of all test lanes",
    "seconds_per_product": "that, over what all lanes spent in it, also after the end of a budget",
    "compile_seconds": "wall time of tracing and compiling it, once for tuning and test and for games of one shape",
    "note": "why something is missing",
    "rows": "rows of a table, for suites that are tables; their columns are named by the suite",
}
