"""The room that shows: snapshots become words, bars, tables and panels; clicks and commands become wishes.

It knows snapshots and the session's front desk. It may not know the engine, sources, sinks or the manifest, and
it decides nothing. Its faces are independent of each other; only words.py is shared by all. The session finds the
bar and the panel by name when somebody looks; the shell calls cli.
"""
