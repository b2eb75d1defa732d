"""JPEG compression."""

from __future__ import annotations

import io
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard, choice, whole
from certiqa.purifications.through import straight_through

__all__ = ["Jpeg"]

Pixels = npt.NDArray[np.uint8]

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
STRAIGHT, KORNIA = "straight-through", "kornia"


@final
class Jpeg(Purification):
    """Round to 8 bits, write a JPEG with Pillow, read it again: what the metric sees is what the file shows.

    JPEG has no useful gradient. "straight-through" passes the gradient unchanged; "kornia" takes it from kornia's
    differentiable JPEG of the same quality (which has 4:2:0). The scores are those of Pillow's file either way.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        quality: from 1 to 100, as Pillow counts it.
        subsampling: of the colours: "4:4:4", "4:2:2" or "4:2:0".
        gradient: "straight-through" or "kornia".

    Source: Dziugaite et al. 2016 (arXiv 1608.00853); Shin and Song 2017 for differentiable JPEG.

    >>> import torch
    >>> Jpeg(lambda x: x.mean((1, 2, 3)), quality=75)(torch.full((1, 3, 8, 8), 0.5))
    tensor([0.5020])
    """

    purification = PurificationCard(
        "jpeg",
        "JPEG compression, exactly Pillow's",
        "by a surrogate",
        False,
        {
            "quality": whole(75, 1, 100),
            "subsampling": choice("4:2:0", *_SUBSAMPLING),
            "gradient": choice(STRAIGHT, STRAIGHT, KORNIA),
        },
        "Dziugaite et al. 2016 (arXiv 1608.00853)",
    )

    def purify(self, images: Tensor) -> Tensor:
        """Through the file, one by one."""
        with torch.no_grad():
            levels = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            decoded = np.stack([self._through_file(one) for one in levels])
            exact = torch.from_numpy(decoded).to(images.device, images.dtype).permute(0, 3, 1, 2).contiguous() / 255
        if not (torch.is_grad_enabled() and images.requires_grad):
            return exact
        return straight_through(exact, images if self.options["gradient"] == STRAIGHT else self._surrogate(images))

    def _through_file(self, pixels: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file, "JPEG", quality=self.options["quality"], subsampling=_SUBSAMPLING[self.options["subsampling"]]
        )
        file.seek(0)
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))

    def _surrogate(self, images: Tensor) -> Tensor:
        from kornia.enhance import jpeg_codec_differentiable

        quality = torch.tensor([float(self.options["quality"])], device=images.device, dtype=images.dtype)
        found: Tensor = jpeg_codec_differentiable(images, quality)
        return found
