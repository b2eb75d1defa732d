"""LIVE In the Wild Image Quality Challenge Database (LIVEC, CLIVE).

As released: ``Data/AllImages_release.mat`` (a cell array of 1169 names), ``Data/AllMOS_release.mat`` and
``Data/AllStdDev_release.mat`` (1 x 1169 doubles in the same order), and ``Images/``. The first seven, t1.bmp to t7.bmp,
taught the subjects the task and lie in ``Images/trainingImages/``; the 1162 others are the data set.

Also the plain form (``images/`` and ``mos.csv``). It is often re-packed with the .bmp files as .jpg; so that a
photograph is one content in every packing, and falls on the same side of certiqa's validation rule, the content is the
file's name with .bmp spelled .jpg. (The names are numbers, and no number is known to occur
twice.) A table of other names is another data set's, and is refused.
"""

from __future__ import annotations

import re

from certiqa._counted import counted
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.options import flag
from certiqa.data.sets.place import Place
from certiqa.data.sets.plain import read_plain
from certiqa.data.sets.problem import refuse
from certiqa.data.table import numbers, read_mat, strings

__all__ = ["FACTS", "content", "read"]

_NAMES, _MOS, _STD = "AllImages_release", "AllMOS_release", "AllStdDev_release"
_INNER = ("", "ChallengeDB_release/", "ChallengeDB_release/ChallengeDB_release/")
_TAUGHT = re.compile(r"t[1-7]\.\w+", re.IGNORECASE)

FACTS = Facts(
    name="livec",
    title="LIVE In the Wild Challenge",
    files=(f"Data/{_NAMES}.mat", f"Data/{_MOS}.mat", f"Data/{_STD}.mat", "Images/; or mos.csv and images/"),
    mos_range=(0.0, 100.0),
    lower_better=False,
    content="the image (its file name, .bmp spelled .jpg)",
    split="none",
    licence="free use with the notice and a citation (The University of Texas at Austin)",
    paper="Ghadiyaram and Bovik, Massive online crowdsourced study of subjective and objective picture quality, "
    "IEEE TIP 2016",
    images=1162,
    named=r"(t[1-7]|\d{1,4})\.\w+",
    example="10.bmp",
)


def content(image: str) -> str:
    """The content of a photograph, the same in every packing.

    >>> content("10.bmp"), content("1000.JPG")
    ('10.jpg', '1000.JPG')
    """
    return re.sub(r"\.bmp$", ".jpg", image, flags=re.IGNORECASE)


def read(place: Place, *, training_images: object = False) -> Listing:
    """Read it.

    Args:
        place: the root: the folder that holds Data/ and Images/ or a folder above it, or the plain form.
        training_images: also the seven images that taught the subjects the task.
    """
    taught = flag("training_images", training_images)
    inner = next((inner for inner in _INNER if place.table(f"{inner}Data/{_NAMES}.mat")), None)
    if inner is None and place.table("mos.csv"):
        return read_plain(place, content_of=content)
    inner = inner or ""
    names_mat, mos_mat, std_mat = place.need(
        *((f"{inner}Data/{name}.mat",) for name in (_NAMES, _MOS, _STD)),
        instead="the one of the plain form: images/ and mos.csv with the columns image, mos",
    )
    names = strings(read_mat(names_mat, _NAMES)[0])
    mos = numbers(read_mat(mos_mat, _MOS)[0], _MOS)
    std = numbers(read_mat(std_mat, _STD)[0], _STD)
    if not len(names) == len(mos) == len(std):
        counts = f"{counted(len(names), 'name')}, {len(mos)} MOS, {counted(len(std), 'standard deviation')}"
        detail = f"the three tables must be of one length; found: {counts}"
        raise refuse("table", detail, "Take all three from the published archive")
    images = place.folder(f"{inner}Images")
    entries = []
    for row, (name, score, spread) in enumerate(zip(names, mos.tolist(), std.tolist(), strict=True), 1):
        is_taught = bool(_TAUGHT.fullmatch(name))
        if is_taught and not taught:
            continue
        folder = f"{images}/trainingImages" if is_taught else images
        entries.append(Entry(name, score, spread, content(name), None, row, (f"{folder}/{name}",)))
    return Listing(tuple(entries))
