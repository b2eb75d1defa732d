"""How far attacks move the undefended score, and how far a defended one."""

from __future__ import annotations

from certiqa.benchmark.result import Attacked, Row
from certiqa.report.groups import Group, row_label
from certiqa.report.numbers import decimals, is_number, spoken

__all__ = ["moved"]

_Pair = tuple[Row, Attacked, float]


def moved(group: Group) -> tuple[str, ...]:
    """A sentence per budget, with the strongest attack tried on each row."""
    budgets = list(dict.fromkeys(one.budget for row in group.contenders for one in row.attacked))
    if not budgets:
        return ("No attack was run.",)
    return tuple(said for budget in budgets if (said := _at(group, budget)))


def _at(group: Group, budget: str) -> str:
    found = [pair for row in group.contenders if (pair := _strongest(row, budget))]
    if not found:
        return f"At {budget}, no movement relative to the SD of the scores could be computed."
    base = next((pair for pair in found if pair[0].kind == "none"), None)
    defended = [pair for pair in found if pair[0].kind != "none"]
    said = [f"Under the strongest attack tried at {budget}"]
    if base is not None:
        said.append(f", the undefended score moves by {_amount(base)}")
    if not defended:
        return f"{''.join(said)}; no defence was attacked."
    least, most = min(defended, key=lambda pair: pair[2]), max(defended, key=lambda pair: pair[2])
    said.append(("; " if base else ", ") + f"{row_label(least[0])} moves least, by {_amount(least)}")
    if most is not least:
        said.append(f", and {row_label(most[0])} most, by {_amount(most)}")
    if base is not None:
        worse = sum(pair[2] >= base[2] for pair in defended)
        what = f"all {len(defended)}" if worse == len(defended) else f"{worse} of {len(defended)}" if worse else "none"
        said.append(
            f". Of the defended rows, {what} {'moves' if worse == 1 else 'move'} as far as the undefended or farther"
        )
    unaware = [row_label(row) for row, one, _ in (least,) if not one.adaptive]
    tail = (
        f" The attack on {unaware[0]} did not know the defence, so its figure is a lower estimate." if unaware else ""
    )
    return f"{''.join(said)}.{tail}"


def _strongest(row: Row, budget: str) -> _Pair | None:
    found = [
        (row, one, one.rmse_over_sd)
        for one in row.attacked
        if one.budget == budget and one.rmse_over_sd is not None and is_number(one.rmse_over_sd)
    ]
    return max(found, key=lambda pair: pair[2], default=None)


def _amount(pair: _Pair) -> str:
    _, one, size = pair
    return f"{decimals(size, 2)} SD (RMSE {spoken(one.rmse, 2)}, {one.attack})"
