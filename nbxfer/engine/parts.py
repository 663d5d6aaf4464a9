"""One of several requests for one version: its answer is looked at once more before a byte of it is believed."""

from __future__ import annotations

from nbxfer.core.probe import Want, same_version
from nbxfer.errors import RangesRefused, SourceChanged
from nbxfer.sources.base import Source, Stop, Stream


def opened(source: Source, want: Want, stop: Stop) -> Stream:
    """Open the part that ``want`` asks for.

    Raises SourceChanged for another version, RangesRefused for anything but that part, whatever else a source raises,
    Stopped.
    """
    stream = source.open(want, stop)
    if stream is None:
        raise RangesRefused("The server says that nothing has changed, where a part was asked for.")
    probe = stream.probe
    other = stream.restarted or same_version(want.pinned, probe.validator) is False
    if not other and probe.size in (None, want.size) and probe.start == want.start:
        return stream
    stream.close()
    if other or probe.size not in (None, want.size):
        raise SourceChanged("The source has another version now.")
    raise RangesRefused("The server sends another part than it was asked for.")
