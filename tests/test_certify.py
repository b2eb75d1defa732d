"""certify(): its gate, its forms of images, its record; sound and tight where the truth is known."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import certiqa
from certiqa import Certificate
from certiqa.errors import AuditError, CertiqaError, ImageError, InputError, ModelError, UnknownNameError
from certiqa.smoothing.noise import noise_key, seed_commitment

pytestmark = pytest.mark.usefixtures("one_thread")

NAN, INF = float("nan"), float("inf")


def mean(images):
    return images.mean((1, 2, 3))


# -- the gate ---------------------------------------------------------------------------------------------------------

BAD = [
    *[({"sigma": v}, "sigma", v) for v in (0, -1, NAN, INF, "0.1", True, 30.6, None, 10**400, 1j)],
    *[({"alpha": v}, "alpha", v) for v in (0, 1, NAN, -0.1, "0.1", True, None, 5e-324)],
    *[({"n": v}, "n", v) for v in (0, -5, 1.5, 100.0, True, "100")],
    *[({"side": v}, "side", v) for v in ("left", "", None, 2)],
    *[({"batch_size": v}, "batch_size", v) for v in (0, -1, 1.5, True, "many", None)],
    *[({"dtype": v}, "dtype", v) for v in ("int8", "float", None, 32)],
    *[({"device": v}, "device", v) for v in ("cuda:7", "nonsense", "meta", 1.5)],
    *[({"seed": v}, "seed", v) for v in (-1, 2**128, 1.0, True, "7")],
    *[({"output_range": v}, "output_range", v) for v in ((1, 0), (0,), "x", (0, NAN), (0, INF), (1, 1), 5, (0, 1, 2))],
    *[({"at": v}, "at", v) for v in (-1, NAN, INF, "0.1", True)],
    *[({"progress": v}, "progress", v) for v in ("yes", 1, [])],
    *[({"denoiser": v}, "denoiser", v) for v in (3, [])],
    *[({"model": v}, "model", v) for v in (None, 3, [])],
]


@pytest.mark.parametrize(
    ("arguments", "parameter", "value"), BAD, ids=[f"{parameter}={value!r:.20}" for _, parameter, value in BAD]
)
def test_bad_arguments_are_named(arguments, parameter, value, picture):
    arguments = {"model": mean, "image": picture, "sigma": 0.1, "n": 5} | arguments
    with pytest.raises(InputError) as error:
        certiqa.certify(**arguments)
    message = str(error.value)
    assert message.startswith(f"The parameter {parameter!r} must ")
    shown = repr(value) if isinstance(value, str | int | float | tuple | list | None) else type(value).__name__
    assert f"Got {shown[:100]}" in message or f"Got '{shown}'" in message
    assert "\n" not in message


def test_the_gate_comes_before_the_work(picture):
    def never(images):
        raise AssertionError

    with pytest.raises(InputError):
        certiqa.certify(never, picture, 0.1, n=0)
    with pytest.raises(ImageError):
        certiqa.certify(never, "no such file.png", 0.1)


def test_unknown_names(picture):
    with pytest.raises(
        UnknownNameError,
        match=r"Unknown model 'bultin'\. Did you mean 'builtin' or 'builtin-nt' or 'builtin-at'\?",
    ):
        certiqa.certify("bultin", picture, 0.1)
    with pytest.raises(UnknownNameError, match="Unknown denoiser 'unet'"):
        certiqa.certify(mean, picture, 0.1, denoiser="unet")


def test_a_class_is_not_a_metric(picture):
    class Metric(torch.nn.Module):
        pass

    with pytest.raises(InputError, match=r"not its class.*Pass Metric\(\.\.\.\)\.eval\(\)"):
        certiqa.certify(Metric, picture, 0.1, n=10)


def test_a_metric_may_declare_its_sigma_and_resolution(picture):
    def score(images):
        return images.mean((1, 2, 3))

    with pytest.raises(InputError, match=r"'sigma'.*Try sigma=0\.12"):
        certiqa.certify(score, picture, n=20)
    score.certified_sigma, score.certified_resolution = 0.3, 5
    certificate = certiqa.certify(score, picture, n=20, seed=1)
    assert certificate.sigma == 0.3
    assert min(certificate.front_end.output_shape[1:]) == 5
    given = certiqa.certify(score, picture, 0.1, n=20, seed=1, resolution=tuple(picture.shape[1:]))
    assert given.sigma == 0.1
    assert given.front_end.is_identity


def test_grey_levels_for_sigma_are_recognised(picture):
    with pytest.raises(InputError, match=r"For grey levels of 255 pass sigma=0\.12\."):
        certiqa.certify(mean, picture, 30.6)


def test_pictures_smaller_than_the_model_takes(picture, toys):
    model = toys.Wrapped(mean).eval()
    model.min_size = 13
    with pytest.raises(ImageError, match=r"tensor is 16x12; .* needs at least 13 pixels"):
        certiqa.certify(model, picture, 0.1, n=5)
    model.min_size = (800,)  # of another library, with another meaning
    assert certiqa.certify(model, picture, 0.1, n=5).n == 5


def test_models_without_a_plain_fingerprint(picture, toys):
    class Extra(toys.Wrapped):
        def get_extra_state(self):
            return {"scale": 3}

        def set_extra_state(self, state):
            pass

    assert certiqa.certify(Extra(mean).eval(), picture, 0.1, n=5).provenance.model_sha256 is None
    lazy = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(1)).eval()
    with pytest.raises(ModelError, match="not initialised"):
        certiqa.certify(lazy, picture, 0.1, n=5)


def test_the_fingerprint_covers_whatever_the_model_holds(picture, toys):
    def sha(model):
        return certiqa.certify(model.eval(), picture, 0.1, n=3).provenance.model_sha256

    class Offset(toys.Linear):
        def __init__(self, offset):
            super().__init__(torch.ones(3, 12, 16))
            self.register_buffer("offset", torch.tensor(offset), persistent=False)

    assert sha(Offset(0.5)) == sha(Offset(0.5))
    assert sha(Offset(0.5)) != sha(Offset(0.25))
    assert sha(toys.Network(1)) == sha(toys.Network(1)) != sha(toys.Network(2))


sloppy = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.just(2**200))


@settings(max_examples=120, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "sigma": st.sampled_from([0.1, 0.5, np.float32(0.25)]) | sloppy.filter(lambda v: not isinstance(v, float)),
            "n": st.integers(1, 30) | sloppy.filter(lambda v: v != 2**200),
            "alpha": st.floats(0, 1) | sloppy,
            "side": st.sampled_from(["both", "upper", "lower"]) | sloppy,
            "batch_size": st.integers(1, 9) | st.just("auto") | sloppy,
            "dtype": st.sampled_from(["auto", "float32", "float64", "bfloat16", torch.float64]) | sloppy,
            "seed": st.integers(0, 2**128 - 1) | sloppy,
            "output_range": st.tuples(sloppy, sloppy) | st.tuples(st.floats(), st.floats()) | sloppy,
            "at": st.floats(0, 1) | sloppy,
        },
    )
)
def test_any_arguments_give_a_certificate_or_a_named_error(arguments):
    grey = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    try:
        certificate = certiqa.certify(mean, grey, **({"sigma": 0.1, "n": 4} | arguments))
    except CertiqaError:
        return
    assert Certificate.from_json(certificate.to_json()) == certificate
    assert str(certificate)
    low, high = certificate.bounds(0.05)
    assert low <= certificate.score <= high
    assert certificate.tau(0.05) >= 0
    assert certificate.radius(0.1) >= 0


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_the_same_picture_in_any_form(picture, tmp_path, toys):
    array = picture.permute(1, 2, 0).numpy()
    Image.fromarray(array).save(tmp_path / "größe.png")
    forms = {
        "path": tmp_path / "größe.png",
        "string": str(tmp_path / "größe.png"),
        "PIL": Image.fromarray(array),
        "uint8 array": array,
        "float array": array / 255,
        "float32 array": (array / 255).astype(np.float32),
        "tensor": picture,
        "float tensor": picture / 255,
        "double tensor": picture.double() / 255,
        "batch": picture[None],
    }
    reference = certiqa.certify(toys.exact, picture, 0.1, n=20, seed=9)
    assert reference.noise == "lattice-8bit"
    assert reference.tv_slack > 0
    for name, form in forms.items():
        certificate = certiqa.certify(toys.exact, form, 0.1, n=20, seed=9, batch_size=len(name))
        if name == "batch":
            assert isinstance(certificate, list)
            (certificate,) = certificate
        assert np.array_equal(certificate.scores, reference.scores), name
        assert certificate.provenance.image_sha256 == reference.provenance.image_sha256, name
        assert (certificate.provenance.file_sha256 is not None) is (name in ("path", "string"))


def test_off_the_grid_the_certificate_says_what_it_assumes(picture):
    image = picture.double() / 256
    certificate = certiqa.certify(mean, image, 0.1, n=20, seed=9)
    assert certificate.noise == "float32"
    assert certificate.tv_slack == 0
    assert "Float arithmetic is assumed to be exact" in str(certificate)
    as_array = certiqa.certify(mean, image.permute(1, 2, 0).numpy(), 0.1, n=20, seed=9)
    assert np.array_equal(as_array.scores, certificate.scores)


def test_two_images_of_a_batch_get_different_noise(picture, toys):
    images = torch.stack([picture, picture.flip(2), picture])
    one, flipped, again = certiqa.certify(toys.exact, images, 0.1, n=20, seed=9)
    assert [c.provenance.image for c in (one, flipped, again)] == ["tensor[0]", "tensor[1]", "tensor[2]"]
    assert np.array_equal(one.scores, again.scores)

    def noise(certificate):
        return noise_key(9, certificate.provenance.image_sha256)

    assert noise(one) != noise(flipped)
    alone = certiqa.certify(toys.exact, picture.flip(2), 0.1, n=20, seed=9)
    assert np.array_equal(alone.scores, flipped.scores)


def test_what_was_done_survives_a_failure(picture):
    def fails_on_flat_images(images):
        if images.flatten(1).std(1).amin() < 0.04:
            raise ValueError("too flat")
        return mean(images)

    images = torch.stack([picture, picture // 2, picture // 32 + 100, picture])
    with pytest.raises(ModelError, match="too flat") as error:
        certiqa.certify(fails_on_flat_images, images, 0.02, n=10)
    completed = error.value.completed
    assert [c.provenance.image for c in completed] == ["tensor[0]", "tensor[1]"]
    assert all(c.n == 10 for c in completed)


# -- the record -------------------------------------------------------------------------------------------------------


def test_the_record(picture, toys):
    network = toys.Network().eval()
    certificate = certiqa.certify(
        network, picture, 0.1, n=30, seed=4, alpha=0.01, side="upper", output_range=(-50, 50), batch_size=8, at=0.2
    )
    p = certificate.provenance
    assert (certificate.n, certificate.alpha, certificate.side, certificate.at) == (30, 0.01, "upper", 0.2)
    assert certificate.shape == (3, 12, 16)
    assert (certificate.output_range, certificate.range_enforced_by, certificate.clamped) == ((-50, 50), "certiqa", 0)
    assert certificate.method == "median smoothing"
    assert certificate.seed == 4
    assert p.seed_commitment == seed_commitment(4)
    assert p.dtype == "float32"
    assert p.device.startswith("cpu")
    assert p.batch_size == 8
    assert p.model.endswith("Network")
    assert re.fullmatch("[0-9a-f]{64}", p.model_sha256)
    assert p.denoiser is p.denoiser_sha256 is p.file_sha256 is None
    assert set(p.seconds) == {"total", "front_end", "noise", "model"}
    assert p.seconds["noise"] + p.seconds["model"] <= p.seconds["total"] + 1e-3
    assert {"certiqa", "python", "torch", "numpy", "scipy", "pillow"} <= set(p.versions)
    denoised = certiqa.certify(network, picture, 0.1, n=5, denoiser=lambda x, s: x)
    assert denoised.method == "denoised median smoothing"
    assert "<lambda>" in denoised.provenance.denoiser
    assert certificate.to_json(reveal_seed=True) != certificate.to_json()


def test_direction_and_name_of_the_model(picture, toys):
    model = toys.Wrapped(mean).eval()
    model.name, model.lower_better = "distance", np.bool_(True)
    certificate = certiqa.certify(model, picture, 0.1, n=5)
    assert certificate.lower_better is True
    assert certificate.provenance.model == "distance"
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_seeds_repeat_and_fresh_noise_does_not(picture):
    def scores(seed):
        return certiqa.certify(mean, picture, 0.1, n=20, seed=seed).scores.tolist()

    assert scores(2**128 - 1) == scores(2**128 - 1)
    assert len({tuple(scores(seed)) for seed in (0, 1, 2**64, None, None)}) == 5


def test_the_global_generators_are_left_alone(picture, toys):
    before = toys.states()
    certiqa.certify(mean, picture, 0.1, n=20)
    with pytest.raises(AuditError):
        certiqa.certify(lambda x: mean(x) + torch.rand(1), picture, 0.1, n=20)
    with pytest.raises(CertiqaError):
        certiqa.certify(mean, picture, -1)
    assert toys.states() == before


def test_progress_is_told(picture, capsys):
    told = []
    certiqa.certify(mean, picture, 0.1, n=50, batch_size=20, progress=lambda done, n: told.append((done, n)))
    assert told == [(20, 50), (40, 50), (50, 50)]
    for quiet in (True, False):  # a bar is for terminals
        certiqa.certify(mean, picture, 0.1, n=5, progress=quiet)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("holds", [30, 3, 1])
def test_running_out_of_memory_in_the_audit_or_later(holds, picture, toys):
    def greedy(images):
        if len(images) > holds:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return toys.exact(images)

    certificate = certiqa.certify(greedy, picture, 0.1, n=50, seed=1, batch_size=40)
    assert certificate.provenance.batch_size == {30: 20, 3: 2, 1: 1}[holds]
    assert np.array_equal(certificate.scores, certiqa.certify(toys.exact, picture, 0.1, n=50, seed=1).scores)


def test_memory_that_does_not_hold_one_image(picture):
    def greedy(images):
        raise MemoryError

    with pytest.raises(ModelError, match="batch of one image"):
        certiqa.certify(greedy, picture, 0.1, n=5)


def test_failed_scores_count_as_the_worst_and_too_many_are_refused(picture):
    usual = certiqa.certify(mean, picture, 0.1, n=500, seed=0)

    def fails(share):
        """NaN for about this share of the noisy images, told from their content: those nearest to the median."""
        reach = float(np.quantile(np.abs(usual.scores - usual.score), share))

        def model(images):
            scores = mean(images)
            return torch.where((scores - usual.score).abs() < reach, torch.nan, scores)

        return model

    def certified(share):
        for seed in range(1000):  # until the audit's four images happen to be fine
            try:
                return certiqa.certify(fails(share), picture, 0.1, n=500, seed=seed), seed
            except ModelError as error:
                if "among 4 noisy images" not in str(error):
                    raise
        raise RuntimeError("no such seed")

    some, seed = certified(0.2)
    assert 50 < some.failures < 150
    clean = certiqa.certify(mean, picture, 0.1, n=500, seed=seed)
    assert some.bounds(0.05).lower < clean.bounds(0.05).lower
    assert some.bounds(0.05).upper > clean.bounds(0.05).upper
    assert f"{some.failures} of 500 scores were NaN" in str(some)
    with pytest.raises(ModelError, match="of 500 scores of tensor under noise are NaN"):
        certified(0.6)


def test_n_that_is_too_small_is_said_and_the_n_that_would_do(picture):
    certificate = certiqa.certify(mean, picture, 0.1, n=43, seed=1, at=0.1, output_range=(0, 1))
    interval = certificate.bounds(at=0.1)
    assert not interval.certified
    assert tuple(interval) == (0.0, 1.0)
    assert (interval.lower_from, interval.upper_from, interval.lower_rank) == ("range", "range", None)
    assert certificate.smallest_n(at=0.1) == 44
    assert "needs n >= 44" in str(certificate)
    enough = certiqa.certify(mean, picture, 0.1, n=44, seed=1, at=0.1)
    assert enough.bounds(at=0.1).certified
    assert enough.bounds(at=0.1).lower_rank == 1
    unbounded = certiqa.certify(mean, picture, 0.1, n=43, seed=1, at=0.1).bounds(at=0.1)
    assert tuple(unbounded) == (-INF, INF)
    assert unbounded.upper_from == "unbounded"


# -- sound, and tight, where the truth is known ------------------------------------------------------------------------

SIGMA = 0.02  # 5.1 grey levels around mid-grey: nothing is clipped, h(x) = <w, x> exactly, by symmetry
GREY = torch.full((3, 8, 8), 128, dtype=torch.uint8)


def linear(seed, toys):
    """w of entries 0, 1 and -1, so that 8-bit attacks along it exist; and <w, grey>."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-1, 2, (3, 8, 8), generator=generator) * (torch.rand(3, 8, 8, generator=generator) < 0.45)
    weight = weight.double()
    return toys.Linear(weight).eval(), weight, float((weight * GREY.double() / 255).sum())


