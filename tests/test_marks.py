"""Marks that figures share."""

import pandas as pd
import pytest

from lab.plots import marks

pa = pytest.importorskip("pyarrow", reason="pandas can do without it")


@pytest.mark.parametrize("dtype", ["object", "str", pd.ArrowDtype(pa.string())], ids=str)
def test_columns_are_apart_where_a_study_begins_whatever_the_texts_are(dtype):
    assert list(marks.columns(pd.Series(["a", "a", "b"], dtype=dtype), 0.0)) == [0, 1, 2 + marks.GAP]
