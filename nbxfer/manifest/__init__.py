"""The room that remembers: state → disk → state, and who owns it.

It knows journals, block logs, owners, claims, wishes and history (layout.py draws the folder). It may not know what a
phase means, how bytes move, or who looks. No locks and no SQLite: home directories are on NFS. The engine writes
through it; everybody may read.
"""
