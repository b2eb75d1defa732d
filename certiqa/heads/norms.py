"""The spectral norm of any matrix, from above, rounding included."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["euclidean_norm", "spectral_norm"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53


def spectral_norm(matrix: Floats) -> float:
    """An upper bound of max ||A d||_2 / ||d||_2 over all d, tight to about 1e-10 relative.

    Let V be the right singular vectors that LAPACK computes: how good they are decides how tight the bound is, and
    nothing else. ||A|| <= ||A V|| ||V^-1||, and each factor is bounded by a Gram matrix G of the computed product P:
    ||P||^2 <= max_i sum_j |G_ij|, and sigma_min(V)^2 >= 1 - max_i sum_j |(V^T V - I)_ij|. A product of n terms computed
    in any order is off by at most n u |A||B| (1 + tiny), u = 2^-53; that much is added to every entry.

    Power iteration would converge from below, and prove nothing.

    Args:
        matrix: (rows, columns), finite.

    >>> round(spectral_norm(np.array([[3.0, 0.0], [0.0, -4.0]])), 9)
    4.0
    """
    a = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    if a.shape[0] < a.shape[1]:
        a = a.T
    scale = float(np.abs(a).max(initial=0.0))
    if scale == 0.0:
        return 0.0
    power = 2.0 ** math.frexp(scale)[1]
    a = a / power  # exact
    vectors = np.linalg.svd(a, full_matrices=False)[2].T
    product, off = a @ vectors, _error(a, vectors)
    gram = np.abs(product.T @ product) + _error(product.T, product)
    rough = math.sqrt(float(gram.sum(axis=1).max())) + float(np.sqrt(np.square(off).sum()))
    unit = np.abs(vectors.T @ vectors - np.eye(len(vectors))) + _error(vectors.T, vectors)
    loss = float(unit.sum(axis=1).max())
    if not loss < 0.5:  # LAPACK failed: the Frobenius norm is a bound all the same
        return euclidean_norm(a) * power
    return rough / math.sqrt(1.0 - loss) * (1 + 1e-12) * power


def euclidean_norm(values: Floats) -> float:
    """The l2 norm of all entries, from above.

    >>> euclidean_norm(np.array([3.0, 4.0])) >= 5.0
    True
    """
    found = math.hypot(*np.asarray(values, dtype=np.float64).ravel().tolist())
    return found * (1 + 1e-12)


def _error(a: Floats, b: Floats) -> Floats:
    """A bound of |fl(a b) - a b|, entry by entry; 1e-300 covers underflow."""
    found: Floats = (a.shape[1] + 4) * _UNIT * 1.01 * (np.abs(a) @ np.abs(b)) + 1e-290
    return found
