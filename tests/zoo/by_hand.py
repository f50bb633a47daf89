"""Layers of architectures as one writes them in NumPy; parameters are those of the circuits."""

import math

import numpy as np


def softmax(x, axis=-1):
    x = np.exp(x - x.max(axis, keepdims=True))
    return x / x.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def relu(x):
    return np.maximum(x, 0)


def erf_gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def layer_norm(p, name, x, eps=1e-5):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return x * p[f"{name}.gain"] + p[f"{name}.shift"]


def rms_norm(p, name, x, eps=1e-5):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * p[f"{name}.gain"]


def mapped(p, name, text, x):
    made = np.einsum(text, x, p[name])
    return made + p.get(f"{name}.bias", 0.0)


def causal(scores):
    x, y = scores.shape[-2:]
    return np.where(np.arange(x)[:, None] >= np.arange(y), scores, -np.inf)


def attention(p, x, y=None, masked=False):
    y = x if y is None else y
    q = mapped(p, "Q", "xm,mhd->xhd", x)
    k, v = (mapped(p, name, "ym,mhd->yhd", y) for name in "KV")
    scores = np.einsum("xhd,yhd->hxy", q, k) / math.sqrt(q.shape[-1])
    scores = causal(scores) if masked else scores
    return mapped(p, "O", "xhd,hdm->xm", np.einsum("hxy,yhd->xhd", softmax(scores), v))


def feed_forward(p, x, activation):
    hidden = activation(mapped(p, "up", "xm,mf->xf", x))
    return mapped(p, "down", "xf,fm->xm", hidden)


def swiglu(p, x):
    return (silu(x @ p["gate"]) * (x @ p["up"])) @ p["down"]


def positions(x, m):
    """Sines at even places, cosines at odd ones."""
    angles = np.arange(x)[:, None] / 10000 ** (np.arange(0, m, 2) / m)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(x, m)


