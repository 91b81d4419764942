"""Every planted fault is found, nothing is found where nothing is; and the page, the sheet and the command say so."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from ox_classifier.audit import audit, findings, looks, measurement_cache, text
from ox_classifier.audit.contact_sheet import Section, Tile, check_sheet
from ox_classifier.cli import app as root_app
from ox_classifier.cli import dataset_check
from ox_classifier.data import folders, images
from ox_classifier.data.class_weights import class_weights
from ox_classifier.data.images import ImageError, open_picture
from ox_classifier.training.fold_table import cross_validation_table
from tests.conftest import REAL, REPOSITORY, draw_folder, draw_mark
from tests.planted import plant

app = Typer()
app.command()(dataset_check.check)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kinds(found: audit.Audit) -> dict[str, findings.Finding]:
    return {finding.kind: finding for finding in found.findings}


def fingerprint(root) -> dict:
    return {p: hashlib.md5(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def check_planted(planted):
    before = fingerprint(planted.root)
    listing = folders.find(planted.root)
    found = kinds(audit.check(listing))
    assert found["leak"].level == found["two-labels"].level == "error"
    for kind, planted_kind in (("leak", "exact"), ("two-labels", "two_labels")):
        cases = {frozenset(case) for case in found[kind].cases}
        assert cases == {frozenset(pair) for pair in planted.pairs[planted_kind]}
    across = {frozenset(case) for case in found["near-leak"].cases}
    expected = [frozenset(pair) for kind in ("recoded", "flipped") for pair in planted.pairs[kind]]
    assert sum(pair in across for pair in expected) >= 0.95 * len(expected)
    assert sorted(
        p for finding in audit.check(listing).findings if finding.kind == "unreadable" for p in finding.paths
    ) == (sorted(planted.broken))
    assert kinds(audit.quick_check(listing)).keys() == {"leak", "near-leak", "two-labels", "unreadable"}
    assert fingerprint(planted.root) == before


def test_planted_faults_among_generated_marks(tmp_path):
    rng = np.random.default_rng(2)
    pictures = [("ox"[i // 5 % 2], draw_mark("ox"[i // 5 % 2], rng, int(rng.integers(40, 90)))) for i in range(60)]
    check_planted(plant(tmp_path / "data", pictures))


# what a whole source has but these: white on black among black on white, and photos in the dark
DARK = {"ims_study_canvas": ["x_84.png"], "kosmipolita_crops": ["082_19.png"]}
DARK |= {"natalia_szymczyk_crops": ["185_papierek-3.1-oryginalny.png"]}


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real, the marks real people drew, is absent")
def test_planted_faults_among_real_marks(tmp_path):
    files = [p for p in sorted(REAL.glob("*/[ox]/*")) if p.parts[-3] != "tempdata73"][::7]
    check_planted(plant(tmp_path / "data", [(path.parts[-2], open_picture(path).image) for path in files]))


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real, the marks real people drew, is absent")
def test_real_marks_raise_no_alarm(tmp_path):
    for source in sorted(p for p in REAL.iterdir() if p.is_dir()):
        found = audit.check(folders.find(source), cache=tmp_path)
        assert not found.errors, source
        assert not {"blank", "unreadable", "two-labels", "near-two-labels", "size"} & kinds(found).keys(), source
        dark = [path.name for finding in found.findings if finding.kind == "brightness" for path in finding.paths]
        assert dark == DARK.get(source.name, []), source


@pytest.mark.skipif(not (REPOSITORY / "dataset").is_dir(), reason="the bundled dataset is not there")
def test_bundled_dataset_has_no_error():
    found = audit.check(folders.find(REPOSITORY / "dataset"))
    assert not [finding for finding in found.findings if finding.level != "note"]


def test_blank_odd_and_outlying_files_are_told(tmp_path):
    root = draw_folder(tmp_path / "data", {"train": 60})
    there = root / "train" / "o"
    mark = draw_mark("o", np.random.default_rng(99))
    Image.new("L", (48, 48), 250).save(there / "blank.png")
    mark.save(there / "lie.png", "JPEG")
    turned = Image.Exif()
    turned[0x0112] = 6
    draw_mark("o", np.random.default_rng(98)).save(there / "turned.jpg", exif=turned)
    draw_mark("o", np.random.default_rng(97)).convert("RGBA").save(there / "clear.png")
    Image.fromarray(np.asarray(draw_mark("o", np.random.default_rng(96)).convert("L"), dtype=np.uint16) * 257).save(
        there / "deep.png"
    )
    draw_mark("o", np.random.default_rng(95)).convert("CMYK").save(there / "print.jpg", quality=95)
    draw_mark("o", np.random.default_rng(94)).save(there / "moving.gif", save_all=True, append_images=[mark])
    draw_mark("o", np.random.default_rng(93), 480).save(there / "huge.png")
    draw_mark("o", np.random.default_rng(92)).point(lambda v: v // 2).save(there / "dark.png")
    found = kinds(audit.check(folders.find(root)))
    names = {kind: [path.name for path in finding.paths] for kind, finding in found.items()}
    assert names == {
        "blank": ["blank.png"],
        "suffix": ["lie.png"],
        "rotated": ["turned.jpg"],
        "transparent": ["clear.png"],
        "deep": ["deep.png"],
        "cmyk": ["print.jpg"],
        "animated": ["moving.gif"],
        "size": ["huge.png"],
        "brightness": ["dark.png"],
    }
    assert found["rotated"].sentence.startswith("1 file is stored turned")


def test_imbalance_says_what_guessing_gives(tmp_path):
    root = draw_folder(tmp_path / "data", {"train": 4})
    rng = np.random.default_rng(5)
    for number in range(8):
        draw_mark("o", rng).save(root / "train" / "o" / f"more{number}.png")
    sentence = kinds(audit.check(folders.find(root)))["imbalance"].sentence
    assert "o has 3.0 times as many training images as x (12 and 4)" in sentence
    assert "75 %" in sentence
    assert "--balance auto" not in sentence  # it is on already


def test_class_weights_make_classes_weigh_the_same():
    assert class_weights(["o"] * 30 + ["x"] * 10) == {"o": 40 / 60, "x": 2.0}
    assert class_weights(["o"] * 15 + ["x"] * 10) is None
    assert class_weights([]) is None


def test_near_sets_serve_the_split(tmp_path):
    planted = plant(
        tmp_path / "data", [("ox"[i // 5 % 2], draw_mark("o", np.random.default_rng(i))) for i in range(20)]
    )
    together = {frozenset(case) for case in audit.quick_check(folders.find(planted.root)).duplicates}
    assert {frozenset(pair) for pair in planted.pairs["exact"]} <= together


# the cache


def decoded(monkeypatch) -> list:
    seen, decode = [], images.open_picture
    monkeypatch.setattr(images, "open_picture", lambda path: seen.append(Path(path).name) or decode(path))
    return seen


def measured(paths, **options) -> list:
    return [look.found for look in looks.look(paths, **options)]


def test_cache_answers_the_second_time_and_gives_the_same(marks, cache, monkeypatch):
    paths = [image.path for image in folders.find(marks).images]
    seen = decoded(monkeypatch)
    first = measured(paths)
    assert sorted(seen) == sorted(path.name for path in paths)
    assert measured(paths) == first
    assert len(seen) == len(paths)  # nothing decoded again


def test_a_moved_folder_is_known_by_its_content(marks, cache, monkeypatch):
    first = measured([image.path for image in folders.find(marks).images])
    seen = decoded(monkeypatch)
    elsewhere = marks.rename(marks.parent / "elsewhere")
    assert measured([image.path for image in folders.find(elsewhere).images]) == first
    assert seen == []


def change_unseen(path):
    """Other pixels under the same size and, as far as a user can, the same times."""
    stamp, size = path.stat().st_mtime_ns, path.stat().st_size
    Image.new("L", (20, 20), 200).save(path)
    os.utime(path, ns=(stamp, stamp))
    assert path.stat().st_size == size


def test_the_entrys_own_time_tells_of_a_change(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(measurement_cache, "RACY_NS", -(10**18))  # so that nothing is too fresh
    path = tmp_path / "a.bmp"
    Image.new("L", (20, 20), 10).save(path)
    assert round(measured([path])[0].brightness) == 10
    change_unseen(path)
    assert round(measured([path])[0].brightness) == 200


def test_a_file_seen_too_soon_after_its_change_is_compared_by_content(tmp_path, cache, monkeypatch):
    path = tmp_path / "a.bmp"
    Image.new("L", (20, 20), 10).save(path)
    coarse = path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ctime_ns
    monkeypatch.setattr(looks, "stamp", lambda _: coarse)  # a file system whose clock stands still
    assert round(measured([path])[0].brightness) == 10
    change_unseen(path)
    assert round(measured([path])[0].brightness) == 200


def test_a_damaged_or_impossible_cache_is_no_obstacle(marks, tmp_path, monkeypatch, capsys):
    paths = [image.path for image in folders.find(marks).images]
    good = measured(paths)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / measurement_cache.CACHE_FILE).write_bytes(b"no database at all" * 100)
    assert measured(paths, cache=broken) == good
    (tmp_path / "file").write_text("in the way")
    assert measured(paths, cache=tmp_path / "file") == good
    assert "set OX_CACHE to another folder" in capsys.readouterr().err


def test_unreadable_files_keep_the_path_they_were_asked_by(tmp_path, monkeypatch):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    [error] = measured([folders.Path("bad.png")])
    assert isinstance(error, ImageError)
    assert error.path == folders.Path("bad.png")


# the page, the sheet, the command


def test_trust_is_told_in_words():
    # Wilson, 38 of 40: 0.835 to 0.986 (statsmodels' proportion_confint gives the same)
    assert text.trust("test", 40) == "With 40 test images, 95 % measured means somewhere between 83 % and 99 %."
    [line] = text.trusts({"splits": {"train": {"o": 50, "x": 50}}, "folds": 50})
    assert "draws a fifth of 100 images, some 20; with so few, --folds 5" in line


def test_sheet_holds_every_case_under_its_sentence():
    tile = Tile(np.zeros((9, 9), np.uint8), "train/o\n1.png")
    figure = check_sheet(
        [Section("error", "two copies", [[tile, tile]]), Section("note", "one", [[Tile(None, "a\nb")]])], title="t"
    )
    [axes] = figure.axes
    assert len(axes.images) == 2
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("train/o\n1.png") == 2
    assert {"t", "error", "Two copies", "note", "One", "a\nb", "not\nreadable"} <= set(texts)


def test_command_prints_a_page_and_draws_a_sheet(tmp_path, monkeypatch):
    planted = plant(
        tmp_path / "data",
        [("o" if i < 8 else "x", draw_mark("ox"[i > 7], np.random.default_rng(i))) for i in range(16)],
    )
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["data"])
    assert result.exit_code == 0, result.stderr
    assert "ERROR" in result.stdout
    assert "data: 32 images" in result.stdout
    assert (tmp_path / "check" / "check.png").stat().st_size > 10_000
    assert CliRunner().invoke(app, ["data", "--strict"]).exit_code == 3
    told = json.loads(CliRunner().invoke(app, ["data", "--json"]).stdout)
    [leak] = [finding for finding in told["findings"] if finding["kind"] == "leak"]
    assert sorted(map(sorted, leak["cases"])) == sorted(
        sorted(p.relative_to(planted.root).as_posix() for p in pair) for pair in planted.pairs["exact"]
    )


def test_command_writes_nothing_into_the_data(marks, monkeypatch):
    monkeypatch.chdir(marks)
    result = CliRunner().invoke(app, ["."])
    assert result.exit_code == 2
    assert "give another --out" in result.stderr


def test_clean_data_passes_strict(tmp_path):
    root = draw_folder(tmp_path / "data", {"train": 10, "test": 5})
    result = CliRunner().invoke(app, [str(root), "--strict", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "Nothing found" in result.stdout
    assert not (tmp_path / "out").exists()


def test_folds_are_told_with_mean_spread_and_interval():
    lines = cross_validation_table([("lenet-1", 18, 20), ("lenet-2", 20, 20)]).splitlines()
    assert lines[1].split() == ["lenet-1", "0.9000", "18", "20"]
    assert lines[3].split() == ["mean", "0.9500", "38", "40"]
    assert lines[4].startswith("standard deviation between folds 0.0707 (lowest 0.9000")  # 0.1 / sqrt(2)
    assert lines[5] == "all folds together: 0.9500, 95 % interval 0.835 to 0.986"


def ox(*words):
    return CliRunner().invoke(root_app, list(map(str, words)))


def test_a_class_without_a_readable_image_is_an_error_and_each_reason_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in "ox":
        (tmp_path / "phone" / label).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "phone" / label / f"{number}.png").write_bytes(b"no image")
    (tmp_path / "phone" / "x" / "last.png").write_bytes(b"")
    told = ox("dataset", "check", "phone", "--strict")
    assert told.exit_code == 3 and "Found: 1 error." in told.stdout
    assert "ERROR   9 files can't be read and are set aside, so no image is left of o, x" in told.stdout
    assert "x/last.png: " in told.stdout  # the second reason, however many there are of the first
    assert "formats" not in told.stdout and "modes" not in told.stdout
    draw_mark("o", np.random.default_rng(0)).save(tmp_path / "phone" / "o" / "good.png")
    assert "no image is left of x\n" in ox("dataset", "check", "phone").stdout


def test_the_page_of_a_csv_is_headed_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path, {"": 2})
    rows = [f"{label}/00{number}.png,{label}" for label in "ox" for number in range(2)]
    (tmp_path / "excel.csv").write_text("\n".join(["path,label", *rows]))
    assert ox("dataset", "check", "excel.csv").stdout.startswith("excel.csv: 4 images, ")


def test_korean_classes_stand_above_their_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "m", {"": 2})
    (tmp_path / "m" / "o").rename(tmp_path / "m" / "\uc774\uc751\ub3d9\uadf8\ub77c\ubbf8")  # six letters, 12 columns
    head, row = ox("dataset", "check", "m").stdout.splitlines()[2:4]
    assert head.index("    always") + 6 == row.index("    50 %")
