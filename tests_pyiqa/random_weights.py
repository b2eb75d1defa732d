"""Random weights in place of the downloads, for tests and benchmarks on machines that reach no hub.

pyiqa's own loading code runs as ever; what the network would have brought is made here: files with the random state of
the network that asks. Backbones of timm and torchvision are built without their published weights.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path
from unittest import mock

import torch
from torch import nn

CLIP_SHAPE = {
    "embed_dim": 1024,
    "image_resolution": 224,
    "vision_layers": (3, 4, 6, 3),
    "vision_width": 64,
    "vision_patch_size": None,
    "context_length": 77,
    "vocab_size": 49408,
    "transformer_width": 512,
    "transformer_heads": 8,
    "transformer_layers": 12,
}
"""Of CLIP RN50, the published one."""


@contextlib.contextmanager
def random_hub(folder: Path, seed: int = 0):
    """Inside, pyiqa.create_metric finds random weights wherever it would have downloaded some."""
    import pyiqa
    import timm
    import torchvision
    from pyiqa.archs import arch_util, clip_model, clipiqa_arch

    del pyiqa
    create, models = timm.create_model, torchvision.models

    def without_weights(name, pretrained=False, **options):
        return create(name, pretrained=False, **options)

    def bare(build):
        return lambda weights=None: build(weights=None)

    def checkpoint(url):
        """The file for load_pretrained_network, which calls this: made of the network that it is for."""
        asking = sys._getframe(1).f_locals
        state = {name: value.detach().clone() for name, value in asking["net"].state_dict().items()}
        return _file(url, state if asking["weight_keys"] is None else {asking["weight_keys"]: state})

    def prompts(url):
        return _file(url, 0.02 * torch.randn(2, 16, 512, generator=torch.Generator().manual_seed(seed)))

    def clip(url, root):
        path = folder / "random-clip.pt"
        if not path.exists():
            _archive(clip_model.CLIP(**CLIP_SHAPE), path)
        return str(path)

    def _file(url, content):
        path = folder / url.split("/")[-1]
        torch.save(content, path)
        return str(path)

    with contextlib.ExitStack() as stack:
        for owner, name, value in (
            (timm, "create_model", without_weights),
            (models, "vgg16", bare(models.vgg16)),
            (models, "resnet50", bare(models.resnet50)),
            (arch_util, "load_file_from_url", checkpoint),
            (clipiqa_arch, "load_file_from_url", prompts),
            (clip_model, "_download", clip),
        ):
            stack.enter_context(mock.patch.object(owner, name, value))
        state = torch.get_rng_state()
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_rng_state(state)


def _archive(net, path):
    """A TorchScript archive that holds the network's parameters, as the published files of CLIP are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(_skeleton(net)), path)


def _skeleton(net):
    bare = nn.Module()
    for name, value in net.named_parameters(recurse=False):
        bare.register_parameter(name, value)
    for name, value in net.named_buffers(recurse=False):
        bare.register_buffer(name, value)
    for name, child in net.named_children():
        bare.add_module(name, _skeleton(child))
    return bare
