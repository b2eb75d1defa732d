"""Every reader on a small copy of its data set, written in the formats in which it is published."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from certiqa.data import open_dataset
from certiqa.data.sets import info, names
from certiqa.data.sets.live import FOLDERS
from certiqa.data.splits import is_validation
from certiqa.errors import DataError, InputError, MissingExtraError, UnknownNameError

openpyxl = pytest.importorskip("openpyxl", reason="the published tables of CSIQ and SPAQ are .xlsx")


def encoded(kind: str, shade: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (shade % 256, 10, 20)).save(file, kind)
    return file.getvalue()


PNG, BMP, JPEG = encoded("PNG"), encoded("BMP"), encoded("JPEG")


def put(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes({".png": PNG, ".bmp": BMP}.get(path.suffix.lower(), JPEG))


def write_csv(path: Path, *rows: tuple[object, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def cells(*texts: str) -> np.ndarray:
    """A MATLAB cell array (N, 1) of char arrays."""
    array = np.empty((len(texts), 1), dtype=object)
    array[:, 0] = texts
    return array


def rows(dataset) -> list[tuple]:
    assert all(record.path.is_file() for record in dataset.records)
    return [(r.name, r.mos, r.std, r.content, r.split, r.row) for r in dataset.records]


# -- LIVEC -------------------------------------------------------------------------------------------------------------

LIVEC = [*(f"t{i}.bmp" for i in range(1, 8)), "3.bmp", "10.bmp", "1000.JPG"]


def livec(root: Path) -> Path:
    data, images = root / "Data", root / "Images"
    put(images, *(f"trainingImages/{name}" for name in LIVEC[:7]), *LIVEC[7:])
    data.mkdir()
    mos = np.arange(10.0)[None] + 40.5
    scipy.io.savemat(data / "AllImages_release.mat", {"AllImages_release": cells(*LIVEC)})
    scipy.io.savemat(data / "AllMOS_release.mat", {"AllMOS_release": mos})
    scipy.io.savemat(data / "AllStdDev_release.mat", {"AllStdDev_release": mos / 4})
    return root


def test_livec_leaves_out_the_images_that_taught_the_subjects(tmp_path):
    found = open_dataset("livec", livec(tmp_path), decode=True)
    assert rows(found) == [
        ("3.bmp", 47.5, 11.875, "3.jpg", None, 8),
        ("10.bmp", 48.5, 12.125, "10.jpg", None, 9),
        ("1000.JPG", 49.5, 12.375, "1000.JPG", None, 10),
    ]
    assert (found.mos_range, found.lower_better, found.name, found.root) == ((0, 100), False, "livec", tmp_path)
    every = open_dataset("livec", tmp_path, training_images=True)
    assert len(every) == 10
    assert every.records[0].path == tmp_path / "Images" / "trainingImages" / "t1.bmp"


def test_livec_below_its_archive_folder(tmp_path):
    livec_root = tmp_path / "ChallengeDB_release"
    livec_root.mkdir()
    livec(livec_root)
    assert [r.path.parent for r in open_dataset("livec", tmp_path).records] == [livec_root / "Images"] * 3


@pytest.mark.parametrize(
    ("published", "repacked"), [("13.bmp", "13.jpg"), ("12.bmp", "12.jpg"), ("880.JPG", "880.JPG")]
)
def test_a_livec_photograph_is_one_content_in_every_packing(tmp_path, published, repacked):
    put(tmp_path / "a" / "images", published)
    put(tmp_path / "b" / "images", repacked)
    write_csv(tmp_path / "a" / "mos.csv", ("image", "mos"), (published, 50))
    write_csv(tmp_path / "b" / "mos.csv", ("image", "mos"), (repacked, 50))
    first, second = (open_dataset("livec", tmp_path / side) for side in "ab")
    assert first.contents() == second.contents()
    assert len(first.part("validation")) == len(second.part("validation")) == is_validation(repacked)


def test_livec_tables_of_different_lengths(tmp_path):
    livec(tmp_path)
    scipy.io.savemat(tmp_path / "Data" / "AllMOS_release.mat", {"AllMOS_release": np.ones((1, 9))})
    with pytest.raises(DataError, match="10 names, 9 MOS, 10 standard deviations"):
        open_dataset("livec", tmp_path)


def test_livec_tells_all_missing_tables_at_once(tmp_path):
    livec(tmp_path)
    (tmp_path / "Data" / "AllMOS_release.mat").unlink()
    (tmp_path / "Data" / "AllStdDev_release.mat").unlink()
    with pytest.raises(DataError, match=r"AllMOS_release.*AllStdDev_release.*the folder holds 'Data', 'Images'"):
        open_dataset("livec", tmp_path)


def test_a_matlab_file_of_7_3_says_what_to_do(tmp_path):
    livec(tmp_path)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100)
    (tmp_path / "Data" / "AllMOS_release.mat").write_bytes(header)
    with pytest.raises(DataError, match=r"MATLAB 7\.3 file \(HDF5\).*'-v7'"):
        open_dataset("livec", tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a mat file", "cut"])
def test_a_damaged_matlab_file(tmp_path, content):
    path = livec(tmp_path) / "Data" / "AllImages_release.mat"
    path.write_bytes(path.read_bytes()[:200] if content == "cut" else content)
    with pytest.raises(DataError, match="must be a whole MATLAB file of version 5 to 7"):
        open_dataset("livec", tmp_path)


def test_a_matlab_file_with_other_variables(tmp_path):
    livec(tmp_path)
    scipy.io.savemat(tmp_path / "Data" / "AllMOS_release.mat", {"mos": np.ones((1, 10))})
    with pytest.raises(DataError, match="must hold the variables AllMOS_release; missing: AllMOS_release; found: mos"):
        open_dataset("livec", tmp_path)


def test_a_matlab_array_that_is_no_number(tmp_path):
    livec(tmp_path)
    scipy.io.savemat(tmp_path / "Data" / "AllMOS_release.mat", {"AllMOS_release": cells(*"0123456789")})
    with pytest.raises(DataError, match="'AllMOS_release' must be numeric"):
        open_dataset("livec", tmp_path)


# -- KonIQ-10k ---------------------------------------------------------------------------------------------------------

SCORES = ("image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "MOS_zscore")
SETS = ("image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set")


def koniq(root: Path, scores: bool = True, sets: bool = True, sizes: tuple[str, ...] = ("1024x768",)) -> Path:
    images = ("10004473376.jpg", "10007357496.jpg", "10043785683.jpg")
    if scores:
        rows = [(n, 0, 0, 25, 73, 7, 105, 3.8 + i / 10, 0.5, 77.38 - i) for i, n in enumerate(images)]
        write_csv(root / "koniq10k_scores_and_distributions.csv", SCORES, *rows)
    if sets:
        parts = ("training", "test", "validation")
        rows = [(n, 0, 0, 0.24, 0.69, 0.07, 105, 77.38 - i, 0.5, parts[i]) for i, n in enumerate(images)]
        write_csv(root / "koniq10k_distributions_sets.csv", SETS, *rows)
    for size in sizes:
        put(root / size, *images)
    return root


def test_koniq_of_either_table_is_on_the_same_scale(tmp_path):
    expected = [
        ("10004473376.jpg", 77.38, None, "10004473376.jpg", "train", 2),
        ("10007357496.jpg", 76.38, None, "10007357496.jpg", "test", 3),
        ("10043785683.jpg", 75.38, None, "10043785683.jpg", "val", 4),
    ]
    assert rows(open_dataset("koniq10k", koniq(tmp_path / "both"))) == expected
    assert rows(open_dataset("koniq10k", koniq(tmp_path / "sets", scores=False))) == expected
    alone = open_dataset("koniq10k", koniq(tmp_path / "scores", sets=False))
    assert rows(alone) == [(*row[:4], None, row[5]) for row in expected]
    assert alone.mos_range == (1, 100)
    assert "the official split is not known" in alone.notes[-2]


def test_koniq_on_the_rating_scale_has_standard_deviations(tmp_path):
    found = open_dataset("koniq10k", koniq(tmp_path), scale="acr")
    assert found.mos_range == (1, 5)
    assert [(r.mos, r.std, r.split) for r in found.records] == [
        (3.8, 0.5, "train"),
        (3.9, 0.5, "test"),
        (4.0, 0.5, "val"),
    ]
    with pytest.raises(DataError, match=r"koniq10k_scores_and_distributions.csv' is missing"):
        open_dataset("koniq10k", koniq(tmp_path / "sets", scores=False), scale="acr")


def test_koniq_official_parts(tmp_path):
    found = open_dataset("koniq10k", koniq(tmp_path))
    assert [len(found.part(part)) for part in ("all", "train", "val", "test")] == [3, 1, 1, 1]
    assert found.part("val").contents() == ("10043785683.jpg",)


@pytest.mark.parametrize(
    ("sizes", "images", "used"),
    [
        (("1024x768", "512x384"), None, "1024x768"),
        (("512x384",), None, "512x384"),
        (("1024x768", "512x384"), "512x384", "512x384"),
        (("koniq10k_512x384/512x384",), None, "512x384"),
    ],
)
def test_koniq_sizes_are_not_mixed(tmp_path, sizes, images, used):
    koniq(tmp_path, sizes=sizes)
    (tmp_path / sizes[0] / "10007357496.jpg").rename(tmp_path / "elsewhere.jpg")
    found = open_dataset("koniq10k", tmp_path, images=images, skip_bad=True)
    assert {record.path.parent.name for record in found.records} == {used}
    assert len(found) == (3 if images else 2)


@pytest.mark.parametrize("options", [{"scale": "1-5"}, {"images": "big"}])
def test_koniq_options(tmp_path, options):
    with pytest.raises(InputError, match="must be"):
        open_dataset("koniq10k", koniq(tmp_path), **options)


# -- KADID-10k, TID2013 ------------------------------------------------------------------------------------------------


def test_kadid(tmp_path):
    put(tmp_path / "images", "I01_01_01.png", "I01_01_02.png", "I81_25_05.png", "I01.png")
    lines = [("I01_01_01.png", "I01.png", 4.57, 0.496), ("I01_01_02.png", "I01.png", 4.33, 0.869)]
    write_csv(tmp_path / "dmos.csv", ("dist_img", "ref_img", "dmos", "var"), *lines, ("I81_25_05.png", "I81.png", 1, 0))
    found = open_dataset("kadid10k", tmp_path, decode=True)
    assert rows(found) == [
        ("I01_01_01.png", 4.57, 0.496, "I01.png", None, 2),
        ("I01_01_02.png", 4.33, 0.869, "I01.png", None, 3),
        ("I81_25_05.png", 1.0, 0.0, "I81.png", None, 4),
    ]
    assert (found.mos_range, found.lower_better) == ((1, 5), False)


def tid(root: Path) -> Path:
    put(root / "distorted_images", "I01_01_1.BMP", "i01_01_2.bmp", "i25_24_5.bmp")
    (root / "mos_with_names.txt").write_text("5.51429 I01_01_1.bmp\r\n5.56757 I01_01_2.bmp\r\n0.45946 i25_24_5.bmp\r\n")
    (root / "mos_std.txt").write_text("0.13013\n0.16543\n0.1\n")
    return root


def test_tid_names_are_found_whatever_their_case(tmp_path):
    found = open_dataset("tid2013", tid(tmp_path), decode=True)
    assert rows(found) == [
        ("I01_01_1.bmp", 5.51429, 0.13013, "i01", None, 1),
        ("I01_01_2.bmp", 5.56757, 0.16543, "i01", None, 2),
        ("i25_24_5.bmp", 0.45946, 0.1, "i25", None, 3),
    ]
    assert [r.path.name for r in found.records] == ["I01_01_1.BMP", "i01_01_2.bmp", "i25_24_5.bmp"]
    assert found.notes == (
        "3 images in the table; TID2013 is published with 3000",
        "2 file names differ from the table's in the case of their letters (first: "
        "'distorted_images/I01_01_1.BMP' for 'distorted_images/I01_01_1.bmp')",
    )
    assert (found.mos_range, found.lower_better) == ((0, 9), False)


def test_a_name_that_two_files_differ_from_in_case_is_not_guessed(tmp_path):
    tid(tmp_path)
    put(tmp_path / "distorted_images", "i01_01_1.BMP")
    if len(list((tmp_path / "distorted_images").iterdir())) == 3:
        pytest.skip("this file system does not tell cases apart")
    found = open_dataset("tid2013", tmp_path, skip_bad=True)
    assert [p.kind for p in found.problems] == ["missing"]
    put(tmp_path / "distorted_images", "I01_01_1.bmp")
    assert open_dataset("tid2013", tmp_path).records[0].path.name == "I01_01_1.bmp"


def test_tid_without_standard_deviations_or_with_too_few(tmp_path):
    tid(tmp_path)
    (tmp_path / "mos_std.txt").write_text("0.1\n0.2\n")
    with pytest.raises(DataError, match=r"as many lines as 'mos_with_names.txt', 3; it has 2"):
        open_dataset("tid2013", tmp_path)
    (tmp_path / "mos_std.txt").unlink()
    assert [r.std for r in open_dataset("tid2013", tmp_path).records] == [None] * 3


@pytest.mark.parametrize(("text", "words"), [("", "the file is empty"), ("5.5 a.bmp x\n", "line 1 has 3")])
def test_tid_table_of_another_form(tmp_path, text, words):
    (tid(tmp_path) / "mos_with_names.txt").write_text(text)
    with pytest.raises(DataError, match=f"must have 2 words on every line; {words}"):
        open_dataset("tid2013", tmp_path)


# -- CSIQ --------------------------------------------------------------------------------------------------------------

CSIQ = [
    (1600, 1, "noise", 1, 0.06, 0.062),
    (1600, 6, "jpeg 2000", 4, 0.08, 0.9),
    ("snow_leaves", 3, "contrast", 2, 0.05, 0.3),
    ("snow_leaves", 2, "jpeg", 5, 0.05, 1),
    ("snow_leaves", 4, "fnoise", 5, 0.05, 0.7),
    ("snow_leaves", 5, "blur", 1, 0.05, 0),
]
CSIQ_HEADER = ("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos")
CSIQ_FILES = [
    "awgn/1600.AWGN.1.png",
    "jpeg2000/1600.jpeg2000.4.png",
    "contrast/snow_leaves.contrast.2.png",
    "jpeg/snow_leaves.JPEG.5.png",
    "fnoise/snow_leaves.fnoise.5.png",
    "blur/snow_leaves.BLUR.1.png",
]


def csiq(root: Path, folder: str = "dst_imgs") -> Path:
    put(root / folder, *CSIQ_FILES)
    book = openpyxl.Workbook()
    book.active.title = "all_by_distortion"
    book.active.append(["noise", "dmos", "image"])
    sheet = book.create_sheet("all_by_image")
    sheet["A1"] = "CSIQ DMOS"
    for row, values in enumerate([CSIQ_HEADER, *CSIQ], 4):
        for column, value in enumerate(values, 4):
            sheet.cell(row, column, value)
    book.save(root / "csiq.DMOS.xlsx")
    return root


def test_csiq_workbook(tmp_path):
    found = open_dataset("csiq", csiq(tmp_path), decode=True)
    assert rows(found)[:3] == [
        ("1600.AWGN.1.png", 0.062, 0.06, "1600", None, 5),
        ("1600.jpeg2000.4.png", 0.9, 0.08, "1600", None, 6),
        ("snow_leaves.contrast.2.png", 0.3, 0.05, "snow_leaves", None, 7),
    ]
    assert [r.path.relative_to(tmp_path / "dst_imgs").as_posix() for r in found.records] == CSIQ_FILES
    assert (found.mos_range, found.lower_better) == ((0, 1), True)


def test_csiq_sheet_exported_as_csv_needs_no_openpyxl(tmp_path, monkeypatch):
    csiq(tmp_path)
    expected = rows(open_dataset("csiq", tmp_path))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'certiqa\[data\]'"):
        open_dataset("csiq", tmp_path)
    blank = ("", "", "")
    body = [(*blank, *row) for row in CSIQ]
    write_csv(tmp_path / "csiq.DMOS.csv", ("CSIQ DMOS",), (), (), (*blank, *CSIQ_HEADER), *body)
    assert rows(open_dataset("csiq", tmp_path)) == expected


def test_csiq_label_list_with_all_images_in_one_folder(tmp_path):
    put(tmp_path / "dst_imgs_all", "1600.AWGN.1.png", "snow_leaves.BLUR.5.png")
    (tmp_path / "csiq_label.txt").write_text("1600.AWGN.1.png 0.062\nsnow_leaves.BLUR.5.png 1.0\n")
    assert rows(open_dataset("csiq", tmp_path)) == [
        ("1600.AWGN.1.png", 0.062, None, "1600", None, 1),
        ("snow_leaves.BLUR.5.png", 1.0, None, "snow_leaves", None, 2),
    ]


def test_a_damaged_workbook(tmp_path):
    path = csiq(tmp_path) / "csiq.DMOS.xlsx"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"must be a whole .xlsx workbook"):
        open_dataset("csiq", tmp_path)


def test_a_workbook_with_other_columns(tmp_path):
    csiq(tmp_path)
    book = openpyxl.Workbook()
    book.active.append(["file", "score"])
    book.save(tmp_path / "csiq.DMOS.xlsx")
    with pytest.raises(DataError, match="must have the columns image, dst_type, dst_lev, dmos; found: file, score"):
        open_dataset("csiq", tmp_path)


# -- LIVE --------------------------------------------------------------------------------------------------------------


def live(root: Path) -> tuple[Path, np.ndarray, list[str]]:
    """The whole layout, 982 entries of which 203 are originals, with images of six pixels."""
    originals = np.zeros(982, dtype=np.uint8)
    originals[np.linspace(3, 980, 203).astype(int)] = 1
    references = [f"ref{k % 29:02d}.bmp" for k in range(982)]
    dmos = np.where(originals, 0.0, 10 + np.arange(982) / 20)
    array = np.empty((1, 982), dtype=object)
    array[0] = references
    scipy.io.savemat(root / "refnames_all.mat", {"refnames_all": array})
    scipy.io.savemat(root / "dmos.mat", {"dmos": dmos[None], "orgs": originals[None]})
    shifted = np.where(np.arange(982) == 0, -2.64, np.where(np.arange(982) == 981, 111.8, dmos))
    scipy.io.savemat(
        root / "dmos_realigned.mat",
        {"dmos_new": shifted[None], "orgs": originals[None], "dmos_std": np.full((1, 982), 5.5)},
    )
    files = [f"{folder}/img{i}.bmp" for folder, count in FOLDERS.items() for i in range(1, count + 1)]
    put(root, *(name for name, original in zip(files, originals, strict=True) if not original))
    return root, originals, references


def test_live(tmp_path):
    root, originals, references = live(tmp_path)
    found = open_dataset("live", root)
    assert len(found) == 779
    assert (found.mos_range, found.lower_better) == ((0, 100), True)
    for record in found.records:
        assert not originals[record.row - 1]
        assert record.content == references[record.row - 1]
        assert record.mos == 10 + (record.row - 1) / 20
    place = {record.row: record.path.relative_to(root).as_posix() for record in found.records}
    borders = {
        1: "jp2k/img1",
        227: "jp2k/img227",
        228: "jpeg/img1",
        460: "jpeg/img233",
        461: "wn/img1",
        982: "fastfading/img174",
    }
    assert {row: place[row] for row in borders if row in place} == {
        r: f"{n}.bmp" for r, n in borders.items() if r in place
    }
    assert len(set(borders) & set(place)) >= 5


def test_live_realigned_scores_may_leave_the_nominal_scale(tmp_path):
    found = open_dataset("live", live(tmp_path)[0], scores="realigned")
    assert (found.records[0].mos, found.records[-1].mos, found.records[0].std) == (-2.64, 111.8, 5.5)
    with pytest.raises(InputError, match="must be 'dmos' or 'realigned'"):
        open_dataset("live", tmp_path, scores="new")


def test_live_arrays_of_another_length(tmp_path):
    live(tmp_path)
    scipy.io.savemat(tmp_path / "dmos.mat", {"dmos": np.ones((1, 779)), "orgs": np.zeros((1, 779))})
    with pytest.raises(DataError, match="must have 982 entries; found: dmos 779, orgs 779, refnames_all 982"):
        open_dataset("live", tmp_path)


# -- SPAQ, AGIQA-3K, FLIVE ---------------------------------------------------------------------------------------------

SPAQ = [("Image name", "MOS", "Brightness"), ("00001.jpg", 48.86, 63.6), ("00002.jpg", 62.5, 56)]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_spaq(tmp_path, form, monkeypatch):
    put(tmp_path / "TestImage", "00001.jpg", "00002.jpg")
    path = tmp_path / "Annotations" / f"MOS and Image attribute scores.{form}"
    if form == "csv":
        monkeypatch.setitem(sys.modules, "openpyxl", None)
        write_csv(path, *SPAQ)
    else:
        book = openpyxl.Workbook()
        for row in SPAQ:
            book.active.append(row)
        path.parent.mkdir()
        book.save(path)
    found = open_dataset("spaq", tmp_path, decode=True)
    assert rows(found) == [
        ("00001.jpg", 48.86, None, "00001.jpg", None, 2),
        ("00002.jpg", 62.5, None, "00002.jpg", None, 3),
    ]
    assert (found.mos_range, found.lower_better) == ((0, 100), False)


AGIQA = ("name", "prompt", "adj1", "adj2", "style", "mos_quality", "std_quality", "mos_align", "std_align")


@pytest.mark.parametrize("folder", ["images", "Images", "img", "image", "file", "."])
def test_agiqa(tmp_path, folder):
    put(tmp_path / folder, "AttnGAN_normal_000.jpg", "midjourney_lowstep_060.jpg")
    lines = [
        ("AttnGAN_normal_000.jpg", "statue of a man", "", "", "", 0.965602553, 0.223270101, 0.4, 0.6),
        ("midjourney_lowstep_060.jpg", "artwork, anime style", "", "", "anime style", 3.9, "", 0.8, 0.8),
    ]
    write_csv(tmp_path / "data.csv", AGIQA, *lines)
    found = open_dataset("agiqa3k", tmp_path)
    assert rows(found) == [
        ("AttnGAN_normal_000.jpg", 0.965602553, 0.223270101, "statue of a man", None, 2),
        ("midjourney_lowstep_060.jpg", 3.9, None, "artwork, anime style", None, 3),
    ]
    assert (found.mos_range, found.lower_better) == ((0, 5), False)
    assert found.notes == ("2 images in the table; AGIQA-3K is published with 2982",)


def test_agiqa_plain_form_needs_the_prompt(tmp_path):
    put(tmp_path / "images", "a.jpg", "b.jpg")
    write_csv(
        tmp_path / "mos.csv", ("image", "mos", "std", "prompt"), ("a.jpg", 1, 0.5, "a cat"), ("b.jpg", 2, 0.5, "")
    )
    found = open_dataset("agiqa3k", tmp_path, skip_bad=True)
    assert rows(found) == [("a.jpg", 1.0, 0.5, "a cat", None, 2)]
    assert [(p.kind, p.row) for p in found.problems] == [("content", 3)]
    write_csv(tmp_path / "mos.csv", ("image", "mos"), ("a.jpg", 1))
    with pytest.raises(DataError, match="must have the columns image, mos, prompt; found: image, mos"):
        open_dataset("agiqa3k", tmp_path)


def flive(root: Path, valid: bool) -> Path:
    images = ("voc_emotic_ava/AVA__149.jpg", "voc_emotic_ava/AVA__150.jpg", "blur_dataset/motion0001.jpg")
    put(root / "database", *images)
    scores = [(name, 70 + i, *([("False", "True", "0")[i]] if valid else [])) for i, name in enumerate(images)]
    write_csv(root / "labels_image.csv", ("name", "mos", *(["is_valid"] if valid else [])), *scores)
    return root


def test_flive_split_by_its_column(tmp_path):
    found = open_dataset("flive", flive(tmp_path, valid=True), decode=True)
    assert rows(found)[0] == ("voc_emotic_ava/AVA__149.jpg", 70.0, None, "voc_emotic_ava/AVA__149.jpg", "train", 2)
    assert [r.split for r in found.records] == ["train", "val", "train"]
    with pytest.raises(InputError, match="has the official parts train, val"):
        found.part("test")


@pytest.mark.parametrize(
    "names", [("labels>640.csv", "labels<=640_padded.csv"), ("labels640.csv", "labels=640_padded.csv")]
)
def test_flive_split_by_its_two_tables(tmp_path, names):
    flive(tmp_path, valid=False)
    assert {r.split for r in open_dataset("flive", tmp_path).records} == {None}
    write_csv(tmp_path / names[0], ("name_image", "mos_image"), ("voc_emotic_ava/AVA__150.jpg", 71))
    write_csv(
        tmp_path / names[1],
        ("name_image", "mos_image", "is_valid"),
        ("voc_emotic_ava/AVA__149.jpg", 70, "False"),
        ("blur_dataset/motion0001.jpg", 72, "True"),
    )
    assert [r.split for r in open_dataset("flive", tmp_path).records] == ["train", "test", "val"]


# -- the plain form ----------------------------------------------------------------------------------------------------


def test_folder_with_every_option(tmp_path):
    put(tmp_path / "pictures", "sub/a.png", "b.png")
    lines = [("sub/a.png", "0.7", "0.1", "one", "Training"), ("b.png", "0.9", "", "two", "")]
    header = ("FILE", "dmos", "spread", "reference", "fold")
    (tmp_path / "t").mkdir()
    text = "\n".join(";".join(row) for row in (header, *lines))
    (tmp_path / "t" / "scores.csv").write_text("\ufeff" + text + "\n\n", encoding="utf-8")
    options = {
        "table": "t/scores.csv",
        "images": "pictures",
        "image_column": "file",
        "mos_column": "dmos",
        "std_column": "spread",
        "content_column": "reference",
        "split_column": "fold",
        "mos_range": "0,1",
        "lower_better": "true",
    }
    found = open_dataset("folder", tmp_path, **options)
    assert rows(found) == [("sub/a.png", 0.7, 0.1, "one", "train", 2), ("b.png", 0.9, None, "two", None, 3)]
    assert (found.mos_range, found.lower_better) == ((0, 1), True)


def test_folder_as_it_comes(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_csv(tmp_path / "mos.csv", ("image", "mos", "content"), ("a.png", 1, "x"), ("b.png", 5, "x"))
    found = open_dataset("folder", tmp_path, mos_range=(1, 5))
    assert found.contents() == ("x", "x")
    np.testing.assert_array_equal(found.mos(), np.array([1.0, 5.0]))
    assert found.mos().dtype == np.float64


@pytest.mark.parametrize("mos_range", [None, (1,), (5, 1), "1", "a,b", (0, float("nan")), (0, "inf"), 5])
def test_folder_must_be_told_the_scale(tmp_path, mos_range):
    put(tmp_path, "a.png")
    write_csv(tmp_path / "mos.csv", ("image", "mos"), ("a.png", 1))
    with pytest.raises(InputError, match="'mos_range' must be the lowest and the highest number of the scale"):
        open_dataset("folder", tmp_path, mos_range=mos_range)


def test_folder_direction(tmp_path):
    put(tmp_path, "a.png")
    write_csv(tmp_path / "mos.csv", ("image", "mos"), ("a.png", 1))
    with pytest.raises(InputError, match="'lower_better' must be true or false"):
        open_dataset("folder", tmp_path, mos_range=(0, 1), lower_better="maybe")
    with pytest.raises(InputError, match=r"'mos_range' must be .* 'lower_better' must be true or false"):
        open_dataset("folder", tmp_path, lower_better="maybe")


@pytest.mark.parametrize("option", ["table", "images"])
@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/../../b"])
def test_folder_stays_below_its_root(tmp_path, option, name):
    with pytest.raises(InputError, match=f"'{option}' must be a name below the root"):
        open_dataset("folder", tmp_path, mos_range=(0, 1), **{option: name})


def test_a_missing_scale_hides_no_other_fault(tmp_path):
    lines = [("a.png", 1), ("a.png", 1), ("b.png", "nan"), ("c.png", 2)]
    put(tmp_path / "images", "a.png", "b.png")
    write_csv(tmp_path / "mos.csv", ("image", "mos"), *lines)
    for skip_bad in (False, True):
        with pytest.raises(DataError) as caught:
            open_dataset("folder", tmp_path, lower_better="maybe", skip_bad=skip_bad)
        kinds = [problem.kind for problem in caught.value.problems]
        assert sorted(kinds) == ["duplicate", "missing", "mos", "option", "option"]
        text = str(caught.value)
        for words in ("'mos_range' must be", "--option mos_range=0,100", "'lower_better' must", "1 duplicate row ("):
            assert text.count(words) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "the table 'mos.csv' is missing"),
        (lambda root: write_csv(root / "mos.csv", ("file", "score"), ("a.png", 1)), "found: file, score"),
        (lambda root: write_csv(root / "mos.csv", ("image", "mos")), "a header, but no rows"),
        (lambda root: write_csv(root / "mos.csv", ("image", "mos"), ("a.png", 1)), "no folder of images 'images'"),
        (lambda root: root.rmdir(), "the root must be a folder"),
    ],
)
def test_a_missing_scale_is_told_together_with_what_makes_the_folder_unreadable(tmp_path, make, words):
    root = tmp_path / "root"
    root.mkdir()
    make(root)
    with pytest.raises(DataError, match=words) as caught:
        open_dataset("folder", root)
    assert "'mos_range' must be" in str(caught.value)
    assert str(root) in str(caught.value)


def test_a_missing_package_is_told_with_a_missing_scale(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "mos.xlsx").touch()
    with pytest.raises(DataError, match=r"'mos_range' must be .*pip install 'certiqa\[data\]'"):
        open_dataset("folder", tmp_path, table="mos.xlsx")
    with pytest.raises(MissingExtraError):
        open_dataset("folder", tmp_path, table="mos.xlsx", mos_range=(0, 1))


# -- another data set's folder -----------------------------------------------------------------------------------------


def plain(root: Path, *lines: tuple[object, ...], header: tuple[str, ...] = ("image", "mos")) -> Path:
    put(root / "images", *(str(line[0]) for line in lines))
    write_csv(root / "mos.csv", header, *lines)
    return root


def test_names_that_livec_does_not_have_are_another_data_set(tmp_path):
    lines = [(f"AttnGAN_normal_{i:03}.jpg", i / 4, "a cat") for i in range(8)]
    root = plain(tmp_path, *lines, ("10.jpg", 3, "a dog"), header=("image", "mos", "prompt"))
    for skip_bad in (False, True):
        with pytest.raises(DataError, match="8 of 9 names in the table are not of this data set") as caught:
            open_dataset("livec", root, skip_bad=skip_bad)
        assert "has names like '10.bmp'" in str(caught.value)
        assert "'folder', which is told the scale" in str(caught.value)
    assert len(open_dataset("agiqa3k", root)) == 9
    assert len(open_dataset("folder", root, mos_range=(0, 5))) == 9


def test_a_few_foreign_names_are_bad_rows(tmp_path):
    names = ["10.jpg", "880.JPG", "t1.bmp", "10004473376.jpg"]
    root = plain(tmp_path, *((name, 10 * i) for i, name in enumerate(names)))
    with pytest.raises(DataError, match=r"1 name that is not this data set's \(row 5 '10004473376.jpg'"):
        open_dataset("livec", root)
    assert [record.name for record in open_dataset("livec", root, skip_bad=True).records] == names[:3]


@pytest.mark.parametrize(("low", "high"), [(0, 5), (0.1, 1), (1, 5), (0, 9), (81, 99)])
def test_scores_of_a_corner_of_the_scale_are_on_another_scale(tmp_path, low, high):
    mos = np.linspace(low, high, 20)
    root = plain(tmp_path, *((f"{i}.jpg", score) for i, score in enumerate(mos)))
    with pytest.raises(DataError, match="one fifth of the scale 0-100 or less: the table is on another scale"):
        open_dataset("livec", root)
    found = open_dataset("folder", root, mos_range=(0, 100))
    assert any("is it the right mos_range?" in note for note in found.notes)
    assert open_dataset("folder", root, mos_range=(low, high)).notes == ()


def test_few_scores_or_one_outside_the_corner_prove_nothing(tmp_path):
    few = plain(tmp_path / "few", *((f"{i}.jpg", i / 4) for i in range(19)))
    assert len(open_dataset("livec", few)) == 19
    wide = plain(tmp_path / "wide", *((f"{i}.jpg", i / 4) for i in range(19)), ("50.jpg", 20.5))
    assert len(open_dataset("livec", wide)) == 20


def test_another_number_of_images_is_a_note(tmp_path):
    root = plain(tmp_path, ("1.jpg", 50))
    assert open_dataset("livec", root).notes == (
        "1 image in the table; LIVE In the Wild Challenge is published with 1162",
    )


def test_a_missing_livec_names_both_of_its_forms(tmp_path):
    with pytest.raises(DataError, match=r"are missing; the folder is empty. Pass the folder that holds them, or"):
        open_dataset("livec", tmp_path)


# -- names, parts, real data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["KonIQ-10k", "koniq10k", "KONIQ 10K"])
def test_names_in_any_spelling(name):
    assert info(name).name == "koniq10k"


def test_unknown_names_and_options(tmp_path):
    assert len(names()) == 10
    with pytest.raises(UnknownNameError, match=r"Unknown data set 'koniq'. Did you mean 'koniq10k'"):
        open_dataset("koniq", tmp_path)
    with pytest.raises(UnknownNameError, match=r"Unknown option of 'koniq10k' 'scales'. Did you mean 'scale'"):
        open_dataset("koniq10k", tmp_path, scales="acr")


def test_parts_by_certiqas_rule_split_no_content(tmp_path):
    contents = [f"prompt {number // 2}" for number in range(60)]
    put(tmp_path / "images", *(f"{number}.png" for number in range(60)))
    lines = [(f"{number}.png", number / 12, prompt) for number, prompt in enumerate(contents)]
    write_csv(tmp_path / "mos.csv", ("image", "mos", "prompt"), *lines)
    found = open_dataset("agiqa3k", tmp_path)
    validation, fit = found.part("validation"), found.part("fit")
    assert set(validation.contents()) == {content for content in contents if is_validation(content)} != set()
    assert set(fit.contents()).isdisjoint(validation.contents())
    assert len(fit) + len(validation) == 60
    assert found.part("all") is found
    with pytest.raises(InputError, match="it has no official split"):
        found.part("test")
    with pytest.raises(UnknownNameError, match=r"Unknown part 'valid'. Did you mean 'val' or 'validation'"):
        found.part("valid")


@pytest.mark.shared
@pytest.mark.parametrize(("name", "count", "column"), [("livec", 929, "image"), ("agiqa3k", 2367, "prompt")])
def test_the_real_ones_keep_the_contents_that_the_built_in_metric_was_split_by(shared_data, name, count, column):
    with (shared_data / name / "mos.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    found = open_dataset(name, shared_data / name)
    assert len(found) == count == len(table)
    assert found.contents() == tuple(row[column] for row in table)
    np.testing.assert_array_equal(found.mos(), np.array([float(row["mos"]) for row in table]))
    assert len(found.part("validation")) == sum(is_validation(row[column]) for row in table)
    record, picture = next(found.images())
    with Image.open(shared_data / name / "images" / table[0]["image"]) as image:
        np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    assert record is found.records[0]


@pytest.mark.shared
def test_the_real_agiqa3k_is_no_livec(shared_data):
    with pytest.raises(DataError, match=r"2367 of 2367 names in the table are not of this data set.*another scale"):
        open_dataset("livec", shared_data / "agiqa3k", skip_bad=True)


def test_all_proofs_of_another_data_set_are_told_with_one_remedy(tmp_path):
    root = plain(tmp_path, *((f"x_{i}.jpg", i / 5) for i in range(20)))
    with pytest.raises(DataError, match=r"20 of 20 names .* all 20 MOS lie in 0 to 3\.8, one fifth") as caught:
        open_dataset("livec", root)
    assert [(p.kind, p.fatal) for p in caught.value.problems] == [("foreign", True)]
    assert str(caught.value).count("Open it with the reader of its own data set") == 1
