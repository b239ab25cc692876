"""Each plot draws its data, leaves the global style unchanged and needs no display."""

import dataclasses

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import gamesolve as gs
from gamesolve import compare, plots, registry
from gamesolve.plots import styles
from gamesolve.plots.spectra import MARKER, MOST_REMARKS

SPIRAL = np.stack([np.cos(np.arange(60) / 5), np.sin(np.arange(60) / 5)], axis=1) * 0.95 ** np.arange(60)[:, None]


@pytest.fixture(autouse=True)
def untouched_style():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before


def shades(figure: Figure) -> int:
    """Draw a figure and count its colours: a blank one has one."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return len(np.unique(np.asarray(canvas.buffer_rgba()).reshape(-1, 4), axis=0))


def test_phase_portrait_shows_paths_field_and_equilibrium():
    axes = plots.phase_portrait(
        {"in": SPIRAL, "out": SPIRAL * 1.3 ** np.arange(60)[:, None]},
        field=lambda points: points[:, ::-1] * [-1, 1],
        equilibrium=(0.0, 0.0),
        axes=("x", "y"),
    )
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(np.stack(lines["in"].get_data(), axis=1), SPIRAL)
    assert len(lines["out"].get_xdata()) < 20  # cut off where it leaves the view
    assert axes.get_xlim() == pytest.approx((-1.6, 1.6))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert len(axes.collections) == 1
    assert shades(axes.figure) > 50


def test_phase_portrait_without_equilibrium_ignores_what_is_not_finite():
    path = np.concatenate([SPIRAL, [[np.inf, np.nan], [1e30, 0.0]]])
    axes = plots.phase_portrait({"a": path})
    assert max(map(abs, axes.get_xlim())) < 2


def test_convergence_is_logarithmic_and_clipped():
    steps = np.arange(500)
    axes = plots.convergence({"down": 0.9**steps, "up": 1.5**steps, "zero": np.zeros(500)}, quantity="error")
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "error"
    assert axes.get_ylim()[0] >= 1e-10
    assert axes.get_ylim()[1] <= 1e4
    assert shades(axes.figure) > 20


def test_convergence_of_several_runs_shows_median_and_range():
    runs = np.array([[1.0, 0.5, 0.25], [2.0, 1.0, 0.5], [4.0, 2.0, np.nan]])
    axes = plots.convergence({"three": runs})
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [2.0, 1.0, np.nan])
    assert len(axes.collections) == 1


def test_lines_hold_medians_and_ranges_over_what_is_given():
    runs = np.array([[1.0, 0.5, 4.0], [2.0, -1.0, 2.0], [4.0, 0.0, np.inf]])
    axes = plots.lines({"three": runs, "one": [1.0, 2.0, 3.0]}, [0.1, 0.2, 0.4], axes=("step size", "rate"))
    three, one = axes.lines
    np.testing.assert_allclose(three.get_ydata(), [2.0, 0.0, np.nan])
    np.testing.assert_allclose(one.get_data(), [[0.1, 0.2, 0.4], [1.0, 2.0, 3.0]])
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} == {(0.1, 1.0), (0.1, 4.0), (0.2, -1.0), (0.2, 0.5)}
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("step size", "rate", "linear")


def test_step_spectrum_views_leading_eigenvalues_and_names_the_others():
    values = {"near": [0.9 + 0.1j, 0.9 - 0.1j, 0.0], "far": [13.0 + 0j], "missing": []}
    axes = plots.spectrum(values)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < 0.9
    assert 1 < right < 2
    assert bottom < -0.1
    assert top > 0.1
    assert "far: modulus 13, outside" in axes.texts[0].get_text()
    assert "missing: none" in axes.texts[0].get_text()
    circle = next(line for line in axes.lines if len(line.get_xdata()) > 100)
    np.testing.assert_allclose(np.hypot(*circle.get_data()), 1)
    np.testing.assert_allclose(labelled(axes, "near").get_data(), [[0.9, 0.9, 0.0], [0.1, -0.1, 0.0]])
    with pytest.raises(ValueError, match="'flow'"):
        plots.spectrum(values, stable="flows")


def test_flow_spectrum_shades_the_left_half_plane():
    axes = plots.spectrum({"J": [-1.0 + 2j, -1.0 - 2j]}, stable="flow")
    assert len(axes.patches) == 1
    np.testing.assert_allclose(sorted(axes.lines[-1].get_ydata()), [-2, 2])


def picture_of(paths, curves, spectra):
    return compare.Picture(
        title="a game, step size 0.1",
        paths=paths,
        curves=curves,
        quantity="distance",
        eigenvalues=np.array([1j, -1j]),
        place="equilibrium",
        spectra=spectra,
        field=lambda points: -points,
        equilibrium=np.zeros(2),
        axes=("x", "y"),
        view="both parameters",
    )


def labelled(axes, name):
    return next(line for line in axes.lines if line.get_label() == name)


def test_colours_follow_the_solver_through_all_panels():
    curve = np.ones((1, 60))
    figure = plots.comparison(
        picture_of({"a": SPIRAL, "b": SPIRAL[::-1]}, {"a": curve, "b": curve}, {"b": np.array([0.5 + 0j])})
    )
    assert figure.get_suptitle() == "a game, step size 0.1"
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    point, curve = labelled(figure.axes[3], "b"), labelled(figure.axes[1], "b")
    assert point.get_color() == curve.get_color() == styles.COLORS[1]
    assert shades(figure) > 100


def test_markers_of_leading_eigenvalues_never_overlap():
    names = list("abcdefg")
    spectra = {name: np.array([0.5 + 0.5j, 0.5 - 0.5j, 0.1]) for name in names[:-1]} | {"g": np.array([0.9 + 0j])}
    axes = plots.comparison(picture_of(dict.fromkeys(names, SPIRAL), {}, spectra)).axes[3]
    places = np.array([complex(*(entry[0] for entry in labelled(axes, name).get_data())) for name in names])
    left, right = axes.get_xlim()
    gaps = np.abs(places[:, None] - places) + np.eye(len(names))
    assert gaps.min() > 0.99 * MARKER * (right - left)
    assert places[-1] == 0.9  # it was far from the others
    (dot,) = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "."}
    assert dot == (0.5, 0.5)


def test_curves_that_coincide_carry_markers_at_different_places():
    names = list("abc")
    curve = np.geomspace(1.0, 1e-6, 300)[None]
    figure = plots.comparison(picture_of(dict.fromkeys(names, SPIRAL), dict.fromkeys(names, curve), {}))
    for panel in figure.axes[:2]:
        marked = [set(labelled(panel, name).get_markevery()) for name in names]
        assert all(marked)
        assert len(set.union(*marked)) == sum(map(len, marked))
        assert len({labelled(panel, name).get_marker() for name in names}) == len(names)


def test_solvers_without_eigenvalues_are_named_with_the_reason():
    names = ["known", "far", "adaptive"]
    picture = picture_of(
        dict.fromkeys(names, SPIRAL), {}, {"known": np.array([0.9 + 0j]), "far": np.array([13.0 + 0j])}
    )
    picture = dataclasses.replace(picture, missing={"adaptive": "its step size varies"})
    label = " ".join(plots.comparison(picture).axes[3].get_xlabel().split())
    assert "far (modulus 13)" in label
    assert "adaptive (its step size varies)" in label


def test_a_solver_that_can_not_run_is_left_out_and_keeps_its_colour():
    paths = {"a": np.empty((0, 2)), "b": SPIRAL}
    figure = plots.comparison(picture_of(paths, {"a": np.empty((3, 0)), "b": np.ones((3, 60))}, {}))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["b"]
    assert labelled(figure.axes[0], "b").get_color() == labelled(figure.axes[1], "b").get_color() == styles.COLORS[1]
    assert shades(figure) > 100


def test_many_solvers_differ_and_their_legend_stays_inside():
    names = [name + "_" * (index % 3) for index, name in enumerate(registry.SOLVERS)]
    spectra = {name: np.array([3.0 + 0j]) for name in names}
    figure = plots.comparison(picture_of(dict.fromkeys(names, SPIRAL), dict.fromkeys(names, np.ones((1, 60))), spectra))
    lines = [styles.line(index) for index in range(len(names))]
    assert len({(line["color"], line["linestyle"]) for line in lines}) == len(names)
    assert len({(styles.color(index), styles.marker(index)) for index in range(len(names))}) == len(names)
    assert shades(figure) > 100  # this lays it out
    (legend,) = figure.legends
    inside, outside = legend.get_window_extent(), figure.bbox
    assert outside.x0 <= inside.x0
    assert inside.x1 <= outside.x1
    assert inside.height < 0.4 * outside.height
    assert min(axes.get_window_extent().height for axes in figure.axes) > 200
    assert figure.axes[3].texts[0].get_text() == "no eigenvalues in the view: modulus 3"
    (remarks,) = plots.spectrum(spectra).texts
    assert remarks.get_text().splitlines()[-1] == f"and {len(names) - MOST_REMARKS + 1} others"


def logits(points):
    return np.asarray(points).sum(axis=-1)


CURL = gs.analysis.slice_field(gs.games.curl(), (0.0, 0.0), num=9)
VIEW = ((-2.0, 2.0), (-1.0, 1.0))
FOLLOWED = gs.analysis.Branch(
    np.arange(3.0), (np.arange(3.0),), -np.ones((3, 1), complex), np.ones(3, bool), (), gs.analysis.Halt.LEFT
)
DRAWN = {
    "phase_portrait": lambda ax: plots.phase_portrait({"a": SPIRAL}, ax=ax),
    "equilibria": lambda ax: plots.equilibria(gs.games.curl(), [(0.0, 0.0)], ax=ax),
    "lines": lambda ax: plots.lines({"a": [1.0, 0.1]}, ax=ax),
    "legend": lambda ax: plots.legend(plots.lines({"a": [1.0, 0.1]}, ax=ax)),
    "convergence": lambda ax: plots.convergence({"a": [1.0, 0.1]}, ax=ax),
    "performance_profile": lambda ax: plots.performance_profile({"a": [1.0, 2.0]}, ax=ax),
    "spectrum": lambda ax: plots.spectrum({"a": [0.1]}, ax=ax),
    "stability_regions": lambda ax: plots.stability_regions({"simgd": gs.simgd}, num=5, ax=ax),
    "vector_field": lambda ax: plots.vector_field(CURL, ax=ax),
    "path_angle": lambda ax: plots.path_angle(gs.analysis.Path([0, 1], [1, -1], [1, 0]), ax=ax),
    "rate_map": lambda ax: plots.rate_map(gs.Table({"a": np.arange(2), "b": np.arange(3)}, np.ones((2, 3))), ax=ax),
    "bifurcation": lambda ax: plots.bifurcation({"a": FOLLOWED}, lambda x: x, axes=("c", "x"), ax=ax),
    "basins": lambda ax: plots.basins(labelled_runs([0, 1, -1, -2]), [0, 1], [0, 1], ax=ax),
    "density": lambda ax: plots.density([0.0, 1.0], [0.5], judge=logits, ax=ax),
    "discriminator": lambda ax: plots.discriminator(logits, VIEW, num=5, ax=ax),
    "samples": lambda ax: plots.samples(np.eye(2), np.eye(2), judge=logits, ax=ax),
    "latent_map": lambda ax: plots.latent_map(np.eye(2), np.eye(2), ax=ax),
    "images": lambda ax: plots.images(np.zeros((2, 3, 3)), ax=ax),
}


def labelled_runs(labels):
    return gs.analysis.Basins(np.array(labels), None, None, None)


def test_every_function_is_tried_here():
    others = {"comparison", "dark", "surface"}
    assert set(plots.__all__) == set(DRAWN) | others


@pytest.mark.parametrize("name", DRAWN)
def test_an_axes_that_is_given_is_used_and_drawing_is_deterministic(name):
    figures = []
    for _ in range(2):
        figure = Figure(figsize=(3.5, 3), dpi=60)
        ax = figure.subplots()
        assert DRAWN[name](ax) is ax
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        figures.append(np.asarray(canvas.buffer_rgba()).copy())
    np.testing.assert_array_equal(*figures)
    assert DRAWN[name](None).figure is not ax.figure


def test_the_surface_needs_three_dimensions():
    with pytest.raises(ValueError, match="ax must have three dimensions"):
        plots.surface(logits, VIEW, ax=Figure().subplots())
    ax = Figure().add_subplot(projection="3d")
    assert plots.surface(logits, VIEW, made=[[0.0, 0.0], [9.0, 0.0]], num=5, ax=ax) is ax
    assert len(ax.collections) == 2  # the surface, and the point that lies in the view
    assert len(ax.collections[1].get_offsets()) == 1


def test_a_game_brings_its_flow_and_its_equilibria_by_kind():
    game = gs.games.cosine()
    ax = plots.phase_portrait({}, field=game, view=((-3.0, 5.0), (-3.0, 3.0)))
    assert ax.get_legend_handles_labels()[1] == ["centre, not Nash", "saddle, not Nash"]
    marked = sorted((float(line.get_xdata()[0]), line.get_marker()) for line in ax.lines)
    assert [marker for _, marker in marked] == ["X", "o", "X", "o"] or {m for _, m in marked} == {"X", "o"}
    nullclines = [entry for entry in ax.collections if type(entry).__name__ == "QuadContourSet"]
    resting = np.concatenate([path.vertices for path in nullclines[0].get_paths()])
    np.testing.assert_allclose(np.cos(resting[:, 1]), 0, atol=0.02)  # the first position rests where cos(phi) = 0
    assert ax.get_xlim() == (-3.0, 5.0)


def test_a_trace_of_two_numbers_is_a_path():
    run = gs.solve(gs.games.curl(), gs.simgd(0.1), (1.0, 0.0), 5, record=lambda players, state: players)
    line = plots.phase_portrait({"simgd": run.trace}).lines[0]
    np.testing.assert_allclose(line.get_xdata(), run.trace[0])
    np.testing.assert_allclose(line.get_ydata(), run.trace[1])
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        plots.phase_portrait({"a": np.ones((3, 3))})
    with pytest.raises(ValueError, match="view"):
        plots.phase_portrait({})


def test_paths_begin_where_they_are_told_or_at_their_first_points():
    path, other = [[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.4], [0.0, 0.2]]
    own, common = plots.phase_portrait({"a": path, "b": other}), plots.phase_portrait({"a": path}, start=(1.0, 1.0))
    np.testing.assert_allclose(labelled(common, "a").get_xdata(), [1.0, 0.5, 0.0])

    def hollow(axes):
        circles = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        return sorted((float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in circles)

    assert hollow(own) == [(0.0, 0.4), (0.5, 0.0)]
    assert hollow(common) == [(1.0, 1.0)]


def test_nothing_is_drawn_where_a_field_ends():
    picture = CURL._replace(motion=CURL.motion.at[:3].set(jnp.nan))
    ax = plots.vector_field(picture)
    (stream,) = [entry for entry in ax.collections if type(entry).__name__ == "LineCollection"]
    assert np.concatenate(stream.get_segments())[:, 0].min() >= -0.5


def test_path_angles_and_histograms_are_those_given():
    ax = plots.path_angle(gs.analysis.Path([0, 0.5, 1], [1, 0, -1], [3, 2, 1]))
    right = ax.figure.axes[1]
    np.testing.assert_allclose(labelled(ax, "cosine of the angle").get_data(), [[0, 0.5, 1], [1, 0, -1]])
    np.testing.assert_allclose(labelled(right, "norm of the field").get_ydata(), [3, 2, 1])
    made = plots.density([0.0, 1.0], [0.25] * 3 + [0.75], view=(0.0, 1.0)).patches[1].get_xy()
    heights = {round(float(x), 2): float(made[made[:, 0] == x, 1].max()) for x in made[:, 0]}
    assert heights[0.25] == pytest.approx(0.75 * 60)  # three of four numbers, in one of sixty bins
    assert heights[0.75] == pytest.approx(0.25 * 60)


def test_the_first_direction_of_a_slice_is_to_the_right():
    pushed = gs.general_sum(lambda x, y: 3.0 * x, lambda x, y: 0.0 * y)
    picture = gs.analysis.slice_field(pushed, (0.0, 0.0), low=(-1.0, -2.0), high=(1.0, 2.0), num=5)
    ax = plots.vector_field(picture, axes=("x", "y"))
    assert (ax.get_xlabel(), ax.get_ylim()) == ("x", (-2.0, 2.0))
    (stream,) = [entry for entry in ax.collections if type(entry).__name__ == "LineCollection"]
    steps = np.concatenate([np.diff(piece, axis=0) for piece in stream.get_segments()])
    assert np.ptp(steps[:, 0]) > 0
    np.testing.assert_allclose(steps[:, 1], 0, atol=1e-12)


def test_what_leaves_the_plane_is_dark():
    game = gs.games.bilinear(jnp.eye(2))
    picture = gs.analysis.slice_field(game, (jnp.zeros(2), jnp.zeros(2)), num=5)  # both directions of player 0
    (image,) = plots.vector_field(picture).images
    expected = np.where(picture.norm > 0, 1.0, 0.0)
    np.testing.assert_allclose(image.get_array(), expected.T, atol=1e-6)


def test_curves_over_what_they_cost():
    ax = plots.convergence({"a": [4.0, 2.0, 1.0], "b": [4.0, 1.0]}, cost={"a": 2.0, "b": [1.0, 9.0]}, unit="second")
    assert [line.get_xdata().tolist() for line in ax.lines[:2]] == [[0, 2, 4], [1, 9]]
    assert ax.get_xlabel() == "second"


def test_performance_profiles_count_failures():
    ax = plots.performance_profile({"a": [1.0, np.inf, 3.0, np.inf], "b": [2.0, 5.0, 3.0, np.nan]})
    a, b = (dict(zip(*line.get_data(), strict=True)) for line in ax.lines)
    assert (a[1.0], b[1.0]) == pytest.approx((2 / 3, 2 / 3))  # of the three that anybody solved
    assert (a[2.0], b[2.0]) == pytest.approx((2 / 3, 1))
    with pytest.raises(ValueError, match="positive"):
        plots.performance_profile({"a": [0.0]})
    with pytest.raises(ValueError, match="no solver solved"):
        plots.performance_profile({"a": [np.inf], "b": [np.nan]})


def test_rate_maps_put_theory_on_what_was_found():
    eta, gamma = np.linspace(0.1, 2.0, 20), np.linspace(0.1, 2.0, 30)
    rates = np.abs(1 - eta[:, None] * (1j + gamma))  # consensus on x y
    table = gs.Table({"eta": eta, "gamma": gamma}, rates)
    ax = plots.rate_map(table, boundary=lambda step: 2 * step)
    (mesh,) = [entry for entry in ax.collections if type(entry).__name__ == "QuadMesh"]
    np.testing.assert_allclose(mesh.get_array(), rates.T)
    (contour,) = [entry for entry in ax.collections if type(entry).__name__ == "QuadContourSet"]
    found = np.concatenate([path.vertices for path in contour.get_paths()])
    step, weight = found.T
    np.testing.assert_allclose(step, 2 * weight / (1 + weight**2), atol=0.02)  # the solver converges below
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 2 * ax.lines[0].get_xdata())
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("eta", "gamma", "linear")
    logarithmic = gs.Table({"eta": np.geomspace(0.01, 1, 4), "gamma": gamma}, rates[:4])
    assert plots.rate_map(logarithmic).get_xscale() == "log"
    with pytest.raises(ValueError, match="two axes"):
        plots.rate_map(gs.Table({"eta": eta}, eta))


def test_basins_lie_where_they_started():
    labels = [0, 0, 1, -1, -2, 1]
    ax = plots.basins(labelled_runs(labels), [0.0, 1.0], [0.0, 1.0, 2.0], equilibria=[(0.0, 0.0), (1.0, 2.0)])
    np.testing.assert_array_equal(ax.collections[0].get_array(), np.reshape(labels, (2, 3)).T)
    assert [line.get_color() for line in ax.lines] == list(styles.COLORS[:2])
    with pytest.raises(ValueError, match="6 starts for 2 x 2"):
        plots.basins(labelled_runs(labels), [0, 1], [0, 1])


def test_beliefs_are_the_sigmoid_of_the_logits():
    ax = plots.density([-1.0, 1.0], [0.0], judge=lambda x: 1000 * x, view=(-2.0, 2.0))
    (curve,) = ax.figure.axes[1].lines
    np.testing.assert_allclose(curve.get_ydata()[[0, 150, 300]], [0, 0.5, 1])
    contour = plots.discriminator(logits, VIEW, num=41).collections[-1]
    line = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(line.sum(axis=1), 0, atol=1e-9)


def test_samples_and_arrows_are_those_given():
    real, made = np.eye(2), np.ones((3, 2))
    patches = plots.samples(real, made).collections
    np.testing.assert_array_equal(patches[0].get_offsets(), real)
    np.testing.assert_array_equal(patches[1].get_offsets(), made)
    ways = plots.latent_map(real, 2 * real).collections[0]
    np.testing.assert_array_equal(ways.get_segments(), np.stack([real, 2 * real], axis=1))
    with pytest.raises(ValueError, match="latents and made must both have shape"):
        plots.latent_map(real, made)


def test_images_stand_in_rows():
    pictures = np.stack([np.full((2, 2), value) for value in (-1.0, 0.0, 1.0)])
    sheet = plots.images(pictures, columns=2, labels=("real", "made")).images[0].get_array()
    assert sheet.shape == (5, 5)
    assert (sheet[0, 0], sheet[0, 3], sheet[3, 0], sheet[3, 3]) == (0.0, 0.5, 1.0, 1.0)
    with pytest.raises(ValueError, match="pictures must have shape"):
        plots.images(np.zeros((2, 2)))


def test_regions_are_where_the_solver_converges():
    ax = plots.stability_regions({"simgd": gs.simgd}, {"J": [-0.5 + 0.5j]}, num=41)
    (border,) = [entry for entry in ax.collections if len(entry.get_linewidths()) and entry.get_linewidths()[0] == 1.4]
    ring = np.concatenate([path.vertices for path in border.get_paths()])
    np.testing.assert_allclose(np.hypot(ring[:, 0] + 1, ring[:, 1]), 1, atol=0.02)  # |1 + eta lambda| = 1


def test_dark_mirrors_what_has_no_hue_and_keeps_the_rest():
    figure = plots.dark(plots.path_angle(gs.analysis.Path([0, 1], [1, -1], [1, 0]))).figure
    ax, right = figure.axes
    assert figure.get_facecolor()[:3] == ax.get_facecolor()[:3] == pytest.approx((0.08, 0.08, 0.08))
    assert ax.spines["left"].get_edgecolor()[:3] == (1, 1, 1)
    assert ax.lines[-1].get_color() == styles.COLORS[0]
    assert right.yaxis.label.get_color() == styles.COLORS[1]
    assert plots.dark(figure) is figure


def test_dark_mirrors_maps_of_greys_and_thin_lines_but_no_images():
    field = plots.dark(plots.vector_field(gs.analysis.slice_field(gs.games.cosine(), (0.0, 0.0), num=9)))
    nullclines = [entry for entry in field.collections if type(entry).__name__ == "QuadContourSet"]
    assert nullclines[0].get_edgecolor()[0, :3] == pytest.approx(1 - 0.92 * 64 / 255, abs=1e-3)
    belief = plots.dark(plots.discriminator(logits, VIEW, num=5)).collections[0].get_cmap()
    assert np.mean(belief(1.0)[:3]) < np.mean(belief(0.0)[:3])
    (picture,) = plots.dark(plots.images(np.zeros((1, 2, 2)))).images
    assert picture.get_cmap()(1.0)[:3] == (1, 1, 1)
    (remark,) = plots.dark(plots.spectrum({"far": [9.0]})).texts
    assert remark.get_bbox_patch().get_edgecolor()[3] == 0


def test_bifurcations_are_solid_where_stable_and_show_their_events():
    make_game = lambda c: gs.general_sum(lambda x, y: c * x - x**3 / 3, lambda x, y: -(y**2) / 2)
    branch = gs.analysis.follow(make_game, (1.0, 0.0), (1.0, -1.0))
    axes = plots.bifurcation({"root": branch, "again": (branch, branch)}, lambda x, y: x)
    drawn = [line for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xdata())]
    assert [line.get_linestyle() for line in drawn] == ["-", "--"] * 3
    stable, unstable = (np.asarray(line.get_ydata()) for line in drawn[:2])
    assert np.all(stable > -1e-3)
    assert np.all(unstable < 1e-3)
    assert axes.get_legend_handles_labels()[1] == ["root", "again", "fold"]
    assert shades(axes.figure) > 2
    with pytest.raises(TypeError, match="quantity must take 2 players"):
        plots.bifurcation({"root": branch}, lambda x: x)
    with pytest.raises(TypeError, match="must be a Branch, got int"):
        plots.bifurcation({"root": (1,)}, lambda x, y: x)
    with pytest.raises(TypeError, match=r"branches\['root'\] must be a Branch, got int"):
        plots.bifurcation({"root": 3}, lambda x, y: x)
    with pytest.raises(ValueError, match=r"quantity must return one number, got an array of shape \(2,\)"):
        plots.bifurcation({"root": branch}, lambda x, y: jnp.stack([x, y]))
    with pytest.raises(TypeError, match="the result of quantity must be one number, got 's'"):
        plots.bifurcation({"root": branch}, lambda x, y: "s")
    with pytest.raises(TypeError, match="quantity must accept traced players"):
        plots.bifurcation({"root": branch}, lambda x, y: float(x))
