"""ox-predict, the small install: what it holds and, where `make test-predict` has made one, what it does."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import small_install
from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.pixels import INK_CROPPED
from tests import hand_made, sheet_pages, sheet_photos, test_sheet_reading
from tests.conftest import REPOSITORY
from tests.test_layers import inside, module_arrows, modules, top_imports
from tests.test_readme import ROOT
from tests.test_serve import ask, serving

PROJECT = tomllib.loads((REPOSITORY / "packaging" / "ox-predict" / "pyproject.toml").read_text(encoding="utf-8"))
LISTED = PROJECT["tool"]["ox-predict"]["modules"]
RUN = REPOSITORY / "tests" / "data" / "lenet-22"
MOST_MEGABYTES, MOST_WITH_SHEETS = 250, 400  # OpenCV's wheel alone is 155 MB
PLACE = os.environ.get("OX_SMALL_INSTALL")
needs_install = pytest.mark.skipif(not PLACE, reason="make test-predict makes the small install that this test is of")


def listed(module: str) -> bool:
    return any(inside(module, name) for name in LISTED) or any(name.startswith(f"{module}.") for name in LISTED)


def test_the_list_names_modules_and_all_that_they_import_when_they_are_imported():
    names = [name for name, _ in modules()]
    assert [name for name in LISTED if not any(inside(module, name) for module in names)] == []
    arrows = module_arrows(imports=top_imports)
    lacking = {f"{name} → {other}" for name in arrows if listed(name) for other in arrows[name] if not listed(other)}
    assert lacking == set()


@pytest.mark.parametrize("command", ["cli.predict", "cli.serve", "cli.sheet_read"])
def test_a_command_of_it_finds_every_module_it_imports_anywhere(command):
    arrows, ahead, seen = module_arrows(), ["__main__", "classifier", "cli", command], set()
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += [other for other in arrows[name] if not inside(other, "cli") or inside(name, command)]
    assert {name for name in seen if not listed(name)} == set()


def test_it_has_the_parts_of_a_page_and_they_are_there():
    for package, patterns in PROJECT["tool"]["ox-predict"]["package-data"].items():
        folder = REPOSITORY.joinpath(*package.split("."))
        assert listed(package.partition(".")[2]) or package == "ox_classifier"
        assert all(list(folder.glob(pattern)) for pattern in patterns)


def test_its_dependencies_are_among_those_of_the_whole_with_the_same_limits():
    whole = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for names in PROJECT["project"]["optional-dependencies"].values() for name in names]
    allowed = {*whole["dependencies"], *whole["optional-dependencies"]["sheets"]}
    assert {*PROJECT["project"]["dependencies"], *extras} <= allowed


def test_of_every_command_it_is_known_whether_it_is_there():
    groups = {name: group for name, group in ROOT.commands.items() if hasattr(group, "commands")}
    names = {name for name in ROOT.commands if name not in groups}
    names |= {f"{name} {inner}" for name, group in groups.items() for inner in group.commands}
    assert names == {"predict", "serve", "arch", "doctor", "export", *small_install.NEEDED}


def test_every_command_that_it_lacks_names_a_module_that_is_there_in_the_whole():
    assert all(small_install.is_there(module) for module in small_install.NEEDED.values())
    assert not small_install.is_small() and not small_install.is_there("training.nothing.at.all")


@pytest.mark.parametrize("command", ["train", "dataset make marks", "dataset make --nonsense"])
def test_a_command_that_is_lacking_ends_with_a_sentence_before_it_begins(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(small_install, "is_there", lambda module: not module.startswith(("training", "synthetic")))
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2 and "make install in the clone" in result.stderr
    assert len(result.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(app, [command.split()[0], "--help"]).exit_code == 0


def test_a_command_whose_packages_are_lacking_says_which_to_install(monkeypatch):
    found = small_install.find_spec
    monkeypatch.setattr(small_install, "find_spec", lambda name: None if name in ("cv2", "jinja2") else found(name))
    small_install.refuse_absent("sheet read")  # in the whole, which can't be without them
    monkeypatch.setattr(small_install, "is_small", lambda: True)
    with pytest.raises(UsageError, match=r"pip install 'opencv-python-headless>=5,<6' 'jinja2>=3\.1' 'pypdfium2>=5'$"):
        small_install.refuse_absent("sheet read")
    assert {*small_install.PACKAGES["sheet read"].values()} == {*PROJECT["project"]["optional-dependencies"]["sheets"]}


def in_it(
    *words: object, place: Path = REPOSITORY, program: str = "ox", beside: str = ""
) -> subprocess.CompletedProcess:
    """What a program of the small install says and ends with, far from this repository's modules.

    `beside` is "-sheets" for the install with that extra.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(Path(f"{PLACE}{beside}", "bin", program)), *map(str, words)]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)


