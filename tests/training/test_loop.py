"""The training loop: the loop by hand, what moves and what does not, and how it ends."""

import io
import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tqdm import tqdm

import catlearn as cl
from catlearn.errors import DataError, InvalidStructure, TrainingDiverged, UnknownName
from catlearn.training import StoppedAtOnce, TrainingInterrupted
from tests.errors import raises, warns

KEY = jax.random.key(0)
X, Y = cl.Space("X", (2,)), cl.Space("Y", (1,))


def line(apply, x, *, start=0.5):
    """One model ``x -> apply(w, x)`` to be fitted to zero; x has shape (examples, 2)."""
    data = cl.Dataset("d", X=(X, x), Y=(Y, np.zeros((len(x), 1), "float32")))
    model = cl.Model("f", X, Y, (lambda key: {"w": jnp.full((2, 1), start)}, apply))
    return cl.lower(cl.LearningDiagram(data, model).loss({"fit": "d.X >> f = d.Y"}))


def test_it_is_the_loop_by_hand(fn, fit, adam):
    result = fit(steps=7, key=KEY, log_every=3)
    params, state = fn.init(KEY)
    stream = cl.batches(fn.diagram.data, 4, KEY)
    optimizer_state = adam.init(params)
    costs = []

    @jax.jit
    def one_step(params, state, optimizer_state, batch, key):
        (value, aux), gradient = jax.value_and_grad(fn, has_aux=True)(params, state, batch, key)
        updates, optimizer_state = adam.update(gradient, optimizer_state, params)
        return optax.apply_updates(params, updates), optimizer_state, value, aux

    for step in range(7):
        key = jax.random.fold_in(KEY, step)
        params, optimizer_state, value, aux = one_step(
            params, state, optimizer_state, stream[step], key
        )
        state = state | aux.state
        costs.append([value, aux.terms["label"], aux.terms["soft"]])
    np.testing.assert_allclose(result.params["student"]["w"], params["student"]["w"], rtol=1e-5)
    np.testing.assert_allclose(result.history.rows, costs, rtol=1e-5)
    assert result.steps == result.history.steps == 7
    assert result.history.equations == ("label", "soft")
    # Another key is another run.
    other = fit(steps=7, key=jax.random.key(1))
    assert not np.array_equal(other.history.total, result.history.total)


def test_how_often_the_host_looks_changes_nothing(fit):
    runs = [fit(steps=9, log_every=every) for every in (1, 4, 100)]
    for run in runs[1:]:
        assert run.history == runs[0].history
        np.testing.assert_array_equal(run.params["student"]["w"], runs[0].params["student"]["w"])


def test_it_learns_and_gives_the_model_back(regime, fit):
    result = fit(
        regime, optimizer=optax.adam(0.1), steps=150, batch_size={"labelled": 6, "unlabelled": 7}
    )
    np.testing.assert_allclose(result.params["student"]["w"].ravel(), [2.0, -1.0], atol=1e-2)
    value, terms = result.evaluate()
    assert value == pytest.approx(terms["label"] + 0.5 * terms["soft"])
    assert value < 1e-3 < result.history.total[0]
    student, teacher = result.model("student"), result.model("teacher")
    x = regime.data["labelled"]["X"]
    np.testing.assert_allclose(student(x), teacher(x), atol=0.1)
    half = {"labelled": regime.data["labelled"], "unlabelled": {"X": x[:5]}}
    assert result.evaluate(half)[1]["label"] == pytest.approx(terms["label"])
    with raises(UnknownName, "nobody", "student", "teacher"):
        result.model("nobody")
    assert repr(result).startswith("Result(history=History(steps=150, total=")


def test_an_equinox_module_comes_back_trained():
    eqx = pytest.importorskip("equinox")
    module = eqx.nn.Linear(2, 1, key=KEY)
    x = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
    data = cl.Dataset("d", X=(X, x), Y=(Y, x[:, :1]))
    before = np.array(module.weight)
    diagram = cl.LearningDiagram(data, cl.Model("f", X, Y, module))
    result = cl.fit(diagram, optax.sgd(0.3), steps=60, progress=False)
    trained = result.model("f")
    assert isinstance(trained, eqx.nn.Linear)
    np.testing.assert_allclose(jax.vmap(trained)(x)[:, 0], x[:, 0], atol=1e-2)
    # The user's own arrays were neither changed nor donated.
    np.testing.assert_array_equal(module.weight, before)


