import numpy as np
import pytest

from certiqa.metrics.pyiqa.crops import crop_corners, unseen_fraction


def reference(height, width, crop, count):
    """The positions by the words of pyiqa's source, written another way."""
    root = np.sqrt(count)
    step = np.array([height - crop, width - crop]) // int(root)
    side = int(np.ceil(root))
    return [tuple(int(v) for v in step * np.array(divmod(k, side))) for k in range(count)]


@pytest.mark.parametrize("count", [1, 4, 20, 25, 50])
@pytest.mark.parametrize("size", [(225, 225), (384, 512), (512, 384), (1080, 1920), (231, 226)])
def test_corners(size, count):
    corners = crop_corners(*size, 224, count)
    assert list(corners) == reference(*size, 224, count)
    assert len(corners) == count
    assert max(top for top, _ in corners) + 224 <= size[0]
    assert max(left for _, left in corners) + 224 <= size[1]


@pytest.mark.parametrize("count", [20, 25, 50])
@pytest.mark.parametrize("size", [(38, 51), (51, 38), (26, 23)])
def test_the_unseen_fraction_counts_pixels(size, count):
    seen = {
        (row, column)
        for top, left in reference(*size, 22, count)
        for row in range(top, top + 22)
        for column in range(left, left + 22)
    }
    assert unseen_fraction(*size, 22, count) == pytest.approx(1 - len(seen) / (size[0] * size[1]))


def test_small_images():
    assert unseen_fraction(224, 224, 224, 25) == 0
    assert unseen_fraction(225, 225, 224, 25) == pytest.approx(1 - 224**2 / 225**2)
    assert unseen_fraction(112, 112, 224, 25) == pytest.approx(1 - 224**2 / 225**2)
