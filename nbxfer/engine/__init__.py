"""The only room where things happen at once.

It knows the loop (anyio, on one daemon thread), worker threads, timers, slots, and the turn: decide, save, tell, do.
It may not decide anything itself (core does), nor draw. The session calls it through ``Engine``; sources, sinks and
manifest are called by it. Nothing here prints; it logs to "nbxfer". All differences between systems are in
platform.py.
"""
