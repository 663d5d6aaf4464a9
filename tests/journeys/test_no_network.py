"""A network of one's own whose link goes down and up while a file comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: In a network namespace: a veth pair whose other end lies in a second one, with a server; a download; the link goes.
_STORY = """
import json, os, subprocess, sys, threading, time
from pathlib import Path
def ip(*words): subprocess.run(["ip", *words], check=True)
ip("link", "set", "lo", "up")
there = subprocess.Popen(
    ["unshare", "-n", sys.executable, "-c", '''
import sys
from nbxfer.demo.server import DemoServer
print("ready", flush=True)
sys.stdin.readline()
with DemoServer(host="10.9.0.2", size=8_000_000, rate=2_000_000) as server:
    print(server.url, flush=True)
    for line in sys.stdin:
        print(server.requests, server.sent, flush=True)
'''], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert there.stdout.readline() == "ready\\n"
ip("link", "add", "name", "va", "type", "veth", "peer", "name", "vb")
ip("link", "set", "vb", "netns", str(there.pid))
inside = ["nsenter", "-t", str(there.pid), "-n", "ip"]
for words in (["link", "set", "lo", "up"], ["addr", "add", "10.9.0.2/24", "dev", "vb"], ["link", "set", "vb", "up"]):
    subprocess.run([*inside, *words], check=True)
ip("addr", "add", "10.9.0.1/24", "dev", "va")
ip("link", "set", "va", "up")
there.stdin.write("go\\n"); there.stdin.flush()
url = there.stdout.readline().strip()
from nbxfer.session import Session
from nbxfer.core.phases import TransferStatus as S
session = Session(home=sys.argv[1])
session.patience = None
op = session.download(url, Path(sys.argv[1]) / "data.bin", connections=1)
def until(fits, within=20):
    begin = time.monotonic()
    while not fits():
        assert time.monotonic() - begin < within, repr(op)
        time.sleep(0.01)
    return time.monotonic() - begin
until(lambda: op.snapshot.received > 1_000_000)
ip("link", "set", "va", "down")
down = until(lambda: op.status is S.PAUSED_NO_NETWORK)
reason = op.reason
time.sleep(1.0)
ip("link", "set", "va", "up")
up = until(lambda: op.status is S.RUNNING)
size = op.result(60).stat().st_size
there.stdin.write("?\\n"); there.stdin.flush()
requests, sent = map(int, there.stdout.readline().split())
shown = op.snapshot
session.close()
there.stdin.close(); there.wait(10)
print(json.dumps({"down": down, "up": up, "reason": reason, "size": size, "retries": shown.retries,
                  "restarted": shown.restarted, "requests": requests, "sent": sent}))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces of its own")
def test_a_link_that_goes_down_and_up(tmp_path: Path) -> None:
    """Without a way out it waits as without a network, goes on by itself when there is one, and no try is spent."""
    command = ["unshare", "-n", sys.executable, "-c", _STORY, str(tmp_path)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["down"] < 1.0
    assert told["up"] < 3.0
    assert "no way out" in told["reason"]
    assert (told["size"], told["retries"], told["restarted"]) == (8_000_000, 0, False)
    assert told["requests"] == 2
    assert told["sent"] < 12_000_000  # what was in buffers when the link went, not all of it again
