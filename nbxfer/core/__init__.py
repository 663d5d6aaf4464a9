"""The room that decides.

It knows what an operation is, which phases it has, what may follow, and why. It knows no loop, no clock, no disk,
no network and no screen: time and chance are arguments, and every function here is synchronous. Events come in
(events.py), actions go out (actions.py); each action comes home as exactly one event. The engine calls it; everybody
may read its values. It may import errors, and msgspec for immutable values; import-linter holds that.
"""
