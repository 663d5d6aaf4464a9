#!/bin/sh
# Sees to what the benchmarks talk to besides Python: the server, and the programs that fetch beside nbxfer. As root with
# apt-get it installs what is missing; else it says what will be skipped.
set -eu
missing=
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v curl >/dev/null || missing="$missing curl"
command -v aria2c >/dev/null || missing="$missing aria2"
command -v rclone >/dev/null || missing="$missing rclone"
command -v strace >/dev/null || missing="$missing strace"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing for the benchmarks:$missing"
    sh tools/debian.sh $missing
else
    echo "not installed:$missing (Debian, Ubuntu: sudo apt-get install$missing); without nginx there are no figures"
fi
