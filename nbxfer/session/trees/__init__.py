"""Folders, prefixes and globs: what is in a tree is listed, a plan is made of it, and the plan becomes a batch.

A plan is a value that can be looked at; nothing moves before it is started. Then each file is an operation of its own,
all of them accepted with one append: a kernel that dies leaves them to ``reattach()``, and the same cell run again
joins them. The decisions are in core/tree, the listings in sources/trees.
"""
