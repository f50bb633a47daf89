"""PyTorch modules as functions of JAX and as circuits, against PyTorch."""

import copy
import dataclasses
import sys
from collections import deque
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays.boxes import line_of
from catlearn.arrays.kernels import KERNELS
from catlearn.drawing.circuits.scene import circuit_scene
from catlearn.errors import CatlearnError, DataError, UnknownName, WrongKind
from catlearn.importing import ImportRefused, exported, from_torch, in_jax, to_jax
from catlearn.streams import streamable

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, F = torch.nn, torch.nn.functional


class Given(nn.Module):
    """A function of tensors as a module with one parameter."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.tensor([1.5, -0.5, 2.0]))

    def forward(self, *tensors, **options):
        return self.function(self.w, *tensors, **options)


def drawn(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def differs(found, expected):
    """Return the largest difference of two trees, relative to the largest entry of each array."""
    ours = [np.asarray(one, float) for one in jax.tree.leaves(found)]
    leaves = [one for one in torch.utils._pytree.tree_leaves(expected) if one is not None]
    theirs = [one.detach().double().numpy() for one in leaves]
    pairs = [*zip(ours, theirs, strict=True)]
    # Entries that are not finite have to be equal.
    with np.errstate(invalid="ignore"):
        apart = [np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, a - b) for a, b in pairs]
    scales = [np.abs(np.where(np.isfinite(b), b, 0)).max(initial=1e-30) for b in theirs]
    each = [np.abs(d).max(initial=0) / s for d, s in zip(apart, scales, strict=True)]
    return np.max(each)  # nan if one is


def agrees(module, *inputs, **named):
    fn, state = to_jax(module, *inputs, **named)
    arrays = [one.numpy() if torch.is_tensor(one) else one for one in inputs]
    assert differs(fn(state, *arrays, **named), module(*inputs, **named)) < 1e-5
    return fn, state


def each(library, names, x):
    return [getattr(library, name)(x) for name in names.split()]


MONOTONE = "abs atan ceil erf exp exp2 expm1 floor neg relu round sigmoid sign sinh tanh trunc"
OTHERS = "cos cosh isnan logical_not reciprocal sin square tan"
UNITS = "elu gelu glu hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu6 silu softplus"


def listed(*functions):
    return lambda w, *tensors: [f(*tensors) for f in functions]


NUMBERS = [
    lambda x: [*each(torch, MONOTONE, x), *each(torch, OTHERS, x), *each(F, UNITS, x)],
    lambda x: each(torch, "log log10 log1p log2 rsqrt sqrt", x.abs() + 0.1),
    lambda x: [F.gelu(x, approximate="tanh"), F.softplus(x, 2.0, 3.0), F.elu(x, 0.5)],
    lambda x: [x**2, x.abs() ** 0.5, x.abs() ** -0.5, x**3.0, 2.0**x, 1 - x, x / 3, x // 0.7],
    lambda x: [
        x % 0.7,
        torch.fmod(x, 0.7),
        torch.div(x, 0.3, rounding_mode="trunc"),
        x.clamp(-1, 1),
    ],
    lambda x: [
        x.clamp_min(0.2),
        x.clamp_max(0.2),
        x.masked_fill(x > 0, -1.0),
        torch.where(x > 0, x, 0),
    ],
    lambda x: [*each(torch, "asinh lgamma signbit", x), torch.acosh(x.abs() + 1), x.tanh().atanh()],
    lambda x: [
        torch.fmax(x, -x),
        torch.fmin(x, -x),
        torch.copysign(x, -x),
        torch.ldexp(x, x.long()),
    ],
    lambda x: [
        torch.gcd(x.long() * 6, x.long() + 4),
        x.long() << 2,
        torch.lcm(x.long(), x.long() + 3),
    ],
    lambda x: [(x > 0) & (x < 1), (x > 0) | (x < -1), (x >= 0) ^ (x <= 1), x != 0, ~(x == 0)],
    lambda x: [
        x.long(),
        x.to(torch.float16),
        x.bool(),
        x.double().float(),
        torch.lerp(x, 2 * x, 0.3),
    ],
    lambda x: [
        torch.maximum(x, 0 * x),
        torch.minimum(x, 0 * x),
        torch.atan2(x, x + 9),
        torch.add(x, x, alpha=2),
    ],
]
SUMS = [
    lambda x: [
        x.sum(),
        x.sum((0, 2)),
        x.mean(-1, keepdim=True),
        x.prod(1),
        x.amax(1),
        x.amin((0, 1)),
    ],
    lambda x: [*torch.var_mean(x, unbiased=False), x.std(unbiased=False), torch.cdist(x, x[:1])],
    lambda x: [*x.cummax(1), *x.cummin(2), *x.kthvalue(2, 2), *x.median(1), x.median()],
    lambda x: [torch.ops.aten._safe_softmax(x.masked_fill(x[:, :1] > 0, -torch.inf), 2)],
    lambda x: [x.var(1), x.std((0, 2), correction=0), *torch.var_mean(x, 1), x.logsumexp(1)],
    lambda x: [
        *x.max(1),
        *x.min(2, keepdim=True),
        x.max(),
        x.argmax(1),
        x.argmin(),
        (x > 0).all(1),
    ],
    lambda x: [
        x.cumsum(1),
        x.cumprod(2),
        x.softmax(1),
        x.log_softmax(-1),
        x.norm(dim=1),
        (x > 0).any(),
    ],
    lambda x: [*x.topk(2, 1), *x.topk(2, largest=False), *x.sort(1, descending=True), x.argsort(2)],
    lambda x: [torch.linalg.vector_norm(x, 3, 1), torch.linalg.vector_norm(x, float("inf"), 1)],
    lambda x: [
        F.mse_loss(x, 0 * x),
        F.l1_loss(x, 0 * x, reduction="sum"),
        F.nll_loss(x[0], torch.tensor([1, 0])),
    ],
    lambda x: [F.cross_entropy(x[0], torch.tensor([1, -100])), F.cross_entropy(x, x.softmax(1))],
]
SHAPES = [
    lambda x: [
        x.reshape(4, -1),
        x.flatten(1),
        x.unflatten(2, (2, 2)),
        x[None].squeeze(0),
        x.permute(2, 0, 1),
    ],
    lambda x: [
        x.transpose(0, 2),
        x.mT,
        x.select(1, 1),
        x[:, ::2],
        x[..., -1],
        x.narrow(2, 1, 2),
        x[0].T,
    ],
    lambda x: [
        torch.cat([x, x + 1], 1),
        torch.stack([x, x], 2),
        *x.split([1, 3], 2),
        *x.chunk(3, 2),
        *x.unbind(0),
    ],
    lambda x: [x.flip(1, 2), x.roll((1, -1), (1, 2)), x.repeat(2, 1, 1), x.repeat_interleave(2, 1)],
    lambda x: [
        x.expand(3, 2, 2, 4),
        F.pad(x, (1, 2, 0, 1)),
        F.pad(x, (1, 1), mode="reflect"),
        x.tril(),
        x.triu(1),
    ],
    lambda x: [
        F.pad(x, (-1, 1), value=3.0),
        x.diagonal(0, 1, 2),
        x.new_ones(2),
        torch.zeros_like(x),
        x.movedim(0, 1),
    ],
    lambda x: [x.unfold(2, 2, 1), F.pad(x, (-1, 1), mode="replicate"), F.unfold(x[None], 2)],
    lambda x: [
        F.pixel_shuffle(x.reshape(1, 4, 2, 2), 2),
        x.index_select(1, torch.tensor([1, 1, 0])),
    ],
    lambda x: [
        x[:, torch.tensor([1, -1])],
        x[torch.tensor([0, 1]), torch.tensor([1, 0])],
        x[x[0, :, 0].long() * 0],
    ],
    lambda x: [
        x.gather(2, torch.tensor([[[3, 0]], [[1, 1]]])),
        torch.take_along_dim(x, x.argsort(1), 1),
    ],
    lambda x: [
        x.scatter(2, torch.tensor([[[3], [0]]]), 7.0),
        x.scatter_add(1, torch.zeros(2, 2, 4).long(), x),
    ],
    lambda x: [
        x.index_add(1, torch.tensor([1, 1]), x),
        x.index_put((torch.tensor([0]),), torch.tensor(2.0)),
    ],
    lambda x: [F.one_hot(x.argmax(2), 4), torch.arange(5), torch.eye(3), torch.full((2,), 3.0)],
]
PRODUCTS = [
    lambda x, y: [
        x @ y,
        x @ y[0],
        x[0] @ y[0, :, 0],
        torch.mm(x[0], y[0]),
        torch.bmm(x, y),
        x[0, 0] @ y[0],
    ],
    lambda x, y: [
        torch.einsum("bij,bjk->ik", x, y),
        torch.outer(x[0, 0], y[0, 0]),
        x[0].mv(y[0, :, 0]),
    ],
    lambda x, y: [
        F.bilinear(x[:, 0], x[:, 1], y),
        torch.ops.aten.native_group_norm(x, None, None, 2, 4, 3, 2, 1e-5)[0],
    ],
    lambda x, y: [
        torch.addmm(x[0], x[0], y[0], beta=0.5, alpha=2),
        torch.baddbmm(x @ y, x, y),
    ],
    lambda x, y: [x[:, None] @ y[None], torch.addcmul(x, x, x, value=2), x[0, 0].dot(x[0, 1])],
    lambda x, y: [
        F.scaled_dot_product_attention(x, x, x),
        F.scaled_dot_product_attention(x, x, x, is_causal=True),
        F.scaled_dot_product_attention(x, x, x, torch.tensor([[True], [False], [True], [True]])),
    ],
    lambda x, y: [
        F.layer_norm(x, (3,)),
        F.rms_norm(x, (3,)),
        F.instance_norm(x),
        F.group_norm(x[:, :2], 2),
    ],
]
IMAGES = [
    lambda x, w: [
        F.conv2d(x, w),
        F.conv2d(x, w, stride=2, padding=1),
        F.conv2d(x, w, padding="same", dilation=2),
    ],
    lambda x, w: [
        F.conv2d(x, w[:, :2], groups=2),
        F.conv1d(x[..., 0], w[..., 0], padding=2),
        F.conv2d(x[0], w),
    ],
    lambda x, w: [
        F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1),
        F.conv_transpose2d(x, w[:, :2], groups=2),
    ],
    lambda x, w: [
        F.conv_transpose1d(x[..., 0], w[..., 0], stride=3, dilation=2),
        F.conv3d(x[..., None], w[..., None]),
    ],
    lambda x, w: [
        F.max_pool2d(x, 3, 2, 1),
        F.max_pool2d(x, 2, ceil_mode=True),
        F.max_pool1d(x[..., 0], 2, dilation=2),
    ],
    lambda x, w: [
        *F.max_pool2d(x, 3, 2, 1, return_indices=True),
        *F.max_pool1d(x[..., 0], 2, dilation=2, return_indices=True),
        F.adaptive_max_pool2d(x, (3, 7)),
    ],
    lambda x, w: [
        F.grid_sample(x, x[:, :2].movedim(1, -1), align_corners=False),
        F.grid_sample(x, x[:, :2].movedim(1, -1), padding_mode="border", align_corners=True),
        F.grid_sample(x, x[:, :2].movedim(1, -1), mode="nearest", align_corners=False),
    ],
    lambda x, w: [
        F.avg_pool2d(x, 2),
        F.avg_pool2d(x, 3, 2, 1),
        F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ],
    lambda x, w: [
        F.avg_pool2d(x, 2, ceil_mode=True),
        F.adaptive_avg_pool2d(x, (1, 2)),
        F.adaptive_avg_pool1d(x[0], 3),
    ],
    lambda x, w: [
        F.interpolate(x, scale_factor=2),
        F.interpolate(x, (5, 9)),
        F.interpolate(x, (3, 4), mode="bilinear"),
        F.interpolate(x, scale_factor=1.7),
        F.interpolate(x, scale_factor=1.7, mode="bilinear"),
    ],
    lambda x, w: [
        F.interpolate(x, (9, 9), mode="bilinear", align_corners=True),
        F.batch_norm(x, x[0, :, 0, 0], x[0, :, 0, 1] ** 2),
    ],
]


SPECIAL = [
    lambda x: each(torch, "erfc digamma i0 sgn frac", x.abs() + 0.1),
    lambda x: [torch.hypot(x, x + 1), torch.polygamma(1, x.abs() + 1), x.tanh().erfinv()],
    lambda x: [
        torch.special.gammainc(x.abs(), x.abs() + 1),
        torch.special.zeta(x.abs() + 2, x.abs() + 1),
    ],
    lambda x: [*torch.frexp(x), torch.logcumsumexp(x, 1), torch.histc(x, 4), torch.dist(x, 2 * x)],
    lambda x: [torch.bucketize(x, x[0].sort()[0]), torch.searchsorted(x.sort(1)[0], x, right=True)],
    lambda x: [
        F.pdist(x.reshape(4, 3)),
        x.view(torch.int32),
        x.put(torch.tensor([0, -1]), x[0, :2]),
    ],
    lambda x: [
        x.scatter(1, torch.tensor([[0, 0], [1, 2]]), x, reduce=how) for how in ("add", "multiply")
    ],
    lambda x: [
        x.scatter_reduce(1, torch.tensor([[0, 0, 3], [1, 2, 2]]), x, how, include_self=own)
        for how in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    ],
    lambda x: [
        x.index_reduce(1, torch.tensor([1, 1]), x[:, :2], "mean"),
        x.masked_scatter(x > 0, -x),
    ],
    lambda x: [
        F.multilabel_margin_loss(x, torch.tensor([[3, 0, -1, 1, 1, 1], [1, -1, 0, 0, 0, 0]]))
    ],
    lambda x: [
        F.cross_entropy(x, torch.tensor([1, 3]), weight=x[0].abs(), label_smoothing=0.1),
        F.cross_entropy(x, torch.tensor([1, -100]), label_smoothing=0.2, reduction="none"),
        F.cross_entropy(x, x.softmax(1), weight=x[0].abs(), label_smoothing=0.1),
    ],
]
COMPLEX = [
    lambda x, y: each(torch, "real imag abs angle var", torch.complex(x, y)),
    lambda x, y: [torch.view_as_real(torch.complex(x, y).mH @ torch.complex(x, y))],
    lambda x, y: [
        torch.view_as_real(
            torch.view_as_complex(x[..., :2].contiguous()) * torch.polar(x[..., 0], y[..., 0])
        )
    ],
    lambda x, y: [
        torch.fft.rfft(x).abs(),
        torch.fft.irfft2(torch.fft.rfft2(x), (4, 3)),
        torch.fft.fftn(x, norm="ortho").imag,
    ],
    lambda x, y: [
        torch.fft.ifft(torch.complex(x, y), n=5, norm="forward").real,
        torch.fft.fftshift(x),
    ],
]
MATRICES = [
    lambda x: [torch.det(x), *torch.linalg.slogdet(x), torch.linalg.inv(x), torch.inverse(x)],
    lambda x: [torch.linalg.cholesky(x @ x.mT), torch.linalg.cholesky(x @ x.mT, upper=True)],
    lambda x: [torch.cholesky_solve(x, x.tril()), torch.cholesky_inverse(x.triu(), upper=True)],
    lambda x: [torch.linalg.solve(x, x[..., 0]), torch.linalg.solve(x, x[:, :2], left=False)],
    lambda x: [torch.linalg.solve_triangular(x, x, upper=True), torch.linalg.pinv(x[:, :2])],
    lambda x: [torch.linalg.eigvalsh(x + x.mT), torch.linalg.svdvals(x), torch.linalg.cond(x)],
    lambda x: [torch.linalg.eigh(x + x.mT)[1].abs(), *map(torch.abs, torch.linalg.svd(x))],
    lambda x: [*map(torch.abs, torch.linalg.qr(x[:, :, :2])), torch.linalg.matrix_exp(x)],
    lambda x: [*torch.linalg.lu(x), *torch.linalg.lu_factor(x), torch.linalg.matrix_power(x, -2)],
]


@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter", "ignore:index_reduce")
@pytest.mark.parametrize(
    ("functions", "shapes"),
    [
        (SPECIAL, [(2, 6)]),
        (COMPLEX, [(2, 4, 3), (2, 4, 3)]),
        (MATRICES, [(2, 3, 3)]),
        (NUMBERS, [(2, 6)]),
        (SUMS, [(2, 2, 4)]),
        (SHAPES, [(2, 2, 4)]),
        (PRODUCTS, [(2, 4, 3), (2, 3, 3)]),
        (IMAGES, [(2, 4, 7, 7), (4, 4, 3, 3)]),
    ],
    ids=["special", "complex", "matrices", "numbers", "sums", "shapes", "products", "images"],
)
def test_operations_are_those_of_torch(functions, shapes):
    agrees(Given(listed(*functions)), *drawn(*shapes))


class Sloped(nn.Module):
    """What has a gradient that is another one, or none, where a formula has that of its own."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(4, 3, padding_idx=1)
        self.cells = nn.GRU(3, 2, bidirectional=True, batch_first=True)

    def forward(self, x):
        y = self.cells(self.rows(torch.tensor([[0, 1], [3, 1]])) * x[:1])[0]
        places = torch.tensor([[0, 0, 1], [2, 2, 2]])
        least = (x + 9).scatter_reduce(1, places, x, "amin", include_self=False)
        shown = torch.tensor([[False, False], [True, False]])
        masks = shown, torch.zeros(2, 2).masked_fill(~shown, -torch.inf)
        hidden = [F.scaled_dot_product_attention(x[None], x[None], x[None], m) for m in masks]
        flat = [torch.linalg.vector_norm(0 * x, dim=1), (0 * x).std(1), torch.cdist(x, x)]
        return [y, least, *hidden, *flat]


