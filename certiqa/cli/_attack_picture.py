"""``--picture``: the original, the attacked image and their difference, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certiqa.cli._outputs import files_for, write_atomically
from certiqa.data.images import Picture
from certiqa.errors import MissingExtraError

if TYPE_CHECKING:
    from certiqa.trial.attacked import Attacked

__all__ = ["PictureOutput", "amplification"]

_FIGURES = (".png", ".pdf", ".svg")
_LARGEST_FACTOR = 64


class PictureOutput:
    """One figure per image: a .png, .pdf or .svg, or PNG files in a folder.

    Attributes:
        files: where they go, in a folder as NAME-attack.png; empty: nowhere.

    Raises:
        InputError: the place does not fit the images, or cannot be written to.
        MissingExtraError: matplotlib is not installed.
    """

    def __init__(self, given: str | None, images: list[str]) -> None:
        self.files: list[Path] = []
        if given is None:
            return
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise MissingExtraError.of("matplotlib", "plots", "--picture") from error
        forms = f"a name ending in {', '.join(_FIGURES)}"
        self.files = files_for(given, "--picture", images, _FIGURES, "-attack.png", forms)

    def write(self, index: int, image: str, clean: Picture, found: Attacked) -> None:
        """Draw the figure of image ``index``."""
        if not self.files or found.result.quantised is None:
            return
        path = self.files[index]
        figure = _drawn(image, clean, found, found.result.quantised)
        write_atomically(path, lambda file: figure.savefig(file, format=path.suffix.lower()[1:], dpi=120))


def amplification(difference: Any) -> int:
    """The whole number by which the difference is multiplied: the largest that keeps it within half of the range.

    >>> amplification(np.array([0.0, -4 / 255])), amplification(np.zeros(3))
    (31, 1)
    """
    largest = float(np.abs(difference).max())
    return 1 if largest == 0 else max(1, min(_LARGEST_FACTOR, int(0.5 / largest)))


def _drawn(image: str, clean: Picture, found: Attacked, quantised: Any) -> Any:
    from matplotlib.figure import Figure

    original = clean.as_float().transpose(1, 2, 0).astype(np.float64)
    attacked = quantised.astype(np.float64) / 255
    difference = attacked - original
    factor = amplification(difference)
    r = found.result
    panels = [
        (original, f"{image}\nscore {found.before:.4g}"),
        (attacked, f"{r.attack}, {r.objective}, {r.budget}\nscore {found.quantised:.4g}, SSIM {r.ssim_quantised:.4f}"),
        (np.clip(0.5 + factor * difference, 0, 1), f"difference x {factor}\nl2 {r.l2_quantised:.4g}"),
    ]
    height = 3.6 * original.shape[0] / original.shape[1] + 0.7
    figure = Figure(figsize=(11, max(2.0, height)), layout="constrained")
    for axes, (shown, title) in zip(figure.subplots(1, 3), panels, strict=True):
        axes.imshow(shown, vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=9, parse_math=False)
        axes.set_axis_off()
    return figure
