"""A metric that no one here trained (EONSS, ICIAR 2019) on real photographs (LIVEC), where ../shared has them."""

import csv
import importlib.util
from pathlib import Path

import pytest
import torch

import certiqa
from certiqa.data.images import read_image
from certiqa.errors import AuditError, ImageError

pytestmark = pytest.mark.shared


ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("eonss", ROOT / "benchmarks" / "eonss.py")
eonss_module = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(eonss_module)


@pytest.fixture(scope="module")
def eonss(shared_data):
    path = shared_data.parent / "weights" / "eonss.pt"
    if not path.is_file():
        pytest.skip("the weights of EONSS are not in ../shared/weights")
    return eonss_module.load(path)


@pytest.fixture(scope="module")
def photographs(shared_data) -> list[str]:
    with (shared_data / "livec" / "mos.csv").open(newline="") as table:
        names = [row["image"] for row in csv.DictReader(table)]
    return [str(shared_data / "livec" / "images" / name) for name in names[:2]]


def test_eonss_on_photographs(eonss, photographs):
    for path in photographs:
        certificate = certiqa.certify(eonss, path, 0.12, n=200, alpha=0.01, seed=7, at=0.12)
        lower, upper = certificate.bounds(at=0.12)
        assert certificate.bounds(at=0.12).certified
        assert lower < certificate.score < upper
        assert certificate.noise == "lattice-8bit"
        assert certificate.output_range is None
        assert certificate.bounds(10.0).upper_from == "unbounded"  # no range: nothing is claimed beyond the scores
        assert 0 < certificate.tau(0.06) < certificate.tau(0.12) < upper - lower + 1
        again = certiqa.certify(eonss, path, 0.12, n=200, alpha=0.01, seed=7, batch_size=3)
        torch.testing.assert_close(torch.tensor(again.scores), torch.tensor(certificate.scores), rtol=1e-4, atol=1e-4)


def test_a_changed_photograph_prints_a_score_inside_its_deployed_interval(eonss, photographs):
    """An attack up the gradient, as an 8-bit image of l2 length eps at most; beta prices the fresh noise."""
    picture = read_image(photographs[0])
    eps = 0.24
    certificate = certiqa.certify(eonss, photographs[0], 0.12, n=400, alpha=1e-3, seed=7, at=eps, side="upper")
    bound = certificate.bounds(at=eps, statement="deployed", n_deployed=400, beta=1e-6).upper
    image = torch.from_numpy(picture.as_float())[None].requires_grad_()
    smooth = certiqa.MedianSmoothing(eonss, 0.12, n=8, seed=1)
    gradient = torch.autograd.grad(smooth.scores(image).mean(), image)[0][0]
    steps = int((255 * eps) ** 2)  # as many values as may move by one grey level
    strongest = gradient.flatten().abs().topk(steps).indices
    attacked = torch.from_numpy(picture.pixels.copy()).int().flatten()
    attacked[strongest] += gradient.flatten()[strongest].sign().int()
    attacked = attacked.clamp(0, 255).to(torch.uint8).view(picture.shape)
    length = (attacked.double() - torch.from_numpy(picture.pixels.copy()).double()).norm() / 255
    assert 0.9 * eps < length <= eps
    printed = float(certiqa.MedianSmoothing(eonss, 0.12, n=400, seed=2)(attacked[None]))
    assert certificate.score < printed < bound


def test_eonss_in_train_mode_and_on_a_small_image_is_refused(eonss, photographs):
    with pytest.raises(AuditError, match="train-mode"):
        certiqa.certify(eonss_module.Eonss(dict(eonss.named_buffers())).train(), photographs[0], 0.12, n=10)
    with pytest.raises(ImageError, match="235"):
        certiqa.certify(eonss, torch.zeros(3, 100, 300), 0.12, n=10)