def test_gradients_are_those_of_torch():
    torch.manual_seed(0)
    module, (x,) = Sloped(), drawn((2, 3))
    x.requires_grad_()
    expected = torch.autograd.grad(sum(one.sin().sum() for one in module(x)),
                                   [x, *module.parameters()])  # fmt: skip
    fn, state = to_jax(module, x)

    def total(state, x):
        return sum(jnp.sin(one).sum() for one in fn(state, x))

    slopes, slope = jax.grad(total, (0, 1))(state, x.detach().numpy())
    found = [slope, *(slopes[name] for name, _ in module.named_parameters())]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_are_blocks_with_rounds(kind):
    torch.manual_seed(0)
    module, (x,) = kind(3, 4, 2, bidirectional=True, batch_first=True), drawn((2, 5, 3))
    fn, _ = agrees(module, x)
    found = fn.imported()
    assert found.opaque == []
    rounds = [one for one in found.circuit.apex.lists["rounds"] if len(one)]
    assert len(rounds) == 4  # two layers, each way
    values = cl.lower(found.circuit)(found.params, x.numpy())
    assert differs(found.result(values), module(x)) < 1e-5


def test_what_is_detached_has_no_gradient():
    fn, state = to_jax(Given(lambda w, x: w.detach() * x + w), *drawn((2, 3)))
    slope = jax.grad(lambda state: fn(state, np.ones((2, 3), "float32")).sum())(state)
    np.testing.assert_array_equal(slope["w"], 2 * np.ones(3))