def python(code: str, place: Path) -> str:
    done = in_it("-c", code, place=place, program="python")
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_install
def test_it_is_small_and_has_no_tensorflow(tmp_path, capsys):
    for beside, most in (("", MOST_MEGABYTES), ("-sheets", MOST_WITH_SHEETS)):
        files = [path for path in Path(f"{PLACE}{beside}").rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.lstat().st_size for path in files)
        extra = beside.replace("-sheets", "[sheets]")
        with capsys.disabled():
            print(f"ox-predict{extra}: {size / 1e6:.0f} MB installed (at most {most})")
        assert 50e6 < size < most * 1e6
    code = "from importlib.util import find_spec; print([n for n in {!r} if find_spec(n)])"
    heavy = ["tensorflow", "keras", "sklearn", "onnx", "cv2", "jinja2"]
    assert python(code.format(heavy), tmp_path) == "[]\n"
    assert in_it("-c", code.format(heavy), program="python", beside="-sheets").stdout == "['cv2', 'jinja2']\n"
    where = Path(python("import ox_classifier; print(ox_classifier.__file__)", tmp_path).strip())
    assert where.is_relative_to(PLACE)


@needs_install
def test_a_photographed_sheet_is_read_there_as_the_whole_reads_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hand_made.reader()
    (tmp_path / "photos").mkdir()
    test_sheet_reading.LAYOUT.write(tmp_path / "photos" / "sheet.json")
    printed = sheet_pages.drawn(test_sheet_reading.LAYOUT, 1, 1)
    page, truth = sheet_pages.filled(printed, test_sheet_reading.LAYOUT.boxes, (13,), test_sheet_reading.INKS)
    photo = sheet_photos.photograph(page, test_sheet_reading.SIZE, (3,), detail=8)
    (tmp_path / "photos" / "IMG_1.jpg").write_bytes(photo.jpeg())
    Image.fromarray(page).resize((1240, 1754)).save(tmp_path / "scan.pdf")
    done = in_it("sheet", "read", "photos", "--out", "small", place=tmp_path, beside="-sheets")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "small" / "answers.csv").read_text("utf-8"))))
    assert {row["question"]: row["answer"] for row in rows} == test_sheet_reading.expected(truth)
    assert CliRunner().invoke(app, ["sheet", "read", "photos", "--out", "whole"]).exit_code == 0
    for name in ("answers.csv", "review.html"):
        small, whole = ((tmp_path / place / name).read_bytes() for place in ("small", "whole"))
        assert small.replace(b"--out small", b"") == whole.replace(b"--out whole", b"")
    pdf = in_it(
        *("sheet", "read", "scan.pdf", "--layout", "photos/sheet.json", "--out", "of-pdf", "--json"),
        place=tmp_path,
        beside="-sheets",
    )
    assert pdf.returncode == 0 and len(json.loads(pdf.stdout)["answers"]) == len(truth), pdf.stderr


@needs_install
def test_without_the_extra_a_sheet_is_refused_with_what_to_install():
    done = in_it("sheet", "read", "photos")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "pip install 'opencv-python-headless>=5,<6' 'jinja2>=3.1' 'pypdfium2>=5'" in done.stderr


