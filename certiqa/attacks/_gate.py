"""The gate of an attack: images, budget and seed, checked once."""

from __future__ import annotations

from numbers import Integral

from certiqa._facts import facts_of, model_name
from certiqa.attacks._catalogue import by_norm
from certiqa.attacks.budgets.base import Budget
from certiqa.data.images import Picture, read_images
from certiqa.errors import ImageError, InputError

__all__ = ["check_callback", "checked_budget", "groups_of", "seed_of"]


def checked_budget(given: object, norms: tuple[str, ...], attack: str) -> Budget:
    """A budget that this attack can use."""
    budget = Budget.parse(given)
    if budget.kind not in norms:
        rule = f"must be of kind {' or '.join(map(repr, norms))} for the attack {attack!r}"
        raise InputError.of("budget", rule, str(budget), f"Attacks for it: {', '.join(by_norm(budget.kind))}.")
    return budget


def check_callback(progress: object) -> None:
    """None, or something to call."""
    if progress is not None and not callable(progress):
        rule = "must be None or a function that is called with (images done, images in all)"
        raise InputError.of("progress", rule, progress)


def seed_of(seed: object) -> int:
    """A whole number >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or int(seed) < 0:
        raise InputError.of("seed", "must be a whole number >= 0", seed, "Attacks are determined by it: try seed=0.")
    return int(seed)


def groups_of(images: object, model: object, budget: Budget, quantise: bool, singly: bool) -> list[list[Picture]]:
    """The pictures, in batches of equal size: the images of one tensor together (unless ``singly``)."""
    items = images if isinstance(images, list | tuple) else [images]
    if not items:
        raise InputError.of("images", "must hold at least one image", items)
    groups = [read_images(item) for item in items]
    least = facts_of(model).min_size
    for picture in (picture for group in groups for picture in group):
        if min(picture.height, picture.width) < least:
            raise ImageError(
                f"{picture.name} is {picture.width}x{picture.height}; the model {model_name(model)!r} needs at least "
                f"{least} pixels on each side. Use a larger image or another metric."
            )
        budget.check(picture.shape, quantise)
    return [[picture] for group in groups for picture in group] if singly else groups
