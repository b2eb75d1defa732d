"""What a metric declares about its smoothing, and what a request may put in its place: front end, head, sigma, n."""

from __future__ import annotations

from torch import nn

from certiqa import _checks as check
from certiqa._facts import facts_of, model_name
from certiqa.errors import InputError
from certiqa.frontends import FrontEnd, Identity, Resize
from certiqa.frontends.base import is_front_end
from certiqa.smoothing.base import Denoiser, ScoreFn

__all__ = ["count_for", "front_end_for", "is_front_end", "scorer_behind", "sigma_for"]

USUAL_COUNT = 2000
_NATIVE = "native"


def front_end_for(model: object, front_end: object, resolution: object) -> FrontEnd:
    """The front end of a request: as given, else what the metric declares, else none.

    Args:
        model: the metric; it may declare ``front_end``, or ``certified_resolution``.
        front_end: a :class:`FrontEnd`, or None.
        resolution: shorthand for :class:`Resize`: the shorter side, (height, width), "native" (none at all), or None.

    Raises:
        InputError: both are given; one breaks its rule; or the metric scores the numbers of another front end.
    """
    native = isinstance(resolution, str) and resolution == _NATIVE
    size = None if native else check.check_resolution(resolution)
    facts = facts_of(model)
    own = facts.front_end
    if front_end is not None:
        if resolution is not None:
            raise InputError.of("resolution", "must not be given beside front_end", resolution, "Resize is one.")
        if not is_front_end(front_end):
            rule = "must be a front end, an instance of what certiqa.frontends.FrontEnd describes"
            raise InputError.of("front_end", rule, front_end, "Try certiqa.frontends.Resize(192).")
        _check_head(model, own, front_end)
        return front_end
    if own is not None:
        if resolution is not None:
            rule = f"must not be given: {model_name(model)!r} has a front end of its own, {own.name!r}"
            remedy = "Name a metric that scores pictures, 'builtin' say."
            raise InputError.of("resolution", rule, resolution, remedy)
        return own
    if native:
        return Identity()
    declared = facts.certified_resolution if size is None else size
    return Identity() if declared is None else Resize(declared)


def _check_head(model: object, own: FrontEnd | None, given: FrontEnd) -> None:
    """A head knows the numbers of one front end only."""
    known = getattr(model, "front_end_digest", None) if own is None else own.digest
    if isinstance(known, str) and known != given.digest:
        rule = f"must be the one that {model_name(model)!r} was made for, of digest {known[:12]}"
        raise InputError.of("front_end", rule, f"{given.name!r} of digest {given.digest[:12]}", "Leave it out.")


def scorer_behind(model: ScoreFn, front_end: FrontEnd, denoiser: Denoiser | None) -> ScoreFn:
    """What scores behind the front end: the head of a metric whose own front end it is, else the model itself.

    Raises:
        InputError: a denoiser behind a front end that gives no pictures.
    """
    if len(front_end.output_shape(1 << 10, 1 << 10)) == 3:
        return model
    if denoiser is not None:
        rule = f"must be None behind the front end {front_end.name!r}, which gives numbers, not a picture"
        remedy = "Name a metric that scores pictures, 'builtin' say."
        raise InputError.of("denoiser", rule, denoiser, remedy)
    head = getattr(model, "head", None)
    return head if isinstance(head, nn.Module) and facts_of(model).front_end is not None else model


def sigma_for(model: object, sigma: object) -> float:
    """The noise level: as given, else the ``certified_sigma`` that the metric declares."""
    return check.check_sigma(facts_of(model).certified_sigma if sigma is None else sigma)


def count_for(model: object, n: object) -> int:
    """The number of scores: as given, else the ``certified_n`` that the metric declares, else 2000."""
    chosen = (facts_of(model).certified_n or USUAL_COUNT) if n is None else n
    return check.check_count(chosen, "n", 1, f"Try n={USUAL_COUNT}.")
