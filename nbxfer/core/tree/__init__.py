"""Many files as one: what of a tree is taken, where each file lands, and what becomes of what is there already.

Values and decisions only. Who lists (sources) and who looks at the disk (session) hand in what they saw, one file
after the other; nothing here needs the whole listing but the draft that is made of it.
"""
