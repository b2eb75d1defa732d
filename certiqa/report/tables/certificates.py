"""What is certified, size by size."""

from __future__ import annotations

from certiqa.evaluation.correlation import Estimate
from certiqa.report.groups import Group
from certiqa.report.palette import Style
from certiqa.report.table import Column, Table, count, estimate, fixed, plain, rounded, row_head, words

__all__ = ["certificates"]

_COLUMNS = (
    Column("defence and σ", numeric=False),
    Column("size of attack", numeric=False),
    Column("eps", "l2"),
    Column("PSNR", "dB"),
    Column("l_inf", "grey levels"),
    Column("tau", "median, units of the score"),
    Column("tau, 90th percentile", "units of the score"),
    Column("tau over SD"),
    Column("between two printed scores", "median, units of the score"),
    Column("proved by scores", "% of images"),
    Column("images"),
    Column("n", "scores"),
    Column("alpha"),
)


def _percent(share: Estimate) -> Estimate:
    ends = share.interval
    return Estimate(100 * share.value, None if ends is None else (100 * ends[0], 100 * ends[1]))


def certificates(group: Group, styles: dict[str, Style]) -> Table:
    """A row per certified row and size; bounds are rounded up."""
    rows = tuple(
        (
            row_head(row, styles),
            words(at.name),
            rounded(at.eps, 4, up=False),
            fixed(at.psnr, 1, up=True),
            rounded(at.linf_grey, 3, up=False),
            estimate(at.tau, 3, up=True, signs=True) if at.tau else words("unbounded"),
            estimate(at.tau_p90, 3, up=True, signs=True),
            estimate(at.tau_in_sd, 3, up=True, signs=True),
            estimate(at.deployed, 3, up=True, signs=True),
            estimate(_percent(at.proved), 0),
            count(row.certified.images),
            count(row.certified.n),
            plain(f"{row.certified.alpha:g}", row.certified.alpha),
        )
        for row in group.rows
        if row.certified is not None
        for at in row.certified.at
    )
    return Table(f"certificates-{group.key}", f"Certificates: {group.title}", _COLUMNS, rows, group=group.key)
