"""What of an image's pixels is sent as features."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from bot.client import image_statistics
from bot.client.frames import parquet_of


def test_a_grey_and_a_coloured_image_of_any_type_have_the_same_scale() -> None:
    board = np.indices((4, 6)).sum(axis=0) % 2
    for image in (board * 255, (board * 255).astype(np.uint8), board.astype(np.uint16) * 65535, board * 1.0, board > 0):
        found = image_statistics(image)
        assert (found["brightness"], found["contrast"], found["sharpness"]) == (0.5, 0.5, 1.0)
        assert (found["width"], found["height"], found["channels"], found["saturation"]) == (6, 4, 1, 0)
    red = np.zeros((2, 2, 4), np.uint8)
    red[:, :, 0], red[:, :, 3] = 255, 9
    assert image_statistics(red) == {
        **{"brightness": 0.299, "contrast": 0.0, "saturation": 1.0, "sharpness": 0.0},
        **{"width": 2.0, "height": 2.0, "channels": 4.0},
    }


def test_a_single_pixel_is_an_image_and_a_list_of_pixels_is_none() -> None:
    assert image_statistics([[7]], prefix="photo.")["photo.sharpness"] == 0.0
    for strange in ([1, 2, 3], np.zeros((0, 5)), np.zeros((1, 2, 3, 4)), "x"):
        with pytest.raises(ValueError, match="height × width"):
            image_statistics(strange)


def test_a_matrix_among_columns_is_a_vector_a_row() -> None:
    table = pq.read_table(io.BytesIO(parquet_of({"id": ["a", "b"], "e": np.ones((2, 3), np.float32), "x": np.ones(2)})))
    assert str(table["e"].type).startswith("fixed_size_list") and table["e"].to_pylist() == [[1.0] * 3] * 2
