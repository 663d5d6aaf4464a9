"""What the options do: what is written down, what can be changed while it runs, and what the server's name becomes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.spec import Spec
from nbxfer.demo.server import DemoServer
from nbxfer.errors import BadAnswer, DestinationExists, InvalidRequest, InvalidTransferState, TransferTimeout
from nbxfer.session import Operation, Session, config
from nbxfer.wire.credentials import Bearer
from tests.journeys.terminal import MIB, sha256, until
from tests.servers.rogue import Asked, Rogue, Wire

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]

URL = "http://127.0.0.1:9/data.bin"


def asked_for(session: Session, folder: Path, **options: Any) -> Spec:
    """Give what is written down of a request that is not started."""
    return session._spec(session.download(URL, folder / "x", start=False, **options).id)


def renewed(url: str) -> str:
    """Stand for a person's function that makes new URLs."""
    return url


# -- what is written down -------------------------------------------------------------------------------------------
def test_every_option_is_written_down_as_it_was_meant(session: Session, tmp_path: Path) -> None:
    """Amounts in bytes, a proxy without its userinfo, functions by their name."""
    spec = asked_for(
        session,
        tmp_path,
        max_size="10 GiB",
        bandwidth="5 MB/s",
        connections=3,
        preserve_mtime=True,
        random_access=True,
        trust_env=False,
        proxy="http://u:p@proxy.example:3128",
        refresh=f"{__name__}:renewed" if "." not in __name__ else "os.path:basename",
        timeout=5,
        recoverable={403, 401},
    )
    assert (spec.max_size, spec.bandwidth, spec.connections) == (10 * 2**30, 5_000_000, 3)
    assert (spec.preserve_mtime, spec.random_access, spec.trust_env) == (True, True, False)
    assert spec.proxy == "http://proxy.example:3128"
    assert "proxy_auth" in spec.needs
    assert ":" in spec.refresh
    assert (spec.patience.connect, spec.patience.response) == (5, 5)
    assert spec.recoverable == (401, 403)


def test_what_is_a_reference_survives_and_what_is_a_secret_does_not(
    session: Session, tmp_path: Path, canary: Callable[[str], str]
) -> None:
    """A reference is written down; of a secret only its name, so that it can be asked for again."""
    spec = asked_for(session, tmp_path, auth=Bearer("env:HF_TOKEN"), cookies={"id": canary("cookie")})
    assert spec.references == (("auth", "bearer env:HF_TOKEN"),)
    assert spec.needs == ("cookies",)
    spec = asked_for(session, tmp_path / "2", headers={"X-Key": canary("key"), "Accept-Language": "de"})
    assert spec.headers == (("Accept-Language", "de"),)
    assert spec.needs == ("header X-Key",)
    spec = asked_for(session, tmp_path / "3", refresh=lambda url: url)
    assert spec.refresh == "memory"


def test_checksums_in_every_form(session: Session, tmp_path: Path) -> None:
    """A text, a mapping, the URL of a list of them, or False for no belief in what the server says."""
    digits = "ab" * 32
    assert asked_for(session, tmp_path / "1", checksum=digits.upper()).checksum == f"sha256:{digits}"
    assert asked_for(session, tmp_path / "2", checksum={URL: digits}).checksum == f"sha256:{digits}"
    spec = asked_for(session, tmp_path / "3", checksum="https://host/SHA256SUMS")
    assert (spec.checksum, spec.checksum_at) == (None, "https://host/SHA256SUMS")
    assert asked_for(session, tmp_path / "4", checksum=False).believe is False
    assert asked_for(session, tmp_path / "5").believe is True
    with pytest.raises(InvalidRequest, match="has a secret in it"):
        asked_for(session, tmp_path / "6", checksum="https://host/SHA256SUMS?token=x")


