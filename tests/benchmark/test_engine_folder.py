"""A run that is killed, resumed, shared, or pointed at the wrong folder."""

import errno
import inspect
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from certiqa.benchmark.config import Config
from certiqa.benchmark.distorted_samples import distorted_samples
from certiqa.benchmark.folder import Folder
from certiqa.benchmark.opening import Opened
from certiqa.benchmark.result import Comparison
from certiqa.benchmark.running import run
from certiqa.errors import InputError
from certiqa.evaluation import records

RECORDS = "0-of-1.jsonl"


def copied(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "copy")


def test_a_finished_run_computes_nothing_again(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    before = (folder / "records" / RECORDS).read_bytes()
    plans = []
    run(config, folder, models=models, planned=plans.append)
    assert plans[0].todo == 0
    assert (folder / "records" / RECORDS).read_bytes() == before
    assert (folder / "table.csv").read_bytes() == (finished[0] / "table.csv").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 0.999])
def test_a_run_cut_anywhere_ends_with_the_same_table(finished, config, models, tmp_path, share):
    """As kill -9 leaves it: some lines, the last of them torn, an image half written or not at all."""
    folder = copied(finished, tmp_path)
    path = folder / "records" / RECORDS
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    images = sorted((folder / "images").glob("*.png"))
    images[0].write_bytes(images[0].read_bytes()[:100])
    images[1].unlink()
    for name in ("table.csv", "comparison.json", "report.html"):
        (folder / name).unlink()
    run(config, folder, models=models)
    assert (folder / "table.csv").read_bytes() == (finished[0] / "table.csv").read_bytes()
    if share < 0.5:  # later, all that these images are needed for is there
        assert len(list((folder / "images").glob("*.png"))) == len(images)


def test_shares_come_together_to_the_same_table(finished, config, models, tmp_path):
    first = run(config, tmp_path, models=models, part=(0, 2))
    assert not first.comparison.complete
    assert any(
        one.startswith("score of MS, sigma 0.1, of toy on distorted-samples: 6 of 12")
        for one in first.comparison.missing
    )
    second = run(config, tmp_path, models=models, part=(1, 2))
    assert second.comparison.complete
    assert (tmp_path / "table.csv").read_bytes() == (finished[0] / "table.csv").read_bytes()
    assert {one.name for one in (tmp_path / "records").glob("*.jsonl")} == {"0-of-2.jsonl", "1-of-2.jsonl"}


