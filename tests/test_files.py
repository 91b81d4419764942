"""A file is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ox_classifier import files


def test_a_failure_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(OSError, match="full"), files.replacing(path) as beside:
        beside.write_text("half")
        raise OSError(28, "full")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    target, link = tmp_path / "precious", tmp_path / "out.csv"
    target.write_text("mine")
    link.symlink_to(target)
    files.write_text(link, "new")
    assert target.read_text() == "mine" and link.read_text() == "new" and not link.is_symlink()


def test_the_part_keeps_the_suffix_and_is_hidden_and_can_be_removed(tmp_path):
    with files.replacing(tmp_path / "model.keras") as beside:
        assert beside.suffix == ".keras" and beside.name.startswith(".") and beside.parent == tmp_path
        beside.write_bytes(b"x")
        (tmp_path / beside.name.replace("model", "other")).write_bytes(b"left by a killed process")
    files.remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_names_that_are_no_utf8_keep_their_bytes(tmp_path):
    files.write_text(tmp_path / "list", os.fsdecode(b"caf\xe9.png"))
    assert (tmp_path / "list").read_bytes() == b"caf\xe9.png"


def test_an_error_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    def refuse(path, _):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError) as caught:
        files.write_text(tmp_path / "a.txt", "new")
    assert caught.value.filename == str(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError) as caught, files.replacing(tmp_path / "none" / "a.txt") as beside:
        beside.open("w")
    assert caught.value.filename == str(tmp_path / "none" / "a.txt")
