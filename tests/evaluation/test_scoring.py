"""Scoring a data set: every image once, kept at once, found again; bad images are told together or recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from certiqa.data import open_dataset
from certiqa.data.images import read_image
from certiqa.errors import AuditError, ImageError, InputError, ModelError, ModelOutputError
from certiqa.evaluation import ScoreStore, score_dataset
from certiqa.evaluation.scores import check_sizes
from certiqa.evaluation.store import score_identity

SIZES = [(8, 8), (8, 8), (8, 8), (10, 12), (10, 12), (8, 8), (9, 7), (8, 8)]
CPU = torch.device("cpu")


class Mean(torch.nn.Module):
    """100 x mean intensity; counts what it is shown, and fails where it is told to."""

    name, lower_better, min_size = "mean", False, 4

    def __init__(self, gain=100.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))
        self.seen = []
        self.fail = lambda image: False
        self.bad = lambda image: False

    def forward(self, images):
        if any(self.fail(image) for image in images):
            raise ValueError("cannot look at this")
        self.seen.append(len(images))
        scores = self.gain * images.mean((1, 2, 3))
        return torch.stack([s * torch.nan if self.bad(image) else s for s, image in zip(scores, images, strict=True)])


@pytest.fixture
def metric():
    return Mean().eval()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    lines = ["image,mos,content"]
    for index, (height, width) in enumerate(SIZES):
        pixels = np.full((height, width, 3), 30 * index, np.uint8)
        pixels[0, 0] = 255  # no two pictures are the same
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
        lines.append(f"{index}.png,{index / 2},scene {index // 2}")
    (tmp_path / "mos.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def dataset(root):
    return open_dataset("folder", root, mos_range=(0, 5))


def expected(dataset):
    return [100 * read_image(record.path).as_float().mean() for record in dataset.records]


def test_every_image_gets_its_score(metric, dataset):
    told = []
    found = score_dataset(metric, dataset, progress=lambda done, total: told.append((done, total)))
    assert found.scores == pytest.approx(expected(dataset), rel=1e-5)
    assert found.scores.dtype == np.float64
    assert not found.scores.flags.writeable
    assert (found.metric, found.lower_better, found.dtype, found.left_out, found.reused) == (
        "mean", False, "float32", (), 0,
    )  # fmt: skip
    assert metric.seen == [1] * 8
    assert told == [(index, 8) for index in range(1, 9)]
    assert found.rows()[3] == {
        "data": "folder",
        "metric": "mean",
        "name": "3.png",
        "content": "scene 1",
        "mos": 1.5,
        "score": found.scores[3],
        "sha256": read_image(dataset.records[3].path).sha256(),
    }


def test_batches_hold_one_size_and_keep_the_order(metric, dataset):
    found = score_dataset(metric, dataset, batch_size=3)
    assert metric.seen == [3, 2, 1, 1, 1]
    assert found.scores == pytest.approx(expected(dataset), rel=1e-5)


def test_memory_that_runs_out_halves_the_batch(dataset, metric):
    class Small(Mean):
        def forward(self, images):
            if len(images) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    found = score_dataset(Small().eval(), dataset, batch_size=4)
    assert found.scores == pytest.approx(expected(dataset), rel=1e-5)


def test_a_killed_run_goes_on_where_it_stopped(metric, dataset, tmp_path):
    path = tmp_path / "scores.jsonl"

    class Killed(BaseException):
        pass

    def stop(done, total):
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        score_dataset(metric, dataset, store=ScoreStore(path), progress=stop)
    with path.open("ab") as file:
        file.write(b'{"identity": "abc", "sha')  # a line that was being written
    whole = score_dataset(Mean().eval(), dataset)
    metric.seen.clear()
    found = score_dataset(metric, dataset, store=ScoreStore(path))
    assert (found.reused, len(metric.seen)) == (5, 3)
    assert (found.scores == whole.scores).all()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["name"] for line in lines] == [record.name for record in dataset.records]
    assert {(line["metric"], line["data"], line["identity"]) for line in lines} == {("mean", "folder", found.identity)}


def test_other_weights_and_other_pixels_are_scored_again(metric, dataset, root, tmp_path):
    path = tmp_path / "scores.jsonl"
    score_dataset(metric, dataset, store=ScoreStore(path))
    assert score_dataset(Mean(50.0).eval(), dataset, store=ScoreStore(path)).reused == 0
    assert score_dataset(metric, dataset, store=ScoreStore(path), dtype="float64").reused == 0
    Image.new("RGB", (8, 8), "white").save(root / "images" / "0.png")
    again = score_dataset(metric, dataset, store=ScoreStore(path))
    assert again.reused == 7
    assert again.scores[0] == pytest.approx(100)


def test_a_function_has_no_identity_and_is_never_looked_up(dataset, tmp_path):
    def mean(images):
        return images.mean((1, 2, 3))

    store = ScoreStore(tmp_path / "scores.jsonl")
    assert score_dataset(mean, dataset, store=store).identity is None
    assert score_dataset(mean, dataset, store=ScoreStore(store.path)).reused == 0
    assert score_identity(mean, torch.float32, CPU) is None


def test_a_failure_names_the_image(metric, dataset):
    metric.bad = lambda image: 0.45 < image.mean() < 0.5  # 4.png
    with pytest.raises(ModelOutputError, match=r"^4\.png: The model must return finite scores\. Got nan\.$"):
        score_dataset(metric, dataset, batch_size=2)
    metric.bad = lambda image: False
    metric.fail = lambda image: 0.45 < image.mean() < 0.5
    with pytest.raises(ModelError, match=r"^4\.png: The model raised ValueError"):
        score_dataset(metric, dataset, batch_size=2)
    with pytest.raises(ModelOutputError, match=r"^0\.png: .* one score per image"):
        score_dataset(lambda images: images.mean(1), dataset)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_skip_bad_leaves_out_and_records(metric, dataset, root, batch_size):
    metric.bad = lambda image: 0.45 < image.mean() < 0.5
    metric.fail = lambda image: 0.2 < image.mean() < 0.3  # 2.png
    (root / "images" / "6.png").write_bytes(b"not a picture")
    Image.new("RGB", (3, 9)).save(root / "images" / "7.png")
    found = score_dataset(metric, dataset, skip_bad=True, batch_size=batch_size)
    assert [record.name for record in found.dataset.records] == ["0.png", "1.png", "3.png", "5.png"]
    assert found.dataset.mos().tolist() == [0.0, 0.5, 1.5, 2.5]
    kept = [100 * read_image(record.path).as_float().mean() for record in found.dataset.records]
    assert found.scores == pytest.approx(kept, rel=1e-5)
    reasons = {one.name: one.reason for one in found.left_out}
    assert set(reasons) == {"2.png", "4.png", "6.png", "7.png"}
    assert "raised ValueError" in reasons["2.png"]
    assert "finite" in reasons["4.png"]
    assert "3x9 is less than the 4 pixels on each side" in reasons["7.png"]


def test_images_that_are_too_small_are_told_together_and_before_any_is_scored(metric, dataset, root):
    metric.min_size = 9
    with pytest.raises(ImageError) as error:
        score_dataset(metric, dataset)
    assert str(error.value).startswith("6 images of 'folder' too small (0.png: 8x8 is less than the 9 pixels")
    assert "and 3 more" in str(error.value)
    assert metric.seen == []
    assert len(check_sizes(metric, dataset)) == 6


def test_nothing_left(metric, dataset):
    metric.fail = lambda image: True
    with pytest.raises(InputError, match=r"No image of 'folder' could be scored with 'mean'\. The first: 0\.png: "):
        score_dataset(metric, dataset, skip_bad=True)


def test_a_bad_model_or_batch_is_refused(dataset):
    with pytest.raises(AuditError, match="train mode"):
        score_dataset(Mean(), dataset)
    with pytest.raises(InputError, match="'batch_size' must be a whole number >= 1"):
        score_dataset(Mean().eval(), dataset, batch_size=0)


# -- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "[1]\n", '{"sha256": "a"}\n', "something", '{"identity": 1, "sha256": 2, "score": 3}\n']
)
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match="must be new, or a file of scores that certiqa wrote"):
        ScoreStore(path)
    assert path.read_text() == content


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="folder that can be written to"):
        ScoreStore(tmp_path / "no" / "x.jsonl")


def test_scores_come_back_to_the_last_bit(tmp_path):
    store = ScoreStore(tmp_path / "x.jsonl")
    values = np.random.default_rng(0).normal(size=50) * 10.0 ** np.arange(-25, 25)
    for index, value in enumerate(values):
        store.add("me", str(index), float(value))
    again = ScoreStore(store.path)
    assert len(again) == 50
    assert [again.get("me", str(index)) for index in range(50)] == values.tolist()


def test_what_makes_an_identity(metric):
    same = score_identity(metric, torch.float32, CPU)
    assert score_identity(Mean().eval(), torch.float32, CPU) == same
    assert score_identity(Mean(99.0).eval(), torch.float32, CPU) != same
    assert score_identity(metric, torch.float64, CPU) != same
    assert score_identity(metric, torch.float32, torch.device("cuda")) != same