def test_the_digits_are_learned():
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = datasets.load_digits(return_X_y=True)
    P, D = cl.Space("P", (64,)), cl.Categorical("D", 10)
    digits = cl.Dataset("digits", P=(P, images / 16.0), D=(D, labels))
    square = cl.glue(
        cl.LearningDiagram(digits),
        cl.LearningDiagram(cl.Model("classify", P, D, "linear")),
    )
    result = cl.fit(square, optax.adam(3e-2), steps=200, progress=False)
    guesses = result.model("classify")(images / 16.0).argmax(1)
    assert np.mean(guesses == labels) > 0.95


def test_frozen_parameters_have_no_optimizer_state_and_do_not_decay(fn):
    decay = optax.adamw(0.1, weight_decay=10.0)
    result = cl.fit(fn, decay, steps=5, progress=False)
    start_params, start_state = fn.init(KEY)
    frozen = [result.state["frozen"]["teacher"]["w"], start_state["frozen"]["teacher"]["w"]]
    np.testing.assert_array_equal(*frozen)
    assert not np.allclose(result.params["student"]["w"], start_params["student"]["w"])
    paths = [str(path) for path, _ in jax.tree_util.tree_leaves_with_path(result.optimizer_state)]
    assert any("student" in path for path in paths)
    assert not any("teacher" in path for path in paths)
    # The mutant: with the teacher among the parameters, the same optimizer moves it.
    everything = {**start_params, **start_state["frozen"]}
    zeros = jax.tree.map(np.zeros_like, everything)
    updates, _ = jax.jit(decay.update)(zeros, decay.init(everything), everything)
    assert np.abs(updates["teacher"]["w"]).min() > 0.1


def test_starting_points_are_copied_and_weights_compile_nothing(fn, fit):
    params, state = fn.init(KEY)
    first = fit(steps=3, params=params, state=state)
    compiled = list(fn.compiled.values())
    sizes = [program._cache_size() for program in compiled]
    heavier = {**state, "weights": {"label": jnp.float32(0.0), "soft": jnp.float32(9.0)}}
    second = fit(steps=3, params=params, state=heavier)
    assert [program._cache_size() for program in compiled] == sizes
    assert list(fn.compiled.values()) == compiled
    assert not np.array_equal(first.params["student"]["w"], second.params["student"]["w"])
    np.testing.assert_allclose(second.history.total, 9 * second.history["soft"], rtol=1e-6)
    np.testing.assert_array_equal(params["student"]["w"], np.full((2, 1), 0.5))


def test_other_data_and_missing_data(fn, regime, fit):
    assert fit(steps=1).data.keys() == {"labelled", "unlabelled"}
    data = {name: dict(columns) for name, columns in regime.data.items()}
    data["unlabelled"]["X"] = data["unlabelled"]["X"][:5]
    assert fit(steps=1, data=data).data["unlabelled"]["X"].shape == (5, 2)
    assert cl.fit(regime.loss(), optax.sgd(0.1), steps=0).steps == 0
    del data["unlabelled"], data["labelled"]["Y"]
    with pytest.raises(DataError) as caught:
        fit(steps=1, data=data)
    assert [failure.where for failure in caught.value.failures] == [
        "data set 'labelled', projection 'Y'",
        "data set 'unlabelled', projection 'X'",
    ]
    with raises(
        DataError, "(7, 1)", "(examples, 2)", law="shape", where="projection 'unlabelled.X'"
    ):
        fit(steps=1, data={**regime.data, "unlabelled": {"X": np.zeros((7, 1), "float32")}})


