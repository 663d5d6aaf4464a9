"""Which sink speaks for a URL. The one place that knows every kind of them; each is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nbxfer.core import stores
from nbxfer.core.spec import Spec
from nbxfer.core.url import basename
from nbxfer.sinks.far import Far, Listing
from nbxfer.sinks.forms import Form
from nbxfer.wire.access import Access

#: Gives the sink of a way in, for the operation of that id.
Maker = Callable[[Access, str, Spec], Far]


def for_access(access: Access, op_id: str, spec: Spec, form: Form | None = None) -> Far:
    """Give the sink that ``access`` leads to, for one operation. Asks nobody.

    ``form`` is what the file is a part of, where it is posted in one.
    """
    if not stores.is_store(access.url):
        from nbxfer.sinks.web import WebResource

        return WebResource(access, spec.patience, spec.method or "PUT", form, spec.content_type)
    return _MAKERS.get(stores.scheme(access.url), _filesystem)(access, op_id, spec)


def listing(access: Access) -> Listing | None:
    """Give what tells of uploads that are not finished in the store of ``access``; None where nothing does."""
    if stores.scheme(access.url) not in ("s3", "s3a"):
        return None
    from nbxfer.sinks.s3begun import S3Uploads

    return S3Uploads(access)


def _s3(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.s3 import S3Object

    return S3Object(access, op_id)


def _azure(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.azure import AzureBlob

    return AzureBlob(access, op_id)


def _gcs(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.gcs import GcsObject

    return GcsObject(access, op_id)


def _ftp(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.ftp import FtpFile

    return FtpFile(access, op_id)


def _sftp(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.sftp import SftpFile

    return SftpFile(access, op_id)


def _dav(access: Access, op_id: str, spec: Spec) -> Far:
    from nbxfer.sinks.webdav import DavFile

    return DavFile(access, op_id, spec.patience)


def _tus(access: Access, _op_id: str, spec: Spec) -> Far:
    from nbxfer.sinks.tus import TusUpload

    return TusUpload(access, basename(spec.url), spec.patience)


def _filesystem(access: Access, op_id: str, _spec: Spec) -> Far:
    from nbxfer.sinks.filesystem import FilesystemObject

    return FilesystemObject(access, op_id)


#: By scheme; whatever is not here is written through fsspec, from its beginning to its end.
_MAKERS: Final[dict[str, Maker]] = {
    "s3": _s3,
    "s3a": _s3,
    **dict.fromkeys(("az", "abfs", "abfss"), _azure),
    **dict.fromkeys(("gs", "gcs"), _gcs),
    "ftp": _ftp,
    "ftps": _ftp,
    **dict.fromkeys(("webdav", "webdavs", "dav", "davs"), _dav),
    **dict.fromkeys(("tus", "tus+http", "tus+https"), _tus),
    "sftp": _sftp,
    "ssh": _sftp,
}
