#!/bin/sh
# Sees to what the tests talk to besides Python: real servers and a browser. As root with apt-get it installs what is
# missing; else it says what will be skipped.
set -eu
missing=
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v squid >/dev/null || [ -x /usr/sbin/squid ] || missing="$missing squid"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
command -v strace >/dev/null || missing="$missing strace"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing for the tests:$missing"
    sh tools/debian.sh $missing
else
    echo "not installed, so their tests are skipped:$missing (Debian, Ubuntu: sudo apt-get install$missing)"
fi