def test_a_cost_that_is_not_finite_is_found_at_its_step():
    """One example overflows: the run stops before the batch that holds it."""
    key, bad = jax.random.key(3), 5
    rows = cl.batches({"d": {"row": np.arange(8)}}, 1, key)[bad]["d"]["row"]
    x = np.ones((8, 2), "float32")
    x[rows] = 1e30
    fn = line(lambda params, x: x @ params["w"], x)
    optimizer = optax.adam(0.01)
    with pytest.raises(TrainingDiverged) as caught:
        cl.fit(fn, optimizer, steps=20, batch_size=1, key=key, progress=False)
    assert f"step {bad}: the cost of equation 'fit' is inf" in str(caught.value)
    result = caught.value.result
    assert result.steps == result.history.steps == bad
    good = cl.fit(fn, optimizer, steps=bad, batch_size=1, key=key, progress=False)
    np.testing.assert_array_equal(result.params["f"]["w"], good.params["f"]["w"])
    assert result.history == good.history
    # Found at the same step however rarely the host looks.
    with raises(TrainingDiverged, f"step {bad}"):
        cl.fit(fn, optimizer, steps=20, batch_size=1, key=key, progress=False, log_every=1)


def test_a_gradient_that_is_not_finite_names_equation_and_edge():
    fn = line(
        lambda params, x: 1 + jnp.sqrt(jnp.abs(x @ params["w"])),
        np.ones((4, 2), "float32"),
        start=0.0,
    )
    with pytest.raises(TrainingDiverged) as caught:
        cl.fit(fn, optax.sgd(0.1), steps=3, progress=False)
    message = "the gradient of equation 'fit' with respect to edge 'f' is not finite"
    assert f"step 0: {message}" in str(caught.value)
    np.testing.assert_array_equal(caught.value.result.params["f"]["w"], np.zeros((2, 1)))
    assert caught.value.result.history.steps == 0


def test_an_optimizer_that_is_not_finite_is_told_apart():
    fn = line(lambda params, x: x @ params["w"], np.ones((4, 2), "float32"))
    with raises(TrainingDiverged, "step 0", "optimizer's update"):
        cl.fit(fn, optax.sgd(float("inf")), steps=2, progress=False)


def test_integer_parameters_stay():
    def init(key):
        return {"w": jnp.ones((2, 1)), "order": jnp.array([1, 0])}

    def apply(params, x):
        return x[:, params["order"]] @ params["w"]

    x = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
    data = cl.Dataset("d", X=(X, x), Y=(Y, x[:, 1:]))
    diagram = cl.LearningDiagram(data, cl.Model("f", X, Y, (init, apply)))
    result = cl.fit(diagram, optax.adam(0.1), steps=100, progress=False)
    np.testing.assert_allclose(result.params["f"]["w"].ravel(), [1.0, 0.0], atol=0.05)
    np.testing.assert_allclose(result.model("f")(x), x[:, 1:], atol=0.05)


def test_optimizers_may_ask_for_the_value(fn, fit):
    seen = {}

    def update(updates, state, params=None, *, value, grad, value_fn, **extra):
        seen.update(value=value, again=value_fn(params), same=grad is updates)
        return updates, jnp.abs(value - value_fn(params))

    curious = optax.GradientTransformationExtraArgs(lambda params: jnp.zeros(()), update)
    result = fit(optimizer=curious, steps=1)
    assert seen["same"]
    assert result.optimizer_state == 0.0


def test_random_edges_draw_anew_at_each_step():
    def apply(params, x, key):
        return jax.random.normal(key, (len(x), 1)) + 0 * params["w"][0]

    fn = line(apply, np.ones((4, 2), "float32"))
    optimizer = optax.sgd(0.1)
    runs = [cl.fit(fn, optimizer, steps=4, progress=False, key=KEY) for _ in range(2)]
    assert runs[0].history == runs[1].history
    assert len(set(runs[0].history.total.tolist())) == 4


def test_the_callback_reports_and_stops(fit):
    calls = []

    def callback(step, costs):
        calls.append((step, set(costs)))
        return step >= 4

    result = fit(steps=100, log_every=2, callback=callback)
    assert calls == [(2, {"label", "soft"}), (4, {"label", "soft"})]
    assert result.steps == 4
    assert not result.interrupted


@pytest.mark.parametrize(
    ("answer", "stops"),
    [
        (None, False),
        *((kind(value), value) for kind in (bool, np.bool_, jnp.asarray, np.array)
          for value in (True, False)),
    ],
    ids=lambda value: f"{type(value).__name__} {value}",
)  # fmt: skip
def test_any_boolean_decides(fit, answer, stops):
    result = fit(steps=6, log_every=2, callback=lambda step, costs: answer if step > 2 else None)
    assert result.steps == (4 if stops else 6)