def test_the_report_alone(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    (folder / "report.html").unlink()
    ran = run(config, folder, models=models, compute=False)
    assert ran.plan is None
    assert (folder / "report.html").exists()


def test_another_config_is_refused_and_says_what_differs(finished, given, models, tmp_path):
    folder = copied(finished, tmp_path)
    given |= {"seed": 4, "sigmas": [0.2]}
    with pytest.raises(
        InputError, match=r"'--out' must be new, or of this config; it is of one that differs in seed, sigmas"
    ):
        run(Config.of(given), folder, models=models)


def test_other_weights_are_refused(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    models["softer"].gain.data += 1
    with pytest.raises(InputError, match="'softened' of 'toy' was measured with others"):
        run(config, folder, models=models)


def test_another_image_of_as_many_bytes_is_told_apart(config, tmp_path):
    path = tmp_path / "a.bmp"
    record = SimpleNamespace(name="a", mos=1.0, content="a", path=path)
    data = [replace(distorted_samples(tmp_path / "samples"), records=(record,))]
    found = []
    for grey in (10, 11, 10):
        Image.new("L", (8, 8), grey).save(path)
        found.append(Opened.facts(SimpleNamespace(data=data, config=config))[0]["sha256"])
    assert found[0] != found[1]
    assert found[0] == found[2]


def test_other_images_are_refused(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    for picture in (folder / "distorted-samples").glob("*-5.png"):
        shutil.copy(next((folder / "distorted-samples").glob("*-0.png")), picture)
    with pytest.raises(InputError, match="of the same images and scores; its 'distorted-samples' had others"):
        run(config, folder, models=models)


def test_a_folder_of_something_else_is_refused(config, models, tmp_path):
    (tmp_path / "about.json").write_text('{"schema": 99, "config": {}}')
    with pytest.raises(InputError, match="folder of this version of certiqa"):
        run(config, tmp_path, models=models)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="must be a folder that is there or can be made"):
        run(config, tmp_path / "file", models=models)


def test_records_of_another_kind_are_refused(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    (folder / "records" / "1-of-2.jsonl").write_text('{"colour": 1}\n')
    with pytest.raises(InputError, match="line 1 is of another kind"):
        run(config, folder, models=models)


def test_two_processes_of_one_share_are_told(finished, config, models, tmp_path):
    pytest.importorskip("fcntl")
    folder = copied(finished, tmp_path)
    code = (
        "import fcntl, sys, time\n"
        f"lock = open({str(folder / 'records' / (RECORDS + '.lock'))!r}, 'wb')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        try:
            with pytest.raises(InputError, match="must not be the place of another run that is still at work"):
                run(config, folder, models=models)
        finally:
            other.kill()
    run(config, folder, models=models)


def test_a_full_disk_ends_the_run_with_what_was_done(config, models, tmp_path, monkeypatch):
    written = []

    def full(path, line):
        if len(written) == 20:
            raise InputError(f"Cannot write {str(path)!r}: No space left on device.")
        written.append(line)
        with path.open("ab") as file:
            file.write(line)

    monkeypatch.setattr(records, "append_line", full)
    monkeypatch.setattr(Folder, "writable", lambda self: False)
    with pytest.raises(InputError, match="No space left on device"):
        run(config, tmp_path, models=models)
    monkeypatch.undo()
    assert len([*Folder(tmp_path).records()]) == 20


def test_an_image_that_fails_is_told_and_the_others_are_done(given, models, tmp_path):
    class Fails(type(models["toy"])):
        def forward(self, x):
            if x.shape[0] == 1 and float(x.mean()) < self.least:
                raise ValueError("too dark")
            return super().forward(x)

    given["defence"] = [{"name": "undefended"}]
    given["attacks"]["images"] = 0
    fails = Fails().eval()
    fails.least = 0.0
    config = Config.of(given)
    first = run(config, tmp_path / "all", models={"toy": fails}).comparison
    fails.least = 0.3
    told = []
    ran = run(config, tmp_path / "some", models={"toy": fails}, told=told.append)
    assert 0 < len(ran.failed) < 12
    assert all("too dark" in reason for _, reason in ran.failed)
    assert len(told) == len(ran.failed)
    assert ran.comparison.rows[0].images == 12 - len(ran.failed)
    assert ran.comparison.missing == (
        f"score of undefended of toy on distorted-samples: {len(ran.failed)} of 12 images",
    )
    fails.least = 0.0
    again = run(config, tmp_path / "some", models={"toy": fails}).comparison
    assert again.complete
    assert again.rows[0].srocc == first.rows[0].srocc


@pytest.mark.parametrize("kind", [MemoryError, torch.OutOfMemoryError])
def test_a_lack_of_memory_fails_one_figure(given, models, tmp_path, kind):
    class Large(type(models["toy"])):
        def forward(self, x):
            if float(x.mean()) < 0.3:
                raise kind
            return super().forward(x)

    given["defence"] = [{"name": "undefended"}]
    given["attacks"]["images"] = 0
    ran = run(Config.of(given), tmp_path, models={"toy": Large().eval()})
    assert 0 < len(ran.failed) < 12
    assert all(f"memory ran out: use smaller images, a smaller batch, or fewer processes at a time "
               f"({kind.__name__})" == reason for _, reason in ran.failed)  # fmt: skip


def test_processes_describe_the_folder_one_after_the_other(given, tmp_path):
    """Whoever holds the lock has read what the one before wrote."""
    folder = Folder(tmp_path)
    with folder._alone():
        other = subprocess.Popen(
            [sys.executable, "-c", "import sys; from pathlib import Path; from certiqa.benchmark.folder import Folder\n"
             "with Folder(Path(sys.argv[1]), 1, 2)._alone(): print('in')", str(tmp_path)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(3)
    assert other.communicate(timeout=60)[0] == "in\n"


def test_what_is_missing_is_told_together_before_any_work(given, models, tmp_path):
    given["defence"][1]["metric"] = "weights/none.safetensors"
    given["defence"].append({"name": "DMS", "denoiser": "none.safetensors"})
    given["data"].append({"name": "livec", "root": str(tmp_path / "nowhere")})
    given["attacks"]["names"].append("uap:pattern=patterns/{metric}.safetensors")
    config = Config.of(given)
    with pytest.raises(InputError) as caught:
        run(config, tmp_path / "out", models=models)
    for words in (
        "livec: ", "defence 'softened' of 'toy': ", "defence 'DMS' of 'toy': ",
        "attack 'uap:pattern=patterns/{metric}.safetensors' on 'toy': ", "patterns/toy.safetensors", "--skip-missing",
    ):  # fmt: skip
        assert words in str(caught.value)
    assert not (tmp_path / "out" / "about.json").exists()
    ran = run(config, tmp_path / "out", models=models, skip_missing=True)
    assert not ran.comparison.complete
    assert len(ran.comparison.missing) == 4
    assert {row.defence for row in ran.comparison.rows} == {
        "undefended", "JPEG", "MS", "MS small", "constant predictor"
    }  # fmt: skip
    given["metric"][0]["name"] = "none.safetensors"
    with pytest.raises(InputError, match="Nothing is left to measure"):
        run(Config.of(given), tmp_path / "other", models=models, skip_missing=True)


def test_far_needs_a_middle(given, models, tmp_path):
    models["toy"].output_range = None
    with pytest.raises(InputError, match="needs the middle of its scale"):
        run(Config.of(given), tmp_path, models=models)


def test_shares_are_checked(config, models, tmp_path):
    with pytest.raises(InputError, match=r"'--part' must be SHARE/SHARES"):
        run(config, tmp_path, models=models, part=(2, 2))


def test_global_random_states_are_left_alone(given, models, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    given["defence"] = [{"name": "MS", "smooth": True}]
    run(Config.of(given), tmp_path, models=models)
    assert torch.equal(torch.rand(3), expected)


KILL = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location({name!r}, {path!r})
sys.modules[{name!r}] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
BASE, toys = module.BASE, module.toys
from certiqa.benchmark.config import Config
from certiqa.benchmark.running import run
run(Config.of(BASE), {out!r}, models=toys(), progress=lambda done, total: print(done, flush=True))
"""


def test_kill_minus_nine_and_resume(finished, config, models, tmp_path):
    kind = type(models["toy"])
    code = KILL.format(name=kind.__module__, path=inspect.getsourcefile(kind), out=str(tmp_path / "out"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 90:
                process.kill()
                break
    assert process.wait() == -9
    done = len([*Folder(tmp_path / "out").records()])
    assert 90 <= done < 150
    plans = []
    run(config, tmp_path / "out", models=models, planned=plans.append)
    assert 0 < plans[0].todo <= 125 - 90
    for name in ("table.csv",):
        assert (tmp_path / "out" / name).read_bytes() == (finished[0] / name).read_bytes()
    first, second = (json.loads((folder / "comparison.json").read_text()) for folder in (finished[0], tmp_path / "out"))
    for data in (first, second):  # what a clock says differs
        for key in ("date", "seconds", "command"):
            del data[key]
        for row in data["rows"]:
            row["cost"] = None
    assert first == second


def test_a_plan_leaves_the_folder_free_for_another_config(given, models, tmp_path):
    run(Config.of(given), tmp_path, models=models, only_plan=True)
    given["attacks"]["images"] = 0
    given["defence"] = [{"name": "undefended"}]
    assert run(Config.of(given), tmp_path, models=models).comparison.complete


def test_the_report_alone_says_nothing_new_about_who_computed(finished, config, models, tmp_path):
    folder = copied(finished, tmp_path)
    about = json.loads((folder / "about.json").read_text())
    about["machine"]["processor"] = "of long ago"
    (folder / "about.json").write_text(json.dumps(about))
    del models["softer"]  # no more needed for what is there; whether all of it is there cannot be told
    ran = run(config, folder, models=models, compute=False, skip_missing=True, command="another")
    assert json.loads((folder / "about.json").read_text()) == about
    assert (ran.comparison.machine["processor"], ran.comparison.command) == ("of long ago", about["command"])
    assert {row.defence for row in ran.comparison.rows} >= {"softened", "JPEG"}
    assert [one.split(":")[0] for one in ran.comparison.missing] == ["defence 'softened' of 'toy'"]


def test_a_folder_that_cannot_be_written_to_is_told(config, models, tmp_path):
    pytest.importorskip("fcntl")
    (tmp_path / "records" / f"{RECORDS}.lock").mkdir(parents=True)  # opening it fails, also for root
    with pytest.raises(InputError, match=r"'--out' must be a folder that can be written to \("):
        run(config, tmp_path, models=models)


def test_a_file_system_without_locks_is_no_other_run(given, models, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def none(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    given["defence"], given["attacks"]["images"] = [{"name": "undefended"}], 0
    assert run(Config.of(given), tmp_path, models=models).comparison.complete


def test_data_that_came_later_stands_in_the_configs_order(given, models, tmp_path):
    photos = tmp_path / "photos"
    given["data"].insert(0, {"name": "folder", "root": str(photos), "part": "all", "options": {"mos_range": [0, 9]}})
    given["defence"], given["attacks"]["images"] = [{"name": "undefended"}, {"name": "MS", "smooth": True}], 0
    config = Config.of(given)
    first = run(config, tmp_path / "late", models=models, skip_missing=True).comparison
    assert {row.data for row in first.rows} == {"distorted-samples"}
    made = sorted((tmp_path / "late" / "distorted-samples").glob("*-gaussian-blur-*.png"))[:6]
    photos.mkdir()
    for one in made:
        shutil.copy(one, photos)
    lines = [f"{one.name},{number}" for number, one in enumerate(made)]
    (photos / "mos.csv").write_text("\n".join(["image,mos", *lines]) + "\n")
    assert run(config, tmp_path / "late", models=models).comparison.complete
    assert run(config, tmp_path / "once", models=models).comparison.complete
    assert (tmp_path / "late" / "table.csv").read_bytes() == (tmp_path / "once" / "table.csv").read_bytes()


def test_sigmas_that_look_alike_are_two_rows(given, models, tmp_path):
    given["defence"] = [{"name": "MS", "smooth": True, "sigmas": [0.1234567, 0.1234568]}]
    given["attacks"]["images"] = 0
    found = run(Config.of(given), tmp_path, models=models).comparison
    assert [row.sigma for row in found.rows] == [0.1234567, 0.1234568, None]


def test_samples_are_made_by_several_processes_at_once(tmp_path, monkeypatch):
    """Each in a file of its own: the other one may be through at any moment."""
    from PIL import Image

    save, parts = Image.Image.save, set()

    def other(self, path, **options):
        save(self, path, **options)
        parts.add(str(path))

    monkeypatch.setattr(Image.Image, "save", other)
    for pid in (1, 2):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        distorted_samples(tmp_path / str(pid))
    assert len({one.rpartition("/")[2] for one in parts}) == len(parts) > 10


def test_whoever_writes_last_writes_what_all_have_done(config, models, tmp_path, monkeypatch):
    """The other process comes to its end while this one writes its incomplete table."""
    run(config, tmp_path, models=models, part=(0, 2))
    from certiqa.benchmark import csv_table

    written = csv_table.csv_of

    def meanwhile(comparison):
        if not comparison.complete and not (tmp_path / "records" / "1-of-2.jsonl").exists():
            shutil.copy(tmp_path / "there" / "1-of-2.jsonl", tmp_path / "records")
        return written(comparison)

    run(config, tmp_path / "other", models=models, part=(1, 2))
    (tmp_path / "there").mkdir()
    shutil.copy(tmp_path / "other" / "records" / "1-of-2.jsonl", tmp_path / "there")
    monkeypatch.setattr(csv_table, "csv_of", meanwhile)
    ran = run(config, tmp_path, models=models, part=(0, 2))
    assert ran.comparison.complete
    assert Comparison.from_dict(json.loads((tmp_path / "comparison.json").read_text())).complete


def test_a_smoothed_metric_that_draws_is_refused_before_any_work(given, models, tmp_path):
    given["defence"] = [{"name": "crop", "purify": ["jpeg", "crop:share=0.8"], "smooth": True}]
    with pytest.raises(
        InputError, match=r"defence 'crop' of 'toy': .*this draws random numbers.*Give the purification"
    ):
        run(Config.of(given), tmp_path, models=models)
    given["defence"][0]["purify"] = ["jpeg", "crop:share=0.8,seed=1"]
    given["attacks"]["images"] = 0
    assert run(Config.of(given), tmp_path, models=models).comparison.complete


def test_a_metric_without_a_fingerprint_is_told(given, tmp_path):
    given["defence"], given["attacks"]["images"] = [{"name": "undefended"}, {"name": "MS", "smooth": True}], 0
    told = []
    run(Config.of(given), tmp_path, models={"toy": lambda x: x.mean((1, 2, 3))}, told=told.append)
    assert told == ["metric toy: it has no fingerprint (it is no module): in this folder another one is not noticed"]


def test_an_attack_with_another_model_is_refused(given, models, tmp_path, monkeypatch):
    module = type(sys)("certiqa_benchmark_substitute")
    module.metric = type(models["toy"])(20.0).eval()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    given["defence"] = [{"name": "undefended"}]
    given["attacks"] |= {"names": [f"transfer:source=python:{module.__name__}:metric,attack=fgsm"]}
    run(Config.of(given), tmp_path, models=models)
    run(Config.of(given), tmp_path, models=models, compute=False)
    module.metric.gain.data += 1
    with pytest.raises(InputError, match=r"of the same attacks; its 'transfer:.*made with another file or model"):
        run(Config.of(given), tmp_path, models=models)


def test_a_metric_without_weights_of_its_own_is_undefended(given, models, tmp_path):
    given["metric"].append({"name": "softer"})
    given["defence"] = [{"name": "NT", "metric": {"toy": "softer", "*": "base"}}]
    rows = run(Config.of(given), tmp_path, models=models).comparison.rows
    assert [(row.metric, row.kind) for row in rows if row.defence == "NT"] == [("toy", "empirical"), ("softer", "none")]
    assert [len(row.attacked) for row in rows if row.defence == "NT"] == [4, 2]
