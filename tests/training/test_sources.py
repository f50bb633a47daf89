"""Sources: arrays on disk, iterables, loaders and functions of the epoch, continued exactly."""

import jax
import numpy as np
import pytest

from catlearn.errors import CheckpointMismatch, DataError
from catlearn.training import Sources
from tests.errors import raises

KEY = jax.random.key(0)
X = np.random.default_rng(5).normal(size=(12, 2)).astype("float32")
Y = X @ np.array([[2.0], [-1.0]], "float32")
BATCHES = [{"X": X[i : i + 4], "Y": Y[i : i + 4]} for i in (0, 4, 8)]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture
def labelled(fit, regime):
    """Fit with the given source of the labelled data."""

    def run(source, **options):
        return fit(data={**regime.data, "labelled": source}, **options)

    return run


def shuffled(epoch):
    order = np.random.default_rng(epoch).permutation(3)
    return [BATCHES[i] for i in order]


def same(one, other):
    assert one.history == other.history
    np.testing.assert_array_equal(one.params["student"]["w"], other.params["student"]["w"])


def continues(labelled, file, source, restart=None, steps=(5, 11)):
    """A run that is cut in two with a source is the run in one piece."""
    restart = restart or (lambda: source)
    whole = labelled(restart(), steps=steps[1])
    file.unlink(missing_ok=True)
    labelled(restart(), steps=steps[0], checkpoint=file)
    same(labelled(restart(), steps=steps[1], checkpoint=file, resume=True), whole)
    return whole


