"""Denoisers for denoised smoothing: networks, their weights by name, and their training.

DMS and DMS-IQA put a denoiser between the noise and the metric; the certificate holds for any of them.
"""

from certiqa.denoisers.architecture import PRESETS, DnCNNConfig, UNetConfig
from certiqa.denoisers.building import build
from certiqa.denoisers.card import DenoiserCard
from certiqa.denoisers.dncnn import DnCNN
from certiqa.denoisers.network import DenoiserNetwork, SigmaWarning
from certiqa.denoisers.registry import card, load, names
from certiqa.denoisers.unet import UNet

__all__ = [
    "PRESETS",
    "DenoiserCard",
    "DenoiserNetwork",
    "DnCNN",
    "DnCNNConfig",
    "SigmaWarning",
    "UNet",
    "UNetConfig",
    "build",
    "card",
    "load",
    "names",
]