def encoder(**options):
    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(12, 3, 20, dropout=0.0, batch_first=True, **options)


def folds(circuit):
    """Return what is summed along each axis that can be streamed, by the name of the axis."""
    found = streamable(circuit)
    return {
        axis: [line.split(" = ")[1] for line in str(fold).splitlines()[1:]]
        for axis, fold in found.items()
        if not isinstance(fold, str)
    }


def with_exponentials(found):
    return [lines for lines in found.values() if any("exp" in line for line in lines)]


def test_attention_is_one_fold():
    """Oracle 37: a maximum, a sum of exponentials, and a weighted one."""
    torch.manual_seed(0)
    module = nn.MultiheadAttention(12, 3, batch_first=True)
    (x,) = drawn((2, 5, 12))
    fn, _ = to_jax(module, x, x, x, need_weights=False)
    found = fn.imported()
    assert found.opaque == []
    assert set(found.circuit.parameters) == set(module.state_dict())
    values = cl.lower(found.circuit)(found.params, *3 * [x.numpy()])
    assert differs(found.result(values), module(x, x, x, need_weights=False)) < 1e-6
    ((greatest, *sums),) = with_exponentials(folds(found.circuit))
    assert greatest.startswith("max")
    assert ["exp" in one for one in sums] == [True, True]