def test_rows_on_disk_are_read_as_needed(fit, regime, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", regime.data["labelled"]["X"])
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = {**regime.data, "labelled": {**regime.data["labelled"], "X": mapped}}
    same(fit(steps=5, data=data), fit(steps=5))
    # Values are checked when they are read, not all at the beginning.
    x = np.array(mapped)
    x[:] = np.inf
    np.save(tmp_path / "bad.npy", x)
    data["labelled"]["X"] = np.load(tmp_path / "bad.npy", mmap_mode="r")
    with raises(DataError, law="finite", where="projection 'labelled.X'", what="step 0"):
        fit(steps=5, data=data)
    data["labelled"]["X"] = data["labelled"]["X"][:, :1]
    with raises(DataError, "(examples, 2)", law="shape", where="projection 'labelled.X'"):
        fit(steps=5, data=data)


def test_any_iterable_gives_batches(labelled, file):
    whole = continues(labelled, file, BATCHES)
    same(labelled(lambda epoch: iter(BATCHES), steps=11), whole)
    same(labelled((BATCHES[i % 3] for i in range(11)), steps=11), whole)
    pairs = [(batch["X"], batch["Y"].tolist()) for batch in BATCHES]
    same(labelled(pairs, steps=11), whole)
    # The order matters, so these tests can fail.
    assert labelled(BATCHES[::-1], steps=11).history != whole.history


def test_a_function_of_the_epoch_and_a_generator_continue(labelled, file):
    continues(labelled, file, shuffled)
    continues(labelled, file, shuffled, steps=(6, 8))
    continues(labelled, file, None, lambda: (BATCHES[i % 2] for i in range(20)))


def test_what_ends_and_cannot_begin_again_is_an_error(labelled):
    with raises(DataError, 3, law="source", where="data set 'labelled'") as caught:
        labelled((batch for batch in BATCHES), steps=4)
    assert caught.value.result.steps == 3
    with raises(DataError, law="source", where="data set 'labelled'"):
        labelled([], steps=1)
    with raises(DataError, "epoch 1", law="source", where="data set 'labelled'"):
        labelled(lambda epoch: [] if epoch else BATCHES, steps=9)


def test_a_source_with_another_order_is_refused(labelled, file):
    labelled(BATCHES, steps=5, checkpoint=file)
    with raises(CheckpointMismatch, law="checkpoint", where="contents 'labelled.X'"):
        labelled(BATCHES[::-1], steps=9, checkpoint=file, resume=True)
    swapped = [[BATCHES[i] for i in order] for order in ((0, 1, 2), (2, 1, 0), (0, 1, 2))]
    labelled(swapped.__getitem__, steps=5, checkpoint=file, overwrite=True)
    with raises(
        CheckpointMismatch, "batch 1", "epoch 1", law="source", where="data set 'labelled'"
    ):
        labelled(lambda epoch: [BATCHES[0], BATCHES[2], BATCHES[1]], steps=9, **resumed(file))


def resumed(file):
    return {"checkpoint": file, "resume": True}


def test_other_contents_are_refused(fit, regime, file):
    fit(steps=2, checkpoint=file)
    data = {name: dict(columns) for name, columns in regime.data.items()}
    data["labelled"]["Y"] = data["labelled"]["Y"] + 1
    with pytest.raises(CheckpointMismatch) as caught:
        fit(steps=4, data=data, **resumed(file))
    assert [failure.where for failure in caught.value.failures] == ["contents 'labelled.Y'"]


@pytest.mark.parametrize(
    ("batch", "law", "where", "names"),
    [
        ({"X": X[:4]}, "batch", "projection 'labelled.Y'", "X"),
        ({"X": X[:4], "Y": Y[:3]}, "length", "data set 'labelled'", "X4Y3"),
        ({"X": X[:0], "Y": Y[:0]}, "length", "projection 'labelled.X'", ""),
        ({"X": X[:4], "Y": [["a"]] * 4}, "dtype", "projection 'labelled.Y'", ["<U1"]),
        (7, "batch", "data set 'labelled'", [7, "{projection: array}"]),
        ((X, Y, Y), "batch", "data set 'labelled'", "3XY"),
    ],
)
def test_batches_that_do_not_fit(labelled, batch, law, where, names):
    with raises(DataError, *names, law=law, where=where, what="step 1"):
        labelled([BATCHES[0], batch], steps=3)


def test_a_source_that_fails_keeps_its_error(labelled):
    def broken(epoch):
        yield BATCHES[0]
        raise RuntimeError("the cable is out")

    with raises(
        DataError,
        "RuntimeError: the cable is out",
        law="source",
        where="data set 'labelled'",
        what="step 1",
    ):
        labelled(broken, steps=3)
    with raises(DataError, "int", law="data", where="data set 'labelled'"):
        labelled(7, steps=3)


class Stateful:
    """A loader with an order of its own, which it can save."""

    def __init__(self, seed):
        self.seed, self.at = seed, 0

    def __iter__(self):
        order = np.random.default_rng(self.seed).permutation(3)
        while self.at < 30:
            self.at += 1
            yield BATCHES[order[self.at % 3]]

    def state_dict(self):
        return {"seed": self.seed, "at": self.at}

    def load_state_dict(self, state):
        self.seed, self.at = state["seed"], state["at"]


def test_a_loader_with_a_state_is_asked_for_it(labelled, file):
    whole = labelled(Stateful(3), steps=11)
    labelled(Stateful(3), steps=5, checkpoint=file)
    new = Stateful(3)
    same(labelled(new, steps=11, **resumed(file)), whole)
    assert new.at == 11


def test_grain_loaders(labelled, file):
    grain = pytest.importorskip("grain", reason="grain is not installed")
    rows = [{"X": x, "Y": y} for x, y in zip(X, Y, strict=True)]

    def loader():
        chosen = grain.samplers.IndexSampler(12, shuffle=True, seed=1, num_epochs=2)
        batch = [grain.transforms.Batch(4)]
        return grain.DataLoader(data_source=rows, sampler=chosen, operations=batch, worker_count=0)

    def dataset():
        return grain.MapDataset.source(rows).shuffle(seed=2).repeat(2).batch(4).to_iter_dataset()

    for make in (loader, dataset):
        continues(labelled, file, None, make)


def test_torch_loaders(labelled, file):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y, requires_grad=True))

    def loader(epoch):
        order = torch.Generator().manual_seed(epoch)
        return torch.utils.data.DataLoader(data, 4, shuffle=True, generator=order)

    continues(labelled, file, loader)
    # An order that nobody can know again is found out.
    plain = torch.utils.data.DataLoader(data, 4)
    continues(labelled, file, plain)
    torch.manual_seed(0)
    shuffled = torch.utils.data.DataLoader(data, 4, shuffle=True)
    labelled(shuffled, steps=2, checkpoint=file, overwrite=True)
    with pytest.raises(CheckpointMismatch):
        labelled(shuffled, steps=4, **resumed(file))


def test_sources_are_described(fn, regime):
    sources = Sources(fn, {**regime.data, "labelled": BATCHES}, 4, key=KEY)
    assert repr(sources) == "Sources(unlabelled: 4 of 7, labelled: list)"
    assert sources.describe()["labelled"] == {"source": "batches"}
    sizes = {"unlabelled": 3, "labelled": 4}
    assert Sources(fn, {**regime.data, "labelled": BATCHES}, sizes, key=KEY).batches.sizes == {
        "unlabelled": 3
    }
    with raises(DataError, "{data set: source}", "list", law="data", where="data="):
        Sources(fn, BATCHES, 4, key=KEY)
