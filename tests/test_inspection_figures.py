"""The pictures of a network's inside show the arrays they were given: artists are read, not pictures."""

import re

import numpy as np
import pytest

from ox_classifier.inspection import figures
from ox_classifier.inspection.page import Chapter, Picture, Section, html


def test_histograms_stand_side_by_side_with_mean_and_deviation():
    before = np.array([-1.0, 1.0, -1.0, 1.0]).reshape(1, 1, 2, 2)  # 0 ± 1
    after = np.array([0.0, 0.0, 2.0, 2.0]).reshape(1, 1, 2, 2)  # 1 ± 1
    left, right = figures.kernel_histograms("conv1", before, after).axes
    assert left.get_title() == "before training: 0.000 ± 1.000"
    assert right.get_title() == "after training: 1.000 ± 1.000"
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()
    values, edges, _ = right.patches[0].get_data()
    assert values.sum() == pytest.approx(1) and (edges[0], edges[-1]) == (-2, 2)
    assert {edges[i].round(3): values[i] for i in np.flatnonzero(values)} == {
        edges[30].round(3): 0.5,  # the middle bin, around zero
        edges[60].round(3): 0.5,
    }
    assert right.lines[0].get_xdata()[0] == 1


def test_an_untouched_layer_of_zeros_has_a_histogram_too():
    figures.kernel_histograms("conv1", np.zeros((3, 3, 1, 2)), np.zeros((3, 3, 1, 2)))


def test_mosaic_puts_tiles_row_after_row_with_gaps():
    tiles = np.arange(12.0).reshape(3, 2, 2)
    sheet = figures.mosaic(tiles, 2)
    nan = np.nan
    np.testing.assert_array_equal(
        sheet,
        [
            [0, 1, nan, nan, 4, 5],
            [2, 3, nan, nan, 6, 7],
            [nan] * 6,
            [nan] * 6,
            [8, 9, nan, nan, nan, nan],
            [10, 11, nan, nan, nan, nan],
        ],
    )


def test_kernels_of_gray_images_are_squares_on_one_scale_around_zero():
    kernel = np.zeros((3, 3, 1, 10))
    kernel[0, 2, 0, 1] = 0.5  # filter 1, top right
    axes, _bar = figures.kernel_picture("conv1", kernel).axes
    (image,) = axes.images
    low, high = image.get_clim()
    assert low == -high
    sheet = image.get_array()
    zoom, gap = 4, 2  # 3 pixels shown 4 times as large are 12, with a gap of 2
    assert sheet.shape == (2 * 12 + gap, 8 * 14 - gap)
    y, x = np.nonzero(sheet.filled(0))
    assert (y.min(), y.max(), x.min(), x.max()) == (0, zoom - 1, 14 + 2 * zoom, 14 + 3 * zoom - 1)
    assert axes.figure.get_suptitle() == "conv1: all 10 filters, 3x3 each"


def test_kernels_of_colour_images_are_in_colour():
    kernel = np.zeros((3, 3, 3, 40))
    kernel[:, :, 0, 0], kernel[:, :, 2, 0] = 1, -1  # as much red as can be, and no blue
    (axes,) = figures.kernel_picture("conv1", kernel).axes
    sheet = np.asarray(axes.images[0].get_array())
    assert sheet.shape[-1] == 3
    np.testing.assert_allclose(sheet[0, 0], [1, 0.5, 0])
    np.testing.assert_allclose(sheet[0, 14], 0.5)  # the next filter is zero: gray
    assert "first 32 of 40 filters" in axes.figure.get_suptitle()


def test_deeper_kernels_have_a_column_a_filter_and_a_row_a_channel():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 20, 30))
    axes, _bar = figures.kernel_picture("conv2", kernel).axes
    sheet = axes.images[0].get_array()
    assert sheet.shape == (8 * 14 - 2, 16 * 14 - 2)
    assert sheet[14 * 3, 14 * 5] == pytest.approx(kernel[0, 0, 3, 5])
    assert (
        axes.figure.get_suptitle()
        == "conv2: first 16 of 30 filters (columns), first 8 of 20 channels in (rows), 3x3 each"
    )


def test_feature_maps_share_one_scale_that_ignores_a_few_bright_values():
    maps = np.random.default_rng(0).random((14, 14, 40))
    maps[3, 4, 2] = 1000
    axes, _bar = figures.feature_maps("conv2", maps).axes
    image = axes.images[0]
    assert image.get_clim()[0] == 0 and image.get_clim()[1] < 2
    sheet = image.get_array()
    np.testing.assert_allclose(sheet[:14, 32:46], maps[:, :, 2])  # the third of the first row: 2 x (14 + 2)
    assert axes.figure.get_suptitle() == "conv2: first 32 of 40 feature maps, 14x14 each"


def test_a_dead_layer_is_drawn():
    figures.feature_maps("conv1", np.zeros((4, 4, 3)))


def test_grad_cam_lies_over_the_image_and_lets_it_through_where_it_is_low():
    pixels = np.random.default_rng(0).random((20, 30, 3), dtype="float32")
    cam = np.zeros((2, 3), "float32")
    cam[0, 0] = 1
    left, right = figures.grad_cam(pixels, cam, title="a.png: O 0.9000").axes
    np.testing.assert_array_equal(left.images[0].get_array(), pixels)
    below, above = right.images
    assert below.get_array().shape == above.get_array().shape == (20, 30)
    assert below.get_extent() == above.get_extent()
    alpha = above.get_alpha()
    assert alpha[0, 0] == alpha.max() and alpha[-1, -1] == 0


def _picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    return Picture(tmp_path / "a.png", 'kernels of "conv1"')


def test_page_is_complete_in_itself_and_escapes_names(tmp_path):
    picture = _picture(tmp_path)
    section = Section("<img>.png", ["a & b"], [picture], [picture])
    table = [("layer", "parameters"), ("conv1", "1,290")]
    page = html(
        "Inside <x>", ["1 < 2"], [Chapter("Layers", table=table, pictures=[picture]), Chapter("I", sections=[section])]
    )
    assert page.count('src="data:image/png;base64,iVBORw=="') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "<script" not in page
    for text in ("Inside &lt;x&gt;", "1 &lt; 2", "&lt;img&gt;.png", "a &amp; b", "kernels of &quot;conv1&quot;"):
        assert text in page
    assert '<td class="number">1,290</td>' in page and "<td>conv1</td>" in page
    assert 'href="#part1"' in page and 'id="part1"' in page
    assert page.index("<details>") < page.rindex("<img")


def test_page_shows_names_with_line_breaks_and_control_characters_on_one_line():
    page = html("a\nb", ["bell\x07"], [Chapter("C", [], sections=[Section("bytes \udcff\u202e.png")])])
    for text in (r"<title>a\nb</title>", r"bell\x07", r"bytes \xff\u202e.png"):
        assert text in page
    page.encode("utf-8")
