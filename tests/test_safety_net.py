"""The nets below the tests hold: leaked secrets and skipped tests are found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _run(folder: Path, test: str | Sequence[str], ci: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    """Run one test of a small suite of its own, that stands on the same conftest."""
    tests = folder / "private-suite"
    tests.mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    for number, text in enumerate([test] if isinstance(test, str) else test):
        (tests / f"test_{number}.py").write_text(text)
    (tests / "pytest.ini").write_text("[pytest]\nlog_level = DEBUG\nmarkers = heavy\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV"))}
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "-pno:zarr"]
    return subprocess.run(
        [*pytest_, f"--basetemp={folder / 'private-base'}", *more],
        cwd=tests, env={**env, "CI": ci}, check=False, capture_output=True, text=True,
    )  # fmt: skip


LEAKS = {
    "in a file": "(tmp_path / 'inside').write_text('token=' + secret)",
    "in a name": "(tmp_path / f'named-{secret}').write_text('')",
    "Basic, first alignment": "(tmp_path / 'basic-1').write_bytes(base64.b64encode(b'you:!!' + secret.encode()))",
    "Basic, second alignment": "(tmp_path / 'basic-2').write_bytes(base64.b64encode(b'you:' + secret.encode()))",
    "Basic, third alignment": "(tmp_path / 'basic-3').write_bytes(base64.b64encode(b'user:' + secret.encode()))",
    "in the home": "(Path(os.environ['NBXFER_HOME']).parent / 'journal').write_text(secret)",
    "logged": "logging.getLogger('nbxfer').debug('sent %s', secret)",
    "printed": "print(secret)",
}


def test_leaks_are_found(tmp_path: Path) -> None:
    """A secret in a file, a name, a journal, a log or an output fails the run, also as Basic credentials."""
    suite = "import base64, logging, os\nfrom pathlib import Path\n"
    for number, leak in enumerate(LEAKS.values()):
        suite += f"def test_{number}(canary, tmp_path):\n    secret = canary('token')\n    {leak}\n"
    run = _run(tmp_path, suite)
    assert run.returncode == 1, run.stdout
    assert f"{len(LEAKS)} passed" in run.stdout
    said = run.stdout.partition("SECRETS FOUND")[2]
    for word in ("/inside", "/named-", "/basic-1", "/basic-2", "/basic-3", "/journal", "log call", "stdout call"):
        assert word in said


def test_what_a_person_keeps_secret(tmp_path: Path) -> None:
    """A secret in the person's own private folder is no leak."""
    run = _run(tmp_path, "def test_it(canary, private_dir):\n    (private_dir / 'netrc').write_text(canary('x'))\n")
    assert run.returncode == 0, run.stdout


SKIPS = (
    "import pytest\ndef test_it():\n    pytest.skip('no browser')\ndef test_fine(): ...\n",
    "import pytest\npytest.skip('no kernel', allow_module_level=True)\n",
    "import pytest\n@pytest.mark.skipif(True, reason='no server')\ndef test_it(): ...\n",
)


def test_a_skip_fails_where_nobody_looks(tmp_path: Path) -> None:
    """With CI=true a skipped test, or file, fails the run and is named."""
    run = _run(tmp_path, SKIPS, ci="true")
    assert run.returncode != 0, run.stdout
    said = run.stdout.partition("SKIPPED, WHICH IS A FAILURE")[2]
    for why in ("no browser", "no kernel", "no server"):
        assert why in said


def test_a_person_may_skip(tmp_path: Path) -> None:
    """On a person's machine what cannot run there is skipped."""
    run = _run(tmp_path, "import pytest\ndef test_it():\n    pytest.skip('no browser')\n")
    assert run.returncode == 0, run.stdout


def test_a_heavier_server_may_be_missing(tmp_path: Path) -> None:
    """What `make test-servers` did not get to install is named, and fails nothing."""
    test = "import pytest\npytestmark = pytest.mark.heavy\ndef test_it():\n    pytest.skip('no emulator')\n"
    run = _run(tmp_path, test, "true", "-m", "heavy", "-ra")
    assert run.returncode == 0, run.stdout
    assert "no emulator" in run.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    """What is known not to work yet is not mistaken for what did not run."""
    run = _run(tmp_path, "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert 0\n", ci="true")
    assert run.returncode == 0, run.stdout


def test_each_test_has_a_home_of_its_own(tmp_path: Path) -> None:
    """No test sees what another has left, nor the settings of the person who runs it."""
    test = """
import os, random
seen = []
def look():
    seen.append(os.environ["NBXFER_HOME"])
    assert not os.path.exists(seen[-1])
    os.makedirs(seen[-1])
    assert "NBXFER_BANDWIDTH" not in os.environ and "https_proxy" not in os.environ
def test_one(): look()
def test_two(): look(); assert seen[0] != seen[1]
"""
    os.environ |= {"NBXFER_BANDWIDTH": "1", "https_proxy": "http://127.0.0.1:1"}
    try:
        assert _run(tmp_path, test).returncode == 0
    finally:
        del os.environ["NBXFER_BANDWIDTH"], os.environ["https_proxy"]
