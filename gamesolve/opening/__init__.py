"""Derivatives of a payoff's field as a function, also if the payoff stops gradients or has its own derivative rules."""

from gamesolve.opening.payoffs import Rules, gradient, rules
from gamesolve.opening.staged import hidden, opened

__all__ = ["Rules", "gradient", "hidden", "opened", "rules"]