def test_a_layer_is_a_fold_of_attention_and_one_along_its_hidden_axis():
    """Oracle 37."""
    module, (x,) = encoder(), drawn((2, 5, 12))
    fn, _ = to_jax(module, x)
    found = fn.imported()
    assert found.opaque == []
    values = cl.lower(found.circuit)(found.params, x.numpy())
    assert differs(found.result(values), module(x)) < 1e-6
    along = folds(found.circuit)
    assert len(with_exponentials(along)) == 1
    hidden = [axis for axis in along if str(found.circuit.axes.get(axis)) == "20"]
    assert [len(along[axis]) for axis in hidden] == [1]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_transformer_is_imported():
    torch.manual_seed(0)
    module = nn.Transformer(12, 3, 1, 1, 20, batch_first=True).eval()
    source, target = drawn((2, 5, 12), (2, 6, 12))
    fn, _ = agrees(module, source, target)
    found = fn.imported()
    values = cl.lower(found.circuit)(found.params, source.numpy(), target.numpy())
    assert differs(found.result(values), module(source, target)) < 1e-5
    assert found.circuit.counts().parameters == sum(p.numel() for p in module.parameters())


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_layers_are_drawn_once():
    layer = nn.TransformerEncoderLayer(12, 3, 20, batch_first=True)
    module = nn.TransformerEncoder(layer, 3).eval()
    scene = circuit_scene(from_torch(module, torch.zeros(2, 5, 12)), depth=0)
    assert [stand.glyph.sign for stand in scene.stands] == ["layers ×3"]


