#!/bin/sh
# Finds the servers that the tests and the stack start, and with the argument `bench` also the programs of the
# benchmarks, and installs missing ones from the machine's Debian packages. The machine's own services are neither
# started nor changed: while the packages are unpacked, policy-rc.d refuses every start, and its former content is put
# back.
set -eu

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

have_postgres() { found /usr/lib/postgresql/*/bin/postgres || command -v postgres >/dev/null 2>&1; }
have_rabbitmq() { found /usr/lib/rabbitmq/bin/rabbitmq-server && command -v erl >/dev/null 2>&1; }
have_nginx() { command -v nginx >/dev/null 2>&1; }
have_faketime() { found_file /usr/lib/*/faketime/libfaketimeMT.so.1; }
have_strace() { command -v strace >/dev/null 2>&1; }
have_sqlite() { command -v sqlite3 >/dev/null 2>&1; }
have_ab() { command -v ab >/dev/null 2>&1; }
have_wrk() { command -v wrk >/dev/null 2>&1; }
have_redis() { command -v redis-server >/dev/null 2>&1; }
have_venv() { command -v python3 >/dev/null 2>&1 && python3 -c "import ensurepip" >/dev/null 2>&1; }
have_browser() { command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1; }
have_linker() { command -v cc >/dev/null 2>&1; }

found() {
    for candidate in "$@"; do
        [ -x "$candidate" ] && return 0
    done
    return 1
}

found_file() {
    for candidate in "$@"; do
        [ -e "$candidate" ] && return 0
    done
    return 1
}

fail() {
    echo "testkit/install.sh: $*" >&2
    exit 1
}

missing=""
packages=""
need() {
    if ! "have_$1"; then
        missing="$missing $1"
        packages="$packages $2"
    fi
}

# The C compiler builds aws-lc and SQLite, which are compiled from their sources.
need linker "gcc libc6-dev"
need postgres "postgresql"
need rabbitmq "rabbitmq-server"
need nginx "nginx-light"
# The fault of a wrong clock (F16) preloads this library.
need faketime "libfaketime"
# Power cuts (E3) are built from the calls that strace has seen, and failing calls (E5, E6) are its injections. sqlite3
# checks the files afterwards.
need strace "strace"
need sqlite "sqlite3"
# The tests of the pages drive a browser without a screen.
need browser "chromium chromium-driver"
if [ "${1:-}" = bench ]; then
    need wrk "wrk"
    need ab "apache2-utils"
    need redis "redis-server"
    need venv "python3-venv"
fi

[ -z "$missing" ] && exit 0
echo "testkit/install.sh: missing:$missing; installing:$packages"

command -v apt-get >/dev/null 2>&1 ||
    fail "this machine has no apt-get; install by hand:$missing"

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
else
    command -v sudo >/dev/null 2>&1 ||
        fail "not root and no sudo; ask an administrator for:$packages"
    as_root="sudo"
fi

policy=/usr/sbin/policy-rc.d
saved=$(mktemp -d)
replaced=no

restore_policy() {
    [ "$replaced" = yes ] || { rm -rf "$saved"; return 0; }
    replaced=no
    $as_root rm -f "$policy"
    if [ -e "$saved/policy" ] || [ -L "$saved/policy" ]; then
        $as_root cp -a "$saved/policy" "$policy"
    fi
    $as_root rm -rf "$saved"
}
trap restore_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -e "$policy" ] || [ -L "$policy" ]; then
    $as_root cp -a "$policy" "$saved/policy"
fi
replaced=yes
$as_root rm -f "$policy"
printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
$as_root chmod 755 "$policy"

install_packages() {
    # shellcheck disable=SC2086 # the list is meant to be split
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $packages
}

# The package lists may be stale or absent, so they are fetched after a first failure, once.
if ! install_packages; then
    echo "testkit/install.sh: trying again after apt-get update"
    $as_root apt-get update -q || fail "apt-get update failed; missing:$missing"
    install_packages || fail "apt-get could not install:$packages"
fi

for part in $missing; do
    "have_$part" || fail "$part is still not there after installing its package"
done
echo "testkit/install.sh: installed:$missing"
