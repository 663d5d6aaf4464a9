"""The words that every face uses, so that all say the same.

It knows how people say bytes, times and states, and how a story is told. It may not know time, disk or terminal:
everything here is a pure function of its arguments (``explain`` alone asks for the reader's time zone). Whatever
came from outside leaves here clean: no control, escape, bidi or invisible character. Bar, panel and command line
call it; ``Operation.explain`` finds ``explain`` by name.
"""

from __future__ import annotations

from nbxfer.faces.words.amounts import amount_words, eta_words, rate_words, size_words, time_words
from nbxfer.faces.words.status import (
    AGAIN,
    integrity_words,
    line,
    name_words,
    percent_words,
    progress_words,
    reason_words,
    short_ids,
    state_words,
    status_words,
    summary,
    table,
    was_there,
)
from nbxfer.faces.words.story import explain
from nbxfer.faces.words.text import clean, cut, cut_middle, pad, width, wrap

__all__ = [
    "AGAIN",
    "amount_words",
    "clean",
    "cut",
    "cut_middle",
    "eta_words",
    "explain",
    "integrity_words",
    "line",
    "name_words",
    "pad",
    "percent_words",
    "progress_words",
    "rate_words",
    "reason_words",
    "short_ids",
    "size_words",
    "state_words",
    "status_words",
    "summary",
    "table",
    "time_words",
    "was_there",
    "width",
    "wrap",
]
