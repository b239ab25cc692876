"""Write the peers' half of `peers` in PyTorch, which only this module imports.

Every program takes a case of `cases` and returns ``run(num_steps) -> players``; it starts anew on each call.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from benchmarks.measurements.cases import Case, Layers
from gamesolve.game import Players

Run = Callable[[int], Players]
Count = Callable[[int], float]
Step = Callable[["Torch", torch.optim.Optimizer, torch.optim.Optimizer], None]


class Torch:
    """A case in PyTorch: the two players' parameters and the function that x minimises and y maximises."""

    def __init__(self, case: Case) -> None:
        """Copy the case's start and arrays."""
        self.template = case.players
        self.arguments = jax.tree.map(_tensor, case.arguments)
        self.modules = tuple(map(_network, case.players)) if case.data else ()
        if case.data:
            self.players = [list(module.parameters()) for module in self.modules]
        else:
            self.players = [[_tensor(player).requires_grad_()] for player in case.players]
        self.payoff = case.payoff

    def result(self) -> Players:
        """Return the players in the structure of the case; weights of PyTorch's layers are transposed."""
        leaves = [leaf.detach().cpu().numpy().T.copy() for player in self.players for leaf in player]
        return jax.tree.unflatten(jax.tree.structure(self.template), leaves)

    def loss(self) -> torch.Tensor:
        """Return the payoff; those of games without data are arithmetic that tensors have as well."""
        if not self.modules:
            (x,), (y,) = self.players
            return self.payoff(x, y, *self.arguments)
        generator, discriminator = self.modules
        ((real, latent),) = self.arguments
        on_real, on_fake = discriminator(real), discriminator(generator(latent))
        return -functional.softplus(-on_real).mean() - functional.softplus(on_fake).mean()


def cgds_acgd(case: Case) -> tuple[Run, Count]:
    """Return ACGD of the package `cgds`, and a function that gives its mean number of CG iterations per step."""
    eta, decay, eps = case.numbers("acgd")
    return _cgds(case, "ACGD", lr_max=eta, lr_min=eta, beta=decay, eps=eps)


def cgds_bcgd(case: Case) -> tuple[Run, Count]:
    """Return BCGD of the package `cgds`, likewise."""
    (eta,) = case.numbers("cgd")
    return _cgds(case, "BCGD", lr_max=eta, lr_min=eta)


def _cgds(case: Case, name: str, **settings: float) -> tuple[Run, Count]:
    # Here, so that the other programs need PyTorch alone.
    make = getattr(importlib.import_module("CGDs"), name)

    def steps(num_steps: int, *, watch: bool) -> Iterator[tuple[Torch, Any]]:
        game = Torch(case)
        x, y = game.players
        # Its tolerance applies to the squared residual: 1e-12 is gamesolve's 1e-6.
        solver = make(max_params=y, min_params=x, tol=1e-12, collect_info=watch, **settings)
        for _ in range(num_steps):
            solver.step(game.loss())
            yield game, solver

    def run(num_steps: int) -> Players:
        *_, (game, _) = steps(num_steps, watch=False)
        return game.result()

    def iterations(num_steps: int) -> float:
        return float(np.mean([solver.get_info()["iter_num"] for _, solver in steps(num_steps, watch=True)]))

    return run, iterations


def eager(case: Case, learning_rate: float, step: Step) -> tuple[Run, None]:
    """Return Adam for both players, in a loop over ``step(game, minimise, maximise)``."""

    def run(num_steps: int) -> Players:
        game = Torch(case)
        x, y = game.players
        minimise = torch.optim.Adam(x, lr=learning_rate)
        maximise = torch.optim.Adam(y, lr=learning_rate, maximize=True)
        for _ in range(num_steps):
            step(game, minimise, maximise)
        return game.result()

    return run, None


def simgd(game: Torch, minimise: torch.optim.Optimizer, maximise: torch.optim.Optimizer) -> None:
    """Move both players on one backward pass."""
    minimise.zero_grad()
    maximise.zero_grad()
    game.loss().backward()
    minimise.step()
    maximise.step()


def altgd(game: Torch, minimise: torch.optim.Optimizer, maximise: torch.optim.Optimizer) -> None:
    """Move the minimiser; the maximiser's backward pass follows that move."""
    for player, optimiser in zip(game.players, (minimise, maximise), strict=True):
        optimiser.zero_grad()
        game.loss().backward(inputs=player)
        optimiser.step()


def conopt(game: Torch, minimise: torch.optim.Optimizer, maximise: torch.optim.Optimizer, gamma: float = 1.0) -> None:
    """Move on the gradients with the consensus regulariser by double backward."""
    x, y = game.players
    gradients = torch.autograd.grad(game.loss(), [*x, *y], create_graph=True)
    regulariser = 0.5 * gamma * sum(gradient.square().sum() for gradient in gradients)
    pulls = torch.autograd.grad(regulariser, [*x, *y])
    for index, (leaf, gradient, pull) in enumerate(zip([*x, *y], gradients, pulls, strict=True)):
        # The maximiser's optimiser ascends, so the regulariser gets the other sign.
        leaf.grad = gradient.detach() + pull if index < len(x) else gradient.detach() - pull
    minimise.step()
    maximise.step()


def _tensor(array: jax.Array) -> torch.Tensor:
    return torch.tensor(np.asarray(array), device=torch.get_default_device())


def _network(layers: Layers) -> torch.nn.Module:
    parts: list[torch.nn.Module] = []
    for weight, bias in layers:
        linear = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(_tensor(weight).T)
            linear.bias.copy_(_tensor(bias))
        parts += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])
