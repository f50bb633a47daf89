"""Modules of PyTorch that are run by other code: by JAX, or with attentions as one operation."""

import copy
import pickle

import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure, WrongKind
from catlearn.importing import ImportRefused, in_jax
from catlearn.importing.attending import attending

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, F = torch.nn, torch.nn.functional


class Attention(nn.Module):
    """Attention that is written out, with what is done to its scores."""

    def __init__(self, scored=lambda scores: scores, weighed=lambda s: s.softmax(-1), drop=0.0):
        super().__init__()
        torch.manual_seed(0)
        self.qkv, self.out, self.drop = nn.Linear(8, 24), nn.Linear(8, 8), nn.Dropout(drop)
        self.scored, self.weighed = scored, weighed

    def forward(self, x, *more):
        b, n, m = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, 2, 4).permute(2, 0, 3, 1, 4)
        weights = self.drop(self.weighed(self.scored(q @ k.mT * 0.5, *more)))
        return self.out(torch.einsum("bhqk,bhke->bqhe", weights, v).reshape(b, n, m))


def causal(scores):
    n = scores.shape[-1]
    return scores.masked_fill(torch.ones(n, n).triu(1).bool(), float("-inf"))


def padded(scores, mask):
    return scores.masked_fill(~mask[:, None, None, :], -1e9)


def by_hand(scores):
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def drawn(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


X, BIAS = drawn((2, 6, 8), (2, 6, 6))
MASK = torch.tensor([[True] * 4 + [False] * 2, [False] * 6])


class Grouped(nn.Module):
    """Queries of several heads read the same keys."""

    def forward(self, q, k, v):
        scores = torch.einsum("bgrqd,bgkd->bgrqk", q, k)
        return torch.einsum("bgrqk,bgke->bgrqe", scores.softmax(-1), v)


ATTENTIONS = {
    "full": (Attention(), (X,)),
    "causal": (Attention(causal), (X,)),
    "masked": (Attention(padded), (X, MASK)),
    "full attention with a bias": (Attention(torch.add), (X, BIAS)),
    "masked attention with a bias": (
        Attention(lambda s, mask, bias: padded(s + bias, mask)),
        (X, MASK, BIAS),
    ),
    "full attention": (Attention(weighed=by_hand), (X,)),
    "grouped": (Grouped(), drawn((1, 2, 3, 5, 4), (1, 2, 7, 4), (1, 2, 7, 4))),
}


@pytest.fixture
def called(monkeypatch):
    """The calls of PyTorch's attention on real devices."""
    seen, function = [], F.scaled_dot_product_attention

    def counted(query, *arguments, **options):
        if query.device.type != "meta":
            seen.append(options)
        return function(query, *arguments, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    return seen


def agrees(one, other, *inputs):
    """Compare values, and the gradients by inputs and parameters."""
    found = []
    for module in (one, other):
        given = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        value = module(*given)
        moving = [x for x in (*given, *module.parameters()) if x.requires_grad]
        found.append([value, *torch.autograd.grad(value.sin().sum(), moving)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attentions_are_one_operation(name, called):
    module, inputs = ATTENTIONS[name]
    fast = attending(module)
    (said,) = fast.attentions(*inputs)
    assert name in said or name == "grouped"
    agrees(fast, module, *inputs)
    assert len(called) == 1


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (Attention(weighed=lambda s: s.softmax(-1) ** 2), "follows its scores"),
        (Attention(lambda s: s.tanh()), "stands between"),
        (Attention(lambda s: torch.linalg.pinv(s, atol=0.1)), "linalg_pinv"),
        (Attention(weighed=lambda s: s.softmax(2)), "softmax"),
        (Attention(lambda s: s.softmax(-1) + 0 * s.softmax(-1).sum()), ""),
    ],
)
def test_what_is_no_attention_stays_as_it_is(module, why, called):
    fast = attending(module)
    (said,) = fast.attentions(X)
    assert "no attention" in said
    assert why in said
    agrees(fast, module, X)
    assert called == []


class Looked(Attention):
    """The weights are returned, too."""

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        weights = (q @ k.mT).softmax(-1)
        return self.out(weights @ v + weights.sum())


def test_weights_that_are_read_elsewhere_are_formed(called):
    fast = attending(Looked())
    assert "read elsewhere" in fast.attentions(X)[0]
    agrees(fast, fast.original(), X)
    assert called == []


def test_dropout_of_weights_is_that_of_the_operation(called):
    fast = attending(Attention(drop=0.5).train())
    torch.manual_seed(0)
    one, two = fast(X), fast(X)
    assert len(called) == 2
    assert not torch.equal(one, two)
    rows = X[:1].repeat(3000, 1, 1)
    ours, theirs = fast(rows).detach(), fast.original()(rows).detach()
    spread = theirs.std(0) * (2 / len(rows)) ** 0.5
    assert ((ours.mean(0) - theirs.mean(0)).abs() < 5 * spread).all()
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.2, atol=0)
    agrees(fast.eval(), fast.original(), X)


MAKERS = {"attention": attending, "JAX": in_jax}
both = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@both
def test_statistics_of_batches_are_kept(make):
    module = nn.Sequential(nn.Linear(8, 3), nn.BatchNorm1d(3), nn.Dropout(0.0))
    twin = copy.deepcopy(module)
    fast, (x,) = make(module), drawn((5, 8))
    for _ in range(2):
        agrees(fast, twin, x)
    assert int(module[1].num_batches_tracked) == 2
    for name, one in twin.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], one, rtol=1e-5, atol=1e-6)
    # A mode of a part is one of the call.
    fast[1].eval()
    twin[1].eval()
    agrees(fast, twin, x)
    assert int(module[1].num_batches_tracked) == 2


