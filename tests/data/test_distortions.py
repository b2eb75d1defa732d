"""Synthetic distortions: the same seed gives the same picture, and a higher level is further from the original."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from certiqa import samples
from certiqa.data.distortions import LEVELS, TYPES, distort
from certiqa.errors import InputError, UnknownNameError

SEEDED = {
    "motion-blur", "colour-shift", "white-noise", "chroma-noise", "impulse-noise", "multiplicative-noise", "denoise",
    "mean-shift", "jitter", "non-eccentricity-patch", "colour-block", "contrast",
}  # fmt: skip


def photograph(name="chelsea", size=96):
    pixels = np.array(Image.open(samples.path(name)).convert("RGB"))[60 : 60 + size, 100 : 100 + size + 16]
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def test_there_are_enough():
    assert len(TYPES) == len(set(TYPES)) == 25
    assert LEVELS == 5


@pytest.mark.parametrize("kind", TYPES)
def test_one_type(kind):
    image = photograph()
    kept = image.clone()
    for level in (1, 5):
        out = distort(image, kind, level, seed=3)
        assert out.shape == image.shape
        assert out.dtype == torch.float32
        assert 0 <= out.min() <= out.max() <= 1
        assert (out - image).abs().max() > 0.01
        assert torch.equal(out, distort(image, kind, level, seed=3))
    assert torch.equal(image, kept)
    seeded = not torch.equal(distort(image, kind, 4, seed=3), distort(image, kind, 4, seed=4))
    other = not torch.equal(distort(image, kind, 4, seed=3), distort(image, kind, 4, seed=5))
    assert (seeded or other) == (kind in SEEDED)


@pytest.mark.parametrize("kind", TYPES)
def test_a_higher_level_is_further_away(kind):
    image = photograph()
    errors = [
        np.mean([float((distort(image, kind, level, seed=s) - image).square().mean()) for s in (0, 1)])
        for level in range(1, LEVELS + 1)
    ]  # fmt: skip
    assert errors == sorted(errors)
    assert errors[-1] > 1.5 * errors[0]


@pytest.mark.parametrize("kind", ["gaussian-blur", "jpeg", "white-noise", "pixelate", "jpeg2000"])
def test_structure_is_lost(kind):
    image = photograph().numpy()
    similar = [
        structural_similarity(image, distort(torch.from_numpy(image), kind, level, seed=1).numpy(),
                              channel_axis=0, data_range=1)
        for level in range(1, LEVELS + 1)
    ]  # fmt: skip
    assert similar == sorted(similar, reverse=True)


def test_the_global_random_states_stay():
    torch.manual_seed(5), np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(5), np.random.seed(5)  # noqa: NPY002
    for kind in TYPES:
        distort(photograph(), kind, 2, seed=9)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])  # noqa: NPY002


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (64, 33)])
def test_small_and_odd_sizes(size):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    for kind in TYPES:
        assert bool(distort(image, kind, 5, seed=1).isfinite().all()), kind


def test_bad_input():
    image = photograph()
    with pytest.raises(UnknownNameError, match=r"'jpg'.*Did you mean 'jpeg'"):
        distort(image, "jpg", 1, seed=0)
    for level in (0, 6, 2.0, "3"):
        with pytest.raises(InputError, match="level"):
            distort(image, "jpeg", level, seed=0)
    for bad in (image[None], image[:1], image[:, :8], (255 * image).byte()):
        with pytest.raises(InputError, match="image"):
            distort(bad, "jpeg", 1, seed=0)
