"""A JupyterLab and a browser; when a test in it fails, what was on its page is told, and a picture kept beside it."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from tests.faces.jupyter import COMPLAINTS, lab, picture, tab

__all__ = ["lab", "tab"]

_SHOWN = """() => [...document.querySelectorAll(".jp-Cell")].map((cell) => {
    const tones = [...cell.querySelectorAll(".nbx-row")].map((row) => row.dataset.tone);
    return `${cell.innerText.replace(/\\s+/g, " ").slice(0, 500)} [${tones}]`;
}).join("\\n")"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the page of a test that has failed, while it is still open."""
    report = yield
    page = getattr(item, "funcargs", {}).get("tab")
    if report.failed and page is not None:
        name = re.sub(r"\W+", "-", item.name)[:80]
        try:
            report.sections.append(("The page", f"{page.url.partition('?')[0]}\n{page.evaluate(_SHOWN)}"))
            report.sections.append(("Its errors", "\n".join(text[:600] for text in COMPLAINTS)))
            report.sections.append(("Its picture", str(picture(page, f"failed-{name}"))))
        except Exception as error:  # the browser has gone: the test's own error is what counts
            report.sections.append(("The page", f"could not be looked at: {error}"))
    return report
