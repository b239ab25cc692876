"""What the files of a run hold. A change of a name or a meaning raises `VERSION`."""

VERSION = 1

# Columns whose values depend on the machine and its load; all others are the same in a second run.
TIMING = ("seconds", "compile_seconds")

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
    "iterations": "iterations of the inner linear solves",
    "samples": "examples drawn",
    "spent": "fields, jvps and vjps together, the axis of equal budgets",
    "flops": "XLA's count for one step, before it optimises, times the steps; the body of an inner solve counts once",
    "seconds": "wall time of the compiled program up to here, divided by its lanes; steps are taken to last alike",
    "value": "what should go to zero: distance to the nearest known equilibrium, or the measure that the suite names",
    "residual": "Euclidean norm of the field",
}

# Keys of ``cells/DEVICE/SUITE/GAME/SOLVER.json``, beside ``suite``, ``game``, ``solver`` and ``device``.
CELL = {
    "status": "counts of runs by how they ended: converged (norm of the field at 1e-5 of what it was, in float64 "
    "1e-11, or the measure at a thousandth of its target); diverged (not finite, or a thousand times larger than at "
    "the start); cycling (neither, and the peaks of the last two quarters of the run agree to a percent); budget",
    "learning_rate": "step size that won the tuning: least median of the final value over the tuning starts",
    "tuning": "that median by step size; null where it is not finite",
    "at_edge": "whether the winner is the smallest or largest step size of the grid",
    "final": "final value of each seed, null where not finite",
    "first": "value of each seed at its start",
    "to_target": "what each seed had spent when its value first fell to the target, null where it never did",
    "target": "the target, relative to the start",
    "budget": "what each run might spend",
    "lanes": "number of runs in the program",
    "steps": "steps of each run",
    "flops_per_step": "see flops of the points",
    "contraction": "measured factor per step of the distance, median over the seeds; null where it can't be fitted",
    "predicted": "spectral radius of the solver's step map at the equilibrium (gamesolve.analysis.rate)",
    "seconds": "wall time of the compiled program of all test lanes",
    "compile_seconds": "wall time of tracing and compiling it; 0 where a game of the same shape had done so before",
    "note": "why something is missing",
    "rows": "rows of a table, for suites that are tables; their columns are named by the suite",
}
