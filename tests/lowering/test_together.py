"""Edges that run once on the examples of several data sets, when asked."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure
from tests.errors import raises
from tests.lowering.comparing import KEY, Centred, F, X, Y, apart, calls, compare, noise

PHOTOS, SKETCHES = 5, 3


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def linear(name, source=X, target=F, **options):
    return cl.Model(name, source, target, "linear", **options)


def dataset(name, rows, seed, image="image", **columns):
    labels = {f"Y{i}": (Y, noise(rows, 2, seed=seed + i)) for i in range(3)}
    return cl.Dataset(name, **{image: (X, noise(rows, 3, seed=seed + 9))}, **labels, **columns)


def both():
    return dataset("photos", PHOTOS, 0), dataset("sketches", SKETCHES, 20)


TOGETHER = [("photos", "sketches")]


class Norm(Centred):
    """What is left after the mean of a batch, and a running mean that each call moves halfway."""

    def run(self, variables, x, key=None, train=False):
        mean = x.mean(axis=0) if train else variables["mean"]
        moved = {"weight": None, "mean": (variables["mean"] + jax.lax.stop_gradient(mean)) / 2}
        return (x - mean) @ variables["weight"], moved if train else None


NORM = Norm()


def normed():
    """One normed encoder of two kinds of image, with a head each."""
    heads = linear("photo", F, Y), linear("sketch", F, Y)
    equations = {
        "photo": "photos.image >> encoder >> norm >> photo = photos.Y0",
        "sketch": "sketches.image >> encoder >> norm >> sketch = sketches.Y0",
    }
    edges = linear("encoder"), cl.Model("norm", F, F, NORM), *heads
    return cl.LearningDiagram(*both(), *edges, equations=equations)


def by_hand(params, state, batch):
    def run(name, x):
        return x @ params[name]["weight"] + params[name]["bias"]

    images = jnp.concatenate([batch["photos"]["image"], batch["sketches"]["image"]])
    norm = {"weight": params["norm"]["weight"], "mean": state["mutable"]["norm"]["mean"]}
    features, moved = NORM.run(norm, run("encoder", images), train=True)
    photos, sketches = features[:PHOTOS], features[PHOTOS:]
    costs = {
        "photo": jnp.mean(jnp.sum((run("photo", photos) - batch["photos"]["Y0"]) ** 2, axis=1)),
        "sketch": jnp.mean(
            jnp.sum((run("sketch", sketches) - batch["sketches"]["Y0"]) ** 2, axis=1)
        ),
    }
    return costs["photo"] + costs["sketch"], (costs, moved["mean"])


def test_statistics_of_a_batch_are_those_of_all_examples():
    diagram = normed()
    joined, alone = (cl.lower(diagram.loss(), together=t) for t in (TOGETHER, ()))
    params, state = joined.init(KEY)
    expected = jax.value_and_grad(by_hand, has_aux=True)(params, state, diagram.data)
    (value, (costs, mean)), slopes = expected

    def distance(fn):
        found, terms, mutable, gradient = calls(fn, params, state, diagram.data, count=1)[0]
        pairs = [(found, value), (terms, costs), (mutable["norm"]["mean"], mean)]
        pairs += [(gradient[name], slopes[name]) for name in params]
        return max(apart(*pair) for pair in pairs)

    assert distance(joined) < 1e-6
    assert distance(alone) > 1e-3
    assert (joined.plan.evaluations, alone.plan.evaluations) == (4, 6)
    assert joined.plan.naive_evaluations == 6


def test_the_comparison_sees_examples_of_the_other_data_set():
    photos, sketches = dataset("photos", 4, 0), dataset("sketches", 4, 20)
    edges = linear("encoder"), linear("head", F, Y)
    equations = [f"{d}.image >> encoder >> head = {d}.Y0" for d in ("photos", "sketches")]
    diagram = cl.LearningDiagram(photos, sketches, *edges, equations=equations)
    joined, alone = (cl.lower(diagram.loss(), together=t) for t in (TOGETHER, ()))
    assert compare(joined, alone, diagram.data) < 1e-6
    for step in joined.plan.steps:
        if step.op == "part":
            object.__setattr__(step, "position", 1 - step.position)
    assert compare(joined, alone, diagram.data) > 1e-3


def pairs():
    """Products, factors, labels and a scale of gradients on the way."""
    L = cl.Categorical("L", 4, dtype="float64")
    P = cl.Product("P", X, X)
    data = [
        cl.Dataset(
            name,
            two=(P, (noise(rows, 3, seed=seed), noise(rows, 3, seed=seed + 1))),
            label=(L, (np.arange(rows) % 4).astype("int32")),
            Y0=(Y, noise(rows, 2, seed=seed + 2)),
        )
        for name, rows, seed in (("photos", PHOTOS, 0), ("sketches", SKETCHES, 9))
    ]
    edges = linear("encoder"), linear("embed", L, F), linear("head", F, Y)
    Q = cl.Product("Q", F, F)
    both = cl.Pairing("both", Q, "P.0 >> encoder", "P.1 >> encoder")
    add = cl.Model("add", Q, F, lambda x, y: x + y)
    equations = {}
    for name in ("photos", "sketches"):
        head = f"{name}.two >> both >> add >> head"
        equations[f"one {name}"] = f"{head} = {name}.Y0"
        equations[f"two {name}"] = cl.Equation(
            f"{name}.label >> embed >> head = {name}.Y0", trains={"embed": -0.5, "head": -0.5}
        )
    return cl.LearningDiagram(*data, *edges, add, both, equations=equations)


def many():
    """Heads on one backbone, for each of two data sets."""
    heads = [linear(f"head_{i}", F, Y) for i in range(3)]
    equations = {
        f"{d}_{i}": f"{d}.image >> encoder >> head_{i} = {d}.Y{i}"
        for i in range(3)
        for d in ("photos", "sketches")
    }
    return cl.LearningDiagram(*both(), linear("encoder"), *heads, equations=equations)


def uneven():
    """Columns of other names, an edge for two of three data sets, and one that only one reads."""
    others = dataset("others", 4, 50)
    parts = dataset("photos", PHOTOS, 0, image="picture"), dataset("sketches", SKETCHES, 20), others
    edges = linear("encoder"), linear("head", F, Y), linear("own", F, F)
    equations = [
        "photos.picture >> encoder >> head = photos.Y0",
        "sketches.image >> encoder >> head = sketches.Y0",
        "others.image >> encoder >> own >> head = others.Y0",
        "photos.picture >> encoder >> own >> head = photos.Y1",
    ]
    return cl.LearningDiagram(*parts, *edges, equations=equations)


#: diagram -> (groups, evaluations together and alone)
CASES = {
    pairs: (TOGETHER, (6, 12)),
    many: (TOGETHER, (4, 8)),
    uneven: ([("sketches", "others", "photos")], (4, 9)),
}


@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_where_examples_do_not_see_each_other_it_is_the_same_function(make, stack):
    diagram = make()
    together, expected = CASES[make]
    joined = cl.lower(diagram.loss(), together=together, stack=stack)
    alone = cl.lower(diagram.loss(), stack=False)
    assert (joined.plan.evaluations, alone.plan.evaluations) == expected
    assert joined.plan.naive_evaluations == alone.plan.naive_evaluations
    assert compare(joined, alone, diagram.data) < 1e-6


def drawing():
    """An edge that adds noise, between an encoder and a head."""

    def noisy(params, x, key):
        return x + jax.random.normal(key, x.shape, x.dtype)

    edge = cl.Model("noisy", F, F, (lambda key: {}, noisy))
    equations = [f"{d}.image >> encoder >> noisy = {d}.F" for d in ("photos", "sketches")]
    parts = [
        cl.Dataset(d, image=(X, noise(rows, 3)), F=(F, noise(rows, 4)))
        for d, rows in (("photos", PHOTOS), ("sketches", SKETCHES))
    ]
    return cl.LearningDiagram(*parts, linear("encoder"), edge, equations=equations)


def test_random_edges_draw_once_for_all():
    diagram = drawing()
    fn = cl.lower(diagram.loss(), together=TOGETHER)
    params, state = fn.init(KEY)
    (step,) = (step for step in fn.plan.steps if step.name == "noisy")
    drawn = jax.random.normal(
        jax.random.fold_in(KEY, step.digest), (PHOTOS + SKETCHES, 4), "float64"
    )
    _, aux = fn(params, state, diagram.data, KEY)
    for name, own in zip(("photos", "sketches"), (drawn[:PHOTOS], drawn[PHOTOS:]), strict=True):
        x, f = diagram.data[name]["image"], diagram.data[name]["F"]
        y = x @ params["encoder"]["weight"] + params["encoder"]["bias"] + own
        expected = jnp.mean(jnp.sum((y - f) ** 2, axis=1))
        (found,) = (cost for equation, cost in aux.terms.items() if equation.startswith(name))
        assert float(found) == pytest.approx(float(expected), rel=1e-9)
    # A sample for each side of each equation belongs to one data set.
    apart = cl.lower(diagram.loss(), together=TOGETHER, independent="noisy")
    assert apart.plan.evaluations == 3


def test_calls_that_are_made_again_are_joined_all_or_none():
    def lowered(*trained):
        equations = {
            f"{d} {name}": cl.Equation(f"{d}.image >> encoder >> norm >> head = {d}.Y0", trains=t)
            for d in ("photos", "sketches")
            for name, t in (("all", None), ("norm", ["norm"]))
            if name == "all" or d in trained
        }
        edges = linear("encoder"), cl.Model("norm", F, F, NORM), linear("head", F, Y)
        diagram = cl.LearningDiagram(*both(), *edges, equations=equations)
        return [cl.lower(diagram.loss(), together=together) for together in (TOGETHER, ())]

    names = "photos", "sketches"
    joined, _ = lowered(*names)
    applied = [step for step in joined.plan.steps if step.op == "apply"]
    assert {step.together for step in applied} == {names}
    assert [step.name for step in applied if step.repeats is not None] == ["norm", "head"]
    assert all(joined.plan.steps[s.repeats].name == s.name for s in applied if s.repeats)
    joined, alone = lowered("photos")
    applied = [step.name for step in joined.plan.steps if step.op == "apply" and step.together]
    assert applied == ["encoder"]
    assert compare(joined, alone, joined.diagram.data) < 1e-6


def test_it_is_trained_and_counted():
    diagram = normed()
    fn = cl.lower(diagram.loss(), together=TOGETHER)
    options = {"steps": 3, "batch_size": {"photos": 4, "sketches": 2}, "progress": False}
    result = cl.fit(fn, optax.sgd(0.05), **options, accumulate=2)
    assert np.isfinite(result.history.total).all()
    spent, alone = (cl.resources(f).total.flops for f in (fn, cl.lower(diagram.loss())))
    assert alone - spent == 8  # the mean of four features is divided, and moved, once


def test_the_plan_shows_what_is_joined():
    text = str(cl.lower(normed().loss(), together=TOGETHER).plan)
    assert "join photos + sketches" in text
    assert "part photos" in text
    assert "part sketches" in text
    arrows = [title for _, _, title, _ in cl.lower(many().loss(), stack=True).plan.sketch().arrows]
    assert {"2 x encoder", "3 x head_0..2", "6 x photos.Y0..sketches.Y2"} <= set(arrows)
    assert "join" not in str(cl.lower(normed().loss()).plan)


def test_errors_come_all_at_once():
    loss = normed().loss()
    with pytest.raises(InvalidStructure) as caught:
        cl.lower(loss, together=["photos", ("sketch", "photos")], remat=["nothing"])
    text = str(caught.value)
    for part in ("'sketch'", "sketches", "'photos': is named 2 times", "no group", "'nothing'"):
        assert part in text
    edges = linear("one", X, Y), linear("two", X, Y)
    equations = ["photos.image >> one = photos.Y0", "sketches.image >> two = sketches.Y0"]
    loss = cl.LearningDiagram(*both(), *edges, equations=equations).loss()
    with raises(InvalidStructure, law="options", where="together of 'photos', 'sketches'"):
        cl.lower(loss, together=TOGETHER)


def test_an_error_on_the_way_names_all_data_sets():
    good = True

    def head(x):
        if not good:
            raise ValueError("no good")
        return x[:, :2]

    edges = linear("encoder"), cl.Model("head", F, Y, head)
    equations = [f"{d}.image >> encoder >> head = {d}.Y0" for d in ("photos", "sketches")]
    diagram = cl.LearningDiagram(*both(), *edges, equations=equations)
    fn = cl.lower(diagram.loss(), together=TOGETHER)
    arguments = *fn.init(KEY), diagram.data
    good = False
    with pytest.raises(ValueError, match="no good") as caught:
        fn(*arguments)
    assert "photos.image >> encoder >> head', together with sketches" in caught.value.__notes__[0]
