"""``python -m nbxfer``: the command line."""

from __future__ import annotations

from nbxfer.faces.cli import main

if __name__ == "__main__":
    main(prog_name="nbxfer")
