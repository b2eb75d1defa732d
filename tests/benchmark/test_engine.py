"""The engine: what the figures are, against the same computed by hand from the public functions."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from statsmodels.stats.proportion import proportion_confint

import certiqa
from certiqa.benchmark.config import Config
from certiqa.benchmark.csv_table import csv_of
from certiqa.benchmark.distorted_samples import distorted_samples
from certiqa.benchmark.folder import Folder
from certiqa.benchmark.result import Comparison
from certiqa.benchmark.rows import Found, row_of
from certiqa.benchmark.running import run
from certiqa.certifiers import median
from certiqa.data.images import read_image
from certiqa.data.splits import fold
from certiqa.evaluation.correlation import Estimate
from certiqa.frontends import Energies
from certiqa.statistics.percentile import eps_from_linf
from certiqa.trial.defended import seed_for


def rows_by(comparison):
    return {(row.defence, row.sigma): row for row in comparison.rows}


def in_order(folder):
    records = distorted_samples(folder / "distorted-samples").records
    return sorted(records, key=lambda record: fold(record.name, 2**61, salt="benchmark:"))


def score(metric, path):
    pixels = torch.from_numpy(read_image(path).pixels.copy())
    with torch.no_grad():
        return float(metric(pixels[None].float() / 255))


def test_everything_is_there(finished):
    folder, ran = finished
    comparison = ran.comparison
    assert comparison.complete
    assert comparison.missing == ()
    assert ran.failed == ()
    keys = [(row.defence, row.sigma, row.kind) for row in comparison.rows]
    assert keys == [
        ("undefended", None, "none"), ("softened", None, "empirical"), ("JPEG", None, "empirical"),
        ("MS", 0.1, "certified"), ("MS small", 0.05, "certified"), ("MS small", 0.2, "certified"),
        ("constant predictor", None, "constant"),
    ]  # fmt: skip
    assert {path.name for path in ran.files} >= {"comparison.json", "table.csv", "report.html", "report.md"}
    assert Comparison.from_dict(json.loads((folder / "comparison.json").read_text())) == comparison
    assert csv_of(comparison) == (folder / "table.csv").read_text()


def test_agreement_is_that_of_the_bare_scores(finished, models):
    folder, ran = finished
    chosen = in_order(folder)[:12]
    scores = [score(models["toy"], record.path) for record in chosen]
    row = rows_by(ran.comparison)["undefended", None]
    assert row.images == 12
    assert row.srocc.value == pytest.approx(spearmanr(scores, [record.mos for record in chosen]).statistic)
    assert row.sd.value == pytest.approx(np.std(scores, ddof=1))


def test_smoothed_scores_are_those_of_the_module(finished, models):
    folder, ran = finished
    smooth = certiqa.MedianSmoothing(models["toy"], 0.1, n=2, seed=seed_for(3, "deployed")).eval()
    scores = [float(smooth(torch.from_numpy(read_image(r.path).pixels.copy())[None])) for r in in_order(folder)[:12]]
    row = rows_by(ran.comparison)["MS", 0.1]
    assert row.draws == 2
    assert row.sd.value == pytest.approx(np.std(scores, ddof=1))


@pytest.mark.parametrize(("defence", "sigma", "resolution"), [("MS", 0.1, None), ("MS small", 0.2, 64)])
def test_certificates_are_those_of_certify(finished, models, defence, sigma, resolution):
    folder, ran = finished
    made = [
        certiqa.certify(models["toy"], str(record.path), sigma, n=120, resolution=resolution,
                        seed=seed_for(3, "certificate"))
        for record in in_order(folder)[:3]
    ]  # fmt: skip
    row = rows_by(ran.comparison)[defence, sigma]
    assert row.resolution == resolution
    found = row.certified
    assert (found.images, found.n, found.alpha) == (3, 120, 1e-3)
    half, step = found.at
    assert half.tau.value == pytest.approx(np.median([one.tau(one.eps_for(0.5 * sigma)) for one in made]))
    eps = eps_from_linf(1 / 255, 3 * 128 * 128)
    assert step.eps == pytest.approx(eps)
    assert step.tau.value == pytest.approx(np.median([one.tau(eps) for one in made]))
    assert step.deployed.value == pytest.approx(np.median([one.tau(eps, statement="deployed") for one in made]))
    assert found.eps_at_half_sd.value == pytest.approx(np.median([one.radius(row.sd.value / 2) for one in made]))


def test_a_transferred_attack_is_one_image_for_all_rows(finished, models):
    folder, ran = finished
    made = [json.loads(line)["record"] for line in (folder / "records" / "0-of-1.jsonl").read_text().splitlines()]
    made = [one for one in made if one["what"] == "made"]
    assert len(made) == 4 == len(list((folder / "images").glob("*.png")))
    row = rows_by(ran.comparison)["softened", None]
    runs = {(one.attack, one.adaptive): one for one in row.attacked}
    assert set(runs) == {("fgsm", False), ("fgsm", True), ("pgd:steps=2", False), ("pgd:steps=2", True)}
    images = {record.name: record.path for record in in_order(folder)}
    files = [folder / one["file"] for one in made]
    for point in runs["pgd:steps=2", False].points:
        clean = read_image(images[point.image]).pixels.astype(int)
        near = [path for path in files if np.abs(read_image(path).pixels.astype(int) - clean).max() <= 2]
        assert len(near) == 2, "of fgsm and of pgd"
        assert point.before == pytest.approx(score(models["softer"], images[point.image]))
        assert min(abs(point.after - score(models["softer"], path)) for path in near) < 1e-5


def test_an_adaptive_attack_does_more_to_what_it_knows(finished):
    _, ran = finished
    row = rows_by(ran.comparison)["JPEG", None]
    runs = {one.adaptive: one for one in row.attacked if one.attack == "pgd:steps=2"}
    assert runs[True].rmse.value != runs[False].rmse.value
    assert {one.adaptive for one in rows_by(ran.comparison)["undefended", None].attacked} == {True}


def test_far_drives_scores_to_the_other_end(finished):
    _, ran = finished
    for point in rows_by(ran.comparison)["undefended", None].attacked[1].points:
        assert (point.after < point.before) == (point.before >= 50)


def test_bands_are_certified_for_the_attacks_own_length(finished):
    _, ran = finished
    for key in (("MS", 0.1), ("MS small", 0.2)):
        row = rows_by(ran.comparison)[key]
        assert [one.alarms for one in row.attacked] == [0, 0, 0, 0]
        assert all(point.lower is not None for one in row.attacked for point in one.points)
        for point in (point for one in row.attacked for point in one.points):
            low, high = (-math.inf if point.lower is None else point.lower), (point.upper or math.inf)
            assert low <= point.before <= high
            assert point.inside == (low <= point.after <= high)
    assert all(one.alarms is None for one in rows_by(ran.comparison)["JPEG", None].attacked)


def test_an_attack_beyond_what_scores_prove_tests_no_certificate(given, models, tmp_path):
    given["defence"] = [{"name": "MS", "smooth": True}]
    given["attacks"]["budgets"] = ["linf:8/255"]
    ran = run(Config.of(given), tmp_path, models=models)
    for one in rows_by(ran.comparison)["MS", 0.1].attacked:
        assert one.alarms is None
        assert all((point.lower, point.upper, point.inside) == (None, None, None) for point in one.points)
    assert ran.soundness == ()


def test_the_constant_predictor_is_moved_by_nothing_and_knows_nothing(finished):
    _, ran = finished
    row = rows_by(ran.comparison)["constant predictor", None]
    assert (row.srocc, row.sd, row.certified) == (None, Estimate(0.0, None), None)
    assert [one.rmse.value for one in row.attacked] == [0.0, 0.0]
    assert all(one.rmse_over_sd is None and one.r is None for one in row.attacked)


def test_what_is_not_proved_says_so(finished):
    _, ran = finished
    for row in ran.comparison.rows:
        assert (row.certified is None) == (row.kind != "certified") == bool(row.no_certificate)


def test_cost(finished):
    _, ran = finished
    rows = rows_by(ran.comparison)
    assert rows["undefended", None].cost.forwards == 1
    assert rows["MS", 0.1].cost.forwards == 2
    assert rows["MS", 0.1].cost.seconds.value > 0
    assert rows["constant predictor", None].cost is None


def test_sd_and_seconds_have_intervals_over_contents(config):
    random = np.random.default_rng(5)
    scores, seconds = random.normal(50, 8, 40), random.gamma(9, 0.01, 40)
    records = [
        {"what": "score", "image": f"{i}.png", "content": f"{i // 2}", "mos": float(i), "score": score, "seconds": time,
         "peak_mb": None}
        for i, (score, time) in enumerate(zip(scores.tolist(), seconds.tolist(), strict=True))
    ]  # fmt: skip
    facts = {"defence": "undefended", "kind": "none", "forwards": 1, "sigma": None, "resolution": None,
             "metric": "toy", "metric_sha256": None, "denoiser_sha256": None, "lower_better": False}  # fmt: skip
    row = row_of(Found(config, {"name": "d", "lower_better": False}, facts, records))
    for found, value in ((row.sd, scores.std(ddof=1)), (row.cost.seconds, seconds.mean())):
        low, high = found.interval
        assert found.value == pytest.approx(value)
        assert low < value < high
    resampled = [scores.reshape(20, 2)[random.integers(0, 20, 20)].std(ddof=1) for _ in range(2000)]
    assert row.sd.interval == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=0.8)


def test_examples_show_pictures_that_may_be_shown(finished):
    _, ran = finished
    assert ran.comparison.examples
    for one in ran.comparison.examples:
        assert one.thumbnail.startswith("iVBOR")
        assert "probability at least" in one.statement
        assert len(one.eps) == len(one.lower) == len(one.upper) > 10


def test_a_metric_without_a_range_has_no_bound_where_scores_prove_none(given, models, tmp_path):
    toy = models["toy"]
    toy.output_range, toy.range_enforced = None, False
    given["metric"][0]["middle"] = 20.0
    given["certificates"] |= {"images": 2, "at": ["9 sigma", "0.1 sigma"]}
    given["defence"] = given["defence"][:1] + given["defence"][3:4]
    given["attacks"]["images"] = 0
    comparison = run(Config.of(given), tmp_path, models=models).comparison
    far, near = rows_by(comparison)["MS", 0.1].certified.at
    assert (far.tau, far.tau_p90, far.tau_over_sd, far.deployed) == (None, None, None, None)
    ends = proportion_confint(0, 1, method="beta")  # of two images of one content
    assert (far.proved.value, far.proved.interval) == (0.0, pytest.approx(ends))
    assert (near.proved.value, near.proved.interval) == (1.0, pytest.approx((1 - ends[1], 1.0)))
    assert near.tau_p90.value >= near.tau.value
    assert math.isfinite(near.tau.value)
    assert "unbounded" in (tmp_path / "report.md").read_text()
    assert Comparison.from_dict(json.loads((tmp_path / "comparison.json").read_text())) == comparison


def test_the_plan_counts_and_times_and_computes_nothing(config, models, tmp_path):
    plans = []
    ran = run(config, tmp_path, models=models, only_plan=True, planned=plans.append)
    assert ran.comparison is None
    assert [*Folder(tmp_path).records()] == []
    (plan,) = plans
    by = {(one.defence, one.sigma): one for one in plan.lines}
    assert by["undefended", None].cells == {"score": 12, "certificate": 0, "transferred": 4, "adaptive": 0}
    assert by["MS", 0.1].cells == {"score": 12, "certificate": 3, "transferred": 4, "adaptive": 4}
    # 12 scores of 2, 3 certificates of 120, 8 judgements of 50, and fgsm (1 step) and pgd (2 steps) on 2 images each
    assert by["MS", 0.1].forwards == 12 * 2 + 3 * 120 + 8 * 50 + 2 * 4 + 2 * 7
    assert plan.seconds > 0
    assert plan.todo == 6 * 12 + 3 * 3 + 6 * 4 + 5 * 4


def test_soundness_is_counted_row_by_row(finished):
    _, ran = finished
    assert [row for row, _ in ran.soundness] == [
        "MS, sigma 0.1, of toy on distorted-samples",
        "MS small, sigma 0.05, of toy on distorted-samples",
        "MS small, sigma 0.2, of toy on distorted-samples",
    ]
    for _, one in ran.soundness:  # 2 images, 2 attacks, each adaptive and not; a certificate is one, however attacked
        assert (one.attacks, one.within, one.alarms, one.certificates, one.failed) == (8, 8, 0, 2, 0)
        assert one.sound


def test_a_certificate_that_does_not_hold_is_an_alarm(given, models, tmp_path, monkeypatch):
    """A metric that scores otherwise after it was certified: every attacked median is out of its interval."""
    given["defence"] = [{"name": "MS", "smooth": True}]
    given["certificates"]["images"] = given["attacks"]["images"] = 12
    given["attacks"]["transferred"] = False
    given["attacks"]["names"] = ["fgsm"]
    drawn = median.fresh_scores
    monkeypatch.setattr(median, "fresh_scores", lambda *a, **k: drawn(*a, **k) - 1000)
    ran = run(Config.of(given), tmp_path, models=models)
    ((row, found),) = ran.soundness
    assert row == "MS, sigma 0.1, of toy on distorted-samples"
    assert found.failed > 6
    assert not found.sound
    assert rows_by(ran.comparison)["MS", 0.1].attacked[0].alarms == found.alarms
    assert "oundness alarm" in (tmp_path / "report.md").read_text()


def test_no_noise_serves_twice(given, models, tmp_path, monkeypatch):
    """What judges an attack is never the noise of the certificate, of the attack, of a deployed score or of another."""
    seeds = []
    drawn = median.fresh_scores
    monkeypatch.setattr(median, "fresh_scores", lambda *a, **k: (seeds.append(k["seed"]), drawn(*a, **k))[1])
    run(Config.of(given), tmp_path, models=models)
    assert len(seeds) == 3 * 2 * 4  # rows, images, attacks that know the defence or not
    others = {seed_for(3, role) for role in ("certificate", "deployed", "attack")}
    assert len(others) == 3
    assert len(set(seeds) | others) == len(seeds) + 3


def test_scores_that_become_nan_under_attack_are_told_and_the_rest_is_kept(given, models, tmp_path, monkeypatch):
    drawn = median.fresh_scores
    monkeypatch.setattr(median, "fresh_scores", lambda *a, **k: drawn(*a, **k) * math.nan)
    ran = run(Config.of(given), tmp_path, models=models)
    assert len(ran.failed) == 3 * 2 * 4
    assert all("there is no median" in reason for _, reason in ran.failed)
    assert all(row.certified is not None for row in ran.comparison.rows if row.kind == "certified")


class Energetic(torch.nn.Module):
    """A metric with a front end of its own, whose head prefers fine structure."""

    name, lower_better, output_range, range_enforced = "energetic", False, (0.0, 100.0), True
    certified_sigma, certified_n = 0.004, 3000

    def __init__(self):
        super().__init__()
        self.front_end = Energies(side=64, rings=6, signed=2)
        self.head = FineStructure()

    def forward(self, images):
        return self.head(self.front_end.of_tensor(images))


class FineStructure(torch.nn.Module):
    def forward(self, numbers):
        return 100 * torch.sigmoid(40 * numbers[:, 4] - 1)


def test_a_metric_with_a_front_end_of_its_own_is_a_row_like_any_other(given, models, tmp_path):
    given["defence"] = [
        {"name": "undefended"},
        {"name": "energies", "metric": {"toy": "energetic"}, "smooth": True},
        {"name": "more noise", "metric": {"toy": "energetic"}, "smooth": True, "sigmas": [0.02]},
    ]
    given["certificates"]["at"] = ["psnr:45", "1 sigma"]
    given["attacks"]["budgets"] = ["linf:2/255"]
    ran = run(Config.of(given), tmp_path, models=models | {"energetic": Energetic().eval()})
    found = rows_by(ran.comparison)
    assert {("undefended", None), ("energies", 0.004), ("more noise", 0.02)} < set(found)
    row = found["energies", 0.004]
    assert (row.draws, row.resolution) == (4096, None)
    made = [record for _, record in Folder(tmp_path).records()]
    records = [one for one in made if one["what"] == "certificate" and one["sigma"] == 0.004]
    assert {record["certificate"]["n"] for record in records} == {3000}
    assert all(one.sound for _, one in ran.soundness)
    assert sum(one.within for _, one in ran.soundness) > 0
