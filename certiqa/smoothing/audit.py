"""Is this model fit to be smoothed? A handful of forward passes look for everything that would break a certificate.

A certificate needs scores f(x+G_i) that are independent and identically distributed, from one fixed function f.
Hazards, by the name under which they are found:

* ``train-mode`` (refused): a submodule is in train mode; BatchNorm and dropout tie the scores of a batch together.
* ``re-seeding`` (refused): the forward pass sets a global random generator to a fixed state.
* ``shared-randomness`` (refused): a random choice (a crop, say) is made once for a whole batch.
* ``per-sample-randomness`` (refused): scores are random beyond the noise; their independence cannot be checked.
* ``batch-coupled`` (refused): an image's score depends on the other images of its batch, or on its place among them.
* ``in-place-edit`` (refused): the model writes into its input.
* ``ignores-input`` (refused): the denoiser returns the same image whatever it is given: it knows the picture already.
* ``sigma-untrained``: the denoiser says (``sigma_range``) that it was trained for other noise levels: sound, but it may
  denoise badly (reported in the certificate).
* ``range-not-kept``: a model that claims to enforce its range leaves it (refused); scores leave a range that the caller
  declared: they are clamped (reported in the certificate).

Exceptions, a wrong shape, a wrong device and scores that are not finite raise their own errors on the way. What no
handful of forward passes can show (rare events, state that builds up over calls) the audit does not promise to find;
:mod:`certiqa.smoothing.recheck` looks once more after sampling (``not-repeatable``, refused).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from certiqa.errors import AuditError, ModelOutputError
from certiqa.smoothing.base import BaseScore
from certiqa.smoothing.noise import Noise

__all__ = ["AUDIT_COUNTER", "AUDIT_IMAGES", "NEGLIGIBLE", "NUMERICS", "Finding", "audit", "check_modes"]

AUDIT_COUNTER = 1 << 62
"""First noise counter of the audit: far above any sample's, so that no audited score is ever part of a certificate."""

AUDIT_IMAGES = 4
"""How many images the audit scores together, if the batch size allows."""

NEGLIGIBLE = 1e-3
"""A difference that does not matter, as a share of the spread of the scores under noise."""

# How much two runs of the same arithmetic may differ (other kernels for other batch sizes), relative to the scores.
NUMERICS = {torch.float64: 1e-9, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}


@dataclass(frozen=True)
class Finding:
    """One hazard.

    Attributes:
        hazard: its name, from the table above.
        refused: whether it forbids a certificate; else it is reported in the certificate.
        message: what was seen, and the remedy.
    """

    hazard: str
    refused: bool
    message: str


def audit(
    base: BaseScore, noise: Noise, values: Tensor, *, batch_size: int, range_claimed: bool
) -> tuple[Finding, ...]:
    """Look for every hazard of the table; the findings that are only to be reported come back.

    The global random states (python, NumPy, torch) are put back as they were found.

    Args:
        base: f.
        noise: the noise that will be used; counters from AUDIT_COUNTER on are drawn.
        values: (3,H,W), or a front end's numbers (m,), on the device that scores.
        batch_size: never more images than this are scored together (with 1, scores cannot be coupled).
        range_claimed: whether the model itself claims to keep ``base.output_range``.

    Raises:
        AuditError: refused; carries the names of all hazards found.
        ModelOutputError: wrong shape or device, or not finite.
        ModelError: the model raised.
    """
    findings = list(_train_mode(("model", base.model), ("denoiser", base.denoiser)))
    _refuse(findings)
    noisy = noise.noisy(values, AUDIT_COUNTER, AUDIT_IMAGES, clip=base.clips_noise)
    score = _Scorer(base, min(batch_size, AUDIT_IMAGES))
    with _global_random_states(), torch.no_grad():
        raw, found = _behaviour(score, noisy)
        findings += [*found, *_ignores_input(base, noisy)]
    findings += _range(base, raw, range_claimed)
    findings += _untrained(base)
    _refuse(findings)
    return tuple(findings)


