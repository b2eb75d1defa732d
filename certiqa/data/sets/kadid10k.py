"""KADID-10k: ``dmos.csv`` (dist_img, ref_img, dmos, var) and ``images/``.

Two of the names mislead. ``dmos`` is a mean of ratings from 1 (very annoying) to 5 (imperceptible): higher is better.
``var`` holds standard deviations, as far as we can tell: the first row has dmos 4.57 and var 0.496, and 30 ratings of
which 17 are 5 and 13 are 4 have the mean 4.57 and the standard deviation 0.496 (their variance is 0.246). People who
had the raw ratings report the same for all rows.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.table import read_table

__all__ = ["FACTS", "read"]

FACTS = Facts(
    name="kadid10k",
    title="KADID-10k",
    files=("dmos.csv with the columns dist_img, ref_img, dmos, var", "images/"),
    mos_range=(1.0, 5.0),
    lower_better=False,
    content="the reference image (column ref_img)",
    split="none",
    licence="not stated in the tables",
    paper="Lin, Hosu and Saupe, KADID-10k: a large-scale artificially distorted IQA database, QoMEX 2019",
    images=10125,
)


def read(place: Place) -> Listing:
    """Read it; the root may also be a folder above that holds ``kadid10k/``."""
    (path,) = place.need(("dmos.csv", "kadid10k/dmos.csv"))
    table = read_table(path, ("dist_img", "ref_img", "dmos"), ("var",))
    folder = place.folder("images", "kadid10k/images", "distorted_images")
    entries = tuple(
        Entry(
            name=cells["dist_img"],
            mos=cells["dmos"],
            std=cells.get("var"),
            content=cells["ref_img"],
            split=None,
            row=row,
            places=(f"{folder}/{cells['dist_img']}",),
        )
        for row, cells in table.texts()
    )
    return Listing(entries, table.problems)
