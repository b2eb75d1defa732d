"""A data set for trying the engine: the sample photographs, blurred and compressed, with made-up scores.

Nobody rated these pictures: the "MOS" is 5 less the level of distortion. It shows that everything works, and says
nothing about a metric.
"""

from __future__ import annotations

import os
from pathlib import Path

from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record

__all__ = ["NAME", "distorted_samples"]

NAME = "distorted-samples"
_KINDS = ("gaussian-blur", "jpeg")
_SIDE = 128


def distorted_samples(folder: Path) -> DataSet:
    """Make it in the folder, unless it is there.

    Raises:
        OSError: a picture cannot be written.
    """
    import numpy as np
    import torch
    from PIL import Image

    from certiqa import samples
    from certiqa.data.distortions import LEVELS, distort
    from certiqa.data.images import read_image

    folder.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    for name in samples.names():
        with Image.open(samples.path(name)) as opened:
            small = opened.convert("RGB")
            small.thumbnail((2 * _SIDE, 2 * _SIDE))
            left, top = (small.width - _SIDE) // 2, (small.height - _SIDE) // 2
            crop = np.array(small.crop((left, top, left + _SIDE, top + _SIDE)))
        clean = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
        for kind in _KINDS:
            for level in range(0 if kind == _KINDS[0] else 1, LEVELS + 1):
                path = folder / f"{name}-{kind}-{level}.png"
                if not path.exists():
                    worse = distort(clean, kind, level, seed=level) if level else clean
                    pixels = (worse * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
                    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # several processes may make it at once
                    Image.fromarray(pixels).save(part, format="PNG")
                    part.replace(path)
                read_image(path)
                records.append(Record(path, path.name, float(LEVELS - level), None, name, None, len(records) + 1))
    return DataSet(
        NAME, folder, tuple(records), (0.0, float(LEVELS)), False, "public domain or CC0", "", (),
        ("no human scores: 5 less the level of distortion",),
    )  # fmt: skip
