"""The operations of ATen on matrices, and Fourier transforms, as functions of JAX.

They are in :data:`~catlearn.importing.aten.TABLE`, with the others. Those that also return how they
were computed, such as pivots, have what is said by :data:`~catlearn.importing.aten.FIRST`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from catlearn.importing.aten import FIRST, TABLE, lacking, operation

Array = Any

# Matrices

TABLE |= dict.fromkeys(("inverse", "linalg_inv"), jnp.linalg.inv)
TABLE |= {
    "linalg_eig": jnp.linalg.eig,
    "linalg_householder_product": lax.linalg.householder_product,
    "linalg_matrix_exp": jnp.vectorize(jax.scipy.linalg.expm, signature="(n,n)->(n,n)"),
    "_linalg_det": lambda x: (jnp.linalg.det(x), None, None),
    "_linalg_slogdet": lambda x: (*jnp.linalg.slogdet(x), None, None),
    "linalg_inv_ex": lambda x, **_: (jnp.linalg.inv(x), None),
}
FIRST |= {"_linalg_det": 1, "_linalg_slogdet": 2, "linalg_cholesky_ex": 1, "linalg_inv_ex": 1}


def _transposed(x: Array) -> Array:
    return jnp.swapaxes(x, -1, -2)


@operation("cholesky", "linalg_cholesky")
def _cholesky(x: Array, upper: bool = False) -> Array:
    """Return the factor of a matrix of which one half is read."""
    lower = jnp.conj(_transposed(x)) if upper else x
    factor = lax.linalg.cholesky(lower, symmetrize_input=False)
    return jnp.conj(_transposed(factor)) if upper else factor


@operation("linalg_cholesky_ex")
def _cholesky_ex(x: Array, *, upper: bool = False, **_: Any) -> Any:
    return _cholesky(x, upper), None


@operation("linalg_solve_triangular")
def _solve_triangular(
    a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))
    return lax.linalg.triangular_solve(
        a, b, left_side=left, lower=not upper, unit_diagonal=unitriangular
    )


@operation("triangular_solve")
def _triangular_solve(
    b: Array, a: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    given, upper = (_transposed(a), not upper) if transpose else (a, upper)
    return _solve_triangular(given, b, upper=upper, unitriangular=unitriangular), a


@operation("cholesky_solve")
def _cholesky_solve(b: Array, factor: Array, upper: bool = False) -> Array:
    lower = jnp.conj(_transposed(factor)) if upper else factor
    half = _solve_triangular(lower, b, upper=False)
    return _solve_triangular(jnp.conj(_transposed(lower)), half, upper=True)


@operation("cholesky_inverse")
def _cholesky_inverse(factor: Array, upper: bool = False) -> Array:
    return _cholesky_solve(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor, upper)


@operation("linalg_solve")
def _solve(a: Array, b: Array, *, left: bool = True) -> Array:
    if b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]):
        return _solve(a, b[..., None])[..., 0]
    if not left:
        return _transposed(_solve(_transposed(a), _transposed(b)))
    lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return jnp.linalg.solve(*(jnp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b)))


@operation("_linalg_eigh")
def _eigh(x: Array, UPLO: str = "L", compute_v: bool = True) -> Any:
    # one half is read, as JAX does of what is symmetric
    half = jnp.tril(x) if UPLO == "L" else jnp.conj(_transposed(jnp.triu(x)))
    strict = jnp.tril(half, -1)
    found = jnp.linalg.eigh(half + jnp.conj(_transposed(strict)), symmetrize_input=False)
    return found if compute_v else (found[0], jnp.zeros((0,), x.dtype))


@operation("_linalg_svd")
def _svd(x: Array, full_matrices: bool = False, compute_uv: bool = True, **_: Any) -> Any:
    if compute_uv:
        return jnp.linalg.svd(x, full_matrices=full_matrices)
    nothing = jnp.zeros((0,), x.dtype)
    return nothing, jnp.linalg.svd(x, compute_uv=False), nothing


@operation("linalg_qr")
def _qr(x: Array, mode: str = "reduced") -> Any:
    if mode == "r":
        return jnp.zeros((0,), x.dtype), jnp.linalg.qr(x, mode="r")
    return tuple(jnp.linalg.qr(x, mode=mode))


@lacking("linalg_pinv")
def _lacking_of_inverses(
    x: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None, atol: Any = None
) -> Iterator[str]:
    if atol is not None:
        yield "absolute limits"
    if hermitian:
        yield "inverses of symmetric matrices"


@operation("linalg_pinv")
def _pinv(x: Array, rcond: float | None = None, *_: Any, rtol: Any = None, **__: Any) -> Array:
    return jnp.linalg.pinv(x, rtol=rtol if rcond is None else rcond)


@lacking("linalg_lu", "linalg_lu_factor")
def _lacking_of_factors(x: Any, *, pivot: bool = True) -> Iterator[str]:
    if not pivot:
        yield "factors without pivots"


@operation("linalg_lu_factor")
def _lu_factor(x: Array, *, pivot: bool = True) -> Any:
    factors, places, _ = lax.linalg.lu(x)
    return factors, places + 1


@operation("linalg_lu")
def _lu(x: Array, *, pivot: bool = True) -> Any:
    factors, _, order = lax.linalg.lu(x)
    count = min(x.shape[-2:])
    unit = jnp.eye(x.shape[-2], count, dtype=x.dtype)
    lower = jnp.tril(factors[..., :count], -1) + unit
    rows = jax.nn.one_hot(order, x.shape[-2], axis=-2, dtype=x.dtype)
    return rows, lower, jnp.triu(factors[..., :count, :])


# Fourier transforms

SCALES = ("backward", "ortho", "forward")
"""By what transforms are divided, by ATen's numbers: nothing, a root of the size, or the size."""


@operation("_fft_c2c")
def _transform(x: Array, dim: Sequence[int], scale: int, forward: bool) -> Array:
    if forward:
        return jnp.fft.fftn(x, axes=tuple(dim), norm=SCALES[scale])
    return jnp.fft.ifftn(x, axes=tuple(dim), norm=SCALES[2 - scale])


@operation("_fft_r2c")
def _transform_real(x: Array, dim: Sequence[int], scale: int, onesided: bool) -> Array:
    transform = jnp.fft.rfftn if onesided else jnp.fft.fftn
    return transform(x, axes=tuple(dim), norm=SCALES[scale])


@operation("_fft_c2r")
def _transform_back(x: Array, dim: Sequence[int], scale: int, last: int) -> Array:
    sizes = [*(x.shape[one] for one in dim[:-1]), last]
    return jnp.fft.irfftn(x, s=sizes, axes=tuple(dim), norm=SCALES[2 - scale])
