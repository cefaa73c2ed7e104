#!/bin/sh
# pkg/deps.sh [run|test|lint|fuzz|interop|bench]: installs what is missing to build and run, also to test, also to lint (Debian 12, apt).
#
# Called by `make run`, `make test` and .ci/run, so that a machine with git and make alone is enough. As root, or by
# sudo. When nothing is missing it only asks dpkg, says nothing and is done in a moment. What it installs it says in
# one line; what apt says goes to build/deps.log and is shown when it fails.
set -eu

purpose=${1:-run}
log=build/deps.log

# One requirement a word; a|b: either will do.
build="gcc libc6-dev pkg-config|pkgconf libmicrohttpd-dev libgnutls28-dev libcurl4-openssl-dev|libcurl4-gnutls-dev libssh2-1-dev
    libsqlite3-dev liblua5.4-dev libjansson-dev libyaml-dev libxml2-dev libseccomp-dev libssl-dev zlib1g-dev"
run="$build ca-certificates curl openssh-server openssh-client"
# Counterparts of the integration tests, and a browser for the end-to-end ones.
test="$run libcmocka-dev openssl procps json-schema-test-suite vsftpd python3-aiosmtpd"
lint="$test clang-format clang-tidy lua-check shellcheck"

case $purpose in
run) wanted=$run ;;
test) wanted=$test ;;
lint) wanted=$lint ;;
fuzz) wanted="$build clang libclang-rt-14-dev" ;;
interop) wanted="$run python3-venv openssl maven" ;;
bench) wanted="$run wrk nginx libnginx-mod-http-lua lua-cjson" ;;
*)
    echo "usage: pkg/deps.sh [run|test|lint|fuzz|interop|bench]" >&2
    exit 2
    ;;
esac
if [ "$purpose" != run ] && ls tests/e2e/*.sh >/dev/null 2>&1; then
    command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium"
fi

# Node of any origin will do, when it is new enough to build the UI and to run the tests.
node_works() {
    command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1 || return 1
    version=$(node --version 2>/dev/null) || return 1
    major=${version#v}
    [ "${major%%.*}" -ge 18 ] 2>/dev/null
}
node_works || wanted="$wanted nodejs npm"

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "pkg/deps.sh: this is no Debian; see to it that these, or their counterparts, are installed:"
    echo "$wanted"
    exit 0
fi

# All that is installed, asked once.
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p')
missing=
for requirement in $wanted; do
    found=
    rest=$requirement
    while [ -n "$rest" ]; do
        name=${rest%%|*}
        case "
$installed
" in
        *"
$name
"*) found=yes ;;
        esac
        [ "$name" = "$rest" ] && rest= || rest=${rest#*|}
    done
    [ -n "$found" ] || missing="$missing ${requirement%%|*}"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "pkg/deps.sh: these packages are missing; as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "installing what is missing (apt):$missing"
mkdir -p build
: >"$log"

# A test counterpart must not become a service of this machine: while apt works, nothing is started.
policy=/usr/sbin/policy-rc.d
guarded=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    guarded=yes
fi
undo() {
    [ -z "$guarded" ] || $as_root rm -f "$policy"
    case $missing in
    *openssh-server*)
        if command -v systemctl >/dev/null 2>&1; then
            $as_root systemctl --quiet disable ssh >>"$log" 2>&1 || true
        fi
        ;;
    esac
    case $missing in
    *vsftpd*)
        if command -v systemctl >/dev/null 2>&1; then
            $as_root systemctl --quiet disable vsftpd >>"$log" 2>&1 || true
        fi
        ;;
    esac
}
trap undo EXIT

install() {
    # shellcheck disable=SC2086 # a list of packages
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $missing >>"$log" 2>&1
}
# The lists of a fresh machine are empty, those of an old one name versions that are gone.
if ! install; then
    $as_root apt-get update -qq >>"$log" 2>&1 || true
    if ! install; then
        tail -n 20 "$log" >&2
        echo "pkg/deps.sh: apt could not install$missing; the whole log is in $log" >&2
        exit 1
    fi
fi
