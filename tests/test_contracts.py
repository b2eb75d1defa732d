"""What the package promises about itself: names, imports, documentation, manners."""

import ast
import dataclasses
import doctest
import graphlib
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


ROOMS = {  # from the ground up: a room, and the rooms before it that it may import; a dotted name is a part of a room
    "errors": (),
    "_version": (),
    "_counted": (),
    "statistics": ("errors",),
    "_checks": ("errors", "statistics"),
    "_device": ("errors",),
    "samples": ("errors",),
    "data": ("errors", "_counted"),
    "training": ("errors", "data"),
    "frontends": ("errors", "_checks", "data"),
    "_facts": ("errors", "_checks", "frontends"),
    "_provenance": ("errors", "_version", "_facts"),
    "heads": ("errors", "_checks", "data", "training", "frontends"),
    "metrics": ("errors", "_device", "data", "frontends", "_facts", "heads"),
    "denoisers": ("errors", "_checks", "training", "_facts", "_provenance"),
    "defenses": ("errors", "_checks", "data", "training", "_facts", "_provenance", "metrics"),
    "purifications": ("errors", "_facts"),
    "attacks": ("errors", "_checks", "data", "_facts", "_provenance"),
    "smoothing": ("errors", "statistics", "_checks", "_device", "data", "frontends", "_facts"),
    "_progress": ("smoothing",),
    "certificate": ("errors", "_version", "_counted", "statistics", "_checks", "frontends", "smoothing"),
    "certifiers": (
        "errors", "statistics", "_checks", "data", "frontends", "_facts", "_provenance", "metrics", "denoisers",
        "smoothing", "certificate",
    ),
    "_certify": (
        "errors", "statistics", "_checks", "data", "frontends", "smoothing", "_progress", "certificate", "certifiers",
    ),
    "evaluation": (
        "errors", "_counted", "statistics", "_checks", "data", "frontends", "_facts", "_provenance", "metrics",
        "smoothing", "certifiers",
    ),
    "trial": (
        "errors", "statistics", "_checks", "data", "frontends", "_facts", "_provenance", "metrics", "denoisers",
        "purifications", "attacks", "smoothing", "certifiers", "evaluation",
    ),
    "benchmark._reading": ("errors", "evaluation.correlation"),
    "benchmark.result": ("benchmark._reading", "evaluation.correlation"),
    "report": ("errors", "_counted", "statistics.percentile", "evaluation.correlation", "benchmark.result"),
    "benchmark": (
        "errors", "_counted", "statistics", "_checks", "samples", "data", "frontends", "_facts", "_provenance",
        "metrics", "defenses", "purifications", "attacks", "smoothing", "certificate", "certifiers", "evaluation",
        "trial", "benchmark._reading", "benchmark.result", "report",
    ),
    "cli": (
        "errors", "_version", "_counted", "statistics", "_checks", "samples", "data", "training", "frontends",
        "_facts", "_provenance", "heads", "metrics", "denoisers", "defenses", "attacks", "smoothing", "_progress",
        "certificate", "certifiers", "_certify", "evaluation", "trial", "benchmark",
    ),
    "__init__": (
        "errors", "_version", "samples", "data", "metrics", "denoisers", "defenses", "purifications", "attacks",
        "smoothing", "certificate", "_certify", "evaluation",
    ),
    "__main__": ("cli",),
}  # fmt: skip
BY_NAME = {  # modules that import by a name that is no literal: tables of names, pyiqa's modules, the user's own module
    "__init__", "attacks.registry", "benchmark", "data.sets.registry", "evaluation", "metrics._catalogue",
    "metrics.pyiqa.build", "metrics.pyiqa.texts", "trial.imported",
}  # fmt: skip
FOREIGN = {"statistics": {"torch"}, "report": {"torch", "matplotlib"}}  # packages that a room does without


def module_of(path):
    """The name below certiqa: "attacks.base"; a package is its __init__.py: "attacks"."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def inside(module, place):
    return f"{module}.".startswith(f"{place}.")


def room_of(module):
    """The room of a module, its narrowest part first; None: it has none."""
    return max((room for room in ROOMS if inside(module, room)), key=len, default=None)


def graph_of(trees):
    """Each module, and the modules of certiqa that it imports: at its top, in functions, and for types alone."""
    trees = {module_of(path): tree for path, tree in trees.items()}
    graph = {}
    for module, tree in trees.items():
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any(node.level for node in nodes if isinstance(node, ast.ImportFrom)), "relative import"
        names = {f"{n.module}.{a.name}" if isinstance(n, ast.ImportFrom) else a.name for n in nodes for a in n.names}
        below = {name.removeprefix("certiqa").removeprefix(".") for name in names if inside(name, "certiqa")}
        found = (max((m for m in trees if inside(name, m)), key=len, default="__init__") for name in below)
        graph[module] = set(found) - {module}
    return graph


GRAPH = graph_of(TREES)


def trespasses(graph):
    """Imports that the importing room has no leave for, as "module -> module"."""
    return [
        f"{module} -> {other}"
        for module, others in graph.items()
        for other in sorted(others)
        if room_of(module) != room_of(other) and not any(inside(other, one) for one in ROOMS[room_of(module)])
    ]


def circle(graph):
    """Modules that import each other in a ring, if there are such."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_every_module_has_a_room_and_rooms_know_only_those_before_them():
    assert [module for module in GRAPH if room_of(module) is None] == []
    rooms = list(ROOMS)
    for number, (room, may) in enumerate(ROOMS.items()):
        assert [one for one in may if room_of(one) not in rooms[:number]] == [], room
        assert len(set(may)) == len(may), room


