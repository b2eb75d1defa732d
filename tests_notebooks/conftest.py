"""tests_notebooks needs the extra [notebooks]: it runs every notebook, and looks at the copies that are committed."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "notebooks")]
