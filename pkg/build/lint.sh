#!/bin/sh
# pkg/build/lint.sh [CHECK...]: every check of pkg/build/lint/, or those named; each is a small script that prints what it
# found and fails. The last line is "N passed, N failed".
set -eu

cd "$(dirname "$0")/../.."
mkdir -p build/lint
passed=0 failed=0
if [ $# -eq 0 ]; then
    for script in pkg/build/lint/*.sh; do
        set -- "$@" "$(basename "$script" .sh)"
    done
fi
for check in "$@"; do
    if "pkg/build/lint/$check.sh" >"build/lint/$check.log" 2>&1; then
        echo "ok   lint/$check"
        passed=$((passed + 1))
    else
        echo "FAIL lint/$check"
        sed 's/^/    /' "build/lint/$check.log" | head -n 200
        failed=$((failed + 1))
    fi
done
echo "$passed $failed 0" >build/lint/totals
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
