"""ox-predict, the small install that only predicts: what it lacks, and what is said of it (packaging/ox-predict)."""

from __future__ import annotations

from importlib.util import find_spec

from ox_classifier.errors import UsageError

# by command, a module that it can't do without; commands that stand nowhere here are in every install
NEEDED = {
    "train": "training.train",
    "report": "report.write",
    "compare": "report.compare",
    "runs": "report.overview",
    "inspect": "inspection.write",
    "dataset make": "synthetic.make",
    "dataset import": "importers.mnist",
    "dataset check": "audit.audit",
    "dataset preview": "augmentation.preview",
    "dataset apply": "corrections.plan",
    "sheet quiz": "sheets.quiz",
    "sheet collect": "sheets.collect",
    "sheet cut": "sheets.cut",
    "sheet read": "sheets.reading",
}
# by command, packages that it can't do without and that an install with its modules may lack, as Python and as pip
# names them
PACKAGES = {
    "sheet read": {"cv2": "opencv-python-headless>=5,<6", "jinja2": "jinja2>=3.1", "pypdfium2": "pypdfium2>=5"},
}


def is_small() -> bool:
    """Whether this install only predicts."""
    return not is_there(NEEDED["train"])


def is_there(module: str) -> bool:
    """Whether a module of ours, named without `ox_classifier.`, is in this install; nothing of it is run."""
    place = f"{__package__}"
    for part in module.split("."):
        place = f"{place}.{part}"
        if find_spec(place) is None:
            return False
    return True


def refuse_absent(command: str) -> None:
    """Refuse a command, such as "dataset make", that this install lacks, or that lacks a package here.

    Raises:
        UsageError: Saying what to install.
    """
    if command in NEEDED and not is_there(NEEDED[command]):
        raise UsageError(lacking(f"ox {command}"))
    packages = PACKAGES.get(command, {}) if is_small() else {}
    if any(find_spec(module) is None for module in packages):
        named = " ".join(f"'{package}'" for package in packages.values())
        raise UsageError(f"ox {command} needs packages that ox-predict has in its extra sheets: pip install {named}")


def lacking(what: str) -> str:
    """The sentence on what this install lacks."""
    return (
        f"{what} is not in ox-predict, the small install that only predicts: install ox-classifier, in an environment "
        "of its own, with make install in the clone of ox"
    )