@dataclass(frozen=True)
class _Scorer:
    """Scores on the CPU in float64, never more than ``batch_size`` images together."""

    base: BaseScore
    batch_size: int

    def raw(self, noisy: Tensor) -> Tensor:
        """Before the clamp; infinite only if there is a range to clamp to."""
        scores = torch.cat([self.base.raw(part).detach() for part in torch.split(noisy, self.batch_size)])
        bad = int((scores.isnan() if self.base.output_range else ~scores.isfinite()).sum())
        if bad:
            raise ModelOutputError(
                f"The model must return finite scores. Got {bad} NaN or infinite among {len(scores)} noisy images "
                f"(scores: {', '.join(f'{s:g}' for s in scores.tolist())})."
            )
        return scores.to("cpu", torch.float64)

    def clamped(self, raw: Tensor) -> Tensor:
        return self.base.clamped(raw)

    def __call__(self, noisy: Tensor) -> Tensor:
        return self.clamped(self.raw(noisy))

    def tolerance(self, scores: Tensor) -> float:
        """How far two runs of the same arithmetic may lie apart."""
        return NUMERICS[self.base.dtype] * _scale(scores)

    def last_digits(self, scores: Tensor) -> float:
        """How far two runs of the same kernels, on batches of the same shape, may lie apart."""
        return (1e-15 if self.base.dtype == torch.float64 else 3e-7) * _scale(scores)


def _scale(scores: Tensor) -> float:
    return max(float(scores.abs().max()), _spread(scores))


def _spread(scores: Tensor) -> float:
    return float(scores.max() - scores.min())


def _refuse(findings: list[Finding]) -> None:
    refused = [f for f in findings if f.refused]
    if refused:
        text = " ".join(f"[{f.hazard}] {f.message}" for f in refused)
        raise AuditError(f"The model is not fit to be smoothed: {text}", tuple(f.hazard for f in refused))


def check_modes(model: object) -> None:
    """Raise AuditError if a part of the model is in train mode."""
    _refuse(list(_train_mode(("model", model))))


def _train_mode(*parts: tuple[str, object]) -> Iterator[Finding]:
    for role, part in parts:
        module = part if isinstance(part, nn.Module) else getattr(part, "__self__", None)
        if isinstance(module, nn.Module):
            names = [name or type(module).__name__ for name, m in module.named_modules() if m.training]
            if names:
                shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                yield Finding("train-mode", True, f"The {role} is in train mode ({shown}). Call {role}.eval() first.")


def _behaviour(score: _Scorer, noisy: Tensor) -> tuple[Tensor, list[Finding]]:
    findings = []
    seen = noisy.clone()
    _set_random_states(1)
    raw = score.raw(seen)
    first = score.clamped(raw)
    after_first = _random_states()
    if not torch.equal(noisy, seen):
        message = "The forward pass writes into its input. Clone the images first, or replace in-place operations."
        findings.append(Finding("in-place-edit", True, message))
    _set_random_states(2)
    second = score(noisy.clone())
    after_second = _random_states()
    seeded = [name for name in after_first if after_first[name] == after_second[name]]
    if seeded:
        message = f"The forward pass sets the global generator of {' and '.join(seeded)} to a fixed state. Remove that."
        findings.append(Finding("re-seeding", True, message))
    tolerance = score.tolerance(first)
    repeated = _apart(first, second)
    if repeated > tolerance:
        findings.append(_randomness(score, noisy, tolerance))
    else:
        findings += _coupling(score, noisy, first, repeated)
    return raw, findings


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _randomness(score: _Scorer, noisy: Tensor, tolerance: float) -> Finding:
    """Scores differ from call to call: is the random choice shared by the batch?"""
    copies = noisy[:1].expand_as(noisy)
    for number in (3, 4, 5):
        _set_random_states(number)
        scores = score(copies.clone())
        if _spread(scores) > tolerance:
            message = "Two passes over the same images give different scores, separately per image (dropout?)."
            return Finding("per-sample-randomness", True, f"{message} Make the metric deterministic.")
    message = "A random choice (a crop, say) is made once per batch, so the scores of a batch are not independent."
    return Finding("shared-randomness", True, f"{message} Fix the crop.")


