"""Translation without pairs against the same losses by hand: two domains and three, and games."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def still(tree):
    return jax.tree.map(jax.lax.stop_gradient, tree)


def distance(one, other):
    return jnp.mean(jnp.sum(jnp.abs(one - other), axis=1))


def squares(logits, truth):
    costs = optax.losses.squared_error(logits, jnp.full_like(logits, truth))
    return jnp.mean(jnp.sum(costs, axis=1))


def total(terms, state):
    first, *rest = (state["weights"][name] * cost for name, cost in terms.items())
    for cost in rest:
        first = first + cost
    return first, terms


def regime(dtype="float32"):
    X, Y, R = cl.Space("X", 3, dtype), cl.Space("Y", 2, dtype), cl.Space("R", 1, dtype)
    there, back = cl.Model("there", X, Y, "linear"), cl.Model("back", Y, X, "linear")
    critics = cl.Model("at_X", X, R, "linear"), cl.Model("at_Y", Y, R, "linear")
    domains = cl.Dataset("horses", X=X), cl.Dataset("zebras", Y=Y)
    return cl.zoo.cycle_gan(there, back, critics, *domains)


def by_hand(params, state, batch, key, around=True):
    x, y = batch["horses"]["X"], batch["zebras"]["Y"]
    there, back = params["there"], params["back"]
    made_y = linear(there, x)
    terms = {
        "horses.X >> there >> back = horses.X": distance(linear(back, made_y) if around else x, x)
    }
    made_x = linear(back, y)
    name = "zebras.Y >> back >> there = zebras.Y"
    terms[name] = distance(linear(there, made_x) if around else y, y)
    games = (
        ("at_X", "horses.X", x, "zebras.Y >> back", made_x),
        ("at_Y", "zebras.Y", y, "horses.X >> there", made_y),
    )
    for critic, read, real, path, made in games:
        D = params[critic]
        terms[f"{read} >> {critic} = {read} >> real_{critic}"] = squares(linear(D, real), 1.0)
        fake = linear(D, still(made))
        terms[f"{path} >> {critic} = {path} >> fake_{critic}"] = squares(fake, 0.0)
        fooled = linear(still(D), made)
        terms[f"{path} >> {critic} = {path} >> real_{critic}"] = squares(fooled, 1.0)
    return total(terms, state)


def without_cycles(*arguments):
    """A mutant: nothing asks the translators to fit together."""
    return by_hand(*arguments, around=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {"horses": {"X": noise((6, 3), dtype)}, "zebras": {"Y": noise((4, 2), dtype, seed=1)}}
    with agrees.precision(dtype):
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=without_cycles)


# Three domains.

LANGUAGES = {"A": 2, "B": 3, "C": 4}


def three(dtype="float32"):
    spaces = {name: cl.Space(name, size, dtype) for name, size in LANGUAGES.items()}
    translators = [
        cl.Model(f"{one}{other}", spaces[one], spaces[other], "linear")
        for one in spaces
        for other in spaces
        if one != other
    ]
    return cl.zoo.translation(
        translators, [cl.Dataset(f"texts_{n}", **{n: s}) for n, s in spaces.items()]
    )


def hand_written(names, sign=1.0):
    """Two cycles and two triangles for each domain, by reading the equations' names."""

    def loss(params, state, batch, key):
        def along(side):
            start, *edges = side.split(" >> ")
            data, column = start.split(".")
            value = batch[data][column]
            for edge in edges:
                value = linear(params[edge], value)
            return value

        terms = {}
        for name in names:
            one, other = map(along, name.split(" = "))
            costs = optax.losses.squared_error(one, sign * other)
            terms[name] = jnp.mean(jnp.sum(costs, axis=1))
        return total(terms, state)

    return loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_domains(agrees, noise, dtype):
    names = [
        name
        for a, b, c in ("ABC", "BAC", "CAB")
        for name in (
            f"texts_{a}.{a} >> {a}{b} >> {b}{a} = texts_{a}.{a}",
            f"texts_{a}.{a} >> {a}{c} >> {c}{a} = texts_{a}.{a}",
            f"texts_{a}.{a} >> {a}{b} >> {b}{c} = texts_{a}.{a} >> {a}{c}",
            f"texts_{a}.{a} >> {a}{c} >> {c}{b} = texts_{a}.{a} >> {a}{b}",
        )
    ]
    batch = {
        f"texts_{name}": {name: noise((5, size), dtype, seed=size)}
        for name, size in LANGUAGES.items()
    }
    with agrees.precision(dtype):
        diagram = three(dtype)
        found = list(diagram.soft_equations)
        assert sorted(found) == sorted(names)
        fn, by_hand, wrong = (
            cl.lower(diagram.loss()),
            hand_written(found),
            hand_written(found, -1.0),
        )
        agrees(fn, batch, by_hand, wrong=wrong, program="flops")


def test_the_basis_gives_all_other_equations():
    # Translators that are a rotation and its inverse satisfy the basis, and with it longer cycles.
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]], "float32")
    X, Y = cl.Space("X", 2), cl.Space("Y", 2)
    there, back = (
        cl.Model(name, *ends, "linear", use_bias=False, start={"weight": weight})
        for name, ends, weight in (("there", (X, Y), turn), ("back", (Y, X), turn.T))
    )
    data = [cl.Dataset("a", X=X), cl.Dataset("b", Y=Y)]
    diagram = cl.zoo.translation([there, back], data)
    longer = "a.X >> there >> back >> there = a.X >> there"
    batch = {"a": {"X": turn}, "b": {"Y": turn}}
    for equations in (None, [longer]):
        fn = cl.lower(diagram.loss(equations) if equations else diagram.loss())
        value, _ = fn(*fn.init(jax.random.key(0)), batch)
        np.testing.assert_allclose(value, 0, atol=1e-6)
