"""Measurements: the cost of a step beside hand-written code and beside peers, and how fast spectra are found.

Each one is a module with ``OPTIONS`` of the command line and ``main(arguments, command)``.
"""

NAMES = {
    "overhead": "every solver through gamesolve.solve against a hand-written lax.scan",
    "running": "gs.run and checkpoints against gs.solve, sweeps against loops over single runs",
    "memory": "peak memory of gs.step, gs.solve and gs.run with Adam, in multiples of the players",
    "estimators": "unbiased consensus steps on minibatches against the biased one",
    "peers": "gamesolve against eager PyTorch and the PyTorch package cgds",
    "spectra": "leading eigenvalues of a GAN by the compiled Arnoldi iteration against scipy's ARPACK",
    "gpu": "steps per second, spectra and memory on an accelerator; benchmarks/gpu.sh runs it",
    "leaves": "compile time of every solver by the number of leaves per player, against simgd",
    "curvature": "a step of ACGD with fewer examples in the solve: cost beside Adam, and distance of images",
    "recipe": "what the images of ACGD hinge on: step sizes, batch, metric, tolerance",
    "counter_attack": "a discriminator of images trained alone, and the generator's answer",
    "rivals": "time to an accuracy against linear programs, regret matching, Krylov solves and nashopt",
    "waiting": "where a person waits: import, first and second call, gamesolve compare",
    "watch": "verdicts of gs.watch on runs of known state, its cost, and when it announces a collapse",
    "recommend": "the solver of gs.recommend on random games against a full tuned comparison",
    "applications": "gradients that solvers need on networks, control, and robust or fair classification",
    "screening": "losses, regularisers and optimisers on images after a few updates, each at its best step size",
    "images": "optimisers and regularisers on digits and MNIST: score, distance, coverage, seconds",
}
