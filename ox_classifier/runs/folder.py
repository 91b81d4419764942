"""One run: what its folder holds, read with suspicion and written whole."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from ox_classifier import limits
from ox_classifier.errors import UsageError
from ox_classifier.pixels import PixelRule
from ox_classifier.runs import files
from ox_classifier.runs.assurance import Assurance
from ox_classifier.runs.files import NOT_OURS


class Run:
    """One folder `runs/<name>/`. The properties give what its run.json says.

    Raises:
        UsageError: If run.json is missing, damaged or of another version; properties raise it, too, if training
            did not get as far as to record what is asked for.
    """

    def __init__(self, path: Path, config: dict | None = None):
        self.path = Path(path)
        self.config = config if config is not None else files.read_config(self.path / "run.json")

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def keras_file(self) -> Path:
        return self.path / "model.keras"

    @property
    def onnx_file(self) -> Path:
        return self.path / "model.onnx"

    @property
    def state(self) -> str:
        """preparing, training, interrupted, finished, or failed: its loss became no number, so there is no going on."""
        if "state" in self.config:
            return self.config["state"]
        if "results" not in self.config:  # from here on: runs of earlier versions
            return "training" if "classes" in self.config else "preparing"
        return "interrupted" if self.config.get("interrupted") else "finished"

    @property
    def interrupted(self) -> bool:
        """Whether training was stopped before its end."""
        return self.state == "interrupted"

    @property
    def recorded(self) -> bool:
        """Whether it got as far as to say what it is trained on; before that, nothing of it can go on."""
        return "data" in self.config

    @property
    def usable(self) -> bool:
        """Whether it has a network that was measured: training ended, or was stopped after an epoch."""
        return self.state in ("finished", "interrupted") and self.onnx_file.is_file()

    @property
    def killed(self) -> bool:
        """Whether its process ended before the training did."""
        process = self.config.get("process")
        return self.state in ("preparing", "training") and bool(process) and not _alive(process)

    @property
    def abandoned(self) -> bool:
        """Whether it was still preparing when its process ended: nothing was trained, nothing is lost with it."""
        return self.state == "preparing" and self.killed

    @property
    def arch(self) -> str:
        return self.config["arch"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the network's outputs."""
        return tuple(self._recorded("classes"))

    @property
    def rule(self) -> PixelRule:
        """What every image of the run is turned into."""
        return PixelRule(**self._recorded("pixels"))

    @property
    def settings(self) -> dict:
        """Everything recorded, as `training.recipe.Recipe.from_config` takes it; changing it changes nothing."""
        return json.loads(json.dumps(self.config))

    @property
    def seed(self) -> int:
        return self._recorded("seed")

    @property
    def dropout(self) -> float | None:
        """The Dropout rate; None: the network's own."""
        return self.config.get("dropout")

    @property
    def weights(self) -> str | None:
        """Of a frozen base: imagenet, none or a file."""
        return self.config.get("weights")

    @property
    def fine_tune(self) -> int:
        """How many convolutions of a frozen base were trained after the head."""
        return self.config.get("fine_tune") or 0

    @property
    def fine_tuned_from(self) -> int | None:
        """The first epoch in which the base was trained, too, from 1."""
        return self.config.get("fine_tuned_from")

    @property
    def augmentation(self) -> dict:
        """Settings of the augmenter; empty: none."""
        return dict(self.config.get("augmentation") or {})

    @property
    def class_weights(self) -> dict[str, float] | None:
        """What each class, by its index as text, weighed in the loss; None: all the same."""
        return self.config.get("class_weights")

    @property
    def splitting(self) -> dict:
        """How what is held out was chosen."""
        return dict(self.config.get("splitting") or {})

    @property
    def data_root(self) -> Path:
        """The folder that the paths in split.csv start from; only ever read."""
        return Path(self._recorded("data")["root"])

    @property
    def data_source(self) -> Path:
        """The folder or CSV it was trained on, as it was given."""
        data = self._recorded("data")
        return Path(data.get("source") or data["root"])

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class."""
        return self._recorded("data").get("counts", {})

    @property
    def fingerprint(self) -> str:
        """One digest of every file's bytes, label and split."""
        return self._recorded("data").get("fingerprint", "")

    @property
    def results(self) -> dict[str, dict[str, int]]:
        """For each split that was held out: `correct` of so many `images`; empty until it was measured."""
        return self.config.get("results", {})

    @property
    def assurance(self) -> Assurance:
        """How far its answers can be trusted."""
        return Assurance.of(self.config)

    @property
    def best_epoch(self) -> int:
        """The epoch that was kept, from 1."""
        return self._recorded("best_epoch")

    @property
    def seconds(self) -> float | None:
        """How long the training took; None until it ended."""
        return self.config.get("seconds")

    @property
    def folds(self) -> list[tuple[str, int, int]]:
        """Of a cross-validation: name, right answers and images of each fold; empty for other runs."""
        return [tuple(row) for row in self.config.get("cross_validation", ())]

    @property
    def fold_of(self) -> str | None:
        """The name of the cross-validation this run is a fold of."""
        return self.config.get("fold_of")

    @property
    def views_computed(self) -> int | None:
        """How many views of its images went through the frozen base."""
        return self.config.get("views_computed")

    @property
    def weights_digest(self) -> str:
        """One digest of every weight; equal for equal networks."""
        return self.config.get("weights_digest", "")

    @property
    def versions(self) -> dict[str, str]:
        """Of ox, Python and the packages that decide about the weights."""
        return dict(self.config.get("versions") or {})

    @property
    def device_kind(self) -> str:
        """cpu or gpu, "" where that was not recorded."""
        return self.config.get("device", {}).get("kind", "")

    @property
    def processor(self) -> str:
        """The processor it was trained on, "" where that was not recorded."""
        return self.config.get("processor", "")

    def source(self, name: str) -> Path:
        """Where an image of split.csv lies.

        Raises:
            UsageError: If the path leaves the data folder.
        """
        if not limits.stays_below(name):
            raise UsageError(f"run {self.path} names {name[:80]!r}, which is not below its data folder: {NOT_OURS}")
        return self.data_root / name

    def splits(self) -> dict[str, str]:
        """The split of every file used, by its name in the listing."""
        return {row["path"]: row["split"] for row in self.read_table("split.csv")}

    def history(self) -> list[dict[str, float | None]]:
        """A row for each epoch, the first being epoch 1, as history.csv has them; what an epoch lacks is None.

        Raises:
            UsageError: If there is no epoch yet, or they are not numbered one after the other up to the best one.
        """
        table = self.read_table("history.csv")
        rows = [{name: float(value) if value else None for name, value in row.items()} for row in table]
        if not rows:
            raise UsageError(
                f"run {self.path} has no epoch in history.csv: its training did not get that far; train again"
            )
        if [row["epoch"] for row in rows] != [*range(1, len(rows) + 1)]:
            raise UsageError(f"{self.path / 'history.csv'} has other epochs than 1 to {len(rows)}; {NOT_OURS}")
        if self.config.get("best_epoch", 1) > len(rows):
            raise UsageError(f"{self.path / 'history.csv'} ends before the best epoch, {self.best_epoch}; {NOT_OURS}")
        return rows

    def update(self, **values) -> None:
        """Record values in run.json, at once and whole; while the run isn't done, also which process works on it."""
        self.config.update(values)
        if self.state in ("preparing", "training") and "state" in self.config:
            self.config["process"] = {"id": os.getpid(), "host": socket.gethostname()}
        else:
            self.config.pop("process", None)
        files.write_config(self.path / "run.json", self.config)

    def folder(self, name: str) -> Path:
        """A folder of the run to write into, made if it isn't there.

        Raises:
            UsageError: If a link or a file stands in its place: what is written there would land elsewhere.
        """
        path = self.path / name
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise UsageError(f"{path} is a link or a file, so ox does not write there: remove it and try again")
        path.mkdir(exist_ok=True)
        return path

    def write_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence]) -> Path:
        """Write a CSV file (UTF-8, with header) into the run folder, `name` being a file or <folder>/<file>."""
        folder, _, file = name.rpartition("/")
        path = (self.folder(folder) if folder else self.path) / file
        files.write_table(path, header, rows)
        return path

    def read_table(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV file of the run, as dictionaries.

        Raises:
            UsageError: If the run has no such file, or it is none that ox writes.
        """
        return files.read_table(self.path / name, self.config.get("classes", ()))

    def _recorded(self, key: str):
        if key not in self.config:
            raise UsageError(
                f"run {self.path} has no {key} in run.json: its training did not get that far; train again"
            )
        return self.config[key]


def _alive(process: dict) -> bool:
    """Whether a process may still be running; on another machine or on Windows no one can say, so it may."""
    if os.name == "nt" or process["host"] != socket.gethostname():
        return True
    try:
        os.kill(process["id"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, and belongs to someone else
        return True
    return True
