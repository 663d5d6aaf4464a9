"""``nbxfer::`` as people write it: pandas, pyarrow, polars, xarray, zarr, archives, plain fsspec."""

from __future__ import annotations

import io
import os
import pickle
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

import nbxfer
from nbxfer.faces.protocol import NbxferFileSystem
from nbxfer.testing.source_world import made_up
from tests.servers.nginx import Nginx

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs: each of these libraries has some


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A web server."""
    with Nginx(tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("run")) as server:
        yield server


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache and a session of one test."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    NbxferFileSystem.clear_instance_cache()
    yield
    NbxferFileSystem.clear_instance_cache()


def served(nginx: Nginx, name: str, data: bytes | None = None) -> str:
    path = nginx.root / name
    if data is not None:
        path.write_bytes(data)
    os.utime(path, (time.time() - 5000,) * 2)
    return f"nbxfer::{nginx.url('/' + name)}"


def table(rows: int = 1000) -> Any:
    import pandas as pd

    return pd.DataFrame({"a": range(rows), "b": [n / 7 for n in range(rows)]})


def test_fsspec(nginx: Nginx) -> None:
    """Fsspec opens it, for bytes and for text, and knows how long it is."""
    data = made_up(300_000)
    url = served(nginx, "x.bin", data)
    with fsspec.open(url) as file:
        file.seek(1000)
        assert file.read(10) == data[1000:1010]
    fs, path = fsspec.core.url_to_fs(url)
    assert isinstance(fs, NbxferFileSystem)
    assert fs.info(path)["size"] == fs.size(path) == 300_000
    assert fs.cat_file(path, -10) == data[-10:]
    assert fs.cat_file(path, 5, -5) == data[5:-5]
    assert fs.exists(path)
    assert not fs.exists(path + ".not")
    assert fs.isfile(path)
    assert not fs.isdir(path)
    with fsspec.open(served(nginx, "x.txt", "é\n".encode()), "rt", encoding="utf-8") as text:
        assert text.read() == "é\n"
    with pytest.raises(NotImplementedError, match="upload"):
        fs.open(path, "wb")


def test_one_instance_for_many_urls(nginx: Nginx) -> None:
    """Two URLs of one kind share a filesystem; it goes to another process, and comes back from there."""
    one, path = fsspec.core.url_to_fs(served(nginx, "x.bin", b"12345"))
    other, _ = fsspec.core.url_to_fs(served(nginx, "y.bin", b"1"))
    assert one is other
    assert pickle.loads(pickle.dumps(one)).cat_file(path) == b"12345"


def test_pandas(nginx: Nginx) -> None:
    """Pandas takes the URL; what says how to get there goes under the source's protocol."""
    import pandas as pd

    frame = table()
    frame.to_parquet(nginx.root / "t.parquet")
    frame.to_csv(nginx.root / "t.csv", index=False)
    assert pd.read_parquet(served(nginx, "t.parquet")).equals(frame)
    told: Any = {"http": {"headers": {"X-Lab": "1"}}, "nbxfer": {"timeout": 30}}
    assert pd.read_csv(served(nginx, "t.csv"), storage_options=told)["a"].equals(frame["a"])


def test_pyarrow(nginx: Nginx) -> None:
    """Pyarrow takes the filesystem, a file, or fsspec+ before the URL."""
    import pyarrow.parquet as pq

    table().to_parquet(nginx.root / "p.parquet")
    url = served(nginx, "p.parquet")
    fs, path = fsspec.core.url_to_fs(url)
    with fs.open(path) as file:
        expected = pq.read_table(file, columns=["b"])
    assert expected.num_rows == 1000
    assert pq.read_table(path, filesystem=fs, columns=["b"]).equals(expected)


def test_polars(nginx: Nginx) -> None:
    """Polars takes the file."""
    import polars as pl

    table().to_parquet(nginx.root / "q.parquet")
    with nbxfer.open(served(nginx, "q.parquet").removeprefix("nbxfer::")) as file:
        assert pl.read_parquet(file, columns=["a"])["a"].sum() == 499_500


def test_xarray(nginx: Nginx) -> None:
    """Xarray reads netCDF through h5netcdf from it."""
    import numpy as np
    import xarray as xr

    made = xr.Dataset({"t": (("x", "y"), np.arange(20_000.0).reshape(100, 200))})
    made.to_netcdf(nginx.root / "t.nc", engine="h5netcdf")
    with fsspec.open(served(nginx, "t.nc")) as file, xr.open_dataset(file, engine="h5netcdf") as found:
        assert float(found["t"][7, 3]) == 1403.0


def test_zarr(nginx: Nginx) -> None:
    """Zarr takes the URL of an array, chunk for chunk."""
    import numpy as np
    import zarr

    array = zarr.create_array(nginx.root / "a.zarr", shape=(100, 100), chunks=(10, 10), dtype="f8")
    array[:] = np.arange(10_000.0).reshape(100, 100)
    url = f"nbxfer::{nginx.url('/a.zarr')}"
    found: Any = zarr.open_array(url, mode="r", zarr_format=3)
    assert float(found[42, 17]) == 4217.0


def test_archives(nginx: Nginx) -> None:
    """A member of an archive is read through it, and zipfile reads from it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/a.txt", "hello")
        archive.writestr("big.bin", made_up(2_000_000))
    url = served(nginx, "a.zip", packed.getvalue())
    opened = fsspec.open(f"zip://in/a.txt::{url}")
    with opened as file:
        assert file.read() == b"hello"
    with fsspec.open(url) as file, zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["in/a.txt", "big.bin"]


def test_local_path(nginx: Nginx) -> None:
    """Who needs a path on this machine gets one, of the whole file."""
    data = made_up(100_000)
    url = served(nginx, "whole.bin", data)
    path = fsspec.open_local(url, nbxfer={"complete": True})
    assert Path(path).read_bytes() == data


def test_other_sources(tmp_path: Path) -> None:
    """It stands before any URL that fsspec knows, and lists what the source lists."""
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/protocol/a b.bin", b"0123456789")
    fs, path = fsspec.core.url_to_fs("nbxfer::memory://protocol/a b.bin")
    assert fs.cat_file(path, 2, 4) == b"23"
    assert [entry["name"] for entry in fs.ls("protocol")] == ["/protocol/a b.bin"]
    assert fs.isfile(path)
    assert fs.isdir("protocol")
    assert fs.exists(path)
    fs.get_file(path, str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == b"0123456789"
    memory.rm("/protocol", recursive=True)
    with pytest.raises(ValueError, match="behind it"):
        NbxferFileSystem()