@needs_install
def test_a_kept_run_answers_as_it_always_did():
    text = (RUN / "answers.csv").read_text(encoding="utf-8")
    expected = list(csv.DictReader(io.StringIO(text)))
    assert len(expected) == 20 and {row["predicted"] for row in expected} == {"o", "x"}
    done = in_it("predict", *(row["path"] for row in expected), "--run", RUN, "--csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    for row, wanted in zip(rows, expected, strict=True):
        assert (row["path"], row["predicted"]) == (wanted["path"], wanted["predicted"])
        assert float(row["x"]) == pytest.approx(float(wanted["x"]), abs=1e-4)


@needs_install
def test_it_answers_over_http_with_its_page():
    program = Path(PLACE) / "bin" / "ox"
    with serving(program=[str(program), "serve"]) as (_, url):
        body = (REPOSITORY / "dataset/test/o/00000.jpg").read_bytes()
        status, _, row = ask(f"{url}predict", body, Content_Type="image/jpeg")
        assert (status, row["predicted"]) == (200, "o")
        with urllib.request.urlopen(url) as page:
            assert b"<canvas" in page.read()


@needs_install
def test_the_ink_is_found_where_the_whole_install_finds_it(tmp_path):
    kept = Path(shutil.copytree(RUN, tmp_path / "ink"))
    config = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    config["pixels"]["resize"] = INK_CROPPED
    (kept / "run.json").write_text(json.dumps(config), encoding="utf-8")
    words = ["predict", "dataset/test/o", "--run", str(kept), "--csv"]
    done = in_it(*words)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 151
    whole = [sys.executable, "-m", "ox_classifier", *words]
    assert done.stdout == subprocess.run(whole, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@needs_install
def test_an_export_is_verified_there_and_none_is_made(tmp_path):
    folder = Path(shutil.copytree(REPOSITORY / "tests" / "data" / "export-1", tmp_path / "export-1"))
    assert in_it("export", "--verify", folder).returncode == 0
    assert in_it("predict", "dataset/test/o/00000.jpg", "--run", folder).returncode == 0
    done = in_it("export", RUN, "--out", tmp_path / "new")
    assert done.returncode == 2 and done.stderr.startswith("ox: ox export but for --verify is not in ox-predict")
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "new").exists()
    network = bytearray((folder / "model.onnx").read_bytes())
    network[-2000] ^= 64
    (folder / "model.onnx").write_bytes(network)
    assert in_it("export", "--verify", folder).returncode in (2, 3)


@needs_install
def test_help_and_doctor_work():
    done = in_it("--help")
    assert done.returncode == 0 and "predict" in done.stdout
    assert in_it("train", "--help").returncode == 0
    done = in_it("doctor")
    assert done.returncode == 0 and done.stderr == ""
    assert re.search(r"^install +ox-predict, which only predicts", done.stdout, re.MULTILINE)


@needs_install
@pytest.mark.parametrize(
    "command", ["train", "report", "compare a b", "inspect", "runs", "dataset check dataset", "sheet cut a"]
)
def test_what_it_lacks_is_one_sentence_that_says_what_to_install(command):
    done = in_it(*command.split())
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "make install in the clone" in done.stderr
    assert done.stderr.startswith(
        f"ox: ox {' '.join(command.split()[: 1 + command.startswith(('dataset', 'sheet'))])} is not in"
    )


@needs_install
def test_its_python_says_what_to_install_and_has_the_classifier(tmp_path):
    code = "import ox_classifier\ntry: ox_classifier.train\nexcept ImportError as error: print(error)"
    assert "ox_classifier.train is not in ox-predict" in python(code, tmp_path)
    image = REPOSITORY / "dataset" / "test" / "o" / "00000.jpg"
    code = f"from ox_classifier import Classifier; print(Classifier.load({str(RUN)!r}).predict({str(image)!r}).label)"
    assert python(code, tmp_path) == "o\n"