def test_names_are_those_of_the_state_dict():
    module = nn.Sequential(nn.Linear(3, 3, bias=False), nn.BatchNorm1d(3), nn.Linear(3, 3)).eval()
    module[2].weight = module[0].weight
    (x,) = drawn((2, 3))
    _, state = agrees(module, x)
    read = set(module.state_dict()) - {"1.num_batches_tracked", "2.weight"}
    assert set(state) == read == set(from_torch(module, x).parameters)


class Lines(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(3), nn.LayerNorm(3)])

    def forward(self, x):
        x = torch.tanh(x)
        return self.norms[1](x) * 3


def test_boxes_have_the_lines_of_the_module_that_made_them(monkeypatch):
    """Those of the outermost layer's that is not PyTorch's; a mutant has the table's own."""
    first, own = Lines.forward.__code__.co_firstlineno, Lines.forward.__code__.co_filename

    def places():
        found = to_jax(Lines(), *drawn((2, 3)))[0].imported().sources
        return [(file, line - first) for file, line, _ in map(line_of, found)]

    found = places()
    assert found[0] == (own, 1)
    assert {*found[1:]} == {(own, 2)}
    layer = to_jax(nn.LayerNorm(3), *drawn((2, 3)))[0].imported().sources
    assert all("normalization.py" in one for one in layer)
    monkeypatch.setattr(exported, "_line", lambda node: None)
    assert (own, 1) not in places()


def test_what_no_input_reaches_is_written_by_indices():
    def masked(w, x):
        n = torch.arange(5)
        return x + torch.zeros(5, 5).masked_fill(n[:, None] < n, float("-inf"))

    fn, state = to_jax(Given(masked), *drawn((5, 5)))
    jaxpr = jax.make_jaxpr(fn)(state, np.ones((5, 5), "float32"))
    assert not jaxpr.consts
    # Masks are made by changes of views, too.
    agrees(Given(masked), *drawn((5, 5)))

    def marked(w, x):
        mask = torch.zeros(4, 4)
        mask[:2, 2:] += 1
        mask.mT[0].fill_(3)
        y = x * 2
        y[1:].mul_(w[0])
        return y + mask

    agrees(Given(marked), *drawn((4, 4)))


def test_inputs_have_names_and_trees():
    def named(w, pair, *, scale, flag=True):
        return {"b": (pair[0] * w * scale, None), "a": [pair[1].long()]}

    x, y = drawn((2, 3), (3,))
    module = Given(named)
    fn, state = to_jax(module, (x, y), flag=False, scale=3)
    found = fn(state, (x.numpy(), y.numpy()), scale=3, flag=False)
    expected = module((x, y), scale=3)
    for part in ("a", "b"):
        assert differs(found[part], expected[part]) < 1e-6
    assert found["b"][1] is None
    assert isinstance(found["a"], list)
    for wrong in [((x, x), 3), ((x, y), 4), ((x,), 3)]:
        with pytest.raises(DataError):
            fn(state, *map(tuple, wrong[:1]), scale=wrong[1], flag=False)
    with pytest.raises(DataError) as caught:
        fn(state, x.numpy(), scale=3, other=False)
    (failure,) = caught.value.failures
    assert failure.where == "arguments"
    assert "(0, scale=1, other=2)" in failure.message
    assert "((0, 1), flag=2, scale=3)" in failure.message


class Elsewhere(nn.Module):
    def forward(self, x):
        return torch.special.airy_ai(x @ x.mT) + torch.special.bessel_j0(x).sum()


LOOSE = torch.ones(3, requires_grad=True)

