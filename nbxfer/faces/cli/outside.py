"""What the doctor looks at outside of nbxfer: clock, certificates, proxies, passwords, other packages."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbxfer.faces.cli.desk import Call

if TYPE_CHECKING:
    from nbxfer.faces.cli.findings import Finding

#: Clocks may differ by so many seconds.
CLOCKS: Final = 5.0
#: What is spoken to proxies.
PROXIES: Final = ("http", "https", "socks5", "socks5h")


def clock(call: Call) -> Iterator[Finding]:
    """Look whether it is about now, here and where the home is."""
    from nbxfer.faces.cli import surroundings
    from nbxfer.faces.cli.findings import NOTE, OK, PROBLEM, Finding
    from nbxfer.faces.words import time_words

    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if time.time() < 1_735_689_600:  # 2025-01-01: this program did not exist
        advice = "Set it: certificates will seem not to be valid yet."
        yield Finding("clock", PROBLEM, f"It says {shown}, which is long past.", advice)
        return
    yield Finding("clock", OK, shown)
    home = call.desk().home
    ahead = surroundings.clock_difference(home) if home.is_dir() else None
    if ahead is not None and abs(ahead) > CLOCKS:
        side = "ahead of" if ahead > 0 else "behind"
        text = f"The home's file server is {time_words(abs(ahead))} {side} this machine."
        yield Finding("clock", NOTE, text, "Nothing depends on it, but times shown may be off; synchronise the clocks.")


def movers(_: Call) -> Iterator[Finding]:
    """Look whether a child process can move bytes; one is begun for that, and let go."""
    from nbxfer.faces.cli.findings import NOTE, OK, Finding
    from nbxfer.session.movers import trial

    works, text = trial()
    advice = "" if works else "Nothing is wrong, but https is slow beside a busy cell. See docs/speed.md."
    yield Finding("movers", OK if works else NOTE, text, advice)


def network(call: Call) -> Iterator[Finding]:
    """Look how far the network reaches, what it costs, and who says so."""
    from nbxfer.core.surroundings import CostPolicy, hold
    from nbxfer.faces.cli.findings import NOTE, OK, Finding
    from nbxfer.session import config
    from nbxfer.session.network import policy, watch

    seen = watch(call.desk().home).glance()
    yield Finding("network", OK, seen.words)
    rule: CostPolicy = policy(config.get("cost_policy"))
    if (held := hold(seen, rule)) is not None:
        advice = held.fault.hint or ""
        yield Finding("network", NOTE, f"Nothing moves now: {held.fault.message}.", advice)
    if seen.who in ("nobody", "the kernel's routes"):
        advice = "Where it is metered, say so: NBXFER_NETWORK=metered, or network in the configuration."
        yield Finding("network", OK, "Nobody here can tell what the network costs; it counts as free.", advice)


def tls(_: Call) -> Iterator[Finding]:
    """Look whom servers have to be certified by."""
    import ssl

    from nbxfer.faces.cli.findings import NOTE, OK, PROBLEM, Finding
    from nbxfer.faces.cli.surroundings import version

    bundle, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    trust = f"SSL_CERT_FILE {bundle}" if bundle else f"SSL_CERT_DIR {folder}" if folder else None
    yield Finding("TLS", OK, f"{ssl.OPENSSL_VERSION}; trusts {trust or 'certifi ' + (version('certifi') or 'missing')}")
    for name, value in (("SSL_CERT_FILE", bundle), ("SSL_CERT_DIR", folder)):
        if value and not os.path.exists(value):
            yield Finding("TLS", PROBLEM, f"{name} names {value}, which is not there.", f"Correct or unset {name}.")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if os.environ.get(name) and not trust:
            yield Finding("TLS", NOTE, f"{name} is set, but is not read here.", "Set SSL_CERT_FILE, or use --cacert.")


def proxy(_: Call) -> Iterator[Finding]:
    """Look which proxies the environment names, and whether we can speak to them."""
    from urllib.request import getproxies_environment

    from nbxfer.core.url import safe_url
    from nbxfer.faces.cli.findings import OK, PROBLEM, Finding
    from nbxfer.faces.cli.surroundings import version

    found = getproxies_environment()
    exempt = found.get("no", "")
    urls = {kind: url if "://" in url else f"http://{url}" for kind in ("http", "https", "all")
            if (url := found.get(kind))}  # fmt: skip
    if not urls:
        yield Finding("proxy", OK, "none is set in the environment")
        return
    shown = ", ".join(f"{safe_url(url)} for {kind}" for kind, url in urls.items()).replace("for all", "for all else")
    without = f"; none for {exempt}" if exempt else ""
    yield Finding("proxy", OK, f"{shown}{without} (from the environment; --no-proxy goes without)")
    for kind, url in urls.items():
        scheme = url.partition("://")[0].lower()
        if scheme not in PROXIES:
            text = f"{kind}_proxy names a proxy of a kind that is not known: {scheme}."
            yield Finding("proxy", PROBLEM, text, f"Known: {', '.join(PROXIES)}.")
        elif scheme.startswith("socks") and version("socksio") is None:
            text = f"{kind}_proxy names a SOCKS proxy, and the package for that is missing."
            yield Finding("proxy", PROBLEM, text, "pip install 'nbxfer[socks]'")


def passwords(_: Call) -> Iterator[Finding]:
    """Look for a netrc file; say whether it can be read, and by whom. What stands in it is never shown."""
    import netrc

    from nbxfer.faces.cli.findings import OK, PROBLEM, Finding

    path = Path(os.environ.get("NETRC") or os.path.expanduser("~/.netrc"))
    if not path.exists():
        if os.environ.get("NETRC"):
            yield Finding("passwords", PROBLEM, f"NETRC names {path}, which is not there.", "Correct or unset NETRC.")
        else:
            yield Finding("passwords", OK, f"there is no netrc file ({path})")
        return
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError, ValueError) as error:  # what it says may hold a password
        line = f" (line {error.lineno})" if isinstance(error, netrc.NetrcParseError) and error.lineno else ""
        yield Finding("passwords", PROBLEM, f"The netrc file {path} cannot be read{line}.", "Mend it; mode 600.")
        return
    some = f"{len(hosts)} host" + ("" if len(hosts) == 1 else "s")
    yield Finding("passwords", OK, f"netrc file {path} with {some}; it is read only when --netrc asks for it")
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        yield Finding("passwords", PROBLEM, f"Others may read {path} (mode {mode:04o}).", f"chmod 600 {path}")


def extras(_: Call) -> Iterator[Finding]:
    """Look which of the packages are there that only some need: kinds of connections, then stores."""
    from nbxfer.faces.cli.findings import OK, Finding
    from nbxfer.faces.cli.surroundings import version

    packages = {
        "http2": "h2", "socks": "socksio", "keyring": "keyring", "ntlm": "httpx-ntlm", "kerberos": "httpx-gssapi",
        "s3": "s3fs", "gcs": "gcsfs", "azure": "adlfs", "sftp": "asyncssh", "hf": "huggingface_hub",
        "smb": "smbprotocol",
    }  # fmt: skip
    found = [
        f"{extra} ({package} {number})" if (number := version(package)) else f"{extra} not installed"
        for extra, package in packages.items()
    ]
    yield Finding("extras", OK, ", ".join(found) + "; pip install 'nbxfer[NAME]' adds one")


def notebook(_: Call) -> Iterator[Finding]:
    """Look what notebooks show us with."""
    from nbxfer.faces.cli.findings import NOTE, OK, PROBLEM, Finding
    from nbxfer.faces.cli.surroundings import version

    kernel, widget = version("ipykernel"), version("anywidget")
    found = ", ".join(f"{n} {version(n) or 'missing'}" for n in ("ipykernel", "anywidget", "ipywidgets", "jupyterlab"))
    yield Finding("notebook", OK, found)
    if kernel is not None and kernel.startswith("7.0."):
        text = f"ipykernel {kernel} loses what threads show: panels stand still."
        yield Finding("notebook", PROBLEM, text, "pip install -U ipykernel")
    if kernel is not None and widget is None:
        yield Finding("notebook", NOTE, "Without anywidget, notebooks show text only.", "pip install anywidget")
