"""What stands around a drawn mark: frames, cut-outs, joining strokes; and that none of it touches or tells the mark."""

import io

import numpy as np
import pytest
from PIL import Image

from ox_classifier.synthetic import cutouts, frames, make, surroundings
from ox_classifier.synthetic.sampler import Sampler

GAPS = np.array([0.3, 0.32, 0.35, 0.31])  # top, right, bottom, left


def drawn(number, source="paint", label="x", framed=None):
    data, suffix, about = make.draw(make.Job(4, "", label, number, source, "all"), framed=framed)
    about["parameters"]["lossy"] = suffix == ".jpg"
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), about["parameters"]


def test_a_frame_keeps_clear_of_the_mark():
    side, covers = 120, []
    for number in range(300):
        cover = frames.layer(Sampler((number,), framed=True), side, GAPS, often=1)
        if cover is None:  # all of it lies outside the picture
            continue
        top, right, bottom, left = (GAPS * side).astype(int)
        covers.append(cover)
        assert cover[top + 2 : side - bottom - 2, left + 2 : side - right - 2].max() == 0, number
    around = np.array([[edge.max() > 0.3 for edge in quarters(cover)] for cover in covers])
    closed = around.all(axis=1).mean()
    assert closed > 0.5, "most frames are in view on all four sides"
    shares = np.array([cover.mean() for cover in covers])
    assert shares.min() < 0.03 and shares.max() > 0.25, "from thin to thick"


def quarters(cover):
    """What of a frame lies above, right of, below and left of the middle."""
    half = len(cover) // 2
    return cover[:half, half], cover[half, half:], cover[half:, half], cover[half, :half]


def test_the_same_mark_comes_with_and_without_a_frame():
    seen = differing = 0
    for number in range(80):
        plain, _ = drawn(number, framed=False)
        framed, notes = drawn(number, framed=True)
        assert plain.shape == framed.shape
        if not notes.get("frame") or notes["lossy"]:
            continue
        x, y, half = (float(notes[name]) for name in ("x", "y", "size"))
        if min(x, y, 1 - x, 1 - y) - half < 0.02:  # it reaches out of the picture, where no frame keeps clear of it
            continue
        marked = (plain != np.median(plain, axis=(0, 1))).any(axis=2)
        np.testing.assert_array_equal(plain[marked], framed[marked])
        differing += bool((plain != framed).any())
        seen += 1
    assert seen > 5 and differing > 0.9 * seen  # now and then it has the colour of the ground


def test_as_many_frames_as_said_and_of_both_classes():
    counts = {
        label: sum(bool(drawn(number, label=label)[1].get("frame")) for number in range(150)) for label in make.LABELS
    }
    assert all(0.12 < count / 150 < 0.36 for count in counts.values()), counts


def test_cut_outs_lie_on_another_ground_and_know_where_the_mark_is():
    found = 0
    for number in range(60):
        sampler = Sampler((number,))
        picture = np.full((120, 120, 3), 200, np.uint8)
        picture[40:80, 50:90] = (255, 0, 0)
        sampler.note(size=20 / 120, x=70 / 120, y=60 / 120)
        pasted = cutouts.pasted(picture, sampler)
        side = len(pasted)
        x, y, half = (float(sampler.drawn[name]) * side for name in ("x", "y", "size"))
        assert 90 <= side <= 200 and half >= cutouts.SMALLEST / 2 - 0.5
        middle = pasted[int(y), int(x)].astype(int)
        red = abs(middle - (255, 0, 0)).max() < 40
        assert red or (pasted[int(y)] != pasted[int(y), int(x)]).any()
        found += red
    assert found > 55  # a ruled line goes below the mark, never through its middle


