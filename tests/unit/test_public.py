"""What holds for all of the source: described, free of asserts, free of one machine's paths."""

import ast
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import expunge

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

THE_CALL = [
    "UnlearningData", "unlearn", "evaluate", "report", "Record", "Classification", "Regression",
    "Scissorhands", "Retrain", "FineTune", "GradientAscent", "NegGradPlus", "L1Sparse",
    "RandomLabel", "SalUn", "METHODS", "Guard", "ImageSet",
    "load_source", "select_forget", "build_network", "load_weights", "save_weights", "train",
    "Recipe", "RECIPES",
]  # fmt: skip


def modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(expunge.__path__, "expunge.")
    return [importlib.import_module(info.name) for info in found if "__main__" not in info.name]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_public_names_are_there_and_listed() -> None:
    for name in THE_CALL:
        assert hasattr(expunge, name), name
        assert name in dir(expunge), name
    assert all(callable(getattr(expunge, name)) for name in THE_CALL if not name.isupper())
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = expunge.nonsense


def test_every_public_thing_says_what_it_is() -> None:
    silent = []
    for module in modules():
        if not module.__doc__:
            silent.append(module.__name__)
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == module.__name__
            if name.startswith("_") or not own:
                continue
            if inspect.isfunction(thing) or inspect.isclass(thing):
                # A dataclass without one gets its signature as a docstring.
                text = thing.__doc__ or ""
                if not text or text.startswith(f"{name}("):
                    silent.append(f"{module.__name__}.{name}")
    assert silent == []


def test_no_tracked_file_holds_a_path_of_one_machine() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if files == [""]:
        pytest.skip("not a checkout")
    pattern = re.compile(r"(?<![\w.$~}])/(?:home|root|Users|work)/\w+")
    found = []
    for name in filter(None, files):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".yml", ".html", ".cff"}:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert expunge.__version__ == project["version"]
    assert importlib.metadata.version("expunge") == project["version"]
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changes or f"## [{project['version']}]" in changes


@pytest.mark.slow
def test_core_needs_no_extra() -> None:
    code = (
        "import sys\n"
        "for name in ('torchvision', 'timm', 'datasets'): sys.modules[name] = None\n"
        "import expunge.core, expunge.kernels, expunge.tasks, expunge.methods\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_method_imports_a_task() -> None:
    # A method knows a task by its protocol alone, so that it exists once for all of them.
    kinds = {"classification", "regression", "denoising", "denoisers", "noising", "text_to_image"}
    for path in sorted((ROOT / "src/expunge/methods").glob("*.py")):
        tree = ast.parse(path.read_text())
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name.rpartition(".")[2] for name in modules} & kinds, path.name
        assert "tasks" not in {name.rpartition(".")[2] for name in modules}, path.name
