"""Races: cells of solvers on games, tuned, run, stored and reported."""
