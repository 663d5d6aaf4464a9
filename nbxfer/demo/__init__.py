"""The room that shows it.

It knows an embedded server with made-up data (server.py) and a short play for a person (play.py): a kernel is killed
half-way through a download, and a new one goes on. It uses nbxfer only as anybody would, by its public door, and
starts processes of its own; nothing else imports it. ``nbxfer demo`` and ``make demo`` reach it by name.
"""
