"""Take from ../../ox_classifier what pyproject.toml lists; nothing is written beside the sources."""

import ast
import tempfile
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "ox_classifier"
TOLD = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ox-predict"]
LISTED = TOLD["modules"]


def wanted(module: str) -> bool:
    """Whether a module, named without `ox_classifier.`, is listed, or lies in a room that is."""
    return any(module == name or module.startswith(f"{name}.") for name in LISTED)


def packages() -> list[str]:
    """Every package that holds a listed module, with the package itself."""
    found = {"ox_classifier"}
    for name in LISTED:
        inside = SOURCE.joinpath(*name.split("."))
        if not inside.is_dir() and not inside.with_suffix(".py").is_file():
            raise SystemExit(f"pyproject.toml lists {name}, which is no module of {SOURCE}")
        parts = name.split(".") if inside.is_dir() else name.split(".")[:-1]
        found |= {".".join(["ox_classifier", *parts[:end]]) for end in range(1, len(parts) + 1)}
    return sorted(found)


class ListedModules(build_py):
    """setuptools takes whole packages; this takes of each what is listed, and its `__init__`."""

    def find_package_modules(self, package: str, package_dir: str) -> list:
        found = super().find_package_modules(package, package_dir)
        inside = package.removeprefix("ox_classifier").lstrip(".")
        return [row for row in found if row[1] == "__init__" or wanted(f"{inside}.{row[1]}".lstrip("."))]


def version() -> str:
    """What ox_classifier/__init__.py says of itself."""
    for line in ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and line.targets[0].id == "__version__":
            return ast.literal_eval(line.value)
    raise SystemExit(f"{SOURCE / '__init__.py'} says no version")


scratch = tempfile.mkdtemp(prefix="ox-predict-")
setup(
    version=version(),
    packages=packages(),
    package_dir={"ox_classifier": str(Path("..", "..", "ox_classifier"))},
    package_data=TOLD["package-data"],
    cmdclass={"build_py": ListedModules},
    options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
)