def misses(statement, toys, seeds, alpha, wrong=None):
    """How many of the seeds' statements an attack along w breaks. 8-bit attack: x + w/255, of length |w|/255."""
    count = 0
    for seed in range(seeds):
        model, weight, clean = linear(seed, toys)
        eps = float(weight.norm()) / 255
        gain = float(weight.square().sum()) / 255
        certificate = certiqa.certify(model, GREY, SIGMA, n=300, seed=seed, alpha=alpha, at=eps)
        if wrong is not None:
            low, high = wrong(certificate, eps)
        elif statement == "drift":
            low, high = clean - certificate.tau(eps), clean + certificate.tau(eps)
        else:
            low, high = certificate.bounds(at=eps) if statement == "at" else certificate.bounds(eps)
        assert 1.2 < eps / SIGMA < 1.8
        assert certificate.bounds(at=eps).certified
        assert certificate.bounds(eps).certified
        slack = 1e-9
        count += not (low <= clean - gain + slack and clean + gain <= high + slack)
    return count


@pytest.mark.parametrize("statement", ["at", "band", "drift"])
def test_an_attack_along_the_weight_stays_inside(statement, toys):
    """40 statements that fail with at most 1e-4 each: a false alarm in 250 runs of new seeds."""
    assert misses(statement, toys, 40, 1e-4) == 0