@pytest.mark.parametrize("answer", [1, 0, "no", [True], np.array([True]), np.float32(0), {}])
def test_other_answers_are_refused_at_the_first_call(fit, tmp_path, answer):
    file = tmp_path / "run.safetensors"

    def odd(step, costs):
        return answer

    with pytest.raises(InvalidStructure) as caught:
        fit(steps=6, log_every=2, callback=odd, checkpoint=file)
    (failure,) = caught.value.failures
    assert failure.law == "callback"
    assert "odd" in failure.where
    assert repr(answer) in failure.message
    assert caught.value.result.steps == 2
    assert file.exists()


def test_a_stop_at_the_first_call_is_told(fit):
    bar = tqdm(total=6, file=io.StringIO(), mininterval=0)

    def show(step, costs):
        return bar.update(step - bar.n)

    with warns(StoppedAtOnce, "show", True, 2, 6):
        assert fit(steps=6, log_every=2, callback=show).steps == 2
    # At the end of a run there is nothing to tell.
    assert fit(steps=2, log_every=2, callback=lambda step, costs: True).steps == 2


class Foreign(Exception):
    """An error that takes no attributes beyond its own, and has arguments of its own."""

    def __init__(self, code, reason):
        super().__init__(code, reason)


@pytest.mark.parametrize("error", [Foreign(3, "no"), SystemExit(5), ValueError("text"), OSError(5)])
def test_what_a_callback_raises_leaves_the_result(fit, tmp_path, error):
    file = tmp_path / "run.safetensors"
    arguments = error.args

    def callback(step, costs):
        if step == 4:
            raise error

    with pytest.raises(type(error)) as caught:
        fit(steps=9, log_every=2, callback=callback, checkpoint=file)
    assert caught.value is error
    assert error.args == arguments
    assert error.result.steps == 4
    assert str(file) in " ".join(error.__notes__)
    assert fit(steps=9, checkpoint=file, resume=True).history == fit(steps=9).history


def test_signals_that_are_asked_for_end_a_run_and_are_passed_on(fit, tmp_path):
    file, heard = tmp_path / "run.safetensors", []

    def mine(number, frame):
        heard.append((number, file.exists()))

    def callback(step, costs):
        if step == 3:
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with warns(TrainingInterrupted, 8):
            stopped = fit(
                steps=8, log_every=1, callback=callback, checkpoint=file, stop_on=[signal.SIGTERM]
            )
        assert signal.getsignal(signal.SIGTERM) is mine
        # The checkpoint was there when what handled the signal before was called.
        assert heard == [(signal.SIGTERM, True)]
        assert stopped.interrupted
        # By default nothing new is installed.
        assert fit(steps=8, log_every=1, callback=callback).steps == 8
        assert len(heard) == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert fit(steps=8, checkpoint=file, resume=True).history == fit(steps=8).history


def test_signals_are_asked_for_in_the_main_thread_only(fit):
    found = []

    def run():
        with pytest.raises(InvalidStructure) as caught:
            fit(steps=2, stop_on=[signal.SIGTERM])
        found.extend(failure.where for failure in caught.value.failures)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == ["stop_on"]
    with pytest.raises(InvalidStructure):
        fit(steps=2, stop_on="SIGTERM")


@pytest.mark.parametrize("interrupt", ["signal", "exception"])
def test_interrupted_from_the_keyboard(fit, tmp_path, interrupt):
    """The step is finished, the checkpoint written, and the run continues where it was."""
    whole = fit(steps=8)
    file = tmp_path / "run.safetensors"

    def callback(step, costs):
        if step == 3:
            if interrupt == "exception":
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with warns(TrainingInterrupted, 8, "resume=True"):
        stopped = fit(steps=8, log_every=1, callback=callback, checkpoint=file)
    assert signal.getsignal(signal.SIGINT) is before
    assert stopped.interrupted
    assert 3 <= stopped.steps <= 4
    continued = fit(steps=8, checkpoint=file, resume=True)
    assert continued.history == whole.history
    np.testing.assert_array_equal(continued.params["student"]["w"], whole.params["student"]["w"])