def test_a_room_imports_what_it_may():
    assert trespasses(GRAPH) == []


@pytest.mark.parametrize("room", sorted({module.partition(".")[0] for module in GRAPH}))
def test_no_modules_import_each_other_in_a_ring(room):
    assert circle({module: others for module, others in GRAPH.items() if inside(module, room)}) == []


def imports_by_name(tree):
    """What import_module or __import__ loads that the graph cannot see; "" for a name that is no literal."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    found = [n for n in found if ast.unparse(n.func).split(".")[-1] in ("import_module", "__import__")]
    given = [n.args[0].value if n.args and isinstance(n.args[0], ast.Constant) else "" for n in found]
    return [name for name in given if not name or inside(name, "certiqa")]


def test_few_modules_import_by_name():
    assert {module_of(path) for path, tree in TREES.items() if imports_by_name(tree)} == BY_NAME


def test_the_tests_above_can_fail():
    assert imports_by_name(ast.parse("import_module('timm')\nimportlib.import_module(f'certiqa.{a}')")) == [""]
    assert imports_by_name(ast.parse("import_module('certiqa.cli')")) == ["certiqa.cli"]
    texts = {
        "__init__.py": "",
        "errors.py": "",
        "cli/__init__.py": "from certiqa import errors",
        "attacks/__init__.py": "from certiqa.attacks.base import Attack",
        "attacks/base.py": "def f():\n    from certiqa.attacks import finish",
        "attacks/finish.py": "if TYPE_CHECKING:\n    from certiqa.attacks.base import Attack\n    import certiqa.cli",
        "report/page.py": "from certiqa.evaluation.correlation import Estimate\nfrom certiqa import evaluation",
        "evaluation/__init__.py": "import certiqa",
        "evaluation/correlation.py": "import torch.nn",
    }
    graph = graph_of({path: ast.parse(text) for path, text in texts.items()})
    assert graph["attacks.base"] == {"attacks.finish"}
    assert graph["report.page"] == {"evaluation", "evaluation.correlation"}
    assert graph["evaluation.correlation"] == set()
    assert set(circle(graph)) == {"attacks.base", "attacks.finish"}
    assert circle({**graph, "attacks.finish": set()}) == []
    assert trespasses(graph) == ["attacks.finish -> cli", "report.page -> evaluation", "evaluation -> __init__"]
    assert room_of("benchmark.result") == "benchmark.result"
    assert room_of("benchmark.resulting") == room_of("benchmark") == "benchmark"
    assert room_of("attic.chest") is None


@pytest.mark.parametrize("room", FOREIGN)
def test_rooms_do_without_heavy_packages(room):
    for path, tree in TREES.items():
        if inside(module_of(path), room):
            assert not {name.partition(".")[0] for name in imported(tree)} & FOREIGN[room], path


def at_once(tree):
    """Every module that a file imports when it is loaded itself: not inside of a function."""
    inner = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) and id(n) not in inner]
    return list(imported(ast.Module(nodes, [])))


def test_the_report_is_loaded_when_it_is_written_and_takes_an_estimate_alone():
    for path, tree in TREES.items():
        if path.startswith("benchmark/"):
            assert not [name for name in at_once(tree) if inside(name, "certiqa.report")], path
        if path.startswith("report/"):
            taken = {name for name in imported(tree) if inside(name, "certiqa.evaluation")}
            assert taken <= {"certiqa.evaluation.correlation", "certiqa.evaluation.correlation.Estimate"}, path
    lazy = ast.parse("import certiqa.report\ndef f():\n from certiqa.report import write")
    assert at_once(lazy) == ["certiqa.report"]


# -- manners ----------------------------------------------------------------------------------------------------------

GLOBAL_RANDOMNESS = {
    "torch.manual_seed", "torch.seed", "torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.normal",
    "torch.rand_like", "torch.randn_like", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all", "np.random.seed",
    "np.random.rand", "np.random.randn", "np.random.normal", "np.random.randint", "np.random.choice", "random.seed",
    "random.random", "random.randint", "random.choice", "random.shuffle", "random.gauss",
}  # fmt: skip


def calls(tree):
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def draws(tree):
    """Calls that draw from a global state, or seed one: a call that is given a generator does neither."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = {id(n) for n in found for k in n.keywords if k.arg == "generator" and ast.unparse(k.value) != "None"}
    return {ast.unparse(node.func) for node in found if id(node) not in given} & GLOBAL_RANDOMNESS


def unsafe_loads(tree):
    """Lines that call torch.load without the literal weights_only=True: those run what a file says."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "torch.load")
    return [n.lineno for n in found if "weights_only=True" not in {ast.unparse(k) for k in n.keywords}]


@pytest.mark.parametrize("path", TREES)
def test_manners(path):
    tree = TREES[path]
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], "assert in the package"
    assert draws(tree) == set()
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
    assert draws(ast.parse("torch.randn(3, generator=own)\ntorch.manual_seed(0)")) == {"torch.manual_seed"}
    assert draws(ast.parse("torch.randn(3, generator=None)")) == draws(ast.parse("torch.randn(3)")) == {"torch.randn"}
