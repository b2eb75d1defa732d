"""How far attacks move the undefended score, and how far a defended one."""

from __future__ import annotations

from certiqa._counted import counted
from certiqa.benchmark.result import Attacked, Row
from certiqa.report.groups import Group, row_label
from certiqa.report.numbers import decimals, is_number, shown

__all__ = ["moved"]

_Pair = tuple[Row, Attacked, float]


def moved(group: Group) -> tuple[str, ...]:
    """At one budget, the strongest attack tried on each row: the one where most rows were attacked, and of these the
    hardest."""
    budgets = list(dict.fromkeys(one.budget for row in group.contenders for one in row.attacked))
    if not budgets:
        return ("No attack was run.",)
    found = {budget: [pair for row in group.contenders if (pair := _strongest(row, budget))] for budget in budgets}
    budget, pairs = max(found.items(), key=lambda item: (len(item[1]), max((p[2] for p in item[1]), default=0.0)))
    if not pairs:
        return ("No movement relative to the SD of the scores could be computed.",)
    others = len(budgets) - 1
    more = (f"{counted(others, 'other budget is', 'other budgets are')} in the tables below.",) if others else ()
    return (*_at(budget, pairs), *more)


def _at(budget: str, pairs: list[_Pair]) -> tuple[str, ...]:
    base = next((pair for pair in pairs if pair[0].kind == "none"), None)
    defended = [pair for pair in pairs if pair[0].kind != "none"]
    said = [f"Under the strongest attack tried at {budget}, "]
    said[0] += f"the undefended score moves by {_amount(base)}." if base else "the undefended score was not measured."
    if not defended:
        return (*said, "No defence was attacked at it.")
    least, most = min(defended, key=lambda pair: pair[2]), max(defended, key=lambda pair: pair[2])
    said.append(f"Of the defended, {row_label(least[0])} moves least, by {_amount(least)}")
    said[-1] += f"; {row_label(most[0])} moves most, by {_amount(most)}." if most is not least else "."
    if base is not None:
        worse = sum(pair[2] >= base[2] for pair in defended)
        what = f"{worse if worse else 'None'} of {counted(len(defended), 'defended row')}"
        said.append(f"{what} {'moves' if worse == 1 else 'move'} as far as the undefended metric or farther.")
    if not least[1].adaptive:
        said.append(f"The attack on {row_label(least[0])} did not know the defence: its figure is a lower estimate.")
    return tuple(said)


def _strongest(row: Row, budget: str) -> _Pair | None:
    found = [
        (row, one, one.rmse_over_sd)
        for one in row.attacked
        if one.budget == budget and one.rmse_over_sd is not None and is_number(one.rmse_over_sd)
    ]
    return max(found, key=lambda pair: pair[2], default=None)


def _amount(pair: _Pair) -> str:
    _, one, size = pair
    return f"{decimals(size, 2)} SD ({one.attack}; RMSE {shown(one.rmse)})"