def test_interrupted_by_a_data_source_between_two_log_points(fit, regime, tmp_path):
    columns, file = regime.data["labelled"], tmp_path / "run.safetensors"

    def batches(stop=None):
        for step in range(8):
            if step == stop:
                raise KeyboardInterrupt
            yield {name: column[step : step + 4] for name, column in columns.items()}

    whole = fit(steps=8, data={**regime.data, "labelled": batches()})
    options = {"steps": 8, "log_every": 4, "checkpoint": file}
    with warns(TrainingInterrupted, 6, 8):
        stopped = fit(data={**regime.data, "labelled": batches(stop=6)}, **options)
    assert stopped.history.steps == 6
    continued = fit(data={**regime.data, "labelled": batches()}, resume=True, **options)
    assert continued.history == whole.history


def test_a_second_interrupt_stops_at_once(fit):
    def callback(step, costs):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(steps=8, log_every=1, callback=callback)


def test_options_that_make_no_sense_are_listed(fit):
    with pytest.raises(InvalidStructure) as caught:
        fit(steps=-1, log_every=0, checkpoint_every=2, resume=True)
    assert [failure.where for failure in caught.value.failures] == [
        "steps",
        "log_every",
        "checkpoint_every",
        "resume",
    ]


def test_no_steps_return_the_start(fn, fit):
    result = fit(steps=0)
    np.testing.assert_array_equal(result.params["student"]["w"], fn.init(KEY)[0]["student"]["w"])
    assert result.history.steps == 0


def test_per_edge_runs_each_edge_by_itself():
    params = {"f": jnp.array([3.0, 4.0]), "g": {"w": jnp.array([6.0, 8.0])}}
    together = optax.clip_by_global_norm(1.0)
    apart = cl.per_edge(together)
    updates, _ = apart.update(params, apart.init(params), params)
    np.testing.assert_allclose(updates["f"], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(updates["g"]["w"], [0.6, 0.8], rtol=1e-6)
    both, _ = together.update(params, together.init(params), params)
    assert not np.allclose(both["f"], updates["f"])


def test_per_edge_trains_like_an_optimizer_of_single_entries(fn, fit, adam):
    alone = fit(steps=4)
    mapped = fit(optimizer=cl.per_edge(adam), steps=4)
    np.testing.assert_array_equal(alone.params["student"]["w"], mapped.params["student"]["w"])


def test_a_loss_without_equations_is_refused_before_anything_runs():
    data = cl.LearningDiagram(cl.Dataset("d", X=(X, np.zeros((4, 2), "float32"))))
    with raises(InvalidStructure, law="equations", where="the loss"):
        cl.fit(data, optax.sgd(0.1), steps=1, progress=False)
    ones = {"weight": np.ones((2, 1), "float32"), "bias": np.ones(1, "float32")}
    frozen = cl.Model("f", X, Y, "linear").freeze(ones)
    both = cl.Dataset("d", X=(X, np.zeros((4, 2), "float32")), Y=(Y, np.zeros((4, 1), "float32")))
    constant = cl.LearningDiagram(both, frozen, equations=["d.X >> f = d.Y"])
    with raises(InvalidStructure, "d.X >> f = d.Y", law="equations", where="the loss"):
        cl.fit(constant, optax.sgd(0.1), steps=1, progress=False)


def test_data_given_to_fit_is_checked_all_at_once():
    fn = line(lambda params, x: x @ params["w"], np.ones((4, 2), "float32"))
    wrong = np.full((5, 1), np.nan, "float32")
    with pytest.raises(DataError) as caught:
        cl.fit(fn, optax.sgd(0.1), steps=1, data={"d": {"Y": wrong}}, progress=False)
    assert [failure.law for failure in caught.value.failures] == ["data", "finite"]
    columns = {"X": np.ones((4, 3), "float32"), "Y": wrong}
    with pytest.raises(DataError) as caught:
        cl.fit(fn, optax.sgd(0.1), steps=1, data={"d": columns}, progress=False)
    assert [failure.law for failure in caught.value.failures] == ["shape", "finite", "length"]
