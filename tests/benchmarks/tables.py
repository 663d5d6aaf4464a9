"""Rounds in turns, medians, and how they are printed. Ratios are of medians of one run of the benchmark."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.stage import Run

#: These are asked in every round; of the others, those that are three times slower than the best are asked once.
ANCHORS = ("nbxfer", "nbxfer:never", "nbxfer:always", "threads", "aria2c")
Runs = dict[str, list[Run]]


@dataclass(frozen=True)
class Figure:
    """One line of the last table: a value with its unit, what was wanted of it, and what it was made of."""

    what: str
    value: float | None
    unit: str
    least: float | None = None
    most: float | None = None
    made_of: str = ""

    @property
    def wanted(self) -> str:
        """The bound, as text."""
        if self.least is None and self.most is None:
            return ""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"

    @property
    def verdict(self) -> str:
        """Whether it was met."""
        if not self.wanted:
            return ""
        if self.value is None:
            return "not measured"
        low = self.least is not None and self.value < self.least
        high = self.most is not None and self.value > self.most
        return "missed" if low or high else "met"


def in_turns(rounds: int, fetches: Mapping[str, Callable[[], Run]], anchors: Sequence[str] = ANCHORS) -> Runs:
    """Run each once a round, one after the other; who failed is not asked again."""
    found: Runs = {name: [] for name in fetches}
    dropped: set[str] = set()
    for _ in range(rounds):
        for name, fetch in fetches.items():
            if name in dropped:
                continue
            found[name].append(fetch())
            if found[name][-1].failed:
                dropped.add(name)
        best = max((run.rate for runs in found.values() for run in runs), default=0.0)
        dropped |= {n for n, runs in found.items() if n not in anchors and runs and runs[-1].rate < best / 3}
    return found


def median(runs: Sequence[Run], of: Callable[[Run], float]) -> float | None:
    """Give the median of those that came through; None where none did."""
    good = [of(run) for run in runs if not run.failed]
    return statistics.median(good) if good else None


def rate(runs: Sequence[Run]) -> float | None:
    """Give bytes a second."""
    return median(runs, lambda run: run.rate)


def files(runs: Sequence[Run]) -> float | None:
    """Give files a second."""
    return median(runs, lambda run: run.files / run.seconds)


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Give how many times as much; None where one is not known."""
    return ours / theirs if ours and theirs else None


def against(
    what: str,
    runs: Runs,
    other: str,
    measure: Callable[[Sequence[Run]], float | None] = rate,
    least: float | None = None,
    unit: str = "MB/s",
    ours: str = "nbxfer",
) -> Figure:
    """Give the figure of ``ours`` beside ``other`` in the same rounds."""
    mine, theirs = measure(runs.get(ours, [])), measure(runs.get(other, []))
    by = 1e6 if unit == "MB/s" else 1.0
    made_of = f"{_number(mine, by)} and {_number(theirs, by)} {unit}"
    return Figure(what, ratio(mine, theirs), f"× {other}", least, made_of=made_of)


def _number(value: float | None, by: float = 1.0) -> str:
    if value is None:
        return "–"
    value /= by
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def show(title: str, runs: Runs, unit: str = "MB/s", references: Sequence[str] = ("threads", "aria2c")) -> None:
    """Print the table of one job: medians, from the slowest to the fastest round, and ratios."""
    measure, by = (files, 1.0) if unit == "files/s" else (rate, 1e6)
    references = [name for name in references if name in runs]
    heads = [f"{unit:>9}", f"{'from – to':>17}", "CPU-s/GB", " kept", *(f"x {name:>8}" for name in references)]
    print(f"\n== {title}\n{'':15}{'  '.join(heads)}  rounds")
    for name, all_ in runs.items():
        good = [run for run in all_ if not run.failed]
        if not good:
            print(f"{name:15}failed: {all_[-1].failed if all_ else 'it was not asked'}")
            continue
        each = sorted((measure([run]) or 0.0) / by for run in good)
        spent = median(good, lambda run: run.cpu / run.bytes * 1e9 if run.bytes else 0.0)
        kept = median(good, lambda run: run.kept if run.kept is not None else -1.0) or 0.0
        cells = [
            f"{_number(measure(good), by):>9}",
            f"{_number(each[0]) + ' – ' + _number(each[-1]):>17}",
            f"{_number(spent) if kept < 0 else '':>8}",  # beside a loop its own time would be in it
            f"{f'{kept:.2f}' if kept >= 0 else '':>5}",
        ]
        for other in references:
            times = ratio(measure(good), measure(runs[other]))
            cells.append(f"{f'{times:.2f}' if times is not None else '–':>10}")
        cut = ", cut" if any(run.cut for run in good) else ""
        then = f", then {all_[-1].failed}" if all_[-1].failed else ""
        print(f"{name:15}{'  '.join(cells)}  {len(good)}{cut}{then}", flush=True)


def summary(figures: Sequence[Figure]) -> None:
    """Print the last table, as Markdown."""
    print("\n| what | figure | wanted | | of |\n|---|---|---|---|---|")
    for figure in figures:
        value = f"{_number(figure.value)} {figure.unit}" if figure.value is not None else "–"
        print(f"| {figure.what} | {value} | {figure.wanted} | {figure.verdict} | {figure.made_of} |")
