#!/bin/sh
# Installs Debian packages, once and quietly: tools/debian.sh PACKAGE… (where this may: as root, with apt-get).
set -eu
exec 9>"${TMPDIR:-/tmp}/nbxfer-apt.lock" # two at a time would fail at apt's own lock
flock 9
log=$(mktemp)
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: $*" >&2
    exit 1
fi
rm -f "$log"