class Without(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        with torch.no_grad():
            still = self.linear(x)
        return still * self.linear(x)


@both
def test_what_has_no_gradient_has_none(make):
    module = Without()
    fast = make(module)
    with torch.no_grad():
        assert not fast(X).requires_grad
    agrees(fast, module, X)
    module.linear.weight.requires_grad_(False)
    agrees(fast, module, X)


@both
def test_types_are_those_that_pytorch_takes_by_itself(make):
    module = Attention()
    fast = make(module)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = fast(X), module(X)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert fast(X).dtype == torch.float32
    fast.bfloat16()
    assert fast(X.bfloat16()).dtype == torch.bfloat16


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(8))

    def forward(self, x, *, extra, flag=True):
        y = x.clone()
        y[0] = 0
        y += 1
        return {"a": (y * self.w, [y.sum(), 3]), "b": extra["k"], "c": x if flag else -x}


@both
def test_calls_have_names_trees_and_views(make):
    module = Nested()
    fast, (x,) = make(module), drawn((8, 3))
    options = {"extra": {"k": x * 2}, "flag": False}
    found, expected = fast(x.mT, **options), module(x.mT, **options)
    torch.testing.assert_close(found["a"][0], expected["a"][0])
    torch.testing.assert_close(found["c"], expected["c"])
    torch.testing.assert_close(found["b"], expected["b"])
    assert found["a"][1][1] == 3


@both
def test_hooks_are_called_once(make):
    module, seen = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), []
    module.register_forward_hook(lambda *given: seen.append(1) or given[2] + 1)
    module[0].register_forward_hook(lambda *given: given[2] * 2)
    fast = make(module)
    torch.testing.assert_close(fast(X), module(X), rtol=1e-5, atol=1e-5)
    assert len(seen) == 2


@both
def test_modules_are_copied_and_pickled(make):
    fast = make(nn.Sequential(nn.Linear(8, 3), nn.Tanh()))
    expected = fast(X)
    for one in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert one[0].weight is not fast[0].weight
        assert list(one.state_dict()) == list(fast.state_dict())
        torch.testing.assert_close(one(X), expected)
        torch.testing.assert_close(one.original()(X), expected)


def test_calls_of_a_kind_are_exported_once(monkeypatch):
    made, export = [], torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda *a, **k: made.append(1) or export(*a, **k))
    fast = attending(Attention())
    for x in (X, X[:1], X, X.double().float()):
        fast(x)
    assert len(made) == 2


def test_modules_are_elsewhere_or_refused():
    far = Attention().to("meta")
    assert attending(far)(X.to("meta")).shape == X.shape
    with pytest.raises(ImportRefused):
        in_jax(far)(X.to("meta"))


def test_the_torch_target_is_for_modules_alone():
    module = Attention()
    fast = cl.optimise(module, attention="torch")
    assert fast.out.weight is module.out.weight
    agrees(fast, module, X)
    with pytest.raises(WrongKind):
        attending(3)
    for fn, options in ((torch.nn.Tanh(), {"memory": "1 GiB"}), (lambda x: x, {}), (None, {})):
        with pytest.raises(InvalidStructure):
            cl.optimise(fn, attention="torch", **options)
