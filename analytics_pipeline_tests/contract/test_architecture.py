"""The shape of the package: what imports what, and how long things may be."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import analytics_pipeline

ROOT = Path(__file__).parents[2]
PACKAGE = Path(analytics_pipeline.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FUNCTION = 40

FILES = frozenset({"os", "pathlib", "shutil", "tempfile", "io.open", "upath", "fsspec"})
WORLD = FILES | {"socket", "subprocess", "random", "secrets"}
CLOCKS = frozenset({"now", "utcnow", "today", "time_ns", "monotonic"})

WALL_CLOCK = re.compile(
    r"\b(?:(?:datetime|date|Timestamp)\.(?:now|today|utcnow)"
    r"|time\.(?:time|time_ns|localtime|gmtime|ctime))\b"
)
TESTS = Path(__file__).parents[1]
ORACLE = [
    path
    for path in sorted((TESTS / "oracle").glob("*.py"))
    if not path.stem.startswith("test_")
]
THE_TESTS_CLOCK = {
    *("clock.py", "test_clock.py", "sitecustomize.py", "test_architecture.py")
}


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def layer_of(module):
    return module.split(".")[0]


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    """Return every module that *path* imports, inside functions too."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module)
    return found


def packages(path):
    return {each.split(".")[0] for each in imports_of(path)}


def those_in(*layers):
    return [path for path in MODULES if layer_of(name_of(path)) in layers]


def importing(*names):
    """Return the layers, or modules, that import one of the packages *names*."""
    return {layer_of(name_of(path)) for path in MODULES if packages(path) & set(names)}


def test_imports_follow_the_layers_of_pyproject():
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None) == 0


def test_what_numbers_mean_needs_no_framework_no_file_and_no_network():
    for path in those_in("domain", "model"):
        assert packages(path) & WORLD == set(), path


def test_what_numbers_mean_opens_nothing_and_reads_no_clock_rule_1_1():
    for path in those_in("domain", "model"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "open", path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in CLOCKS, path


@pytest.mark.parametrize("path", ORACLE, ids=lambda path: path.stem)
def test_the_oracle_shares_no_code_with_what_it_is_compared_with(path):
    of_the_product = {
        name for name in imports_of(path) if name.startswith("analytics_pipeline.")
    }

    assert of_the_product <= {"analytics_pipeline.simulator.records"}


def reads_of_the_wall_clock(text):
    """Return the calls, and functions that are passed on, which read the wall clock."""
    if not WALL_CLOCK.search(text) and "from time import" not in text:
        return []
    tree = ast.parse(text)
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
    ]
    asked = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    return [
        each for each in (*imported, *asked) if WALL_CLOCK.fullmatch(last_two(each))
    ]


def last_two(name):
    """Return the last two parts of a dotted name."""
    return ".".join(name.split(".")[-2:])


def test_a_test_knows_no_clock_but_the_pinned_one():
    reading = {
        path.relative_to(TESTS).as_posix(): found
        for path in TESTS.rglob("*.py")
        if path.name not in THE_TESTS_CLOCK
        if (found := reads_of_the_wall_clock(path.read_text(encoding="utf-8")))
    }

    assert reading == {}, "ask analytics_pipeline_tests.clock"


def test_a_process_of_a_test_has_the_paths_of_the_pinned_clock():
    setting = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("*.py")
        if path.name not in THE_TESTS_CLOCK
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"PYTHONPATH\W+str|PYTHONPATH=", line)
    }

    assert setting == set(), "give it clock.PYTHON_PATH, variables() or exported()"


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "dt.datetime.utcnow()",
        "date.today()",
        "f(clock=datetime.now)",
        "time.time()",
        "from time import time_ns",
        "pd.Timestamp.now()",
    ],
)
def test_a_read_of_the_wall_clock_is_found(line):
    assert reads_of_the_wall_clock(line)
    assert not reads_of_the_wall_clock("clock.now(), state.now, time.monotonic()")


def test_only_one_function_says_how_old_a_file_is():
    """The pinned clock of the tests brings it, and nothing else, into line."""
    asking = {
        name_of(path)
        for path in MODULES
        if re.search(r"st_mtime\b|getmtime", path.read_text(encoding="utf-8"))
    }

    assert asking == {"assets.export_in_place"}


def test_only_the_commands_know_a_terminal():
    assert importing("typer", "click", "rich") == {"commands", "cli"}


def test_only_the_commands_print():
    printing = {
        layer_of(name_of(path))
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }

    assert printing <= {"commands", "cli"}


def test_only_the_settings_and_the_instance_read_the_environment():
    reading = {
        name_of(path)
        for path in MODULES
        if re.search(r"\bos\.(environ|getenv)", path.read_text(encoding="utf-8"))
    }

    assert reading <= {
        *("settings", "orchestration.home", "commands.ui", "commands.workspace"),
        "lazy",  # which sets a variable for a library while it is loaded
    }


def test_a_module_says_what_it_is_for():
    silent = [path for path in MODULES if not ast.get_docstring(tree_of(path))]

    assert silent == []


def test_every_function_fits_on_a_screen():
    long = {
        f"{name_of(path)}.{node.name}": length
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if is_function(node) and (length := length_of(node)) > LONGEST_FUNCTION
    }

    assert long == {}


def length_of(function):
    """Count the lines of a function, without its docstring and inner functions."""
    first = function.body[0]
    apart = [each for each in ast.walk(function) if is_function(each)][1:]
    if ast.get_docstring(function) is not None:
        apart.append(first)
    lines = set(range(function.lineno, function.end_lineno + 1))
    for node in apart:
        lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
