"""GANs on images: networks, the classifier's measures and floors, the counter-attack, the benchmark's rows."""

import io
import os
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from benchmarks import __main__ as command
from benchmarks.measurements import images as suite_images
from gamesolve.games import data, gan

SHAPE = (8, 8)
SMALL = gan.perceptrons(SHAPE, latent=8, widths=(32, 32))


@pytest.fixture(scope="module")
def dataset():
    """Three classes of noisy stripes, far apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    stripes = np.sign(np.sin(np.arange(8)[None, :] * (labels[:, None] + 1) * 0.7 + 0.5))
    images = 0.7 * stripes[:, None, :] + 0.3 * rng.uniform(-1, 1, (300, *SHAPE))
    return data.Dataset(jnp.asarray(images, jnp.float32), jnp.asarray(labels, jnp.int32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def classifier(dataset, folder):
    return gan.train_classifier(dataset, steps=200, folder=folder)


def test_the_classifier_learns_and_is_cached(dataset, classifier, folder, monkeypatch):
    assert classifier.accuracy == 1.0
    assert classifier.features(dataset.inputs).shape == (300, 64)
    np.testing.assert_allclose(classifier.probabilities(dataset.inputs).sum(axis=1), 1, rtol=1e-5)
    (path,) = folder.iterdir()
    monkeypatch.setattr("gamesolve.games.gan.classifier._train", lambda *_: pytest.fail("trained again"))
    monkeypatch.setenv("GAMESOLVE_CACHE", str(folder))
    again = gan.train_classifier(dataset, steps=200)
    jax.tree.map(np.testing.assert_array_equal, again, classifier)
    monkeypatch.setattr("gamesolve.games.gan.classifier._train", lambda untrained, *_: untrained)
    assert gan.train_classifier(dataset, steps=200, seed=1).accuracy == 0, "another seed is another file"
    other = dataset._replace(labels=2 - dataset.labels)
    assert gan.train_classifier(other, steps=200).accuracy == 0, "other labels are another file"
    path.write_bytes(path.read_bytes()[:100])
    assert gan.train_classifier(dataset, steps=200).accuracy == 0, "half a file is none"


def saved(path, arrays):
    with path.open("wb") as file:
        np.savez(file, *arrays)


def bomb(path, arrays):
    """Write a small file whose first array claims, and holds compressed, a gigabyte."""
    with path.open("wb") as file:
        np.savez_compressed(file, np.zeros((1 << 24, 16), np.float32), *arrays[1:])


def claim(path, arrays):
    """Write a file whose first array claims a size that no memory holds."""
    del arrays
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"shape": (10**12,), "fortran_order": False, "descr": "<f4"})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", header.getvalue())


DAMAGES = {
    "empty": lambda path, arrays: path.write_bytes(b""),
    "cut short": lambda path, arrays: path.write_bytes(path.read_bytes()[:-100]),
    "a changed header": lambda path, arrays: path.write_bytes(path.read_bytes().replace(b"NUMPY", b"NUMPI", 1)),
    "a changed number": lambda path, arrays: path.write_bytes(path.read_bytes()[:900] + b"!" + path.read_bytes()[901:]),
    "a folder": lambda path, arrays: (path.unlink(), path.mkdir()),
    "an endless device": lambda path, arrays: (path.unlink(), path.symlink_to("/dev/zero")),
    "a large file": lambda path, arrays: os.truncate(path, 1 << 40),
    "too few arrays": lambda path, arrays: saved(path, arrays[:-1]),
    "other shapes": lambda path, arrays: saved(path, [array[..., None] for array in arrays]),
    "other types": lambda path, arrays: saved(path, [array.astype(np.float64) for array in arrays]),
    "pickled objects": lambda path, arrays: saved(path, [np.array([print], object), *arrays[1:]]),
    "NaN": lambda path, arrays: saved(path, [np.full_like(arrays[0], np.nan), *arrays[1:]]),
    "infinity": lambda path, arrays: saved(path, [*arrays[:-2], np.full_like(arrays[-2], np.inf), arrays[-1]]),
    "an accuracy that is none": lambda path, arrays: saved(path, [*arrays[:-1], np.float32(2)]),
    "a bomb": bomb,
    "a claim": claim,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_crafted_file_is_not_used(dataset, classifier, tmp_path, monkeypatch, damage):
    load = lambda: gan.train_classifier(dataset, steps=200, folder=tmp_path)
    monkeypatch.setattr("gamesolve.games.gan.classifier._train", lambda *_: classifier)
    assert load().accuracy == 1
    monkeypatch.setattr("gamesolve.games.gan.classifier._train", lambda untrained, *_: untrained)
    assert load().accuracy == 1, "the file is used"
    (path,) = tmp_path.iterdir()
    DAMAGES[damage](path, [np.asarray(leaf) for leaf in jax.tree.leaves(classifier)])
    assert load().accuracy == 0


def test_a_folder_that_cannot_be_written_is_no_error(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("gamesolve.games.gan.classifier._train", lambda untrained, *_: untrained)
    (tmp_path / "file").write_text("in the way")
    assert gan.train_classifier(dataset, folder=tmp_path / "file").accuracy == 0


def test_measures_come_with_those_of_real_images(dataset, classifier):
    real, labels = dataset
    measure = jax.jit(gan.image_measures)
    itself = measure(classifier, real, real[::2])
    assert itself.frechet_floor > 0
    assert itself.frechet < 3 * itself.frechet_floor
    assert itself.real_coverage == itself.coverage == 3
    assert itself.real_score == pytest.approx(3, rel=0.02)
    assert min(itself.precision, itself.recall, itself.real_precision, itself.real_recall) > 0.6
    one_class = measure(classifier, real, real[jnp.argsort(labels)[:100].repeat(2)[:150]])
    assert one_class.coverage == 1
    assert one_class.score < 1.05
    assert one_class.frechet > 10 * one_class.frechet_floor
    assert one_class.precision > 0.5 > one_class.recall
    # The floor does not depend on the fakes.
    for name in ("real_score", "frechet_floor", "real_coverage", "real_precision", "real_recall"):
        assert getattr(one_class, name) == getattr(itself, name)
    with pytest.raises(ValueError, match="real and fake must hold at least 20 and 10 images"):
        gan.image_measures(classifier, real, real[:5])


@pytest.mark.full
def test_training_on_digits_improves_the_measures_beside_their_floor(folder):
    pytest.importorskip("sklearn")
    digits = data.digits()
    classifier = gan.train_classifier(digits, steps=300, folder=folder)
    experiment = gan.images(digits, SMALL, classifier=classifier)
    adam = optax.adam(3e-3, b1=0.5)
    run = gs.solve(
        experiment.game,
        gs.per_player(adam, adam),
        experiment.game.start,
        300,
        sample=experiment.sample,
        key=jax.random.key(0),
        record=experiment.watch("quality", "margin"),
        every=300,
    )
    before, after = experiment.measures["quality"](experiment.game.start), run.trace["quality"]
    assert after.frechet[0] < 0.5 * before.frechet
    assert after.frechet[0] > 2 * after.frechet_floor[0]
    assert before.coverage < after.coverage[0] <= after.real_coverage[0] == 10
    assert before.score < after.score[0] < after.real_score[0]
    logits = experiment.measures["logits"](run.players)
    on_real, on_fake = jnp.split(logits, 2)
    assert len(on_real) == 898
    assert on_real.mean() - on_fake.mean() == pytest.approx(float(run.trace["margin"][0]), rel=1e-4, abs=1e-4)


def test_equal_networks_do_not_retrace():
    pytest.importorskip("equinox")
    traces = []

    @jax.jit
    def paint(generate, generator, latent):
        traces.append(generate)
        return generate(generator, latent)

    for seed in range(2):
        networks = gan.convolutional(SHAPE, latent=3, width=2)
        paint(networks.generate, networks.init(jax.random.key(seed))[0], jnp.zeros((2, 3)))
    assert len(traces) == 1


@pytest.mark.full
def test_convolutional_networks_play(dataset):
    pytest.importorskip("equinox")
    networks = gan.convolutional(SHAPE, latent=3, width=2)
    experiment = gan.images(dataset, networks, regularisers=(gan.r1(0.1),), batch_size=8)
    generator, discriminator = experiment.game.start
    assert networks.generate(generator, jnp.ones((5, 3))).shape == (5, *SHAPE)
    single = [networks.judge(discriminator, dataset.inputs[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(networks.judge(discriminator, dataset.inputs[:4]), jnp.concatenate(single), rtol=1e-4)
    assert experiment.game.is_zero_sum
    run = gs.solve(
        experiment.game, gs.simgd(1e-2), experiment.game.start, 3, sample=experiment.sample, key=jax.random.key(0)
    )
    assert run.status == gs.Status.BUDGET
    assert optax.tree.norm(optax.tree.sub(run.players, experiment.game.start)) > 0


def test_what_cannot_be_is_named(dataset, monkeypatch):
    experiment = gan.images(dataset, SMALL)
    with pytest.raises(ValueError, match="multiples of four"):
        gan.convolutional((9, 8))
    sgd = optax.sgd(0.1)
    with pytest.raises(ValueError, match="the measure 'logits'"):
        gan.counter_attack(gan.dirac(), sgd, sgd, (0.0, 0.0), key=jax.random.key(0))
    monkeypatch.setitem(__import__("sys").modules, "equinox", None)
    with pytest.raises(ImportError, match=r"pip install .*\[images\]'"):
        gan.convolutional(SHAPE)
    assert set(experiment.measures) == {"logits", "margin"}


def test_run_takes_the_names_of_suites_and_their_options(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(suite_images, "main", lambda arguments, line: seen.append((arguments.seeds, line)) or 0)
    assert command.main(["run", "images", "--seeds", "2"]) == 0
    assert seen == [(2, "python -m benchmarks images --seeds 2")]
    with pytest.raises(SystemExit):
        command.main(["run"])
    assert "SUITE" in capsys.readouterr().err


ETA = 0.01
SGD = optax.sgd(ETA)
PHASES = {
    "alone": gs.alternating(SGD, SGD, order=(1,)),
    "together": gs.simgd(ETA),
    "cgd alone": optax.chain(gs.cgd(ETA), gs.per_player(optax.set_to_zero(), optax.identity())),
}


def attacks(networks, pretraining, steps, phases):
    """Return the counter-attacks on five saved GANs of digits for each phase, with the seed as the first axis."""
    experiment = gan.images(data.digits(), networks)
    adam, answer = optax.adam(1e-3, b1=0.5), gs.alternating(SGD, SGD, order=(0,))

    @jax.jit
    @jax.vmap
    def saved(key):
        together, start = gs.per_player(adam, adam), networks.init(key)
        return gs.solve(experiment.game, together, start, pretraining, sample=experiment.sample, key=key).players

    keys = jax.random.split(jax.random.key(3), 5)
    players = saved(keys)

    def attack(phase):
        one = lambda key, players: gan.counter_attack(
            experiment, phase, answer, players, key=key, steps=steps, answer_steps=steps
        )
        return jax.jit(jax.vmap(one))(keys, players)

    return {name: attack(PHASES[name]) for name in phases}


@pytest.mark.full
def test_a_discriminator_trained_alone_falls_to_the_counter_attack():
    pytest.importorskip("sklearn")
    seen = attacks(SMALL, pretraining=500, steps=100, phases=("alone", "together"))
    alone, together = seen["alone"], seen["together"]
    assert (alone.trained < 0.6 * alone.before).all()
    assert (alone.trained < together.trained).all()
    assert alone.jump.mean() > 1.5 * together.jump.mean()
    assert (alone.attacked > 5 * alone.before).all()
    np.testing.assert_array_equal(alone.jump, alone.attacked - alone.losses[:, -1])
    np.testing.assert_array_equal(alone.attacked, alone.answers.max(axis=1))


@pytest.mark.full
def test_a_discriminator_of_a_better_gan_is_slower_together_and_falls_alone_under_cgd_too():
    pytest.importorskip("sklearn")
    seen = attacks(gan.perceptrons(SHAPE, widths=(64, 64)), pretraining=2000, steps=300, phases=PHASES)
    alone, together, competitive = seen["alone"], seen["together"], seen["cgd alone"]
    assert (alone.speed > 1.15 * together.speed).all()
    assert (alone.jump > 1.5 * together.jump).all()
    assert alone.jump.mean() > 10
    # The anticipated generator does not move, and with such small steps its response would be small anyway.
    np.testing.assert_allclose(competitive.speed, alone.speed, rtol=0.1)
    assert (competitive.jump > 1.5 * together.jump).all()
