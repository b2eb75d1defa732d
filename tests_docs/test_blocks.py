"""Every block of code that a page shows is executed, or says above it why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blocks import ROOT, Block, blocks_of, pages
from running import BlockError, run

# README is the first page that people see, so its stand-ins stand here and not in it.
README_INSTEAD = (("--denoiser dms-iqa  #", "--denoiser dms-iqa --n 200  #"),)
SET_UP = "python3.11 -m venv"  # .ci/run does these two

MOST_NOT_EXECUTED = 5


def readme() -> list[Block]:
    """README's blocks, with their stand-ins."""
    found = []
    for block in blocks_of("README.md"):
        if block.code.startswith(SET_UP):
            continue
        code = block.code
        for old, new in README_INSTEAD:
            code = code.replace(old, new)
        found.append(Block(block.page, block.line, block.language, code, block.skipped, block.replaced))
    return found


@pytest.mark.filterwarnings("ignore::certiqa.denoisers.SigmaWarning")
@pytest.mark.parametrize("page", pages())
def test_the_code_of_a_page_runs(page: str, room: Path) -> None:
    run(readme() if page == "README.md" else blocks_of(page))


def test_what_is_not_executed_is_little_and_says_why(record_property) -> None:
    found = [block for page in pages() for block in blocks_of(page) if block.skipped]
    for block in found:
        print(f"{block.place}: {block.skipped}")
    record_property("not executed", [block.place for block in found])
    assert len(found) <= MOST_NOT_EXECUTED
    assert all(len(str(block.skipped).split()) >= 4 for block in found), "a reason is a sentence"


def test_no_command_hides_in_an_indented_block() -> None:
    for page in pages():
        lines = (ROOT / page).read_text(encoding="utf-8").split("\n")
        hidden = [line for line in lines if re.match(r"    (certiqa|python|pip|torchrun) ", line)]
        inside = "".join(block.code for block in blocks_of(page))
        assert [line for line in hidden if line.strip() not in inside] == [], page


# -- the test of the test ---------------------------------------------------------------------------------------------


def block(code: str, language: str = "python") -> Block:
    return Block("page.md", 7, language, code, None, ())


def test_a_block_that_fails_is_told_with_its_line(room: Path) -> None:
    with pytest.raises(BlockError, match=r"page\.md:7: ZeroDivisionError"):
        run([block("1 / 0\n")])
    with pytest.raises(BlockError, match=r"exit code 2\ncertiqa score nothing\.png\n.*nothing\.png"):
        run([block("certiqa score nothing.png\n", "bash")])
    with pytest.raises(BlockError, match="exit code 3"):
        run([block("exit 3\n", "bash")])


def test_blocks_share_their_names(room: Path) -> None:
    assert run([block("a = 1\n"), block("b = a + 1\n")])["b"] == 2


def test_marks_are_understood_or_refused() -> None:
    text = "<!-- not executed: there is no GPU here -->\n```bash\nnvidia-smi\n```\n"
    assert blocks_of("page.md", text)[0].skipped == "there is no GPU here"
    text = "<!-- executed with: 9 => 1; b => c -->\n```python\na = 9\nb = 2\n```\n"
    assert blocks_of("page.md", text)[0].code == "a = 1\nc = 2\n"
    text = "\n<!-- executed, not shown:\nassert a\n-->\n"
    assert blocks_of("page.md", text)[0] == Block("page.md", 3, "python", "assert a\n", None, ())
    with pytest.raises(ValueError, match="replaces nothing"):
        blocks_of("page.md", "<!-- executed with: 8 => 1 -->\n```python\na = 9\n```\n")
    with pytest.raises(ValueError, match="1 marks, of which 0"):
        blocks_of("page.md", "<!-- not executed: far from its block -->\n\n```python\na = 9\n```\n")
    with pytest.raises(ValueError, match="not 'pyhton'"):
        blocks_of("page.md", "```pyhton\na = 9\n```\n")
    with pytest.raises(ValueError, match="not ''"):
        blocks_of("page.md", "```\na = 9\n```\n")