REFUSED = {
    "operation": (Elsewhere(), {"operation"}, 2),
    "options": (
        Given(
            lambda w, x: (
                torch.linalg.pinv(x @ x.mT, atol=0.1, hermitian=True).sum()
                + F.grid_sample(x[None, None], x[None, None, :, :2], "bicubic", "reflection", True)
                + torch.special.airy_ai(x).sum()
            )
        ),
        {"operation"},
        3,
    ),
    "device": (nn.Linear(3, 2, device="meta"), {"device"}, 1),
    "shape": (Given(lambda w, x: x[x > 0]), {"shape"}, 1),
    "rows": (Given(lambda w, x: torch.nonzero(x)), {"shape"}, 1),
    "all of it": (
        Given(lambda w, x: torch.rand(2) + torch.special.airy_ai(x).sum() + torch.nonzero(x).sum()),
        {"shape", "operation"},
        3,
    ),
    "number": (Given(lambda w, x: x[: int(x.sum())]), {"shape"}, 1),
    "branch": (Given(lambda w, x: x if x.sum() > 0 else -x), {"shape"}, 1),
    "random": (Given(lambda w, x: x + torch.rand(2, 3) * torch.randn(3)), {"operation"}, 2),
    "mutation": (nn.BatchNorm1d(3).train(), {"mutation"}, 3),
    "export": (Given(lambda w, x: x[1 // 0]), {"export"}, 1),
    "attribute": (Given(lambda w, x: x * LOOSE), {"attribute"}, 1),
    "control": (
        Given(lambda w, x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))),
        {"operation"},
        1,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_is_refused(name):
    module, laws, count = REFUSED[name]
    with pytest.raises(ImportRefused) as caught:
        to_jax(module, *drawn((2, 3)))
    failures = caught.value.failures
    assert {one.law for one in failures} == laws
    assert len(failures) == count
    if name != "device" and name != "export":
        module(*drawn((2, 3)))


def test_derivatives_that_jax_lacks_are_named():
    module = in_jax(Given(lambda w, x: torch.linalg.householder_product(x, x[0])))
    (x,) = drawn((3, 3))
    torch.testing.assert_close(module(x), module.original()(x))
    with pytest.raises(ImportRefused) as caught:
        module(x.requires_grad_())
    assert [one.law for one in caught.value.failures] == ["derivative"]


def test_masks_are_read_whatever_is_in_them():
    """A mutant, in which the first mask is taken for a causal one for ever, ignores the second."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    module = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    x, other = drawn((2, 5, 8), (5, 5))
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    fn, state = agrees(module, x, mask)
    assert differs(fn(state, x.numpy(), other.numpy()), module(x, other)) < 1e-5
    named, params = to_jax(module, x, mask=mask, is_causal=True)
    found = named(params, x.numpy(), mask=mask.numpy(), is_causal=True)
    assert differs(found, module(x, mask=mask, is_causal=True)) < 1e-5


def test_branches_of_pytorch_are_named_and_its_graphs_not_printed(capfd):
    def loss(w, x):
        print("said by the module", file=sys.stderr)
        return F.gaussian_nll_loss(x, x, x)

    with pytest.raises(ImportRefused) as caught:
        to_jax(Given(loss), *drawn((2, 3)))
    (fault,) = caught.value.failures
    assert "test_torch.py" in fault.where
    assert "gaussian_nll_loss" in fault.where
    assert capfd.readouterr().err == "said by the module\n"


class Dropping(nn.Module):
    """Entries and rows that are dropped, twice alike."""

    def __init__(self):
        super().__init__()
        self.entries, self.rows = nn.Dropout(0.25), nn.Dropout1d(0.5)

    def forward(self, x):
        return self.entries(x), self.entries(x), self.rows(x)


def test_a_module_that_trains_has_dropouts():
    module, x = Dropping(), torch.ones(4, 50, 40)
    circuit = from_torch(module, x)
    kernels = [one.kernel for one in circuit.apex.operations if one.title == "dropout"]
    assert sorted(one.option("rate") for one in kernels) == [0.25, 0.25, 0.5]
    assert circuit.opaque == []
    run, fn = jax.jit(cl.lower(circuit)), to_jax(module, x)[0]
    key = jax.random.key(0)
    for one, two, rows in (run({}, x.numpy(), key=key), jax.jit(fn.drawn(key))({}, x.numpy())):
        for found in (one, two):
            assert {*np.unique(found)} == {np.float32(0), np.float32(1 / 0.75)}
            assert abs(np.mean(found == 0) - 0.25) < 0.02  # 4 standard deviations
        assert not np.array_equal(one, two)
        assert {*np.unique(np.asarray(rows).mean(-1)).tolist()} == {0, 2}
        assert abs(np.mean(rows == 0) - 0.5) < 0.15
    for found in (*run({}, x.numpy()), *fn({}, x.numpy()), *cl.lower(from_torch(
        module.eval(), x))({}, x.numpy(), key=key)):  # fmt: skip
        np.testing.assert_array_equal(found, x)


def test_samples_that_are_one_are_seen(monkeypatch):
    """A mutant: dropouts of one array are taken for one."""
    known = dataclasses.replace(KERNELS["dropout"], deterministic=True)
    monkeypatch.setitem(KERNELS, "dropout", known)
    with pytest.raises(AssertionError):
        test_a_module_that_trains_has_dropouts()


def test_dropout_of_attention_is_that_of_its_weights():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    x = drawn((1, 3, 8))[0].repeat(2000, 1, 1)  # samples of one example
    fn, params = to_jax(layer, x)
    circuit = fn.imported().circuit
    assert [one.kernel.name for one in circuit.apex.operations].count("dropout") == 4
    ours = np.asarray(jax.jit(cl.lower(circuit))(params, x.numpy(), key=jax.random.key(1)))
    theirs = layer(x).detach().numpy()
    spread = np.maximum(theirs.std(0), ours.std(0)) * np.sqrt(2 / len(x))
    assert np.all(np.abs(ours.mean(0) - theirs.mean(0)) < 5 * spread)
    assert np.allclose(ours.std(0), theirs.std(0), rtol=0.2)
    plain = cl.lower(from_torch(layer.eval(), x[:1]))(params, x[:1].numpy())
    assert differs(plain, layer(x[:1]).detach()) < 1e-5


def test_inputs_on_other_devices_are_named():
    with pytest.raises(ImportRefused) as caught:
        from_torch(nn.Linear(3, 2, device="meta"), torch.zeros(2, 3, device="meta"))
    assert [one.where for one in caught.value.failures] == ["weight, bias", "input 0"]


@pytest.mark.parametrize(
    ("inputs", "law"),
    [
        (lambda: torch.eye(3).to_sparse(), "layout"),
        (
            lambda: torch.nested.nested_tensor([*drawn((1, 3), (2, 3))], layout=torch.jagged),
            "layout",
        ),
        (lambda: torch.zeros(2, 2), "export"),
    ],
)
def test_inputs_of_other_layouts_are_named(inputs, law, capfd):
    with pytest.raises(ImportRefused) as caught:
        from_torch(nn.Linear(3, 2), inputs())
    assert [one.law for one in caught.value.failures] == [law]
    assert capfd.readouterr().err == ""


def test_what_is_no_tensor_is_returned_as_it_is():
    module, (x,) = Given(lambda w, x: (x * 2, 3, None, x.shape[0])), drawn((2, 3))
    found = in_jax(module)(x)
    assert found[1:] == (3, None, 2)
    assert differs(found[0], x * 2) < 1e-6


def test_inputs_that_a_call_changes_are_named():
    with pytest.raises(ImportRefused) as caught:
        from_torch(Given(lambda w, x: x.add_(1) * 2), *drawn((2, 3)))
    assert [(one.law, one.where) for one in caught.value.failures] == [("mutation", "tensors_0")]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_only_modules_are_imported():
    for function in (to_jax, from_torch, in_jax):
        with pytest.raises(WrongKind):
            function(3)
    with pytest.raises(WrongKind, match="transform"):
        in_jax(nn.Linear(3, 2), 3)
    for options in ({}, {"attention": "torch"}):
        with pytest.raises(WrongKind, match=r"torch\.jit"):
            cl.optimise(torch.jit.trace(nn.Linear(3, 2), torch.ones(3)), **options)


def test_a_module_runs_in_jax():
    module = encoder()
    fast, (x,) = in_jax(module), drawn((2, 5, 12))
    assert isinstance(fast, nn.TransformerEncoderLayer)
    assert list(fast.state_dict()) == list(module.state_dict())
    x.requires_grad_()
    slopes = []
    for one in (fast, module):
        loss = (one(x) ** 2 * torch.arange(12)).sum()
        slopes.append(torch.autograd.grad(loss, [x, *one.parameters()]))
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), fast.original()(x), rtol=1e-5, atol=1e-5)


def test_gradients_of_complex_numbers_are_those_of_pytorch():
    module, rng = Given(lambda w, x: w * x * x), np.random.default_rng(0)
    x, weight = (
        torch.tensor(rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3)), dtype=torch.complex64)
        for _ in range(2)
    )
    x.requires_grad_()
    slopes = []
    for one in (in_jax(module), module):
        y = one(x.conj())
        slopes.append(torch.autograd.grad((y * weight).real.sum() + y.imag.sum(), [x, one.w]))
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_arrays_that_a_module_is_given_are_inputs():
    fast = in_jax(Given(lambda w, x: x * 2))
    ones = np.ones((500, 3), np.float32)
    # Both are printed alike.
    for array in (ones, np.where(np.arange(500)[:, None] == 250, 5, ones)):
        np.testing.assert_array_equal(fast(array), 2 * array)


def test_a_module_in_jax_is_trained():
    module = encoder()
    twins, (x,) = [in_jax(copy.deepcopy(module)), module], drawn((2, 5, 12))
    for one in twins:
        optimizer = torch.optim.SGD(one.parameters(), 0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (one(x) ** 2).mean().backward()
            optimizer.step()
    ours, theirs = ([p.detach() for p in one.parameters()] for one in twins)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_module_in_jax_is_transformed_and_imported_by_shape():
    seen = []

    def halved(fn):
        seen.append(fn)
        return lambda state, x: jax.tree.map(lambda y: y / 2, fn(state, x))

    module = Given(lambda w, x: {"y": x * w, "n": x.long()})
    fast = in_jax(module, halved)
    for rows in (2, 4, 2):
        (x,) = drawn((rows, 3))
        found = fast(x)
        torch.testing.assert_close(found["y"], x * module.w / 2)
        assert found["n"].dtype is torch.int64
    assert len(seen) == 2
    assert copy.deepcopy(fast)(x)["y"].equal(fast(x)["y"])
    wide = copy.deepcopy(fast).double()
    for enabled, bound in ((False, 1e-5), (True, 1e-12)):
        with jax.enable_x64(enabled):
            exact = x.double() * wide.w / 2
            torch.testing.assert_close(wide(x.double())["y"], exact, rtol=bound, atol=0)
    half = in_jax(Given(lambda w, x: x * w)).bfloat16()
    assert half(x.bfloat16()).dtype is torch.bfloat16
    with pytest.raises(CatlearnError):
        in_jax(Elsewhere())(x)
    assert jnp.asarray(0).dtype == jnp.int32


@dataclasses.dataclass
class Config:
    """Settings in an object, which is in what it holds."""

    def __post_init__(self):
        self.inner = SimpleNamespace(rates=[1.0], outer=self)


class Settings(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.act = nn.Linear(3, 3), nn.Linear(3, 3), nn.LeakyReLU(0.1)
        self.b.weight = self.a.weight
        self.table, self.scales, self.rate = torch.ones(3), [1.0], 2.0
        self.register_buffer("fixed", torch.ones(3), persistent=False)
        self.config, self.recent = Config(), deque([1.0])

    def forward(self, x):
        scale = sum(self.scales) * sum(self.recent) * sum(self.config.inner.rates)
        return self.b(self.act(self.a(x * self.table * self.fixed * self.rate))) * scale


CHANGES = {
    "a number": lambda m: setattr(m, "rate", 3.0),
    "a number inside": lambda m: setattr(m.act, "negative_slope", 0.5),
    "a list": lambda m: m.scales.append(2.0),
    "a queue": lambda m: m.recent.append(2.0),
    "a data class": lambda m: setattr(m.config.inner, "rates", [3.0]),
    "a tensor": lambda m: m.table.add_(1),
    "a buffer that is no state": lambda m: m.fixed.mul_(2),
    "a module": lambda m: setattr(m, "act", nn.Tanh()),
    "a hook": lambda m: m.a.register_forward_hook(lambda m, x, y: y * 2),
    "a parameter that was shared": lambda m: setattr(m.b, "weight", nn.Parameter(torch.eye(3))),
    "weights that hooks compute": lambda m: m.apply(halved),
}


def halved(module):
    """Have hooks compute what is a plain attribute of the whole."""
    if isinstance(module, Settings):
        module.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        module.register_forward_pre_hook(lambda m, x: setattr(m, "table", m.scale / 2))


def test_modules_run_as_they_are_now_and_so_do_copies(monkeypatch, mutants):
    """Oracle: the module itself. A mutant, of which runs know parameters and buffers alone."""
    first, (x,) = in_jax(Settings()), drawn((4, 3))
    first(x)

    def apart(change):
        """Return whether a change of a copy leaves values or gradients that are not its own."""
        changed, found = copy.deepcopy(first), []
        change(changed)
        for one in (changed, copy.deepcopy(changed.original())):
            y = one(x)
            slopes = torch.autograd.grad((y**2).sum(), [*one.parameters()])
            found.append([y, *slopes])
        return not all(map(torch.allclose, *found))

    assert [name for name, change in CHANGES.items() if apart(change)] == []
    torch.testing.assert_close(first(x), first.original()(x))
    read = []
    with monkeypatch.context() as patched:
        patched.setattr(exported, "static_key", read.append)
        first(x)
    assert read == []
    with mutants("runs that know no attributes"):
        monkeypatch.setattr(exported, "describe", lambda module: ())
        first(x)
        assert apart(CHANGES["a tensor"])


def test_parametrisations_of_a_module_are_those_of_its_run():
    class Doubled(nn.Module):
        def forward(self, x):
            return 2 * x

    change, (x,) = nn.utils.parametrize, drawn((4, 3))
    before, after = nn.Linear(3, 2), in_jax(nn.Linear(3, 2))
    change.register_parametrization(before, "weight", Doubled())
    before = in_jax(before)
    change.register_parametrization(after, "weight", Doubled())
    for one in (before, after):
        torch.testing.assert_close(one(x), one.original()(x))
        change.remove_parametrizations(one, "weight")
        torch.testing.assert_close(one(x), F.linear(x, one.weight, one.bias))


def test_modules_that_run_by_graphs_of_their_own_are_not_exported():
    module, (x,) = nn.Sequential(in_jax(nn.Linear(3, 2))), drawn((4, 3))
    with pytest.raises(ImportRefused) as caught:
        from_torch(module, x)
    assert [(one.law, one.where) for one in caught.value.failures] == [("export", "Linear")]
    compiled = torch.compile(module, backend="eager")
    torch.testing.assert_close(compiled(x), module(x))


def test_optimised_modules_have_the_numbers_of_the_original():
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    fast = cl.optimise(layer)
    (x,) = drawn((1, 256, 16))
    assert fast.linear1.weight is layer.linear1.weight
    assert differs(fast(x).detach(), layer(x)) < 1e-5
    fast(x).sin().sum().backward()
    found = {name: one.grad.clone() for name, one in layer.named_parameters()}
    layer.zero_grad()
    layer(x).sin().sum().backward()
    scale = max(one.grad.abs().max() for one in layer.parameters())
    for name, one in layer.named_parameters():
        assert (found[name] - one.grad).abs().max() < 1e-5 * scale, name


def test_optimised_modules_say_how_they_run():
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.line, self.drop = nn.Linear(8, 8), nn.Dropout(0.5)

        def forward(self, x, *, scale):
            x = self.drop(self.line(x["x"]))
            return torch.softmax(x @ x.mT * scale, -1) @ x

        def report(self):
            return "its own"

    module = Scores()
    fast, (x,) = cl.optimise(block=64)(module), drawn((256, 8))
    for one in (fast, copy.deepcopy(fast), fast.eval()):
        assert one.plan({"x": x}, scale=2.0).streams.streamed
    assert differs(fast({"x": x}, scale=2.0).detach(), module.eval()({"x": x}, scale=2.0)) < 1e-5
    assert fast.report() == "its own"
    calls = []

    class Counted(nn.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    counted = Counted(8, 8)
    counted.register_forward_hook(lambda *given: torch.tanh(given[2]))
    kept = cl.optimise(counted)
    kept(x)
    times = len(calls)
    assert "tanh" not in str(kept.plan(x).program.circuit)
    kept.report(x)
    assert len(calls) == times
    assert not hasattr(in_jax(module), "plan")
    with pytest.raises(UnknownName, match="plan"):
        in_jax(nn.Linear(8, 8), None, ["plan"]).plan(x)
    with pytest.raises(WrongKind, match="methods"):
        in_jax(nn.Linear(8, 8), None, "plan")
    line = cl.optimise(nn.Linear(8, 8))
    assert line.report(x).plan.left_alone
    assert line.report(x).difference == 0


def test_from_jax_names_what_imports_modules():
    with pytest.raises(ImportRefused, match="from_torch"):
        cl.from_jax(torch.nn.Linear(3, 2), np.ones(3))
