"""The phases of an operation as a picture that every viewer shows, drawn from their table."""

from __future__ import annotations

import math

from nbxfer.core.phases import BUSY, FINAL, TRANSITIONS, Phase

#: Column and row of each phase. Above: the way of an operation to which nothing happens.
_PLACES: dict[Phase, tuple[float, float]] = {
    Phase.CREATED: (0, 0),
    Phase.QUEUED: (1, 0),
    Phase.PROBING: (2, 0),
    Phase.RUNNING: (3, 0),
    Phase.VERIFYING: (4, 0),
    Phase.COMMITTING: (5, 0),
    Phase.DONE: (6, 0),
    Phase.PAUSED: (1, 1),
    Phase.STALLED: (2.6, 1),
    Phase.PAUSING: (4, 1),
    Phase.FAILED: (5.5, 1),
    Phase.CANCELING: (2.6, 2),
    Phase.CANCELED: (4.6, 2),
}
_WIDTH, _HEIGHT = 100, 34  # of a box
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 380" style="width:100%;max-width:920px" role="img"'
    ' aria-label="The phases of an operation" font-family="sans-serif" font-size="14">'
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#8a8f98"/></marker></defs>'
    '<rect width="920" height="380" fill="white"/>'
)


def _middle(phase: Phase) -> tuple[float, float]:
    column, row = _PLACES[phase]
    return 70 + 130 * column, 110 + 110 * row


def _arrow(start: Phase, end: Phase, causes: list[str]) -> str:
    (x0, y0), (x1, y1) = _middle(start), _middle(end)
    bow = 0.3 if y0 == y1 and abs(x1 - x0) > _WIDTH * 1.5 else 0.08  # a long one goes round what stands between
    cx, cy = (x0 + x1) / 2 + bow * (y1 - y0), (y0 + y1) / 2 - bow * (x1 - x0)
    dx, dy = x1 - cx, y1 - cy
    # It ends at the edge of the box, not in its middle.
    inside = min(_WIDTH / 2 / max(abs(dx), 1e-9), _HEIGHT / 2 / max(abs(dy), 1e-9)) + 3 / math.hypot(dx, dy)
    x1, y1 = x1 - dx * inside, y1 - dy * inside
    return (
        f'<path d="M{x0:.0f},{y0:.0f} Q{cx:.0f},{cy:.0f} {x1:.0f},{y1:.0f}" fill="none" stroke="#8a8f98"'
        f' stroke-width="1.4" marker-end="url(#tip)"><title>{start} → {end}: {", ".join(causes)}</title></path>'
    )


def _box(phase: Phase) -> str:
    x, y = _middle(phase)
    fill = "#c9dcff" if phase in BUSY else "#d8f0d2" if phase in FINAL else "#f1f1ee"
    corner = f'x="{x - _WIDTH / 2}" y="{y - _HEIGHT / 2}"'
    return (
        f'<rect {corner} width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{fill}" stroke="#5b6470"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#1c2026">{phase}</text>'
    )


def phases_svg() -> str:
    """Give the picture as SVG; blue phases have something in flight, green ones are the end."""
    causes: dict[tuple[Phase, Phase], list[str]] = {}
    for (start, cause), end in TRANSITIONS.items():
        causes.setdefault((start, end), []).append(str(cause))
    arrows = "".join(_arrow(start, end, names) for (start, end), names in causes.items())
    return f"{_FRAME}{arrows}{''.join(map(_box, Phase))}</svg>"
