#!/bin/sh
# Compares a new Chatty in one process with its description: as nobody, as a person and as the admin, with about 3000
# requests each, right and wrong ones. The seed is fixed, so the requests are the same each time.
#
# Usage: run.sh PROGRAM SCHEMATHESIS
# Exit status: 0 if nothing was found.
set -eu
program=$1
schemathesis=$2
config=$(cd "$(dirname "$0")" && pwd)/schemathesis.toml
json='content-type: application/json'
# Not a password of the examples, so that no request can change the password or delete the account.
password='seven grey herons wait in the rain'
NO_PROXY=127.0.0.1
export NO_PROXY

fail() { echo "run.sh: $1" >&2; exit 2; }

data=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
env -i CHATTY_DATA_DIR="$data" CHATTY_LISTEN="127.0.0.1:$port" INVITATIONS_PER_PERSON=1000 "$program" >"$data/log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$data"' EXIT
tries=0
until curl -fsS "$url/readyz" 2>/dev/null | grep -q '"ready"'; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat "$data/log" >&2; fail "Chatty does not start"; }
    sleep 0.1
done

# Prints a member of a JSON object.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# Registers and verifies a person.
join() {
    curl -fsS -o "$data/answer" -H "$json" "$url/auth/register" \
        -d "{\"username\":\"$1\",\"email\":\"$1@example.org\",\"password\":\"$password\"}" || fail "$1 cannot register"
    link='' tries=0
    while [ -z "$link" ] && [ $tries -lt 50 ]; do
        sleep 0.2
        tries=$((tries + 1))
        link=$(curl -fsS "$url/dev/mail?to=$1@example.org" | sed -n 's|.*\(/auth/verify/[A-Za-z0-9_-]*\).*|\1|p')
    done
    curl -fsS -o "$data/answer" -X POST "$url$link" || fail "$1 cannot be verified"
}

# Logs somebody in and prints an access token, which is valid for ten minutes.
log_in() { curl -fsS -H "$json" "$url/auth/login" -d "{\"username\":\"$1\",\"password\":\"$2\"}" | field token; }

# A cursor has a checksum of its list, so none that is made up by a pattern is right.
curl -fsS "$url/openapi.json" | python3 -c '
import json, sys
document = json.load(sys.stdin)
for path in document["paths"].values():
    for operation in path.values():
        if isinstance(operation, dict) and "parameters" in operation:
            operation["parameters"] = [one for one in operation["parameters"] if one.get("name") != "cursor"]
json.dump(document, sys.stdout)' >"$data/openapi.json"

found=0
check() {
    echo "== $1"
    shift
    # The limit is only for a server that hangs: a run takes about a minute.
    timeout 300 "$schemathesis" --config-file "$config" --no-color run "$data/openapi.json" --url "$url" "$@" ||
        found=1
}

# Somebody else, with things that can be found.
join other
token=$(log_in other "$password")
bearer="Authorization: Bearer $token"
for title in one two three; do
    curl -fsS -o "$data/answer" -H "$json" -H "$bearer" "$url/posts" -d "{\"title\":\"$title\",\"content\":\"text\"}"
done
curl -fsS -o "$data/answer" -H "$json" -H "$bearer" "$url/posts/1/comments" -d '{"content":"text"}'
curl -fsS -o "$data/answer" -H "$bearer" -X POST "$url/posts/1/likes"
CHATTY_PERSON_ID=$(curl -fsS -H "$bearer" "$url/auth/me" | field id)
export CHATTY_PERSON_ID

check nobody

# The operation that ends a session would end the caller's own, so it comes last, with a session of its own.
join person
check person --header "Authorization: Bearer $(log_in person "$password")" --exclude-operation-id end_session
check "person, end of the session" --header "Authorization: Bearer $(log_in person "$password")" \
    --include-operation-id end_session

check admin --header "Authorization: Bearer $(log_in admin secret)" --exclude-operation-id end_session

exit $found
