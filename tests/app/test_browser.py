"""Every page in a real browser: light and dark, wide and as on a phone, readable and named for screen readers."""

import pytest
from harness import LOOKS, PAGES, faults, look


@pytest.mark.parametrize("name", PAGES)
def test_page(visit, name, tmp_path):
    page = visit(name)
    for width, scheme in LOOKS:
        look(page, width, scheme)
        assert faults(page) == [], f"{width} px, {scheme}"
        assert len(page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png")) > 20_000
