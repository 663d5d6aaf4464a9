"""The test suite on every interpreter found of 3.11, 3.12 and 3.13: ``make test-all``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.reuse_existing_virtualenvs = True


def find(version: str) -> str | None:
    """Give an interpreter of that version which really runs: from the PATH, or from where version tools keep them."""
    home = Path.home()
    kept = [
        *(home / ".pyenv/versions").glob(f"{version}.*/bin/python{version}"),
        *(home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python{version}"),
    ]
    for candidate in [shutil.which(f"python{version}"), *map(str, sorted(kept, reverse=True))]:
        if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
            return candidate
    return None


FOUND = {version: path for version in ("3.11", "3.12", "3.13") if (path := find(version))}
# A shim that cannot run stands first on some people's PATH.
os.environ["PATH"] = os.pathsep.join([*map(os.path.dirname, FOUND.values()), os.environ["PATH"]])


@nox.session(python=list(FOUND))
def tests(session: nox.Session) -> None:
    """Run the tests; linters and the coverage gate are `make test`'s."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-m", "pytest", "-q", *session.posargs)