@pytest.mark.parametrize("form", ["seconds", "timedelta", "datetime", "Unix time"])
def test_deadlines_in_every_form(session: Session, tmp_path: Path, form: str) -> None:
    """Seconds from now, a timedelta, a datetime with its zone, or Unix time: all mean one instant."""
    forms = {
        "seconds": 60.0,
        "timedelta": timedelta(minutes=1),
        "datetime": datetime.now(UTC) + timedelta(minutes=1),
        "Unix time": time.time() + 60,
    }
    due = asked_for(session, tmp_path, deadline=forms[form]).deadline
    assert due is not None
    assert abs(due - time.time() - 60) < 30


def test_a_deadline_ends_what_is_too_slow(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When the time is over it has failed, with what has come kept."""
    op = session.download(serve(4 * MIB, MIB / 2).url, tmp_path / "x", deadline=0.5)
    assert isinstance(op.exception(10), TransferTimeout)
    assert op.error is not None
    assert op.error.status == 1008


def test_max_size_is_held_against_the_servers_word(session: Session, serve: Serve, tmp_path: Path) -> None:
    """More than a person allowed is refused before a byte is written."""
    op = session.download(serve(1001).url, tmp_path / "x", max_size="1 kB")
    assert isinstance(op.exception(10), BadAnswer)
    assert list(tmp_path.iterdir()) == []


# -- what can be changed while it runs -------------------------------------------------------------------------------
def test_how_fast_is_said_at_any_time(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """op.bandwidth and session.bandwidth take effect at once, and read back in bytes a second."""
    session, server = sessions(), serve(2 * MIB)
    op = session.download(server.url, tmp_path / "x", bandwidth="64 KiB/s")
    assert op.bandwidth == 65536
    until(lambda: op.snapshot.received > 0)
    with pytest.raises(TimeoutError):
        op.result(0.5)
    for wrong in (0, "fast", True):
        with pytest.raises(InvalidRequest, match="bandwidth="):
            op.bandwidth = wrong
    other = sessions().operations(scope="all")[0]
    with pytest.raises(InvalidTransferState, match="Another kernel"):
        other.bandwidth = 5
    op.bandwidth = None
    assert sha256(op.result(10)) == server.sha256
    assert op.bandwidth is None
    with pytest.raises(InvalidTransferState):
        op.bandwidth = 5
    session.bandwidth = "1.5 MB/s"
    assert session.bandwidth == 1_500_000
    session.bandwidth = None
    assert session.bandwidth is None
    with pytest.raises(InvalidRequest):
        session.bandwidth = "fast"


def test_the_limits_of_a_session(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments win over the environment; what the machine's file caps, nobody raises."""
    monkeypatch.setenv("NBXFER_PER_HOST", "5")
    monkeypatch.setenv("NBXFER_BANDWIDTH", "3 MB/s")
    session = Session(home=home, connections=6, running=2)
    assert session._engine.work.hosts.per_host == 5
    assert session.bandwidth == 3_000_000
    session.close()
    system = tmp_path / "etc.toml"
    system.write_text("[limits]\nbandwidth = '1 MB/s'\nconnections = 2\n")
    monkeypatch.setattr(config, "SYSTEM_FILE", system)
    session = Session(home=home, bandwidth="2 MB/s")
    assert session.bandwidth == 1_000_000
    session.bandwidth = None
    capped: int | None = getattr(session, "bandwidth")  # noqa: B009 (mypy takes what was set for what is read)
    assert capped == 1_000_000
    assert asked_for(session, tmp_path, connections=50).connections == 2
    session.close()
    monkeypatch.delenv("NBXFER_BANDWIDTH")
    assert config.get("bandwidth") == 1_000_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"connections": 0},
        {"per_host": "many"},
        {"running": 1.5},
        {"bandwidth": "fast"},
        {"home": 5},
        {"app": 5},
        {"connections": True},
    ],
)
def test_a_session_refuses_wrong_limits(home: Path, wrong: dict[str, Any]) -> None:
    """A sentence, before anything is made."""
    with pytest.raises(InvalidRequest) as caught:
        Session(**{"home": home, **wrong})
    assert next(iter(wrong)) in str(caught.value)
    assert not home.exists()