def test_the_test_above_can_fail(toys):
    """Sample quantiles without a confidence level miss about three times in four: each side every second time."""

    def sample_quantiles(certificate, eps):
        p = 0.5 * math.erfc(eps / SIGMA / math.sqrt(2))
        return np.quantile(certificate.scores, [p, 1 - p])

    assert 20 <= misses("at", toys, 40, 1e-4, wrong=sample_quantiles) <= 38


def test_float_attacks_stay_inside(toys):
    """The attacked image is off the grid; its noisy version is rounded, which moves the median of <w, .> by nothing."""
    model, weight, clean = linear(0, toys)
    eps = SIGMA
    attacked = GREY / 255 + eps * weight / weight.norm()
    certificate = certiqa.certify(model, GREY, SIGMA, n=4000, seed=1, alpha=1e-4, at=eps)
    truth = float((weight * attacked).sum())
    assert certificate.bounds(at=eps).lower < clean < truth <= certificate.bounds(at=eps).upper
    fresh = certiqa.certify(model, attacked, SIGMA, n=4000, seed=2, alpha=1e-4)
    assert abs(fresh.score - truth) < 5 * 1.2533 * SIGMA * float(weight.norm()) / math.sqrt(4000)  # 5 standard errors
    low, high = certificate.bounds(eps, statement="deployed")
    assert low <= fresh.score <= high


