"""The sample photographs: all there, all decodable, all accounted for."""

from pathlib import Path

import pytest
from PIL import Image

from certiqa import samples
from certiqa.errors import InputError


def test_the_names_are_sorted_and_each_opens_as_an_rgb_photograph():
    assert samples.names() == tuple(sorted(samples.names()))
    assert len(samples.names()) >= 3
    for name in samples.names():
        with Image.open(samples.path(name)) as image:
            assert image.mode == "RGB"
            assert min(image.size) >= 256
        assert samples.path(name).stem == name


def test_the_folder_holds_nothing_unnamed_or_unlicensed():
    folder = samples.path("coffee").parent
    pictures = {file.name for file in folder.iterdir() if file.suffix in {".png", ".jpg", ".jpeg", ".webp"}}
    assert pictures == {samples.path(name).name for name in samples.names()}
    rows = [line.split("|") for line in (folder / "README.md").read_text(encoding="utf-8").splitlines()]
    licences = {row[1].strip(): row[5] for row in rows if len(row) == 7}
    for picture in pictures:
        assert "CC0" in licences[picture] or "public domain" in licences[picture]
    assert sum((folder / picture).stat().st_size for picture in pictures) < 2_000_000


@pytest.mark.parametrize("name", ["cofee", "", "../coffee"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_told(name):
    with pytest.raises(InputError, match="coffee"):
        samples.path(name)


def test_a_near_name_is_suggested():
    with pytest.raises(InputError, match="Did you mean 'coffee'"):
        samples.path("cofee")


def test_paths_are_absolute():
    assert isinstance(samples.path("chelsea"), Path)
    assert samples.path("chelsea").is_absolute()
