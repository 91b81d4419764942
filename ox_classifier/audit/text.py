"""The findings of a data check as one page of text; takes plain values, knows no files."""

from __future__ import annotations

import shutil
import textwrap

from ox_classifier.intervals import wilson
from ox_classifier.names import padded, width_of
from ox_classifier.wording import counted

MARKS = {"error": "ERROR", "warning": "warning", "note": "note"}
EXAMPLES = 3  # file names under each finding; check.png and --json have them all
FEW = 400  # images under which one validation split says too little, and `counts` tell how many folds can be made
FOLDS = 5  # that are usual; fewer where a class has fewer images that can be parted
SPLIT = 12  # characters of the longest name of a split
ASSUMED = 0.95  # the measured accuracy at which the width of the interval is told


def page(check: dict, *, width: int | None = None) -> str:
    """What `ox dataset check` prints of `Audit.as_dict()`: counts, trust, findings, verdict; `width` in characters."""
    width = width or min(shutil.get_terminal_size((100, 24)).columns, 110)
    parts = [_counts(check)]
    parts.append("\n".join(_wrap(line, width) for line in trusts(check["counts"])))
    if check["notes"]:
        parts.append("\n".join(_wrap(note, width) for note in check["notes"]))
    parts += [_finding(finding, check["unreadable"], width) for finding in check["findings"]]
    parts.append(verdict(check["findings"]))
    return "\n\n".join(filter(None, parts))


def trusts(counts: dict) -> list[str]:
    """How far an accuracy measured on each split can be trusted, in words; `counts` as in `Audit`."""
    splits = counts["splits"]
    lines = [trust(split, sum(splits[split].values())) for split in ("val", "test") if split in splits]
    learned = sum(sum(splits[split].values()) for split in ("undecided", "train") if split in splits)
    if "val" not in splits and learned:
        folds = min(counts.get("folds", 0), FOLDS)
        few = f"; with so few, --folds {folds} judges on every one of them" if folds > 1 else ""
        lines.append(
            f"There is no val split: ox train draws a fifth of {learned:,} images, some {round(learned / 5):,}{few}."
        )
    return lines


def trust(split: str, total: int) -> str:
    """The width of the 95 % interval at this size, in words.

    Source: Wilson's interval, see `intervals.wilson`.
    """
    right = round(ASSUMED * total)
    low, high = wilson(right, total)
    return (
        f"With {total:,} {split} images, {_percent(right / total, 1)} measured means somewhere between "
        f"{_percent(low, total)} and {_percent(high, total)}."
    )


def verdict(findings: list[dict]) -> str:
    """The last line: how many of each level."""
    counts = {level: sum(finding["level"] == level for finding in findings) for level in MARKS}
    said = [counted(n, level) for level, n in counts.items() if n]
    return (
        f"Found: {', '.join(said)}." if said else "Nothing found: every image is readable, and no copies or conflicts."
    )


def _counts(check: dict) -> str:
    counts = check["counts"]
    lines = [f"{check['data']}: {counted(counts['images'], 'image')}, {counts['bytes'] / 1e6:,.1f} MB", ""]
    classes = check["classes"]
    wide = max(9, *(width_of(label) for label in classes))
    if not counts["splits"]:  # no file can be read
        return lines[0]
    if len(classes) * (wide + 2) <= 80:
        heads = "  ".join(padded(label, wide, left=False) for label in classes)
        lines.append(f"  {'':{SPLIT}}  {heads}    always the commonest")
        for split, there in counts["splits"].items():
            row = "  ".join(f"{there[label]:>{wide},}" for label in classes)
            right = _percent(max(there.values()) / sum(there.values()), 1)
            lines.append(f"  {_split(split):{SPLIT}}  {row}    {right} right")
    else:
        for split, there in counts["splits"].items():
            least, most = min(there, key=there.get), max(there, key=there.get)
            total = sum(there.values())
            lines.append(
                f"  {_split(split):{SPLIT}}  {total:,} in {len(classes)} classes, "
                f"from {there[least]:,} ({least}) to {there[most]:,} ({most}); "
                f"always {most}: {_percent(there[most] / total, 1)} right"
            )
    sides = counts["longest_side"]
    if sides:
        lines += ["", f"  formats    {_listed(counts['formats'])}", f"  modes      {_listed(counts['modes'])}"]
        lines.append(f"  sizes      {_sizes(counts, sides)}")
    return "\n".join(lines)


def _split(name: str) -> str:
    return "no split yet" if name == "undecided" else name


def _sizes(counts: dict, sides: dict) -> str:
    if counts["different_sizes"] == 1:
        return f"all {next(iter(counts['sizes']))}"
    if counts["different_sizes"] <= len(counts["sizes"]):
        return _listed(counts["sizes"])
    return (
        f"{counts['different_sizes']:,} different; longest side {sides['least']:,} to {sides['most']:,} pixels, "
        f"median {sides['median']:,}"
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _finding(finding: dict, reasons: dict[str, str], width: int) -> str:
    mark = f"{MARKS[finding['level']]:8}"
    lines = [textwrap.fill(finding["sentence"], width, initial_indent=mark, subsequent_indent=" " * 8)]
    shown = [[f"{name}: {reasons[name]}" if name in reasons else name for name in case] for case in finding["cases"]]
    lines += [f"{'':10}{'  =  '.join(_few(case))}" for case in shown[:EXAMPLES]]
    more = len(finding["cases"]) - EXAMPLES
    return "\n".join(lines + ([f"{'':10}and {more:,} more"] if more > 0 else []))


def _few(names: list[str]) -> list[str]:
    return names if len(names) <= EXAMPLES + 1 else [*names[:EXAMPLES], f"and {len(names) - EXAMPLES:,} more"]


def _wrap(line: str, width: int) -> str:
    return textwrap.fill(line, width, initial_indent="  ", subsequent_indent="  ")


def _percent(share: float, total: int) -> str:
    return f"{share * 100:.{1 if total >= 1000 else 0}f} %"
