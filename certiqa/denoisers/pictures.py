"""The images of a training run: :mod:`certiqa.training.pictures`, under the name it has had here."""

from __future__ import annotations

from certiqa.training.pictures import ImagePool, TrainingImage, from_dataset, from_folder, is_development, renumbered

__all__ = ["ImagePool", "TrainingImage", "from_dataset", "from_folder", "is_development", "renumbered"]
