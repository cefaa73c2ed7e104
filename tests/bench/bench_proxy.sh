#!/bin/sh
# tests/bench/bench_proxy.sh: fixed answers, pass-through and JSON by Lua, beside nginx and its Lua module in the same run.
#
# wrk drives each in turn, 64 connections, ROUNDS times SECONDS; the best round counts, since whatever else runs only makes it
# slower. Told are requests a second and the processor's time for one request of all processes of the server. Left out when
# wrk or nginx is missing (pkg/deps.sh bench).
set -eu
program=${BUILD:-build}/banyan
seconds=${SECONDS_A_ROUND:-3}
rounds=${ROUNDS:-3}
for tool in wrk nginx; do
    command -v "$tool" >/dev/null || { echo "left out: $tool is not installed"; exit 0; }
done
here=$(mktemp -d)
started=""
finish() {
    for pid in $started; do kill "$pid" 2>/dev/null || true; done
    sleep 0.5
    rm -rf "$here"
}
trap finish EXIT INT TERM
port=$((20000 + $$ % 10000))
back=$port proxy=$((port + 1)) public=$((port + 2)) admin=$((port + 3))
common="access_log off; keepalive_requests 100000000;"
for path in client_body proxy fastcgi uwsgi scgi; do common="$common ${path}_temp_path $here/$path;"; done
lua_modules=/usr/lib/nginx/modules
modules=""
[ -f $lua_modules/ngx_http_lua_module.so ] && [ -f /usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so ] &&
    modules="load_module $lua_modules/ndk_http_module.so; load_module $lua_modules/ngx_http_lua_module.so;"
lua=""
[ -n "$modules" ] && lua='location /lua { content_by_lua_block { ngx.req.read_body() local c = require "cjson" local o = c.decode(ngx.req.get_body_data())
    local t, lines = 0, {} for i, l in ipairs(o.lines) do t = t + l.quantity lines[i] = {item = l.sku, amount = l.quantity} end
    ngx.print(c.encode({order = o.number, total = t, positions = lines})) } }'
cat >"$here/back.conf" <<END
worker_processes 1; pid $here/back.pid; error_log $here/back.err; daemon on; events { worker_connections 4096; }
http { $common server { listen 127.0.0.1:$back; location / { return 200 "a hundred bytes or so from the back-end 0123456789 0123456789 0123456789 0123456789 0123456789"; } } }
END
cat >"$here/proxy.conf" <<END
$modules worker_processes 2; pid $here/proxy.pid; error_log $here/proxy.err; daemon on; events { worker_connections 4096; }
http { $common $([ -n "$modules" ] && echo 'lua_package_cpath "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;;";')
  upstream back { server 127.0.0.1:$back; keepalive 64; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$proxy; location /fixed { return 200 "hello"; } $lua
    location /pass { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
END
cat >"$here/estate.json" <<END
{"connections": [{"name": "back", "kind": "http", "url": "http://127.0.0.1:$back"}],
 "scripts": [{"name": "map", "source": "local M = {}\nfunction M.request(req)\n  local o, t, lines = req.json, 0, {}\n  for i, l in ipairs(o.lines) do t = t + l.quantity lines[i] = {item = l.sku, amount = l.quantity} end\n  return req:respond{json = {order = o.number, total = t, positions = lines}}\nend\nreturn M\n"}],
 "endpoints": [{"route": "GET /fixed", "respond": {"body": "hello"}, "track": "none"},
  {"route": "/pass", "legacy": {"connection": "back"}, "track": "none"}, {"route": "POST /lua", "script": "map", "track": "none"}]}
END
awk 'BEGIN { printf "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [[{\"number\":4711,\"lines\":["
    for (i = 0; i < 33; i++) printf "%s{\"sku\":\"SKU-%04d\",\"quantity\":%d,\"price\":\"12.50\",\"unit\":\"EA\"}", i ? "," : "", i, i
    printf "]}]]\n" }' >"$here/post.lua"
nginx -c "$here/back.conf" -p "$here" 2>/dev/null
nginx -c "$here/proxy.conf" -p "$here" 2>/dev/null
sleep 0.5
started="$(cat "$here/back.pid") $(cat "$here/proxy.pid")"
: >"$here/log"
BANYAN_DATA=$here/data BANYAN_PUBLIC=127.0.0.1:$public BANYAN_ADMIN=127.0.0.1:$admin "$program" serve >"$here/log" 2>&1 &
server=$!
started="$started $server"
tries=0
until grep -q '\] ready' "$here/log"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$here/log"; exit 1; }
    sleep 0.1
done
BANYAN_DATA=$here/data "$program" apply "$here/estate.json" >/dev/null

# Ticks of the processor that a process and all below it have used.
ticks() {
    total=0
    todo=$1
    while [ -n "$todo" ]; do
        next=""
        for pid in $todo; do
            used=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | awk '{print $12 + $13}')
            total=$((total + ${used:-0}))
            next="$next $(pgrep -P "$pid" || true)"
        done
        todo=$(echo "$next" | tr -s ' ' | sed 's/^ //; s/ $//')
    done
    echo "$total"
}

# NAME PID PORT PATH [WRK ARGUMENTS]
measure() {
    name=$1 pid=$2 url=http://127.0.0.1:$3$4
    shift 4
    best=0 least=1000000 round=0 odd=""
    while [ $round -lt "$rounds" ]; do
        round=$((round + 1))
        before=$(ticks "$pid")
        out=$(wrk -t1 -c64 -d"${seconds}s" "$@" "$url")
        after=$(ticks "$pid")
        case $out in *Non-2xx*) odd=", SOME WITH ANOTHER STATUS" ;; esac
        rate=$(echo "$out" | awk '/Requests\/sec/ {printf "%d", $2}')
        count=$(echo "$out" | awk '/requests in/ {print $1}')
        [ "$rate" -le "$best" ] || best=$rate
        cost=$(((after - before) * 100000 / (count > 0 ? count : 1)))
        [ "$cost" -ge "$least" ] || least=$cost
    done
    printf '%-24s %8d /s  %4d.%d us of processor a request%s\n' "$name" "$best" $((least / 10)) $((least % 10)) "$odd"
}
measure "nginx fixed" "$(cat "$here/proxy.pid")" $proxy /fixed
measure "banyan fixed" $server $public /fixed
measure "nginx pass" "$(cat "$here/proxy.pid")" $proxy /pass
measure "banyan pass" $server $public /pass
if [ -n "$modules" ]; then measure "nginx JSON by Lua" "$(cat "$here/proxy.pid")" $proxy /lua -s "$here/post.lua"; fi
measure "banyan JSON by Lua" $server $public /lua -s "$here/post.lua"
