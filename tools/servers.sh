#!/bin/sh
# Sees to what the tests talk to besides Python: real servers, other clients, a browser. As root with apt-get it installs
# what is missing; else it says what will be skipped. `heavy` needs a few more.
set -eu
missing=
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v squid >/dev/null || [ -x /usr/sbin/squid ] || missing="$missing squid"
command -v curl >/dev/null || missing="$missing curl"
command -v wget >/dev/null || missing="$missing wget"
command -v aria2c >/dev/null || missing="$missing aria2"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
command -v dbus-daemon >/dev/null || missing="$missing dbus-daemon"
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing="$missing iproute2"
command -v strace >/dev/null || missing="$missing strace"
if [ "${1:-}" = heavy ]; then
    # The bare program: the package apache2 would start a server of its own.
    command -v apache2 >/dev/null || [ -x /usr/sbin/apache2 ] || command -v httpd >/dev/null || missing="$missing apache2-bin"
    command -v caddy >/dev/null || missing="$missing caddy"
    command -v smbd >/dev/null || [ -x /usr/sbin/smbd ] || missing="$missing samba"
    command -v vsftpd >/dev/null || [ -x /usr/sbin/vsftpd ] || missing="$missing vsftpd"
    command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
    command -v npm >/dev/null || missing="$missing npm"
fi
if [ -z "$missing" ]; then
    :
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing for the tests:$missing"
    sh tools/debian.sh $missing
else
    echo "not installed, so their tests are skipped:$missing (Debian, Ubuntu: sudo apt-get install$missing)"
fi
# Emulators that npm has: into the virtual environment.
if [ "${1:-}" = heavy ] && command -v npm >/dev/null && [ ! -d .venv/npm/node_modules/@tus/server ]; then
    npm install --silent --no-fund --no-audit --prefix .venv/npm s3rver@3 azurite@3 @tus/server@2 @tus/file-store@2 || true
fi
