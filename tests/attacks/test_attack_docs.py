"""docs/attacks.md: its table is that of the cards, its Python runs."""

import re
from pathlib import Path

from certiqa import attacks

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
START, END = "<!-- table: attacks -->\n", "<!-- end -->"


def table():
    head = ["| name | access | budgets | what it does | source |", "|---|---|---|---|---|"]
    cards = map(attacks.card, attacks.names())
    rows = [f"| `{c.name}` | {c.access} | {', '.join(c.norms)} | {c.summary} | {c.paper} |" for c in cards]
    return "\n".join([*head, *rows]) + "\n"


def test_the_table_is_that_of_the_cards():
    text = PAGE.read_text(encoding="utf-8")
    found = text[text.index(START) + len(START) : text.index(END)]
    assert found == table(), f"paste this:\n{table()}"


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, builtin):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        exec(block, space)
        result = space["result"]
        assert result.within_budget
        if number == 0:
            assert (tmp_path / "attacked.png").is_file()
            assert result.change > 0
        if number == 1:
            assert result.queries == 160
    assert "brighten" not in attacks.names()
