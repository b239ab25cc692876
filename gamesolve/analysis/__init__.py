"""Analyse a game at a point, around a point and along a run: spectra, certificates, dynamics and landscapes."""

from gamesolve.analysis.attractors import Attraction, attraction
from gamesolve.analysis.basin import Basins, basins
from gamesolve.analysis.blocks import Leadership, hessian_spectra, stackelberg_spectrum
from gamesolve.analysis.certificates import Certificate, Margins, classify
from gamesolve.analysis.continuation import Branch, Halt, branches_at, follow
from gamesolve.analysis.crossings import Event
from gamesolve.analysis.cycles import Cycle, limit_cycle
from gamesolve.analysis.density import Density, hamiltonian_share, spectral_density
from gamesolve.analysis.dynamics import flow_exponents, lyapunov_exponents
from gamesolve.analysis.equilibria import Equilibrium, FixedPoint, find_equilibria, find_fixed_points, sample_box
from gamesolve.analysis.formal_game import any_set, exact_proximal
from gamesolve.analysis.instability import Leading
from gamesolve.analysis.landscape import Path, Slice, axis, path_angle, slice_field, slice_points
from gamesolve.analysis.large import Evidence, LargeCertificate, Verdict, classify_large
from gamesolve.analysis.noise import NoiseFloor, noise_floor
from gamesolve.analysis.noise_trace import NoiseTrace, noise_floor_large
from gamesolve.analysis.operators import split_jacobian
from gamesolve.analysis.planar import Helmholtz, gradient_game, helmholtz
from gamesolve.analysis.regions import stability_region
from gamesolve.analysis.regularity import lipschitz, monotonicity, weak_minty
from gamesolve.analysis.residual_bound import ResidualBound, worst_case_residual
from gamesolve.analysis.responses import Response, alone, best_response, exploitability
from gamesolve.analysis.sensitivity import differentiable_equilibrium
from gamesolve.analysis.smoothing import smooth
from gamesolve.analysis.spectrum import Spectrum, decompose, eigenvalues, eigenvectors, jacobian, leading
from gamesolve.analysis.stability import StepMap, rate, step_map, step_spectrum
from gamesolve.analysis.stretching import Passes, Stretching, finite_time_exponents, passes
from gamesolve.analysis.tuning import Best, best_step, critical_step, timescale_ratio
from gamesolve.analysis.worst_case import WorstCase, best_certified_step, certify

__all__ = [
    "Attraction",
    "Basins",
    "Best",
    "Branch",
    "Certificate",
    "Cycle",
    "Density",
    "Equilibrium",
    "Event",
    "Evidence",
    "FixedPoint",
    "Halt",
    "Helmholtz",
    "LargeCertificate",
    "Leadership",
    "Leading",
    "Margins",
    "NoiseFloor",
    "NoiseTrace",
    "Passes",
    "Path",
    "ResidualBound",
    "Response",
    "Slice",
    "Spectrum",
    "StepMap",
    "Stretching",
    "Verdict",
    "WorstCase",
    "alone",
    "any_set",
    "attraction",
    "axis",
    "basins",
    "best_certified_step",
    "best_response",
    "best_step",
    "branches_at",
    "certify",
    "classify",
    "classify_large",
    "critical_step",
    "decompose",
    "differentiable_equilibrium",
    "eigenvalues",
    "eigenvectors",
    "exact_proximal",
    "exploitability",
    "find_equilibria",
    "find_fixed_points",
    "finite_time_exponents",
    "flow_exponents",
    "follow",
    "gradient_game",
    "hamiltonian_share",
    "helmholtz",
    "hessian_spectra",
    "jacobian",
    "leading",
    "limit_cycle",
    "lipschitz",
    "lyapunov_exponents",
    "monotonicity",
    "noise_floor",
    "noise_floor_large",
    "passes",
    "path_angle",
    "rate",
    "sample_box",
    "slice_field",
    "slice_points",
    "smooth",
    "spectral_density",
    "split_jacobian",
    "stability_region",
    "stackelberg_spectrum",
    "step_map",
    "step_spectrum",
    "timescale_ratio",
    "weak_minty",
    "worst_case_residual",
]