def test_the_bound_is_reached_in_the_limit(toys):
    model, weight, clean = linear(1, toys)
    eps = SIGMA
    gain = eps * float(weight.norm())
    certificate = certiqa.certify(model, GREY, SIGMA, n=20_000, seed=1, at=eps)
    ratios = []
    for n in (500, 2000, 20_000):
        part = certiqa.certify(model, GREY, SIGMA, n=n, seed=1, at=eps) if n < 20_000 else certificate
        low, high = part.bounds(at=eps)
        ratios.append(((high - clean) / gain, (clean - low) / gain))
    assert all(ratio >= 1 for pair in ratios for ratio in pair)
    assert max(ratios[2]) < 1.06 < min(ratios[0])
    assert sum(ratios[0]) > sum(ratios[1]) > sum(ratios[2])
    assert 1 <= certificate.tau(at=eps) / gain < 1.1
    assert 0.9 < certificate.radius(gain) / eps <= 1


# -- real pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_a_photograph(shared_data, toys):
    path = sorted((shared_data / "livec" / "images").iterdir())[0]
    certificate = certiqa.certify(toys.mean, path, 0.12, n=24, seed=1)
    assert certificate.noise == "lattice-8bit"
    assert certificate.provenance.image == str(path)
    assert 0 < certificate.score < 1
    assert Certificate.from_json(certificate.to_json()) == certificate
