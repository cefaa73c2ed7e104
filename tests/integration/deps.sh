#!/bin/sh
# pkg/deps.sh against a dpkg and an apt of its own: asks for exactly what is missing, and for nothing when nothing is.
# shellcheck disable=SC2016 # the conditions are evaluated by check
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/project"
cp -r pkg "$work/project/pkg"
cd "$work/project"

# What is installed stands in a file; what is asked for goes to another.
cat >"$work/bin/dpkg-query" <<END
#!/bin/sh
sed 's/$/ installed/' "$work/installed"
END
cat >"$work/bin/id" <<'END'
#!/bin/sh
echo 1000
END
cat >"$work/bin/sudo" <<END
#!/bin/sh
echo "\$*" >>"$work/asked"
[ "\$1" != tee ] || cat >/dev/null
END
chmod +x "$work/bin"/*
PATH=$work/bin:$PATH

count=0
check() {
    count=$((count + 1))
    if eval "$2"; then echo "ok $count - $1"; else echo "not ok $count - $1"; fi
}

echo "gcc" >"$work/installed"
: >"$work/asked"
pkg/deps.sh run >"$work/said"
check "says in one line what it installs" '[ "$(wc -l <"$work/said")" -eq 1 ] && grep -q "libmicrohttpd-dev" "$work/said"'
check "asks apt for what is missing" 'grep -q "apt-get install .*libsqlite3-dev" "$work/asked"'
check "does not ask for what is there" '! grep "apt-get install" "$work/asked" | grep -qw gcc'
check "asks for no test tools to run" '! grep -q libcmocka-dev "$work/asked"'

: >"$work/asked"
pkg/deps.sh test >"$work/said"
check "asks for the test tools to test" 'grep -q "apt-get install .*libcmocka-dev" "$work/asked"'

# With all that it asked for, and one of two alternatives by its other name.
: >"$work/installed"
pkg/deps.sh lint | sed 's/.*(apt)://' | tr ' ' '\n' | sed 's/libcurl4-openssl-dev/libcurl4-gnutls-dev/' >"$work/names"
mv "$work/names" "$work/installed"
: >"$work/asked"
pkg/deps.sh lint >"$work/said" 2>&1
check "is silent when nothing is missing" '[ ! -s "$work/said" ]'
check "calls nobody when nothing is missing" '[ ! -s "$work/asked" ]'

check "refuses a purpose it does not know" '! pkg/deps.sh nonsense 2>/dev/null'
echo "1..$count"
