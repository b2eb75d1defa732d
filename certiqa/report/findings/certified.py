"""Which certificate reaches farthest, and who has none."""

from __future__ import annotations

from certiqa._counted import counted
from certiqa.benchmark.result import Row
from certiqa.evaluation.correlation import Estimate
from certiqa.report.findings.agreement import overlap
from certiqa.report.groups import Group, alarms_of, row_label
from certiqa.report.numbers import decimals, is_number, significant, spoken, together

__all__ = ["certified"]


def certified(group: Group) -> tuple[str, ...]:
    """The strongest certificate, the runner-up, and the rows without one."""
    rows = [row for row in group.contenders if row.certified is not None]
    sound = [row for row in rows if not alarms_of(row)]
    reached = sorted(
        ((psnr.value, psnr, row) for row in sound if (psnr := _psnr(row)) is not None), key=lambda one: one[0]
    )
    said = []
    if not rows:
        said.append("No row has a certificate: nothing here is proved.")
    elif not sound:
        said.append("Every row with a certificate has soundness alarms: none of them can be quoted.")
    elif not reached:
        said.append(
            f"None of {counted(len(sound), 'certified row')} keeps the median image within half an SD at any size "
            "of attack."
        )
    else:
        said.append(_strongest(reached))
    if sound and len(sound) < len(rows):
        alarmed = [row_label(row) for row in rows if alarms_of(row)]
        said.append(f"Left out because of soundness alarms: {together(alarmed)}.")
    some = {row.defence for row in rows}
    lacking = [row for row in group.contenders if row.certified is None]
    empirical = list(dict.fromkeys(row_label(row) if row.defence in some else row.defence for row in lacking))
    if empirical and rows:
        said.append(f"No certificate: {together(empirical, most=8)}. What these resist is only what was tried.")
    return tuple(said)


def _psnr(row: Row) -> Estimate | None:
    found = row.certified.psnr_at_half_sd if row.certified else None
    return found if found is not None and is_number(found.value) else None


def _strongest(reached: list[tuple[float, Estimate, Row]]) -> str:
    _, psnr, row = reached[0]
    eps = row.certified.eps_at_half_sd.value if row.certified else None
    confidence = f"{100 * (1 - row.certified.alpha):.12g}" if row.certified else ""
    reach = spoken(psnr, 1, " dB", up=True)
    said = (
        f"The strongest certificate is that of {row_label(row)}: for the median image, every attack of a PSNR above "
        f"{reach} (l2 up to {significant(eps, 3, up=False)}) moves the smoothed score by at most "
        f"half an SD, each image at {confidence} % confidence"
    )
    if row.srocc is not None and is_number(row.srocc.value):
        said += f"; its SROCC is {spoken(row.srocc, 3)}"
    others = [one for one in reached[1:] if one[2].defence != row.defence]
    if not others:
        return f"{said}."
    _, second, other = others[0]
    meet = {True: ", with intervals that overlap", False: ", with intervals that do not overlap", None: ""}
    behind = decimals(second.value - psnr.value, 1)
    how = (
        "reaches as far, maybe all that so many scores can prove"
        if second.value == psnr.value
        else f"is the next defence, {behind} dB behind"
    )
    return f"{said}. {row_label(other)} {how}{meet[overlap(psnr, second)]}."
