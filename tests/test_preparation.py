"""What `ox train` makes of data that could mislead: copies across splits, groups, few images, unequal classes."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import runs
from ox_classifier.cli import app
from ox_classifier.errors import GateError, UsageError
from ox_classifier.training import preparation
from tests.conftest import draw_folder

TINY = "--image-size 22 --epochs 1 --batch-size 4"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OX_CACHE", str(tmp_path / "cache"))
    return tmp_path


def prepare(data, **options):
    return preparation.prepare(data, **{"val_fraction": 0.25, "test_fraction": 0.0, "seed": 0} | options)


def ox(line):
    return CliRunner().invoke(app, line.split())


def test_a_copy_across_splits_is_said_and_ends_a_strict_training(here):
    data = draw_folder(here / "marks", {"train": 6, "val": 4})
    shutil.copy(data / "train" / "o" / "000.png", data / "val" / "o" / "copy.png")
    assert any(line.startswith("error: ") and "more than one split" in line for line in prepare(data).lines())
    with pytest.raises(GateError, match="--strict") as caught:
        prepare(data, strict=True)
    assert caught.value.exit_code == 3
    result = ox(f"train --data marks --strict {TINY}")
    assert result.exit_code == 3 and not (here / "runs").exists()


def test_a_validation_made_of_training_images_is_refused(here):
    data = draw_folder(here / "marks", {"train": 6})
    shutil.copytree(data / "train", data / "val")
    with pytest.raises(UsageError, match="12 of the 12 val images are copies of training images"):
        prepare(data)


def test_near_duplicates_are_drawn_to_one_side(here):
    data = draw_folder(here / "marks", {"": 12})
    for number in range(12):
        with Image.open(data / "o" / f"{number:03}.png") as image:
            image.save(data / "o" / f"{number:03}-again.jpg", quality=90)
    for seed in range(5):
        side = {image.path.name: image.split for image in prepare(data, seed=seed).images if image.label == "o"}
        assert sum(split == "val" for split in side.values()) in (4, 6, 8)
        for number in range(12):
            assert side[f"{number:03}.png"] == side[f"{number:03}-again.jpg"]


def test_groups_from_paths_stay_together(here):
    data = draw_folder(here / "marks", {"": 12})
    for path in sorted(data.rglob("*.png")):
        path.rename(path.with_name(f"writer{int(path.stem) % 4}_{path.name}"))
    prepared = prepare(data, group=r"writer(\d)")
    sides = {}
    for image in prepared.images:
        sides.setdefault(image.group, set()).add(image.split)
    assert len(sides) == 4 and all(len(side) == 1 for side in sides.values())
    assert any("4 groups" in line for line in prepared.lines())


def test_unreadable_files_are_named_once_and_left_out(here):
    data = draw_folder(here / "marks", {"": 5})
    (data / "o" / "bad.png").write_bytes(b"")
    prepared = prepare(data)
    assert [line for line in prepared.lines() if "bad.png" in line] == [f"set aside: {prepared.audit.bad[0]}"]
    assert all(image.path.name != "bad.png" for image in prepared.images)
    from ox_classifier.pixels import PixelRule

    assert [error.path.name for error in prepared.dataset(PixelRule(22, 22)).bad] == ["bad.png"]


def test_a_test_that_cannot_be_as_large_as_asked_is_said(here):
    def said(data, **options):
        return [line for line in prepare(data, **options).lines() if line.startswith("--test-fraction")]

    data = draw_folder(here / "marks", {"": 20})
    assert said(data, test_fraction=0.2) == said(data) == []
    [line] = said(draw_folder(here / "few", {"": 2}), test_fraction=0.2)
    assert line.startswith("--test-fraction 0.2: held out 0 of 2 o, 0 of 2 x, as near as it gets")
    [line] = said(draw_folder(here / "there", {"train": 6, "test": 3}), test_fraction=0.2)
    assert line == "--test-fraction 0.2: nothing is drawn, as there is a test of 6 images"
    for number in range(1, 18):
        shutil.copy(data / "o" / "000.png", data / "o" / f"{number:03}.png")
    [line] = said(data, test_fraction=0.3)
    assert "of 20 o" in line and " x" not in line.split(",")[0]


def test_the_folds_advised_are_as_many_as_can_be_made(here, capsys):
    data = draw_folder(here / "marks", {"": 4})
    shutil.copy(data / "o" / "000.png", data / "o" / "001.png")  # leaves three that can be parted
    prepared = prepare(data)
    preparation.advise(prepared, None)
    assert "8 images for training and validation are few: --folds 3 measures" in capsys.readouterr().err
    from ox_classifier.pixels import PixelRule

    assert len(list(prepared.folds(3, PixelRule(22, 22)))) == 3
    with pytest.raises(UsageError, match="use --folds 3"):
        list(prepared.folds(4, PixelRule(22, 22)))
    assert "with so few, --folds 3 judges" in " ".join(ox(f"dataset check {data}").stdout.split())
    assert "--folds 2" in " ".join(ox(f"dataset check {draw_folder(here / 'four', {'': 2})}").stdout.split())


@pytest.mark.tensorflow
def test_folds_hold_out_every_image_once(here):
    draw_folder(here / "marks", {"": 6})
    result = ox(f"train --data marks --folds 3 {TINY}")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    names = [f"lenet-1-fold{i}" for i in (1, 2, 3)]
    assert [line.split()[0] for line in lines[:5]] == ["fold", *names, "mean"]
    held_out = [
        row["path"]
        for i in (1, 2, 3)
        for row in runs.find(f"lenet-1-fold{i}").read_table("split.csv")
        if row["split"] == "val"
    ]
    assert len(held_out) == len(set(held_out)) == 12
    results = [runs.find(name).config["results"]["val"] for name in names]
    right = sum(result["correct"] for result in results)
    assert lines[4].split()[2:] == [str(right), "12"]
    assert "95 % interval" in lines[-2] and lines[-1] == "runs/lenet-1-cv"
    last = runs.find()
    assert last.name == "lenet-1-cv" and set(last.splits().values()) == {"train"}
    pooled = last.read_table("held_out.csv")
    assert sorted(row["path"] for row in pooled) == sorted(held_out)
    assert sum((float(row["o"]) > float(row["x"])) == (row["label"] == "o") for row in pooled) == right
    for row in pooled:  # each fold answered for the images it had not seen
        assert runs.find(f"lenet-1-fold{row['fold']}").splits()[row["path"]] == "val"
    again = ox(f"train --data marks --folds 3 --name lenet-1 {TINY}")
    assert again.exit_code == 2 and "exists and is not overwritten" in again.stderr
    assert "finished, nothing is left to resume" in ox("train --resume lenet-1-cv").stderr


@pytest.mark.tensorflow
def test_unequal_classes_are_weighed_and_recorded_and_few_images_are_said(here):
    data = draw_folder(here / "marks", {"": 12})
    for number in range(8):
        (data / "x" / f"{number:03}.png").unlink()
    result = ox(f"train --data marks --name weighed {TINY}")
    assert result.exit_code == 0, result.stderr
    weights = runs.find("weighed").config["class_weights"]
    count = runs.find("weighed").config["data"]["counts"]["train"]
    total = sum(count.values())
    assert weights == pytest.approx({"0": total / (2 * count["o"]), "1": total / (2 * count["x"])})
    assert "class weights: o" in result.stderr and "--folds 4 measures" in result.stderr
    assert ox(f"train --data marks --balance none --name plain {TINY}").exit_code == 0
    assert runs.find("plain").config["class_weights"] is None


@pytest.mark.tensorflow
def test_a_csv_is_data_too(here):
    data = draw_folder(here / "marks", {"": 6})
    paths = sorted(data.rglob("*.png"))
    lines = [f"{path.relative_to(here)},{path.parent.name},{'test' if int(path.stem) > 3 else ''}" for path in paths]
    (here / "marks.csv").write_text("path,label,split\n" + "\n".join(lines) + "\n")
    result = ox(f"train --data marks.csv --name table {TINY}")
    assert result.exit_code == 0, result.stderr
    assert sum(row["split"] == "test" for row in runs.find("table").read_table("split.csv")) == 4
    assert ox("report table").exit_code == 0


@pytest.mark.tensorflow
def test_a_grown_folder_keeps_the_sides_of_an_earlier_run(here):
    data = draw_folder(here / "marks", {"": 6})
    assert ox(f"train --data marks --test-fraction 0.2 --name first {TINY}").exit_code == 0
    for number in range(6):
        for label in "ox":
            shutil.copy(data / label / f"{number:03}.png", data / label / f"{number:03}-copy.png")
    draw_folder(here / "more", {"": 9}, seed=1)
    for path in (here / "more").rglob("*.png"):
        shutil.copy(path, data / path.parent.name / f"new-{path.name}")
    result = ox(f"train --data marks --test-fraction 0.2 --split-from first --name second {TINY}")
    assert result.exit_code == 0, result.stderr
    assert "--split-from: 12 files stay on their side, 30 are new" in result.stderr
    asked = {"val_fraction": 0.2, "test_fraction": 0.2, "group": None, "split_from": "first", "folds": None}
    assert runs.find("second").config["splitting"] == asked
    first, second = ({r["path"]: r["split"] for r in runs.find(n).read_table("split.csv")} for n in ("first", "second"))
    assert len(second) == 42 and first.items() <= second.items()
    assert all(second[path.replace(".png", "-copy.png")] == side for path, side in first.items())
    sides = [side for path, side in second.items() if path.startswith("o/")]
    assert abs(sides.count("val") - 0.2 * 21) <= 1 and abs(sides.count("test") - 0.2 * 21) <= 1


def test_a_run_on_other_files_gives_no_sides(here):
    (here / "runs" / "old").mkdir(parents=True)
    (here / "runs" / "old" / "run.json").write_text('{"schema": 1, "arch": "lenet", "classes": ["cats", "dogs"]}')
    (here / "runs" / "old" / "split.csv").write_text("path,label,split\ncats/1.png,cats,train\n")
    draw_folder(here / "marks", {"": 5})
    result = ox(f"train --data marks --split-from old {TINY}")
    assert result.exit_code == 2
    assert "--split-from: none of the run's 1 files, such as cats/1.png, is in marks: name" in result.stderr
    assert "no run 'older'" in ox(f"train --data marks --split-from older {TINY}").stderr


def test_what_becomes_of_an_earlier_split_is_counted(here):
    data = draw_folder(here / "marks", {"": 8})
    before = {f"{label}/00{number}.png": "test" if number < 2 else "train" for label in "ox" for number in range(7)}
    before |= {"o/caf\u00e9.png": "val", "o/gone.png": "val", "x/gone.png": "val"}
    (data / "o" / "006.png").rename(data / "o" / "cafe\u0301.png")  # the same name, encoded as a Mac does
    found = prepare(data, earlier=before)
    (line,) = [line for line in found.lines() if line.startswith("--split-from")]
    assert line == "--split-from: 14 files stay on their side, 2 are new, 3 of the run's are not here"
    assert next(i.split for i in found.images if i.path.stem.startswith("caf")) == "val"
    assert sum(image.split == "test" for image in found.images) == 4
    shutil.copy(data / "o" / "000.png", data / "o" / "copy.png")
    found = prepare(data, earlier=before | {"o/copy.png": "train"})
    assert any("1 change sides" in line for line in found.lines())


def test_folds_and_an_earlier_split_exclude_each_other(here):
    draw_folder(here / "marks", {"": 6})
    result = ox(f"train --data marks --folds 3 --split-from first {TINY}")
    assert result.exit_code == 2 and "leave one of them out" in result.stderr


def test_files_that_cannot_be_opened_are_set_aside(here):
    data = draw_folder(here / "marks", {"": 3})
    (data / "o" / "gone.png").symlink_to(here / "nowhere.png")
    found = prepare(data)
    assert [(error.path.name, error.reason) for error in found.audit.bad] == [("gone.png", "no such file")]
    assert len(found.images) == 6
    result = ox("dataset check marks --out page")
    assert result.exit_code == 0 and "o/gone.png: no such file" in result.stdout
    rows = [f"{path},{path.parent.name}" for path in sorted(data.rglob("0*.png"))]
    (here / "marks.csv").write_text("\n".join(["path,label", *rows, "marks/o/typo.png,o"]) + "\n")
    found = prepare(here / "marks.csv")
    assert [error.path.name for error in found.audit.bad] == ["typo.png"]
    result = ox("dataset check marks.csv")
    assert result.exit_code == 0 and "typo.png: no such file" in result.stdout


@pytest.mark.tensorflow
def test_folds_that_can_not_be_drawn_leave_no_run(here):
    draw_folder(here / "marks", {"": 3})
    ended = ox(f"train --data marks --folds 5 {TINY}")
    assert ended.exit_code == 2 and "use --folds 3" in ended.stderr
    assert not list((here / "runs").glob("*")) and "nothing is left to resume" in ox("train --resume latest").stderr


def test_words_without_an_option_are_told_what_they_may_mean(here):
    draw_folder(here / "marks", {"": 3})
    assert "did you mean --arch lenet?" in ox("train lenet").stderr
    assert "did you mean --data marks?" in ox("train marks").stderr
    assert "--no-augment is the opposite" in ox("train --augment no").stderr
    assert "the bundled images are in the clone of ox" in ox("train").stderr
