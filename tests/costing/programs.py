"""Costs of islands written by hand: the programs of the tests, in words unless widths are given."""

from catlearn.costing import Costs


def matmul(a="a", b="b", c="c"):
    """A product of matrices: a and c grouped, b streamed."""
    return Costs.of(
        f"{a}*{b}*{c}/g_a + {a}*{b}*{c}/g_c + {a}*{c}",
        {"sum": "g_a*g_c + g_a*s_b + s_b*g_c"},
        {"matrix": f"2*{a}*{b}*{c}"},
        {"g_a": a, "s_b": b, "g_c": c},
    )


def swept(a="a", b="b", c="c"):
    """A product of matrices: rows of the first kept, c swept, b whole."""
    return Costs.of(
        f"{a}*{b} + {a}*{b}*{c}/g_a + {a}*{c}",
        {"product": f"g_a*{b} + {b}*s_c + g_a*s_c"},
        {"matrix": f"2*{a}*{b}*{c}"},
        {"g_a": a, "s_c": c},
    )


def attention(kv=1, inner=1, state=1, out=1):
    """Attention of one head, q grouped, x streamed; widths of q k v, of scores, state and output.

    Held: the queries, the accumulators max, sum and output, the scores, and a block of k or of v.
    """
    held = f"{kv}*g_q*d + {state}*g_q*(d + 2) + {inner}*g_q*s_x"
    return Costs.of(
        f"{kv}*q*d + {out}*q*d + {kv}*2*q*x*d/g_q",
        {"scores": f"{held} + {kv}*s_x*d", "values": f"{held} + {kv}*s_x*d"},
        {"matrix": "4*q*x*d", "exponential": "q*x"},
        {"g_q": "q", "s_x": "x"},
    )


def grouped_query():
    """Attention of h heads that share the keys of k groups: rows are queries of a group."""
    return Costs.of(
        "2*h*q*d + 2*k*x*d*(h/k)*q/(g_g*g_q)",
        {"scores": "g_k*(g_g*g_q*(2*d + 3) + d)"},
        {"matrix": "4*h*q*x*d", "exponential": "h*q*x"},
        {"g_k": "k", "g_g": "h/k", "g_q": "q", "s_x": "x"},
    )


def mlp():
    """A gated-free feed-forward part b x m, m x f, f x m: b grouped, f streamed."""
    return Costs.of(
        "2*b*m + 2*b*f*m/g_b",
        {"out": "g_b*2*m + g_b*s_f + s_f*m"},
        {"matrix": "4*b*m*f"},
        {"g_b": "b", "s_f": "f"},
    )


def cross_entropy():
    """A linear map to v scores and the cross-entropy: b grouped, v streamed; three sums."""
    return Costs.of(
        "b*d + b*v*d/g_b + 2*b",
        {"scores": "g_b*(d + 4) + g_b*s_v + s_v*d"},
        {"matrix": "2*b*v*d", "exponential": "b*v"},
        {"g_b": "b", "s_v": "v"},
    )


def split_cross_entropy():
    """The same with v split: partial states of three sums cross and are merged."""
    return Costs.of(
        "b*v*d/g_v + b*v*d/g_b + 6*b*v/g_v + 2*b",
        {"scores": "g_b*g_v + g_b*s_d + s_d*g_v + 4*g_b"},
        {"matrix": "2*b*v*d", "exponential": "b*v"},
        {"g_b": "b", "g_v": "v", "s_d": "d"},
    )


def k_means():
    """The nearest of k centres: p grouped, k streamed."""
    return Costs.of(
        "p*d + 2*p + p*k*d/g_p",
        {"distance": "g_p*(d + 3) + s_k*d"},
        {"matrix": "2*p*k*d"},
        {"g_p": "p", "s_k": "k"},
    )


def attention_chain():
    """Scores, softmax, values (one head, d = e): every island, with all its modes."""
    q_kept = Costs.of(
        "q*d + q*x*d/g_q + q*x",
        {"scores": "g_q*d + s_x*d + g_q*s_x"},
        bounds={"g_q": "q", "s_x": "x"},
    )
    tiled = matmul("q", "d", "x")
    rows = Costs.of("2*q*x", {"softmax": "g_q*x"}, bounds={"g_q": "q"})
    # softmax with the product: e grouped, or whole; the maximum and the sum are held
    fold = Costs.of(
        "q*x*d/g_e + q*x*d/g_q + q*d",
        {"values": "g_q*g_e + 2*g_q + g_q*s_x + s_x*g_e"},
        bounds={"g_q": "q", "g_e": "d", "s_x": "x"},
    )
    return {
        (0, 1): [q_kept, tiled],
        (1, 2): [rows],
        (2, 3): [matmul("q", "x", "d"), swept("q", "x", "d")],
        (1, 3): [fold],
        (0, 3): [attention()],
    }
