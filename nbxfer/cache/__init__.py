"""The room of sparse copies: what nbxfer.open and nbxfer:: have read so far, kept for the next time, within a bound.

It knows folders, files with holes, and the rows that vouch for what is in them. It may not know where bytes come from
or who reads them; it decides nothing and has no thread. A copy is of one version for ever. Readers in several
processes may share one: they only ever write the same bytes, and each row is held against the bytes before it is
believed by a process that did not write it.
"""
