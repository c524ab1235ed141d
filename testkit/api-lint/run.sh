#!/bin/sh
# Checks the description of the API: by Redocly and Spectral, and by letting generated clients in Python and TypeScript do
# the main job of a person against a new Chatty in one process. Installs the programs for this into FOLDER, once.
#
# Usage: run.sh PROGRAM FOLDER
# Exit status: 0 if nothing was found, or if there is no Node, or no way to its packages.
set -eu
program=$(realpath "$1")
mkdir -p "$2"
folder=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
description=$here/../../openapi.json
generator=openapi-python-client==0.29.1
# The programs report nothing to anybody, and ask for no news.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true NO_PROXY=127.0.0.1

fail() { echo "lint-api: $1" >&2; exit 1; }
skip() { echo "lint-api: SKIPPED, the description of the API was NOT checked: $1"; exit 0; }

command -v npm >/dev/null || skip "there is no Node with npm"
node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)
' || skip "Node $(node --version) is too old; Redocly needs 20.19 or 22.12"
command -v python3 >/dev/null || fail "python3 is missing"

# Scripts of the packages are not run: none of these needs one.
if ! cmp -s "$here/package-lock.json" "$folder/installed.json"; then
    npm ping --loglevel=error >/dev/null 2>&1 || skip "the registry of npm cannot be reached"
    cp "$here/package.json" "$here/package-lock.json" "$folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$folder/installed.json"
fi
if [ ! -e "$folder/python/$generator" ]; then
    rm -rf "$folder/python"
    python3 -m venv "$folder/python" || fail "the package python3-venv is missing"
    "$folder/python/bin/pip" install --quiet --disable-pip-version-check "$generator"
    touch "$folder/python/$generator"
fi
PATH=$folder/node_modules/.bin:$folder/python/bin:$PATH

echo "== Redocly and Spectral"
redocly lint --config "$here/redocly.yaml" --max-problems 1000 "$description"
spectral lint --ruleset "$here/spectral.yaml" --fail-severity hint "$description"

echo "== generated clients"
work=$folder/work
rm -rf "$work"
mkdir -p "$work/typescript"
openapi-python-client generate --path "$description" --meta none --output-path "$work/chatty_client" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; fail "no Python client can be generated"; }
openapi-typescript "$description" --output "$work/typescript/chatty.d.ts" >"$work/log"
cp "$here/main.ts" "$here/tsconfig.json" "$work/typescript"
ln -s "$folder/node_modules" "$work/typescript/node_modules"
cp "$here/package.json" "$work/typescript"
tsc --project "$work/typescript"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
env -i CHATTY_DATA_DIR="$work/data" CHATTY_LISTEN="127.0.0.1:$port" "$program" >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$work"' EXIT
tries=0
until curl -fsS "$url/readyz" 2>/dev/null | grep -q '"ready"'; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat "$work/log" >&2; fail "Chatty does not start"; }
    sleep 0.1
done
PYTHONPATH=$work python3 "$here/main.py" "$url"
node "$work/typescript/built/main.js" "$url"