def test_a_cut_out_of_a_photograph_knows_where_the_camera_shows_the_mark():
    found = 0
    for number in range(40):
        sampler = Sampler((number,))
        picture = np.full((120, 120, 3), 200, np.uint8)
        picture[65:71, 63:69] = (255, 0, 0)  # the middle of the mark, and half-way to its left end
        picture[65:71, 53:59] = (0, 0, 255)
        sampler.note(size=16 / 120, x=58 / 120, y=60 / 120, hand="any")
        # a quarter larger, and eight pixels right and down
        sampler.shown = np.array([[1.25, 0, -6.5 / 120], [0, 1.25, -7 / 120], [0, 0, 1]])
        pasted = cutouts.pasted(picture, sampler).astype(int)
        assert sampler.shown is None
        x, y, half = (float(sampler.drawn[name]) * len(pasted) for name in ("x", "y", "size"))
        if half < 16:
            continue  # the colours run into each other
        colours = np.abs(pasted[:, :, None] - [(255, 0, 0), (0, 0, 255)]).max(axis=3) < 60
        if min(colours.sum(axis=(0, 1))) < 20 or max(colours.sum(axis=(0, 1))) > half**2 / 4:
            continue  # a ruled line lies over them, or the ground is of such a colour
        middle, left = (np.argwhere(colours[:, :, which]).mean(axis=0) + 0.5 for which in (0, 1))
        assert middle == pytest.approx([y, x], abs=1.2)
        assert middle[1] - left[1] == pytest.approx(half / 2, rel=0.06)
        found += 1
    assert found > 15


def test_marks_from_a_twentieth_of_the_side_to_all_of_it():
    sizes = []
    for number in range(400):
        sampler = Sampler((number,))
        surroundings.place(sampler, 150)
        sizes.append(2 * float(sampler.drawn["size"]))
    assert min(sizes) < 0.1 and max(sizes) > 1
    assert 0.04 < np.mean(np.array(sizes) < 0.24) < 0.2


def test_joining_strokes_lead_out_of_the_mark():
    joined = 0
    for number in range(300):
        sampler = Sampler((number,))
        strokes, _, gaps = surroundings.mark("o", sampler, 150)
        points = np.concatenate(strokes)
        left, right = gaps[3] * 150, (1 - gaps[1]) * 150
        outside = points[:, 0].min() < left - 3 or points[:, 0].max() > right + 3
        joined += outside
        assert not outside or sampler.drawn.get("joined") or gaps.min() == 0
    assert 10 < joined < 60


def test_joined_draws_the_same_mark_with_strokes_that_lead_to_it_or_without():
    for number in range(40):
        job = make.Job(3, "", "ox"[number % 2], number, "memo", "all")
        (plain, _, without), (joined, _, about) = (make.draw(job, framed=False, joined=some) for some in (False, True))
        assert about["parameters"].get("joined") and not without["parameters"].get("joined")
        assert about["place"] == without["place"] and joined != plain


def test_a_letter_of_joined_writing_is_small_and_its_strokes_are_long():
    lengths = []
    for number in range(60):
        job = make.Job(3, "", "ox"[number % 2], number, "memo", "all")
        _, _, about = make.draw(job, framed=False, joined=True, letter=True)
        assert about["parameters"].get("joined") and about["parameters"]["size"] <= 0.24
        sampler = Sampler((number,), joined=True, letter=True)
        strokes, _, _ = surroundings.mark("o", sampler, 150)
        half = float(sampler.drawn["size"]) * 150
        points = np.concatenate(strokes) - [sampler.drawn[axis] * 150 for axis in "xy"]
        lengths.append(np.abs(points[:, 0]).max() / half - 1)
    assert 1 < np.median(lengths) < 4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_as_many_marks_are_cut_out_as_asked_for(share):
    for number in range(12):
        job = make.Job(3, "", "ox"[number % 2], number, "memo", "all")
        assert bool(make.draw(job, cut_out=share)[2]["parameters"].get("cut_out")) == bool(share)


@pytest.mark.parametrize("framed", [True, False])
def test_framed_images_are_the_same_every_time(framed):
    np.testing.assert_array_equal(drawn(5, "scan", framed=framed)[0], drawn(5, "scan", framed=framed)[0])
