"""The shape of the source: no circles of imports, no crowded folder, no long file or function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import expunge

SOURCE = Path(expunge.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MODULES_IN_A_FOLDER = 20
LINES_OF_A_FILE = 300
LINES_OF_A_BODY = 40


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules that reach each other, of two or more."""
    reached = {name: within_reach(name, imports) for name in imports}
    found: list[set[str]] = []
    for name in imports:
        if not any(name in circle for circle in found):
            circle = {other for other in reached[name] if name in reached[other]}
            if len(circle) > 1:
                found.append(circle)
    return found


def within_reach(start: str, imports: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph("expunge", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    # Commands reach the library through the package itself, which knows nothing of them.
    assert [sorted(circle) for circle in circles(imports)] == []


def test_no_folder_is_crowded():
    folders = {path.parent for path in FILES}
    counts = {
        named(folder): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in folders
    }
    assert {name: count for name, count in counts.items() if count > MODULES_IN_A_FOLDER} == {}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_read_at_a_sitting(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_OF_A_FILE
    tree = ast.parse(text)
    assert [name for name, lines in bodies(tree) if lines > LINES_OF_A_BODY] == []
    assert list(foreign_secrets(tree)) == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_asserts_tell_the_type_checker_something_and_check_no_input(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert):
            where = f"{named(path)}:{node.lineno}"
            known = ast.unparse(node.test)
            assert " is not None" in known or known.startswith("isinstance("), where
            assert "#" in lines[(node.end_lineno or node.lineno) - 1], f"{where}: say why it holds"


def test_a_class_has_its_name_to_itself():
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(named(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def bodies(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions with the lines of their bodies, docstrings left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


def foreign_secrets(tree: ast.Module) -> Iterator[str]:
    """Private names that are imported from other modules of the package."""
    for node in ast.walk(tree):
        ours = isinstance(node, ast.ImportFrom) and (
            node.level or (node.module or "").startswith("expunge")
        )
        if ours and isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (one for one in parts if one.startswith("_") and one not in SHARED)


SHARED = ("_shared", "__version__")


OURS = ("task", "dataset", "data", "method", "train", "forget", "retain", "chosen", "bundle")


@pytest.mark.parametrize("path", FILES, ids=named)
def test_tasks_and_sets_are_asked_by_protocol(path):
    """``core.capabilities`` says what there is to ask; elsewhere nothing looks for a name."""
    if path.is_relative_to(SOURCE / "core"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in ("hasattr", "getattr"):
            continue
        if isinstance(node.args[1], ast.Constant):
            assert ast.unparse(node.args[0]) not in OURS, ast.unparse(node)
