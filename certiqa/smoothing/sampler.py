"""Batched Monte Carlo: exactly n scores of f(x+G), in constant memory, whatever the batch size.

Sample i always sees the noise of counter i, so neither the batch size, nor an out-of-memory retry, nor a restart
changes which noisy images are scored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from certiqa.errors import InputError, ModelError, ModelOutputError
from certiqa.smoothing.base import BaseScore, is_out_of_memory
from certiqa.smoothing.noise import Noise

__all__ = ["Progress", "ScoreSample", "automatic_batch_size", "sample_scores"]

Progress = Callable[[int, int], None]
"""Called with (scores done, scores in all) after every batch."""

_PIXELS_PER_BATCH = {"cpu": 1 << 20, "cuda": 1 << 24}
_ROWS_PER_BATCH = 1 << 11  # of numbers: their activations stay in the cache


@dataclass(frozen=True)
class ScoreSample:
    """Scores of f(x+G) for consecutive sample indices, in that order.

    Attributes:
        scores: (n,) float64, read-only; NaN marks a failed forward.
        clamped: how many scores lay outside of the declared range and were clamped to it.
        batch_size: the batch size at the end (smaller than asked for if memory ran out).
        noise_seconds: wall time spent on drawing noise.
        model_seconds: wall time spent on f.
    """

    scores: npt.NDArray[np.float64]
    clamped: int
    batch_size: int
    noise_seconds: float
    model_seconds: float

    def extended(self, more: ScoreSample) -> ScoreSample:
        """This sample followed by ``more`` (drawn with ``start=len(self.scores)`` from the same noise)."""
        return ScoreSample(
            frozen(np.concatenate([self.scores, more.scores])),
            self.clamped + more.clamped,
            more.batch_size,
            self.noise_seconds + more.noise_seconds,
            self.model_seconds + more.model_seconds,
        )


def frozen(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The array, read-only."""
    scores.setflags(write=False)
    return scores


def automatic_batch_size(shape: Sequence[int], device: torch.device) -> int:
    """A batch that keeps the device busy and the memory small: 1 million pixels on a CPU, 17 million on a GPU.

    Args:
        shape: of what is scored: (3, H, W), or (m,).
        device: that scores.
    """
    pixels = _PIXELS_PER_BATCH["cpu" if device.type == "cpu" else "cuda"]
    if len(shape) == 1:
        return max(1, min(_ROWS_PER_BATCH, pixels // shape[0]))
    return max(1, min(1024, pixels // (shape[1] * shape[2])))


def sample_scores(
    base: BaseScore,
    noise: Noise,
    values: Tensor,
    n: int,
    *,
    start: int = 0,
    batch_size: int,
    progress: Progress | None = None,
) -> ScoreSample:
    """Score the noisy images of counters start .. start+n-1: exactly n scores.

    When memory runs out the batch is halved and the same counters are drawn again.

    Args:
        base: f.
        noise: draws x+G for a range of counters.
        values: (3,H,W), or a front end's numbers (m,), on the device that scores.
        n: number of scores.
        start: first counter.
        batch_size: images per forward pass at the beginning.
        progress: told (done, n) after every batch.

    Raises:
        ModelError: the model failed, or memory ran out at batch size 1.
    """
    try:
        scores = np.empty(n, np.float64)
    except (MemoryError, ValueError):
        raise InputError.of("n", "must be so small that n scores fit into memory", n) from None
    done, clamped, noise_seconds, model_seconds = 0, 0, 0.0, 0.0
    while done < n:
        count = min(batch_size, n - done)
        try:
            batch, drawing, scoring = _score(base, noise, values, start + done, count)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            batch_size = smaller_batch(count, error)
            continue
        noise_seconds += drawing
        model_seconds += scoring
        batch, outside = _clamp(batch, base)
        clamped += outside
        scores[done : done + count] = batch
        done += count
        if progress is not None:
            progress(done, n)
    return ScoreSample(frozen(scores), clamped, batch_size, noise_seconds, model_seconds)


def _score(
    base: BaseScore, noise: Noise, values: Tensor, start: int, count: int
) -> tuple[npt.NDArray[np.float64], float, float]:
    """Raw scores of one batch, and the seconds spent on noise and on f; no image outlives the call."""
    begin = time.perf_counter()
    noisy = noise.noisy(values, start, count, clip=base.clips_noise)
    drawn = time.perf_counter()
    with torch.no_grad():
        raw = base.raw(noisy)
    batch = raw.detach().to("cpu", torch.float64).numpy()
    return batch, drawn - begin, time.perf_counter() - drawn


def smaller_batch(count: int, error: BaseException) -> int:
    """Half of the batch that was too large.

    Raises:
        ModelError: it was one image.
    """
    if count == 1:
        raise ModelError("Memory ran out at a batch of one image. Use a smaller image or another device.") from error
    error.__traceback__ = None  # its frames hold the activations of the failed pass
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return count // 2


def _clamp(batch: npt.NDArray[np.float64], base: BaseScore) -> tuple[npt.NDArray[np.float64], int]:
    if base.output_range is None:
        if np.isinf(batch).any():
            raise ModelOutputError(
                "The model returned an infinite score. Declare output_range=(low, high) to clamp it."
            )
        return batch, 0
    low, high = base.output_range
    rounding = base.range_rounding
    outside = int(np.count_nonzero((batch < low - rounding) | (batch > high + rounding)))
    return np.clip(batch, low, high), outside
