"""Trees of a store that speaks S3: listed page by page, killed in the middle, gone on with, and asked for again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.session import Session
from nbxfer.sources.trees import stores
from tests.journeys.terminal import Terminal, until
from tests.servers.processes import ServerProcess, free_port

KEYS: Final = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket:
    """A bucket "lab" of moto's server in a process of its own."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self.server = ServerProcess(command, port, log, os.environ | {"PYTHONWARNINGS": "ignore"})
        self.env = {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        self.server.start()
        self.client: Any = boto3.client("s3", endpoint_url=self.env["AWS_ENDPOINT_URL"], **_given(KEYS))
        self.client.create_bucket(Bucket="lab")

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.server.stop()

    def keys(self, prefix: str) -> list[str]:
        """Give the keys below a prefix."""
        return [o["Key"] for o in self.client.list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents", ())]

    def get(self, key: str) -> bytes:
        """Give an object, read past nbxfer."""
        return bytes(self.client.get_object(Bucket="lab", Key=key)["Body"].read())

    def put(self, key: str, data: bytes) -> None:
        """Put an object there, past nbxfer."""
        self.client.put_object(Bucket="lab", Key=key, Body=data)


def _given(keys: dict[str, str]) -> dict[str, str]:
    names = {"AWS_DEFAULT_REGION": "region_name"}
    return {names.get(name, name.lower()): value for name, value in keys.items()}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """Give the bucket."""
    made = Bucket(tmp_path_factory.mktemp("moto") / "log")
    yield made
    made.close()


@pytest.fixture
def session(sessions: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Give a session that finds the store by its environment."""
    for name, value in bucket.env.items():
        monkeypatch.setenv(name, value)
    made: Session = sessions()
    return made


def test_pages_of_a_listing(session: Session, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More objects than a page has are all listed, marks of folders are none, and names are what they are."""
    monkeypatch.setattr(stores, "PAGE", 7)
    for n in range(40):
        bucket.put(f"wide/{n % 4}/{n:02}", b"")
    for key in ("wide/", "wide/0/", "wide/a b#c?d%20e", "wide/../evil"):
        bucket.put(key, b"")
    plan = session.download("s3://lab/wide/", tmp_path / "out", recursive=True, plan=True)
    assert plan.counts == {"new": (42, 0)}
    odd = {file.source: file.target for file in plan if file.source[0] in "a."}
    assert odd == {"a b#c?d%20e": "a b#c?d%20e", "../evil": "%2E%2E/evil"}
    one = session.download("s3://lab/wide/[23]/[02][37]", tmp_path / "out", glob=True)
    assert [f"{path.parent.name}/{path.name}" for path in one.results(60)] == ["3/03", "3/07", "3/23", "3/27"]
    names = session.download("s3://lab/wide/*", tmp_path / "out", glob=True)
    assert [str(path.relative_to(tmp_path / "out")) for path in names.results(60)] == ["a b#c?d%20e"]


def test_what_the_listing_says_is_the_version_that_came(session: Session, bucket: Bucket, tmp_path: Path) -> None:
    """Run again, nothing is asked for but the listing; what changed in the store since is asked for, and replaced."""
    for n in range(5):
        bucket.put(f"same/{n}", bytes([n]) * 1000)
    paths = session.download("s3://lab/same", f"{tmp_path}/", recursive=True).results(60)
    assert paths == [tmp_path / "same" / str(n) for n in range(5)]
    again = session.download("s3://lab/same", f"{tmp_path}/", recursive=True)
    assert again.plan.counts == {"same": (5, 5000)}
    bucket.put("same/3", b"other" * 200)
    third = session.download("s3://lab/same", f"{tmp_path}/", recursive=True)
    assert {file.source for file in third.plan if file.verdict == "ask"} == {"3"}
    third.results(60)
    assert (tmp_path / "same" / "3").read_bytes() == b"other" * 200
    (tmp_path / "same" / "0").write_bytes(bytes(1000))  # the same bytes, by somebody else
    (tmp_path / "same" / "1").write_bytes(bytes(1000))
    options: dict[str, Any] = {"recursive": True, "plan": True, "compare": "checksum", "if_exists": "skip"}
    sums = session.download("s3://lab/same", f"{tmp_path}/", **options)
    assert {file.source for file in sums.conflicts} == {"1"}


def test_a_tree_survives_a_kill(terminal: Terminal, bucket: Bucket) -> None:
    """Killed in the middle, the whole of it goes on, and each file is right; asked for again, it is joined."""
    wanted = {}
    for n in range(24):
        data = os.urandom(100_000)
        bucket.put(f"kill/{n % 4}/{n:02}.bin", data)
        wanted[f"{n % 4}/{n:02}.bin"] = data
    out = terminal.folder / "out"
    get = ("get", "-r", "s3://lab/kill/", "-o", f"{out}/", "--bandwidth", "100 kB/s")
    process = terminal.start(*get, **bucket.env)
    until(lambda: process.poll() is not None or any(out.rglob("*.bin")), 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    there = {str(p.relative_to(out)) for p in out.rglob("*.bin") if not p.name.startswith(".")}
    assert there < set(wanted)
    resumed = terminal.start("resume", "--all", **bucket.env)
    said = resumed.communicate(timeout=90)
    assert resumed.returncode == 0, said
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found == wanted
    again = terminal.start(*get, **bucket.env)
    paths, told = again.communicate(timeout=60)
    assert again.returncode == 0, told
    assert len(paths.splitlines()) == 24
    assert "24 were there already" in told


def test_no_bucket(session: Session, bucket: Bucket, tmp_path: Path) -> None:
    """A bucket that is not there, or a prefix with nothing below, is refused with a sentence before anything moves."""
    for url in ("s3://nowhere-at-all/x/", "s3://lab/nothing-here/", "s3://lab/nothing-*.nc"):
        with pytest.raises(FileNotFoundError, match=r"no|Nothing") as caught:
            session.download(url, tmp_path, recursive="*" not in url, glob="*" in url)
        assert "Traceback" not in str(caught.value)
    assert not session.operations()


# -- both ways ---------------------------------------------------------------------------------------------------------
def _make(top: Path, names: dict[str, bytes]) -> None:
    for name, data in names.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)


def test_a_folder_goes_up_and_comes_back(session: Session, bucket: Bucket, tmp_path: Path) -> None:
    """What is uploaded as a tree is there key by key; run again nothing is sent; downloaded, it is the same tree."""
    files = {"a.nc": b"a" * 1000, "sub/b #1.nc": b"b" * 2000, "sub/deep/c.tmp": b"c"}
    _make(tmp_path / "up", files)
    (tmp_path / "up" / "empty").mkdir()
    batch = session.upload(tmp_path / "up", "s3://lab/tree/", recursive=True, exclude="*.tmp")
    assert batch.results(60) == ["s3://lab/tree/up/a.nc", "s3://lab/tree/up/sub/b #1.nc"]
    assert bucket.keys("tree/") == ["tree/up/a.nc", "tree/up/sub/b #1.nc"]
    assert batch.plan.passed == {"an empty folder": 1, "left out by include or exclude": 1}
    again = session.upload(tmp_path / "up", "s3://lab/tree/", recursive=True, exclude="*.tmp")
    assert (len(again), again.plan.counts) == (0, {"same": (2, 3000)})
    assert again.results(5) == batch.results(5)
    (tmp_path / "up" / "a.nc").write_bytes(b"A" * 1000)
    os.utime(tmp_path / "up" / "a.nc", (2e9, 2e9))
    sums = session.upload(f"{tmp_path}/up/", "s3://lab/tree/up", recursive=True, compare="checksum")
    assert {file.source: file.verdict for file in sums.plan} == {
        "a.nc": "replace", "sub/b #1.nc": "same", "sub/deep/c.tmp": "new",
    }  # fmt: skip
    sums.results(60)
    session.download("s3://lab/tree/up/", tmp_path / "back", recursive=True).results(60)
    found = {str(p.relative_to(tmp_path / "back")): p.read_bytes() for p in (tmp_path / "back").rglob("*.*")}
    assert found == {**files, "a.nc": b"A" * 1000}


def test_what_is_there_in_a_store(session: Session, bucket: Bucket, tmp_path: Path) -> None:
    """The default replaces what differs, "skip" and "error" refuse it; what is meant for disks is refused."""
    _make(tmp_path / "up", {"same": b"12345", "other": b"abcde", "new": b"n"})
    bucket.put("there/same", b"12345")
    bucket.put("there/other", b"abcd")
    for if_exists, other in (("skip", "conflict"), ("error", "conflict"), ("overwrite", "replace")):
        plan = session.upload(
            f"{tmp_path}/up/", "s3://lab/there", recursive=True, if_exists=if_exists, compare="checksum", plan=True
        )
        found = {file.source: str(file.verdict) for file in plan}
        assert found["other"] == other
        assert found["same"] == ("conflict" if if_exists == "error" else "same")
    batch = session.upload(f"{tmp_path}/up/", "s3://lab/there", recursive=True, if_exists="skip", compare="checksum")
    assert batch.wait(60)
    assert [op.error is not None for op in batch] == [False, True]
    assert bucket.get("there/other") == b"abcd"
    for options, words in (
        ({"if_exists": "unique"}, "files of this machine"),
        ({"into": "x"}, "lands on this machine"),
        ({"name": "x"}, "of one file"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            session.upload(tmp_path / "up", "s3://lab/x/", recursive=True, **options)
    with pytest.raises(InvalidRequest, match="sends from this machine"):
        session.upload(tmp_path / "up", f"{tmp_path}/down", recursive=True)


def test_a_tree_from_store_to_store(session: Session, bucket: Bucket, tmp_path: Path) -> None:
    """A copy needs no folder of this machine in between; into itself it is refused."""
    for n in range(4):
        bucket.put(f"from/{n}/x", bytes([n]) * 500)
    batch = session.copy("s3://lab/from", "s3://lab/to/", recursive=True)
    batch.results(60)
    assert bucket.keys("to/") == [f"to/from/{n}/x" for n in range(4)]
    assert bucket.get("to/from/3/x") == bytes([3]) * 500
    some = session.copy("s3://lab/from/[12]/x", "s3://lab/some", glob=True)
    assert some.results(60) == ["s3://lab/some/1/x", "s3://lab/some/2/x"]
    with pytest.raises(InvalidRequest, match="is inside"):
        session.copy("s3://lab/from", "s3://lab/from/below/", recursive=True)
    down = session.copy("s3://lab/from/", tmp_path / "here", recursive=True)
    assert [path.name for path in down.results(60)] == ["x"] * 4


def test_an_upload_of_a_tree_survives_a_kill(terminal: Terminal, bucket: Bucket) -> None:
    """Killed in the middle of sending, the whole of it goes on; each object is right, and there is one of each."""
    files = {f"{n % 3}/{n:02}.bin": os.urandom(30_000) for n in range(12)}
    _make(terminal.folder / "up", files)
    script = (
        "import nbxfer\nif __name__ == '__main__':\n"
        "    nbxfer.upload('up/', 's3://lab/killed/', recursive=True, bandwidth=30_000).wait()\n"
    )
    process = terminal.script(script, **bucket.env)
    until(lambda: process.poll() is not None or bool(bucket.keys("killed/")), 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = terminal.start("resume", "--all", **bucket.env)
    said = resumed.communicate(timeout=90)
    assert resumed.returncode == 0, said
    assert {key.removeprefix("killed/"): bucket.get(key) for key in bucket.keys("killed/")} == files
