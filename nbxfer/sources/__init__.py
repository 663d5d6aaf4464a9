"""The room that knows servers: a URL becomes the bytes of a range.

It knows how to ask a kind of server, what its answers mean, and which of our errors each of its errors is. It may not
know files, the manifest, or who asks; it starts no thread and no loop. The engine calls it, from worker threads.
"""
