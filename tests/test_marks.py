"""Marks that figures share."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.plots import marks
from lab.plots.style import written_out

pa = pytest.importorskip("pyarrow", reason="pandas can do without it")


@pytest.mark.parametrize("dtype", ["object", "str", pd.ArrowDtype(pa.string())], ids=str)
def test_columns_are_apart_where_a_study_begins_whatever_the_texts_are(dtype):
    assert list(marks.columns(pd.Series(["a", "a", "b"], dtype=dtype), 0.0)) == [0, 1, 2 + marks.GAP]


@pytest.mark.parametrize("low, high", [(0.093, 0.16), (0.2, 0.9), (1e-5, 10), (2, 30), (0.99, 1.01)])
def test_a_logarithmic_axis_has_three_ticks_or_more_and_room_between_them(low, high):
    figure = go.Figure(go.Scatter(x=[0, 1], y=[low, high]))
    figure.update_yaxes(type="log")
    axis = written_out(figure).layout.yaxis
    assert list(map(float, axis.ticktext)) == pytest.approx(axis.tickvals)
    steps = np.diff(np.log(axis.tickvals)) / np.log(high / low)
    assert sum(low <= tick <= high for tick in axis.tickvals) >= 3 and min(steps) > 0.05


@given(st.floats(-8, 4), st.floats(1, 9))
def test_a_logarithmic_axis_of_a_phone_has_room_for_its_ticks(power, powers):
    low, high = 10**power, 10 ** (power + powers)
    figure = go.Figure(go.Scatter(x=[3 * low, high / 3], y=[0, 1]))  # the axis is longer than what is drawn on it
    figure.update_xaxes(type="log", range=np.log10([low, high]).tolist())
    ticks = written_out(figure).layout.xaxis.tickvals
    assert len(within := [tick for tick in ticks if low <= tick <= high]) >= 3
    if powers >= 3:
        assert len(within) <= 5 and min(np.diff(np.log10(within))) >= powers / 5


@pytest.mark.parametrize("heights", [[0, 0, 0, 5, 97, 98, 100], [50] * 15, [100] * 4, [1, 40, 90]])
def test_names_are_apart_and_within_the_axis(heights):
    moved = marks.separated(heights, 4, 104)
    assert min(np.diff(moved)) > 4 - 1e-9 and moved[0] >= 0 and moved[-1] <= 104 + 1e-9
    if min(np.diff(heights)) >= 4:
        assert moved == heights