def rotary(x, base):
    """Pairs as complex numbers; positions come first."""
    x = np.asarray(x)
    d = x.shape[-1]
    turn = np.exp(1j * np.arange(len(x))[:, None] * base ** -(np.arange(0, d, 2) / d))
    turn = turn.reshape(len(x), *[1] * (x.ndim - 2), d // 2)
    z = (x[..., 0::2] + 1j * x[..., 1::2]) * turn
    return np.stack([z.real, z.imag], -1).reshape(x.shape)


def encoder_layer(p, x):
    x = layer_norm(p, "ln1", x + attention(p, x))
    return layer_norm(p, "ln2", x + feed_forward(p, x, relu))


def decoder_layer(p, y, memory):
    y = layer_norm(p, "ln1", y + attention(p["self"], y, masked=True))
    y = layer_norm(p, "ln2", y + attention(p["cross"], y, memory))
    return layer_norm(p, "ln3", y + feed_forward(p, y, relu)), memory


def vit_layer(p, x):
    x = x + attention(p, layer_norm(p, "ln1", x, 1e-6))
    return x + feed_forward(p, layer_norm(p, "ln2", x, 1e-6), erf_gelu)


def grouped_attention(p, x, base):
    q, k = np.einsum("xm,mgqd->xgqd", x, p["Q"]), np.einsum("xm,mgd->xgd", x, p["K"])
    q, k, v = rotary(q, base), rotary(k, base), np.einsum("xm,mgd->xgd", x, p["V"])
    heads = np.repeat(k, q.shape[2], 1), np.repeat(v, q.shape[2], 1)
    q = q.reshape(len(x), -1, q.shape[-1])
    scores = np.einsum("xhd,yhd->hxy", q, heads[0]) / math.sqrt(q.shape[-1])
    mixed = np.einsum("hxy,yhd->xhd", softmax(causal(scores)), heads[1])
    return mixed.reshape(len(x), -1) @ p["O"].reshape(-1, x.shape[1])


def llama_layer(p, x, base=500000.0):
    x = x + grouped_attention(p, rms_norm(p, "attention_norm", x), base)
    return x + swiglu(p, rms_norm(p, "norm", x))


def through(p, x, weights, chosen):
    """Send each token through the experts that are chosen for it, one by one."""
    found = np.zeros_like(x)
    for at in range(len(x)):
        for weight, e in zip(weights[at], chosen[at], strict=True):
            own = {name: p[name][e] for name in ("gate", "up", "down")}
            found[at] += weight * swiglu(own, x[at])
    return found


def mixtral_layer(p, x, k=2):
    x = x + grouped_attention(p, rms_norm(p, "attention_norm", x), 1000000.0)
    z = rms_norm(p, "norm", x)
    scores = z @ p["router"]
    chosen = np.argsort(-scores, -1)[:, :k]
    weights = softmax(np.take_along_axis(scores, chosen, -1))
    return x + through(p, z, weights, chosen)


def latent_attention(p, x, base=10000.0):
    z = rms_norm(p, "Q_norm", x @ p["Q_latent"], 1e-6)
    q = np.einsum("xa,ahd->xhd", z, p["Q"]), np.einsum("xa,ahr->xhr", z, p["Q_turned"])
    z = rms_norm(p, "KV_norm", x @ p["KV_latent"], 1e-6)
    k, v = (np.einsum("yc,chd->yhd", z, p[name]) for name in "KV")
    shared = rotary(x @ p["K_turned"], base)
    scores = np.einsum("xhd,yhd->hxy", q[0], k)
    scores = scores + np.einsum("xhr,yr->hxy", rotary(q[1], base), shared)
    scores = scores / math.sqrt(k.shape[-1] + shared.shape[-1])
    mixed = np.einsum("hxy,yhv->xhv", softmax(causal(scores)), v)
    return np.einsum("xhv,hvm->xm", mixed, p["O"])


def deepseek_layer(p, x, groups=4, kept=2, k=3):
    x = x + latent_attention(p, rms_norm(p, "attention_norm", x, 1e-6))
    z = rms_norm(p, "norm", x, 1e-6)
    scores = sigmoid(z @ p["router"])
    biased = (scores + p["router.bias"]).reshape(len(x), groups, -1)
    best = np.sort(biased, -1)[..., -2:].sum(-1)
    closed = np.argsort(-best, -1)[:, kept:]
    for at, some in enumerate(closed):
        biased[at, some] = -np.inf
    chosen = np.argsort(-biased.reshape(len(x), -1), -1)[:, :k]
    weights = np.take_along_axis(scores, chosen, -1)
    weights = 2.5 * weights / weights.sum(-1, keepdims=True)
    return x + through(p, z, weights, chosen) + swiglu(p["shared"], z)


def convolved(p, name, x, stride=1, pad=0):
    """Sum over the places of a window; the shape of x is [y z i]."""
    kernel = p[name]
    window = len(kernel)
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    y, z = ((n - window) // stride + 1 for n in x.shape[:2])
    found = sum(
        x[a : a + stride * y : stride, b : b + stride * z : stride][:y, :z] @ kernel[a, b]
        for a in range(window)
        for b in range(window)
    )
    return found + p.get(f"{name}.bias", 0.0)


def normed(p, name, x, stride=1):
    made = convolved(p, name, x, stride, len(p[name]) // 2)
    return made * p[f"{name}.gain"] + p[f"{name}.shift"]


def bottleneck(p, x, stride=2):
    made = relu(normed(p, "conv2", relu(normed(p, "conv1", x)), stride))
    made = normed(p, "conv3", made)
    return relu(made + (normed(p, "fit", x, stride) if "fit" in p else x))


def greatest(x, window, stride, pad=0):
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)), constant_values=-np.inf)
    y, z = ((n - window) // stride + 1 for n in x.shape[:2])
    parts = [
        x[a : a + stride * y : stride, b : b + stride * z : stride][:y, :z]
        for a in range(window)
        for b in range(window)
    ]
    return np.max(parts, axis=0)


def unet_scale(p, x):
    """The lowest two scales of a U-Net."""
    here, below = p["scale0"], p["scale1"]
    x = relu(convolved(here, "down2", relu(convolved(here, "down1", x))))
    inner = greatest(x, 2, 2)
    inner = relu(convolved(below, "down2", relu(convolved(below, "down1", inner))))
    spread = np.einsum("uvi,iabo->uavbo", inner, here["up"])
    y, z = 2 * inner.shape[0], 2 * inner.shape[1]
    spread = spread.reshape(y, z, -1) + here["up.bias"]
    cut = [(n - m) // 2 for n, m in zip(x.shape, (y, z), strict=False)]
    crop = x[cut[0] : cut[0] + y, cut[1] : cut[1] + z]
    both = np.concatenate([crop, spread], -1)
    return relu(convolved(here, "up2", relu(convolved(here, "up1", both))))


def mamba_layer(p, x):
    z = rms_norm(p, "norm", x)
    t, window = np.pad(z @ p["in"], ((3, 0), (0, 0))), range(len(p["conv"]))
    t = silu(sum(t[k : k + len(x)] * p["conv"][k] for k in window) + p["conv.bias"])
    dt = np.log1p(np.exp(t @ p["rank"] @ p["dt"] + p["dt.bias"]))
    B, C, A = t @ p["B"], t @ p["C"], -np.exp(p["A"])
    h, found = np.zeros(A.shape), []
    for k in range(len(x)):
        h = np.exp(dt[k][:, None] * A) * h + dt[k][:, None] * B[k] * t[k][:, None]
        found.append(h @ C[k] + p["D"] * t[k])
    return x + (np.stack(found) * silu(z @ p["gate"])) @ p["out"]
