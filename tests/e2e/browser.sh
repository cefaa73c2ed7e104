#!/bin/sh
# tests/e2e/browser.sh: starts the demo as `make run` does, places an order, waits until its journey is through, and then drives the admin UI in
# headless Chromium over it (tests/e2e/browser). Prints TAP. DRIVE=measure.mjs measures instead.
set -eu

here=$(dirname "$0")
program=${BANYAN:-build/banyan}
work=$(mktemp -d)
demo_pid=

finish() {
    trap - EXIT INT TERM
    if [ -n "$demo_pid" ]; then
        kill "$demo_pid" 2>/dev/null || true
        wait "$demo_pid" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

give_up() {
    echo "not ok 1 - $1"
    sed 's/^/# /' "$work"/run.log "$work"/data/demo/*.log 2>/dev/null || true
    echo "1..1"
    exit 1
}

# until_works SECONDS COMMAND…
until_works() {
    tries=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.2
    done
}

[ -d "$here/browser/node_modules" ] || (cd "$here/browser" && npm ci --no-audit --no-fund --loglevel=error) >"$work/npm.log" 2>&1 ||
    give_up "npm could not install what the browser tests need"

BANYAN_DATA=$work/data BANYAN_PUBLIC=127.0.0.1:0 BANYAN_ADMIN=127.0.0.1:0 pkg/demo/run.sh "$program" >"$work/run.log" 2>&1 &
demo_pid=$!
until_works 60 grep -q "Ctrl-C stops" "$work/run.log" || give_up "the demo did not come up"
public=$(sed -n 's/^  public  //p' "$work/data/demo/appliance.log")

curl -sf "$public/orders" -H 'Content-Type: application/json' -d @pkg/demo/order.json >"$work/order.json" || give_up "the order was not taken"
until_works 60 curl -sf "$public/orders/4711" || give_up "the order's journey did not come to its end"

BANYAN_E2E_URL=$(cat "$work/data/admin.url")/ BANYAN_E2E_USER=admin BANYAN_E2E_PASSWORD=$(cat "$work/data/demo/password") \
    node "$here/browser/${DRIVE:-run.mjs}" "$@"