def test_new_credentials_leave_the_rest_as_it_was(
    sessions: Sessions, tmp_path: Path, canary: Callable[[str], str]
) -> None:
    """resume(auth=…) keeps the cookies and the headers that were given at first."""
    heard: list[dict[str, str]] = []

    def guarded(asked: Asked, wire: Wire) -> None:
        heard.append(asked.headers)
        if "authorization" in asked.headers:
            wire.answer(200, b"x" * 100)
        else:
            wire.answer(401)

    with Rogue(guarded) as server:
        session = sessions()
        secret = {"cookies": {"id": canary("cookie")}, "headers": {"X-Key": canary("key")}}
        op = session.download(server.url(), tmp_path / "x", recoverable=401, **secret)
        until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
        op.resume(auth=("u", canary("password")))
        assert op.result(10).stat().st_size == 100
    assert {"cookie", "x-key", "authorization"} <= set(heard[-1])


# -- what the server answered -----------------------------------------------------------------------------------------
def test_the_answer_can_be_looked_at(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Status, the URL without its query, headers in any case, and whether parts can be had; None before."""
    op = session.download(serve(1000).url + "?v=1", tmp_path / "x", start=False)
    before = op.response
    assert before is None
    op.start()
    op.result(10)
    response = op.response
    assert response is not None
    assert response.status in (200, 206)
    assert response.url.endswith("/data.bin?…")
    assert response.resumable
    assert response.headers["Content-Length"] == response["content-length"] == "1000"
    assert "CONTENT-LENGTH" in response.headers
    assert response.headers.get("x-nothing") is None
    assert dict(response.headers)["content-length"] == "1000"
    assert "resumable" in repr(response)


# -- names that a server gives ---------------------------------------------------------------------------------------
def named_by(*, etag: str = '"v1"', body: bytes = b"x" * 100) -> Callable[[Asked, Wire], None]:
    """Give a server that calls what it sends after the query, where there is one."""

    def script(asked: Asked, wire: Wire) -> None:
        name = asked.target.partition("?")[2]
        told = [f'Content-Disposition: attachment; filename="{name}"'] if name else []
        if asked.headers.get("if-none-match") == etag:
            wire.answer(304, b"", f"ETag: {etag}", length=None)
        else:
            wire.answer(200, body, f"ETag: {etag}", "Accept-Ranges: bytes", *told)

    return script


def test_the_server_names_the_file(sessions: Sessions, tmp_path: Path) -> None:
    """name="server": its name, the URL's where it gives none; run again, the same file is found and asked about."""
    with Rogue(named_by()) as server:
        session = sessions()
        url = server.url("/get?report.csv")
        op = session.download(url, tmp_path, name="server")
        assert op.result(10) == tmp_path / "report.csv"
        assert op.path == tmp_path / "report.csv"
        assert session.download(url, tmp_path, name="server").result(10) == tmp_path / "report.csv"
        session.close()
        assert sessions().download(url, tmp_path, name="server").result(10) == tmp_path / "report.csv"
        assert sessions().download(server.url("/plain.bin"), tmp_path, name="server").result(10).name == "plain.bin"
        assert sessions().download(server.url("/"), tmp_path, name="server").result(10).name == "download"
        assert sorted(os.listdir(tmp_path)) == ["download", "plain.bin", "report.csv"]


def test_auto_asks_the_server_only_where_the_url_has_no_extension(session: Session, tmp_path: Path) -> None:
    """name="auto": https://host/data.csv is data.csv, https://host/get is what the server calls it."""
    with Rogue(named_by()) as server:
        assert session.download(server.url("/data.csv?other.txt"), tmp_path, name="auto").result(10).name == "data.csv"
        assert session.download(server.url("/get?other.txt"), tmp_path, name="auto").result(10).name == "other.txt"


def test_several_sources_behind_one_path(session: Session, tmp_path: Path) -> None:
    """/get?a and /get?b are two files: each waits in a place of its own, and both are found again."""
    with Rogue(named_by()) as server:
        urls = [server.url(f"/get?{name}.txt") for name in "abc"]
        first = session.download(urls, tmp_path, name="server")
        wanted = [tmp_path / f"{name}.txt" for name in "abc"]
        assert first.results(20) == wanted
        assert session.download(urls[::-1], tmp_path, name="server").results(20) == wanted[::-1]
        assert session.download(urls[1], tmp_path, name="server").result(10) == wanted[1]
        assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt", "c.txt"]


def test_a_name_that_is_taken_is_not_taken_away(session: Session, tmp_path: Path) -> None:
    """What somebody else put there stays; the newcomer gets the next free name. Edited, ours is somebody's, too."""
    (tmp_path / "report.csv").write_text("mine")
    with Rogue(named_by()) as server:
        url = server.url("/get?report.csv")
        path = session.download(url, tmp_path, name="server").result(10)
        assert path == tmp_path / "report (1).csv"
        assert session.download(url, tmp_path, name="server").result(10) == path
        path.write_text("mine, too")
        with pytest.raises(DestinationExists):
            session.download(url, tmp_path, name="server")
        again = session.download(url, tmp_path, name="server", if_exists="overwrite")
        assert again.result(10) == path
        assert path.read_bytes() == b"x" * 100
    assert (tmp_path / "report.csv").read_text() == "mine"


# -- what is logged ---------------------------------------------------------------------------------------------------
def test_a_person_who_logs_everything_sees_no_secret(serve: Serve, tmp_path: Path, home: Path) -> None:
    """With logging.basicConfig(DEBUG) no library prints a query; our lines say which operation they are of."""
    server = serve(100_000)
    code = textwrap.dedent(f"""
        import logging, sys
        seen = []
        class Ids(logging.Filter):
            def filter(self, record):
                seen.append((record.name, getattr(record, "op_id", None)))
                return True
        logging.basicConfig(level=logging.DEBUG)
        logging.getLogger().handlers[0].addFilter(Ids())
        import nbxfer
        op = nbxfer.download({server.url!r} + "?token=hush1&part=hush2", {str(tmp_path / "x")!r},
                             headers={{"X-Key": "hush3"}}, auth=("u", "hush4"), cookies={{"id": "hush5"}})
        op.result(20)
        assert any(name == "nbxfer" and op_id == op.id for name, op_id in seen), seen
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert "hush" not in run.stdout + run.stderr
    assert "probed" in run.stderr


def test_a_wish_that_did_not_fit_is_logged_with_its_operation(
    session: Session, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a panel asks in vain is found in the log under the operation's id."""
    op: Operation = session.download(serve(1000).url, tmp_path / "x", start=False)
    with caplog.at_level(logging.INFO, logger="nbxfer"):
        session.wish(op.id, "pause")
        until(lambda: any(getattr(r, "op_id", None) == op.id and "pause" in r.message for r in caplog.records))
    assert op.snapshot.phase is Phase.CREATED


def test_two_that_differ_in_what_may_be_a_secret(session: Session, tmp_path: Path) -> None:
    """Two URLs of a list that differ only in what looks like a token are refused: nobody knows whether they are one."""
    urls = [f"https://host.invalid/a?my_token={n}123456789" for n in (1, 2)]
    with pytest.raises(InvalidRequest, match="my_token"):
        session.download(urls, tmp_path)
    with pytest.raises(InvalidRequest, match="both land"):
        session.download([f"https://host.invalid/a?my_token={n}" for n in (1, 2)], tmp_path)
    signed = [f"https://host.invalid/a?sig={n}123456789" for n in (1, 2)]
    assert len({op.id for op in session.download(signed, tmp_path, start=False)}) == 1
