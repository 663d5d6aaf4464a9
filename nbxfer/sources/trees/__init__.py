"""Listings: what is in a folder, a prefix or a bucket, one file after the other, never the whole of it in memory.

A listing is asked for anew each time. Blocking generators, for the thread of whoever plans; they follow what is asked
(which folders are entered) and judge nothing. They may raise any TransferError, and close what they opened.
"""
