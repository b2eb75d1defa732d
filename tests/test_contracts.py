"""What the package promises about itself: names, imports, documentation, manners."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import certiqa
from certiqa._facts import MetricFacts

PACKAGE = Path(certiqa.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    {"certiqa"}
    | {
        module.name
        for module in pkgutil.walk_packages([str(PACKAGE)], "certiqa.")
        if not module.name.endswith("__main__")
    }
)
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def imported(tree):
    """Every module that a file imports, anywhere, with the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def loads(statement):
    """The top-level modules that a statement loads in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    return set(json.loads(done.stdout))


# -- names ------------------------------------------------------------------------------------------------------------


def test_the_public_names():
    assert certiqa.__all__ == sorted(certiqa.__all__)
    assert dir(certiqa) == sorted(certiqa.__all__)
    for name in certiqa.__all__:
        assert getattr(certiqa, name) is not None
    assert {"Certificate", "DenoisedMedianSmoothing", "MedianSmoothing", "certify"} <= set(certiqa.__all__)
    with pytest.raises(AttributeError, match="no attribute 'certifi'"):
        certiqa.certifi  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_exists_and_is_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, "no module docstring"
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{public} has no docstring"
    assert len(set(getattr(module, "__all__", []))) == len(getattr(module, "__all__", []))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


# -- imports ----------------------------------------------------------------------------------------------------------

HEAVY = {"torch", "scipy", "matplotlib", "statsmodels", "kornia", "pandas", "torchvision", "PIL", "numpy"}


def test_import_certiqa_is_cheap():
    assert loads("import certiqa") & HEAVY == set()
    assert loads("import certiqa.errors") & HEAVY == set()
    assert "torch" in loads("import torch"), "the test can fail"


def test_certify_loads_nothing_that_it_does_not_need():
    loaded = loads("import certiqa._certify")
    assert "torch" in loaded
    assert loaded & {"matplotlib", "kornia", "pandas", "torchvision", "statsmodels", "rich", "typer"} == set()


def test_statistics_loads_no_torch():
    loaded = loads("import certiqa.statistics.statements, certiqa.statistics.bands, certiqa.statistics.ranks")
    assert loaded & {"torch", "PIL", "matplotlib"} == set()


FORBIDDEN = {  # a room: the prefixes that no file of it may import
    "statistics": ["torch", "certiqa."],
    "evaluation": ["certiqa.cli", "certiqa.report", "certiqa.attacks"],
    "denoisers": ["certiqa.smoothing", "certiqa.certificate", "certiqa._certify", "certiqa.evaluation", "certiqa.cli"],
    "defenses": [
        "certiqa.smoothing",
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa.evaluation",
        "certiqa.attacks",
        "certiqa.denoisers",
        "certiqa.cli",
    ],
    "training": [
        "certiqa.metrics",
        "certiqa.denoisers",
        "certiqa.defenses",
        "certiqa.attacks",
        "certiqa.smoothing",
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa.evaluation",
        "certiqa.cli",
    ],
    "smoothing": [
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa._order",
        "certiqa.cli",
        "certiqa.report",
        "certiqa.attacks",
    ],
    "certificate": ["certiqa._certify", "certiqa._order", "certiqa.cli", "certiqa.report", "certiqa.attacks"],
    "metrics": [
        "certiqa.smoothing",
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa.evaluation",
        "certiqa.defenses",
        "certiqa.cli",
    ],
    "purifications": [
        "certiqa.smoothing",
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa.evaluation",
        "certiqa.attacks",
        "certiqa.metrics",
        "certiqa.cli",
    ],
    "data": ["certiqa.smoothing", "certiqa.certificate", "certiqa._certify", "certiqa.evaluation", "certiqa.cli"],
    "attacks": [
        "certiqa.smoothing",
        "certiqa.certificate",
        "certiqa._certify",
        "certiqa._order",
        "certiqa.evaluation",
        "certiqa.denoisers",
        "certiqa.cli",
        "certiqa.report",
    ],
    "report": [  # it shows what it is given: of certiqa it may know what is in REPORT_KNOWS, and nothing else
        "torch",
        "certiqa.",
        "matplotlib",
    ],
    "trial": ["certiqa.benchmark", "certiqa.report", "certiqa.cli"],
    "benchmark": ["certiqa.cli"],
    "samples": ["certiqa.smoothing", "certiqa.certificate", "certiqa._certify", "certiqa.cli"],
}
REPORT_KNOWS = [
    "certiqa.errors",
    "certiqa._counted",
    "certiqa.benchmark.result",
    "certiqa.evaluation.correlation",  # Estimate alone: see test_who_knows_the_report
    "certiqa.statistics.percentile",
    "certiqa.report",
]
ALLOWED = {"statistics": ["certiqa.errors", "certiqa.statistics"], "report": REPORT_KNOWS}


def trespasses(room, names):
    return [
        name
        for name in names
        if any(f"{name}.".startswith(f"{prefix.rstrip('.')}.") for prefix in FORBIDDEN[room])
        and not any(f"{name}.".startswith(f"{prefix}.") for prefix in ALLOWED.get(room, []))
    ]


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_go_one_way(room):
    found = {path: trespasses(room, imported(tree)) for path, tree in TREES.items() if path.startswith(f"{room}/")}
    assert found, "no such room"
    assert {path: names for path, names in found.items() if names} == {}


def test_the_test_above_can_fail():
    tree = ast.parse(
        "import torch.nn\nfrom certiqa import certificate\ndef f():\n from certiqa.errors import InputError"
    )
    assert trespasses("statistics", imported(tree)) == ["torch.nn", "certiqa", "certiqa.certificate"]
    assert trespasses("smoothing", imported(tree)) == ["certiqa.certificate"]


def test_errors_import_nothing_of_certiqa():
    assert not [name for name in imported(TREES["errors.py"]) if name.startswith("certiqa")]


def at_once(tree):
    """Every module that a file imports when it is loaded itself: not inside of a function."""
    inner = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) and id(n) not in inner]
    return list(imported(ast.Module(nodes, [])))


def test_who_knows_the_report():
    for path, tree in TREES.items():
        room = path.split("/")[0]
        names = {"cli": [], "report": [], "benchmark": at_once(tree)}.get(room, imported(tree))
        assert not [name for name in names if f"{name}.".startswith("certiqa.report.")], path
        if room == "report":
            taken = {name for name in imported(tree) if name.startswith("certiqa.evaluation")}
            assert taken <= {"certiqa.evaluation.correlation", "certiqa.evaluation.correlation.Estimate"}, path
    lazy = ast.parse("import certiqa.report\ndef f():\n from certiqa.report import write")
    assert at_once(lazy) == ["certiqa.report"]


def test_nothing_imports_the_command_line():
    for path, tree in TREES.items():
        if not path.startswith("cli") and path != "__main__.py":
            assert not [name for name in imported(tree) if name.startswith("certiqa.cli")], path


# -- manners ----------------------------------------------------------------------------------------------------------

GLOBAL_RANDOMNESS = {
    "torch.manual_seed", "torch.seed", "torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.normal",
    "torch.rand_like", "torch.randn_like", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all", "np.random.seed",
    "np.random.rand", "np.random.randn", "np.random.normal", "np.random.randint", "np.random.choice", "random.seed",
    "random.random", "random.randint", "random.choice", "random.shuffle", "random.gauss",
}  # fmt: skip


def calls(tree):
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def unsafe_loads(tree):
    """Lines that call torch.load without the literal weights_only=True: those run what a file says."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "torch.load")
    return [n.lineno for n in found if "weights_only=True" not in {ast.unparse(k) for k in n.keywords}]


