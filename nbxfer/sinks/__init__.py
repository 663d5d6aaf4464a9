"""The room that knows destinations: bytes at an offset become a whole object under its final name.

It knows part files, the order of syncs, modes and atomic publishing. It may not know where the bytes come from, nor
the manifest. The engine calls it, from worker threads; nothing here starts one.
"""
