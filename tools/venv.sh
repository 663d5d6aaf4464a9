#!/bin/sh
# Makes .venv from the first Python that is new enough. PYTHON=… chooses one.
set -eu
[ -x .venv/bin/uv ] && .venv/bin/python -c '' 2>/dev/null && exit 0

new_enough='import sys; raise SystemExit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")'
python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python \
    "$HOME"/.pyenv/versions/3.1[1-9]*/bin/python3 /usr/local/bin/python3 /opt/python*/bin/python3; do
    if "$candidate" -c "$new_enough" 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "nbxfer needs CPython 3.11 or newer, and none was found." >&2
    echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or say where it is: make PYTHON=/path/to/python3 …" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip' 2>/dev/null; then # Debian and Ubuntu ship it apart
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        sh tools/debian.sh "python$version-venv"
    else
        echo "$python cannot make virtual environments: its package python$version-venv is missing." >&2
        echo "Install it (Debian, Ubuntu: sudo apt-get install python$version-venv), then say make again." >&2
        exit 1
    fi
fi

rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install -qq --disable-pip-version-check uv