@pytest.mark.parametrize("path", TREES)
def test_manners(path):
    tree = TREES[path]
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], "assert in the package"
    assert calls(tree) & GLOBAL_RANDOMNESS == set()
    assert not {"eval", "exec", "pickle.load"} & calls(tree)
    assert not unsafe_loads(tree)
    assert path.startswith("cli/") or "print" not in calls(tree)


def asked_facts(tree):
    """Lines that ask an object for a fact of a metric by getattr or hasattr, which certiqa/_facts.py alone may do."""
    names = {one.name for one in dataclasses.fields(MetricFacts)} | {"facts"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("getattr", "hasattr", "attrgetter"):
            yield from (node.lineno for one in node.args if isinstance(one, ast.Constant) and one.value in names)


def test_facts_are_read_in_one_place():
    assert list(asked_facts(TREES["_facts.py"])), "the test can fail"
    found = {path: list(asked_facts(tree)) for path, tree in TREES.items() if path != "_facts.py"}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_fact_that_is_asked_for_elsewhere_is_found():
    text = """
getattr(metric, "min_size", 1)
getattr(metric, name)
metric.min_size
hasattr(metric, "front_end")
getattr(metric, "head", None)
builtins.getattr(self.metric, "certified_sigma", None)
"""
    assert sorted(asked_facts(ast.parse(text))) == [2, 5, 7]


def test_manners_can_be_found_wanting():
    assert unsafe_loads(
        ast.parse("torch.load(p)\ntorch.load(p, weights_only=True)\ntorch.load(p, weights_only=no)")
    ) == [1, 3]
    assert calls(ast.parse("import torch\ntorch.manual_seed(0)")) & GLOBAL_RANDOMNESS == {"torch.manual_seed"}
