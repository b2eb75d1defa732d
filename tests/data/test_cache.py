"""The decoding cache: the same picture the second time, whatever happened to the files in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from certiqa.data import open_dataset
from certiqa.data.cache import DecodingCache
from certiqa.data.images import read_image
from certiqa.errors import ImageError, InputError


def photograph(path, seed, size=(7, 9)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def image(tmp_path):
    return photograph(tmp_path / "image.png", 1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def entries(folder):
    return sorted(folder.glob("*/*.safetensors"))


def same(first, second):
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.pixels.dtype == second.pixels.dtype
    assert (first.name, first.notes, first.file_sha256) == (second.name, second.notes, second.file_sha256)
    assert first.sha256() == second.sha256()
    return True


def counts(cache):
    return cache.hits, cache.misses, cache.remade


@pytest.mark.parametrize("kind", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_a_picture_from_the_cache_is_that_of_the_file(tmp_path, folder, kind):
    path = tmp_path / ("a.jpg" if kind == "CMYK" else "a.png")
    Image.radial_gradient("L").resize((11, 8)).convert(kind).save(path)
    cache = DecodingCache(folder)
    first, second = cache.read(path), cache.read(str(path))
    assert same(first, read_image(path))
    assert same(second, read_image(path))
    assert counts(cache) == (1, 1, 0)
    assert second.pixels.flags.c_contiguous
    assert not second.pixels.flags.writeable


def test_a_later_process_finds_the_entries_and_equal_files_share_one(image, folder, tmp_path):
    DecodingCache(folder).read(image)
    copy = tmp_path / "copy.png"
    copy.write_bytes(image.read_bytes())
    cache = DecodingCache(folder)
    assert same(cache.read(copy), read_image(copy))
    assert counts(cache) == (1, 0, 0)
    assert len(entries(folder)) == 1


def test_a_file_that_is_replaced_with_size_and_time_kept_is_not_mistaken(tmp_path, folder):
    path = tmp_path / "a.bmp"
    photograph(path, 1)
    state = path.stat()
    cache = DecodingCache(folder)
    cache.read(path)
    photograph(path, 2)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    assert same(cache.read(path), read_image(path))
    assert counts(cache) == (0, 2, 0)


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_a_cut_entry_is_made_again(image, folder, keep):
    cache = DecodingCache(folder)
    cache.read(image)
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:keep])
    assert same(cache.read(image), read_image(image))
    assert counts(cache) == (0, 2, 1)
    assert entry.read_bytes() == whole
    assert same(cache.read(image), read_image(image))
    assert cache.hits == 1


def test_a_changed_bit_anywhere_never_gives_wrong_pixels(image, folder):
    cache = DecodingCache(folder)
    cache.read(image)
    (entry,) = entries(folder)
    whole, expected = entry.read_bytes(), read_image(image)
    for position in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        entry.write_bytes(damaged)
        assert same(cache.read(image), expected)
    assert cache.remade > len(range(0, len(whole), 5)) * 0.9
    entry.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    before = cache.remade
    cache.read(image)
    assert cache.remade == before + 1


def test_the_entry_of_another_picture_is_refused(image, folder, tmp_path):
    cache = DecodingCache(folder)
    other = photograph(tmp_path / "other.png", 2)
    cache.read(image)
    (mine,) = entries(folder)
    cache.read(other)
    (theirs,) = set(entries(folder)) - {mine}
    mine.write_bytes(theirs.read_bytes())
    assert same(cache.read(image), read_image(image))
    assert cache.remade == 1


@pytest.mark.parametrize("pixels", [np.zeros((3, 7, 9), np.float32), np.zeros((7, 9), np.uint8)])
def test_an_entry_of_another_form_is_refused(image, folder, pixels):
    cache = DecodingCache(folder)
    cache.read(image)
    (entry,) = entries(folder)
    save_file({"pixels": pixels}, entry, {"about": '{"notes": [], "seal": ""}'})
    assert same(cache.read(image), read_image(image))
    assert load_file(entry)["pixels"].dtype == np.uint8


def test_another_decoder_is_another_entry(image, folder, monkeypatch):
    DecodingCache(folder).read(image)
    monkeypatch.setattr("certiqa.data.cache.PIL.__version__", "0.1")
    cache = DecodingCache(folder)
    cache.read(image)
    assert counts(cache) == (0, 1, 0)
    assert len(entries(folder)) == 2


def test_what_does_not_decode_is_not_kept(tmp_path, folder):
    path = tmp_path / "a.png"
    path.write_text("not a picture")
    cache = DecodingCache(folder)
    for _ in range(2):
        with pytest.raises(ImageError, match="complete picture"):
            cache.read(path)
    with pytest.raises(ImageError, match="existing file"):
        cache.read(tmp_path / "gone.png")
    assert entries(folder) == []


def test_a_folder_that_cannot_be(tmp_path, image):
    with pytest.raises(InputError, match="'cache' must be a folder that can be made and written to"):
        DecodingCache(image)
    with pytest.raises(InputError, match="'cache'"):
        DecodingCache(image / "below")


def test_a_full_disk_leaves_nothing_half_written(image, folder, monkeypatch):
    cache = DecodingCache(folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("certiqa.data.cache.os.replace", full)
    with pytest.raises(InputError, match=r"Cannot write to the cache .* No space left on device"):
        cache.read(image)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_temporary_files_of_the_dead_are_removed_after_a_day(folder):
    (folder / "ab").mkdir(parents=True)
    old, new = folder / "ab" / ".part-old", folder / "ab" / ".part-new"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, time.time() - 25 * 3600))
    DecodingCache(folder)
    assert (old.exists(), new.exists()) == (False, True)


WORKER = """
import sys
from certiqa.data import open_dataset
for record, picture in open_dataset("folder", sys.argv[1], mos_range=(0, 1)).images(sys.argv[2]):
    pass
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_kill_9_loses_nothing_that_was_written_and_the_next_run_goes_on(tmp_path, folder):
    root, count = tmp_path / "data", 150
    (root / "images").mkdir(parents=True)
    for number in range(count):
        photograph(root / "images" / f"{number}.png", number, (96, 128))
    table = "\n".join(["image,mos", *(f"{number}.png,0.5" for number in range(count))])
    (root / "mos.csv").write_text(table)
    with subprocess.Popen([sys.executable, "-c", WORKER, root, folder]) as process:
        deadline = time.monotonic() + 60
        while len(entries(folder)) < 10:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    written = len(entries(folder))
    assert 10 <= written < count
    cache = DecodingCache(folder)
    for record, picture in open_dataset("folder", root, mos_range=(0, 1)).images(cache):
        np.testing.assert_array_equal(picture.pixels, read_image(record.path).pixels)
    assert counts(cache) == (written, count - written, 0)


def test_a_data_set_reads_through_the_cache(tmp_path, folder, image):
    (tmp_path / "mos.csv").write_text("image,mos\nimage.png,1\n")
    found = open_dataset("folder", tmp_path, mos_range=(0, 5))
    ((_, first),) = found.images()
    ((_, second),) = found.images(str(folder))
    ((record, third),) = found.images(DecodingCache(folder))
    assert same(first, second)
    assert same(second, third)
    assert record.path == image
    assert len(entries(folder)) == 1
