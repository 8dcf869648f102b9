"""The printed figures of the committed results: the legend leaves the title free."""

import matplotlib.pyplot as plt
import pytest

from lab.files import ROOT
from lab.results import load_result
from lab.studies.registry import MEASURED, figures_of

FULL = sorted((ROOT / "figures" / "reference" / "full").glob("*/*/meta.json"))


@pytest.mark.parametrize("study", sorted({path.parent.parent.name for path in FULL} & set(MEASURED)))
def test_no_legend_lies_on_the_title(study):
    for path in FULL:
        if path.parent.parent.name == study:
            figure = figures_of(study).print_figure(load_result(path.parent))
            figure.canvas.draw()
            title = figure._suptitle.get_window_extent()
            legends = [legend.get_window_extent() for legend in figure.legends]
            plt.close(figure)
            assert title.width > 0 and not any(title.overlaps(legend) for legend in legends), path.parent.name
