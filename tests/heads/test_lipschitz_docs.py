"""docs/lipschitz.md: its tables are those of the result files."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import lipschitz_tables  # noqa: E402


def test_the_tables_are_those_of_the_results():
    page = (ROOT / "docs" / "lipschitz.md").read_text(encoding="utf-8")
    assert lipschitz_tables.filled(page) == page
    spoilt = page.replace("| additive |", "| addictive |")
    assert spoilt != page
    assert lipschitz_tables.filled(spoilt) == page
