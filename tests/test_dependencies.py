"""What is installed is what was tested: the lock file fits pyproject.toml, and the page of licences fits the lock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from packaging.utils import canonicalize_name

from tests import licences
from tests.conftest import REPOSITORY

LOCKED = licences.locked()
WANTED = [wanted for group in licences.requirements().values() for wanted in group]


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_lock_has_what_pyproject_asks_for(wanted):
    assert wanted.specifier.contains(LOCKED[canonicalize_name(wanted.name)])


@pytest.mark.skipif(not os.environ.get("CI") or sys.version_info[:2] != (3, 11), reason="CI installs by the lock")
def test_ci_runs_with_what_is_locked():
    assert {name: version(name) for name in LOCKED} == LOCKED


def test_every_upper_bound_has_its_reason():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    bounds = re.findall(r'^ +"[\w-]+(?:\[.*\])?[^"]*<[^"]*",(.*)$', text, re.MULTILINE)
    assert bounds and all(rest.strip().startswith("# ") for rest in bounds)


@pytest.mark.parametrize(
    ("python", "constrained"), [(sys.executable, sys.version_info[:2] == (3, 11)), ("true", False)]
)
def test_make_installs_by_the_lock_where_python_is_cis(python, constrained):
    commands = subprocess.run(
        ["make", "--dry-run", "--always-make", "install", f"PYTHON={python}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (install,) = [line for line in commands.splitlines() if " install " in line and "--editable" in line]
    assert ("--constraint requirements.lock" in install) == constrained


def test_the_page_of_licences_lists_what_is_locked():
    assert list(licences.written()) == sorted(LOCKED), "make licences brings it up to date"
    assert set(licences.written().values()).isdisjoint({"", "UNKNOWN", "not stated", "not installed here"})
