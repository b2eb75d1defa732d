"""The search for the least-squares four-parameter logistic: two parameters are searched, two are solved for."""

from __future__ import annotations

from itertools import product

import numpy as np

from certiqa.metrics.pairs import Floats

__all__ = ["least_squares_logistic"]

_WIDTHS = np.geomspace(0.01, 5, 12)  # of the grid, in units of the spread of the scores
_NARROWEST, _WIDEST = 1e-3, 10.0
_REACH = 2.0  # how far beyond the scores the centre may lie
_POLISHED = 4


def least_squares_logistic(
    x: Floats, y: Floats, increasing: bool | None
) -> tuple[float, float, float, float, bool] | None:
    """(left, right, centre, width, converged) of the logistic nearest to y; None if none beats a constant.

    Args:
        x: (n,) finite, not all the same.
        y: (n,) likewise.
        increasing: the direction; None: either.
    """
    from scipy.optimize import least_squares

    low, high = np.quantile(x, (0.025, 0.975))
    unit = float(high - low) or float(np.ptp(x))
    t, y_middle, y_unit = (x - np.median(x)) / unit, float(y.mean()), float(y.std())
    problem = _Problem(t, (y - y_middle) / y_unit, increasing)
    edges = (float(t.min()) - _REACH, float(t.max()) + _REACH)
    limits = np.array([edges, (np.log(_NARROWEST), np.log(_WIDEST))]).T
    centres = np.concatenate([np.quantile(t, np.linspace(0.02, 0.98, 9)), (t.min() - 0.5, t.max() + 0.5)])
    grid = sorted(product(centres, np.log(_WIDTHS)), key=problem.loss)
    best, success = np.array(grid[0]), False
    for start in grid[:_POLISHED]:
        found = least_squares(
            problem.residuals,
            start,
            jac="3-point",
            bounds=(limits[0], limits[1]),
            x_scale=(1.0, 1.0),
            xtol=1e-12,
            ftol=1e-14,
            gtol=1e-12,
        )
        if problem.loss(found.x) <= problem.loss(best):
            best, success = found.x, bool(found.success)
    left, slope = problem.solve(best)
    if slope == 0:
        return None
    inside = bool((best > limits[0] + 1e-6).all() and (best < limits[1] - 1e-6).all())
    return (
        y_middle + y_unit * left,
        y_middle + y_unit * (left + slope),
        float(np.median(x)) + unit * float(best[0]),
        unit * float(np.exp(best[1])),
        success and inside,
    )


class _Problem:
    """y ~ left + slope * s, s the logistic of a centre and a log-width; left and slope are the best for these."""

    def __init__(self, t: Floats, y: Floats, increasing: bool | None) -> None:
        self.t, self.y, self.increasing = t, y, increasing

    def _logistic(self, parameters: object) -> Floats:
        from scipy.special import expit

        centre, log_width = np.asarray(parameters, np.float64)
        return np.asarray(expit((self.t - centre) / np.exp(log_width)), np.float64)

    def solve(self, parameters: object) -> tuple[float, float]:
        """The best left asymptote and difference of the asymptotes; the difference is 0 if its sign is not allowed."""
        s = self._logistic(parameters)
        centred = s - s.mean()
        spread = float(centred @ centred)
        slope = float(centred @ self.y) / spread if spread > 1e-24 * len(s) else 0.0
        if self.increasing is not None and slope != 0 and (slope > 0) != self.increasing:
            slope = 0.0
        return float(self.y.mean()) - slope * float(s.mean()), slope

    def residuals(self, parameters: object) -> Floats:
        """(n,) of the best curve with this centre and width."""
        left, slope = self.solve(parameters)
        return left + slope * self._logistic(parameters) - self.y

    def loss(self, parameters: object) -> float:
        """The sum of squares."""
        errors = self.residuals(parameters)
        return float(errors @ errors)
