"""What the pages speak of and a reader has: photographs, data sets, a metric. Here they are small."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from certiqa import samples

SIZE = (64, 48)
IMAGES = 120  # enough for ten contents and more in every part

METRICS = '''
"""A metric of one's own, and a denoiser."""
import torch


class Sharpness(torch.nn.Module):
    """Mean squared difference of neighbours, squashed into (0, 1)."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, images):
        edges = images.diff(dim=-1).square().mean((1, 2, 3)) + images.diff(dim=-2).square().mean((1, 2, 3))
        return torch.tanh(self.gain * edges)


sharpness = Sharpness().eval()


def blur(images, sigma):
    """A denoiser that is none: the mean of 3 x 3 pixels."""
    return torch.nn.functional.avg_pool2d(images, 3, 1, 1)
'''


def small_samples(folder: Path) -> Path:
    """The sample photographs under their names, made small."""
    folder.mkdir()
    for name in samples.names():
        path = samples.path(name)
        Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS).save(folder / path.name)
    return folder


def furnish(folder: Path, pictures: Path) -> None:
    """Put everything into ``folder``; ``pictures`` holds the small samples."""
    for name in ("photo.png", "photo.jpg", "photos/a.jpg", "photos/b.jpg"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.open(pictures / "coffee.png").save(path)
    Image.open(pictures / "chelsea.png").save(folder / "photos" / "b.jpg")
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    (folder / "my_package" / "metrics.py").write_text(METRICS, encoding="utf-8")
    _plain(folder / "data" / "livec", [f"{i + 1}.png" for i in range(IMAGES)], 100)
    _plain(folder / "data" / "agiqa3k", [f"sd1.5_{i}.png" for i in range(IMAGES)], 5, column="prompt")
    _plain(folder / "photos", [f"{i}.png" for i in range(IMAGES)], 5, column="content", low=1)
    _koniq(folder / "data" / "koniq10k")
    (folder / "path").mkdir()
    (folder / "path" / "to").symlink_to(Path("..") / "data")


def _picture(i: int) -> Image.Image:
    """Blocks of random colours; the higher i, the finer."""
    side = 2 + i % 23
    pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(SIZE, Image.Resampling.BICUBIC)


def _scores(high: float, low: float = 0.0) -> np.ndarray:
    return low + (high - low) * np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, IMAGES))


def _plain(root: Path, names: list[str], high: float, *, column: str | None = None, low: float = 0.0) -> None:
    """The form ``mos.csv`` beside ``images/``; with a column, two pictures are of one content."""
    (root / "images").mkdir(parents=True)
    rows = [f"image,mos{',' + column if column else ''}"]
    for i, (name, mos) in enumerate(zip(names, _scores(high, low), strict=True)):
        _picture(i).save(root / "images" / name)
        rows.append(f"{name},{mos:.3f}{f',scene {i // 2}' if column else ''}")
    (root / "mos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _koniq(root: Path) -> None:
    """The table of the authors' code, with the official split, and the images in 512x384 (in name)."""
    (root / "512x384").mkdir(parents=True)
    rows = ["image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set"]
    for i, mos in enumerate(_scores(100, 1)):
        _picture(i).save(root / "512x384" / f"{i}.jpg")
        rows.append(f"{i}.jpg,1,2,3,4,5,15,{mos:.3f},0.5,{('training', 'validation', 'test')[i % 3]}")
    (root / "koniq10k_distributions_sets.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def copy(template: Path, folder: Path) -> None:
    """A folder of its own for a page."""
    shutil.copytree(template, folder, dirs_exist_ok=True, symlinks=True)