def _coupling(score: _Scorer, noisy: Tensor, first: Tensor, repeated: float) -> Iterator[Finding]:
    """Does a score change with the other images of the batch, with the place in the batch, or with the batch's size?

    The first question is put to the same kernels (same shape, same place), so the scores must agree to the last digits.
    For the others the kernels may differ; the rounding of a score near zero is then better judged by the spread of the
    scores under noise.
    """
    _set_random_states(1)
    other = noisy.clone()
    other[:2], other[2:] = 1.0 - noisy[:2], 0.5 * noisy[2:]
    company = 0.0
    for kept in (0, 1):  # half of the images keep their places among others
        mixed = other.clone()
        mixed[kept::2] = noisy[kept::2]
        company = max(company, _apart(score(mixed)[kept::2], first[kept::2]))
    alone = torch.cat([score(image[None]) for image in noisy.clone()])
    place = _apart(alone, first)
    if company > 4 * repeated + score.last_digits(first) or place > max(
        score.tolerance(first), NEGLIGIBLE * _spread(first)
    ):
        message = (
            f"The score of one image changes by {max(company, place):.3g} with the other images of its batch, or with "
            "its place among them. Normalise per image, or pass batch_size=1."
        )
        yield Finding("batch-coupled", True, message)


def _ignores_input(base: BaseScore, noisy: Tensor) -> Iterator[Finding]:
    """Does the denoiser tell an image from its negative?"""
    if base.denoiser is None:
        return
    seen: list[Tensor] = []

    def look(images: Tensor) -> Tensor:
        seen.append(images.detach().clone())
        return images.mean((1, 2, 3))

    looking = replace(base, model=look, output_range=None)
    for images in (noisy[:1].clone(), 1.0 - noisy[:1]):
        looking.raw(images)
    if torch.equal(*seen):
        message = "The denoiser returns the same image for a picture and its negative, so it does not look at them."
        yield Finding("ignores-input", True, f"{message} A denoiser must make its image out of the noisy one alone.")


def _untrained(base: BaseScore) -> Iterator[Finding]:
    trained = getattr(base.denoiser, "sigma_range", None)
    if trained is not None and not trained[0] * (1 - 1e-6) <= base.sigma <= trained[1] * (1 + 1e-6):
        message = f"The denoiser was trained for sigma from {trained[0]:g} to {trained[1]:g}, not for {base.sigma:g}"
        yield Finding("sigma-untrained", False, f"{message}: it may denoise badly. The certificate holds all the same.")


def _range(base: BaseScore, scores: Tensor, claimed: bool) -> Iterator[Finding]:
    if base.output_range is None:
        return
    low, high = base.output_range
    lowest, highest = float(scores.min()), float(scores.max())
    if lowest < low - base.range_rounding or highest > high + base.range_rounding:
        seen = f"Scores from {lowest:g} to {highest:g} leave the range [{low:g}, {high:g}]"
        if claimed:
            yield Finding(
                "range-not-kept", True, f"{seen} that the model claims to enforce. Pass output_range= to clamp."
            )
        else:
            message = f"{seen} that was declared; they are clamped, and the certificate is for the clamped score."
            yield Finding("range-not-kept", False, message)


_States = dict[str, Any]


def _random_states() -> _States:
    version, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    states: _States = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "NumPy": (version, np.asarray(keys).tobytes(), position, has_gauss, gauss),
        "random": random.getstate(),
    }
    if torch.cuda.is_available():
        states["torch.cuda"] = b"".join(state.numpy().tobytes() for state in torch.cuda.get_rng_state_all())
    return states


def _set_random_states(number: int) -> None:
    """Put every global generator into a state of its own that depends on ``number``."""
    torch.set_rng_state(torch.Generator().manual_seed(number).get_state())
    np.random.set_state(np.random.RandomState(number).get_state())
    random.setstate(random.Random(number).getstate())
    if torch.cuda.is_available():
        for device in range(torch.cuda.device_count()):
            state = torch.Generator(device=f"cuda:{device}").manual_seed(number).get_state()
            torch.cuda.set_rng_state(state, device)


@contextmanager
def _global_random_states() -> Iterator[None]:
    restore: list[Callable[[], None]] = []
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    restore.append(lambda: torch.set_rng_state(torch_state))
    restore.append(lambda: np.random.set_state(numpy_state))
    restore.append(lambda: random.setstate(python_state))
    if torch.cuda.is_available():
        cuda_states = torch.cuda.get_rng_state_all()
        restore.append(lambda: torch.cuda.set_rng_state_all(cuda_states))
    try:
        yield
    finally:
        for put_back in restore:
            put_back()
