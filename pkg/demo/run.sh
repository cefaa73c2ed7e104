#!/bin/sh
# pkg/demo/run.sh PROGRAM: starts the appliance with the demo estate and, beside it, an OpenSSH SFTP server and a second
# instance that plays the trading partner and the legacy ERP. Ctrl-C stops everything that it started; the data stays in
# ./banyan-data (or BANYAN_DATA), so that the next start goes on where this one ended.
set -eu

program=$1
here=$(dirname "$0")
data=${BANYAN_DATA:-$PWD/banyan-data}
case $data in /*) ;; *) data=$PWD/$data ;; esac
demo=$data/demo
sshd=/usr/sbin/sshd

mkdir -p "$demo/ssh" "$demo/sftp/inbox" "$demo/sftp/outbox" "$demo/erp/in" "$demo/erp/out" "$demo/estate" "$demo/partner-estate"
chmod 700 "$data" "$demo" "$demo/ssh"

started=
stop() {
    trap - EXIT INT TERM
    for pid in $started; do kill "$pid" 2>/dev/null || true; done
    for pid in $started; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT TERM

say_and_fail() {
    echo "demo: $1" >&2
    exit 1
}

# A port of the loopback that nobody listens on: curl is refused (exit status 7).
is_free() {
    curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$1/" && return 1
    [ $? -eq 7 ]
}
free_port() {
    while :; do
        port=$(awk -v seed="$(od -An -N4 -tu4 /dev/urandom)" 'BEGIN {srand(seed); print 20000 + int(rand() * 12000)}')
        if is_free "$port"; then
            echo "$port"
            return
        fi
    done
}
# wait_for WORDS PID DIRECTORY LOG: until the instance of that process answers, at most 15 s.
wait_for() {
    tries=0
    until [ -f "$3/admin.url" ] && BANYAN_DATA=$3 "$program" status >/dev/null 2>&1; do
        tries=$((tries + 1))
        if ! kill -0 "$2" 2>/dev/null || [ "$tries" -ge 150 ]; then say_and_fail "$1 did not come up: $(tail -n 1 "$4")"; fi
        sleep 0.1
    done
}

# ---- the partner's SFTP server: OpenSSH, with keys made on the spot

[ -f "$demo/ssh/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$demo/ssh/host_key"
[ -f "$demo/ssh/us" ] || ssh-keygen -q -t ecdsa -b 256 -m PEM -N '' -f "$demo/ssh/us"
cp "$demo/ssh/us.pub" "$demo/ssh/authorized_keys"
sftp_port=$(free_port)
cat >"$demo/ssh/sshd_config" <<EOF
Port $sftp_port
ListenAddress 127.0.0.1
HostKey $demo/ssh/host_key
AuthorizedKeysFile $demo/ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
X11Forwarding no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
LogLevel ERROR
EOF
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
"$sshd" -D -e -f "$demo/ssh/sshd_config" 2>"$demo/sshd.log" &
started="$started $!"

# ---- what of the estates depends on this machine

host_key=$(ssh-keygen -l -f "$demo/ssh/host_key" | awk '{print $2}')
cat >"$demo/estate/machine.yaml" <<EOF
certificates:
  - {name: us-ssh, private_key: {file: ../ssh/us}}
connections:
  - name: acme-sftp
    kind: sftp
    description: "Acme's SFTP server"
    partner: acme
    host: 127.0.0.1
    port: $sftp_port
    user: $(id -un)
    key: us-ssh
    host_key: "$host_key"
    directory: $demo/sftp
    poll: 1s
    stable: 0s
  - {name: erp, kind: file, description: "The ERP's directory", directory: $demo/erp, poll: 1s}
EOF
cat >"$demo/partner-estate/machine.yaml" <<EOF
connections:
  - {name: inbox, kind: file, partner: banyan, directory: $demo/sftp/inbox, poll: 1s}
  - {name: outbox, kind: file, partner: banyan, directory: $demo/sftp/outbox}
  - {name: erp-in, kind: file, directory: $demo/erp/in, poll: 1s}
  - {name: erp-out, kind: file, directory: $demo/erp/out}
EOF

# ---- the partner, then the appliance

rm -f "$demo/partner-data/admin.url"
BANYAN_DATA=$demo/partner-data BANYAN_PUBLIC=127.0.0.1:0 BANYAN_ADMIN=127.0.0.1:0 \
    "$program" serve >"$demo/partner.log" 2>&1 &
partner=$!
started="$started $partner"

if [ ! -f "$demo/password" ]; then
    (umask 077 && od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$demo/password")
fi
password=$(cat "$demo/password")
public=${BANYAN_PUBLIC:-127.0.0.1:8080}
admin=${BANYAN_ADMIN:-127.0.0.1:8081}
if [ -z "${BANYAN_PUBLIC:-}" ] && ! is_free 8080; then public=127.0.0.1:$(free_port); fi
if [ -z "${BANYAN_ADMIN:-}" ] && ! is_free 8081; then admin=127.0.0.1:$(free_port); fi
rm -f "$data/admin.url"
BANYAN_DATA=$data BANYAN_PUBLIC=$public BANYAN_ADMIN=$admin BANYAN_ADMIN_PASSWORD=$password \
    "$program" serve >"$demo/appliance.log" 2>&1 &
appliance=$!
started="$started $appliance"

unset BANYAN_URL BANYAN_API_KEY
wait_for "the trading partner" "$partner" "$demo/partner-data" "$demo/partner.log"
wait_for "the appliance" "$appliance" "$data" "$demo/appliance.log"
BANYAN_DATA=$demo/partner-data "$program" apply "$here/partner" "$demo/partner-estate" >"$demo/apply.log"
BANYAN_DATA=$data "$program" apply "$here/appliance" "$demo/estate" >>"$demo/apply.log"

public_url=$(sed -n 's/^  public  //p' "$demo/appliance.log")
admin_url=$(cat "$data/admin.url")
cat <<EOF

Banyan is up, with the demo estate and its trading partner. Data: $data

  Admin UI   $admin_url
  user       admin
  password   $password

Place an order, see how it stands, see what happened:

  curl -s $public_url/orders -H 'Content-Type: application/json' -d @$(cd "$here" && pwd)/order.json
  curl -s $public_url/orders/4711
  curl -s $admin_url/api/v1/messages -H "Authorization: Bearer \$(cat $data/admin.key)"

(The answer of the partner takes a few seconds.) Ctrl-C stops everything.
EOF
wait "$appliance"
