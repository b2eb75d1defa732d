"""What the documents say is what the result files say, and what README tells people to run is what CI runs."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_tables_are_those_of_the_result_files():
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_changed_number_is_noticed(tmp_path):
    copy = tmp_path / "project"
    scripts = (path.name for path in (ROOT / "benchmarks").glob("*.py"))
    for name in ("README.md", *(f"benchmarks/{script}" for script in scripts)):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("benchmarks/results", "docs/comparison"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).symlink_to(ROOT / name)
    readme = (copy / "README.md").read_text(encoding="utf-8")
    changed = re.sub(r"\| 447 \| 0\.\d", "| 447 | 0.9", readme)
    assert changed != readme
    (copy / "README.md").write_text(changed, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, copy / "benchmarks" / "tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "README.md" in done.stderr


def test_the_python_of_readme_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    first, second = blocks
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    exec(first, space)
    assert (tmp_path / "chelsea.json").is_file()
    assert (tmp_path / "chelsea.png").is_file()
    exec(second, space)
    assert space["smooth"].n == 500


def test_readme_has_two_commands_that_do_all_the_set_up():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"```bash\n(python3\.11 -m venv .*?)\n```", readme, re.DOTALL)
    assert len(commands) == 2
    assert all("pip install -q -c constraints.txt" in command for command in commands)
    assert commands[1] == readme.split("<!-- test command -->\n```bash\n")[1].split("\n```")[0]
