"""Servers of files as Debian has them, on ports of their own: samba, vsftpd and OpenSSH."""

from __future__ import annotations

import getpass
import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers.processes import ServerProcess, free_port, program

_PASSWORD = "l4b-w0rd"


class Share(NamedTuple):
    """A server of the files of ``folder``: its port, and the options that lead there."""

    port: int
    folder: Path
    options: dict[str, Any]


@contextmanager
def samba(folder: Path) -> Iterator[Share]:
    """Run smbd, which has one share "lab" for who runs the tests."""
    pytest.importorskip("smbprotocol")
    logging.getLogger("smbprotocol").setLevel(logging.CRITICAL)  # it writes down every packet
    smbd, smbpasswd = program("smbd"), program("smbpasswd")
    if smbd is None or smbpasswd is None:
        pytest.skip("samba is not installed: make test-servers")
    port, user, shown = free_port(), getpass.getuser(), folder / "shown"
    shown.mkdir()
    (folder / "state").mkdir()
    (folder / "smb.conf").write_text(
        f"""[global]
        server role = standalone server
        smb ports = {port}
        interfaces = lo
        bind interfaces only = yes
        disable netbios = yes
        log file = {folder}/log
        passdb backend = tdbsam:{folder}/passdb.tdb
        load printers = no
        printing = bsd
        disable spoolss = yes
        min protocol = SMB2
        """
        + "".join(
            f"{name} = {folder}/state\n"
            for name in ("lock directory", "state directory", "cache directory", "pid directory", "private dir",
                         "ncalrpc dir")
        )
        + f"[lab]\npath = {shown}\nread only = no\nvalid users = {user}\n"
    )  # fmt: skip
    config = str(folder / "smb.conf")
    word = f"{_PASSWORD}\n{_PASSWORD}\n"
    added = subprocess.run(
        [smbpasswd, "-c", config, "-L", "-a", "-s", user], input=word, capture_output=True, text=True, check=False
    )
    if added.returncode:
        pytest.skip(f"samba takes no user here: {added.stderr[:200]}")
    command = [smbd, "--foreground", "--no-process-group", "-s", config]
    with ServerProcess(command, port, folder / "smbd.log"):
        yield Share(port, shown, {"username": user, "password": _PASSWORD})


@contextmanager
def vsftpd(folder: Path, *, writable: bool = False) -> Iterator[Share]:
    """Run vsftpd, which shows a folder to anybody, who may write there where it is ``writable``."""
    found = program("vsftpd")
    if found is None:
        pytest.skip("vsftpd is not installed: make test-servers")
    port, shown, config = free_port(), folder / "shown", folder / "vsftpd.conf"
    (shown / "sub").mkdir(parents=True)
    shown.chmod(0o555)  # it shows no folder to anybody that could be written to
    lines = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "background": "NO",
        "run_as_launching_user": "YES",
        "anonymous_enable": "YES",
        "no_anon_password": "YES",
        "local_enable": "NO",
        "anon_root": shown,
        "secure_chroot_dir": folder,
        "seccomp_sandbox": "NO",
        "anon_world_readable_only": "NO",
        "xferlog_enable": "NO",
    }
    if writable:
        may = ("write", "anon_upload", "anon_mkdir_write", "anon_other_write")
        lines |= {f"{name}_enable": "YES" for name in may} | {"anon_umask": "022"}
    config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    with ServerProcess([found, str(config)], port, folder / "vsftpd.log"):
        yield Share(port, shown / "sub", {})


@contextmanager
def sshd(folder: Path) -> Iterator[Share]:
    """Run OpenSSH's server for who runs the tests, who logs in by a key and sees the whole machine."""
    found, keygen = program("sshd"), program("ssh-keygen")
    if found is None or keygen is None:
        pytest.skip("OpenSSH's server is not installed: make test-servers")
    port, shown = free_port(), folder / "shown"
    shown.mkdir()
    for name in ("host", "person"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    keys = folder / "authorized"
    keys.write_text((folder / "person.pub").read_text())
    keys.chmod(0o600)
    with suppress(OSError):
        Path("/run/sshd").mkdir(exist_ok=True)  # root's needs it
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {keys}\nUsePAM no\n"
        f"PidFile none\nStrictModes no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    with ServerProcess([found, "-D", "-e", "-f", str(config)], port, folder / "sshd.log"):
        options = {
            "username": getpass.getuser(),
            "client_keys": [str(folder / "person")],
            "known_hosts": str(folder / "known_hosts"),
        }
        yield Share(port, shown, options)
