#!/bin/sh
# No credential, and no path of a developer's machine, in a file that is shipped.
set -eu
bad=0
files=$(git ls-files -co --exclude-standard | grep -vE '^(pkg/build/lint/secrets\.sh|LICENSE|ui/package-lock\.json)$')

# Keys that tests need are made on the spot.
if echo "$files" | xargs grep -nIE -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY-----$' /dev/null; then
    echo "a private key"
    bad=1
fi
if echo "$files" | xargs grep -nIE '(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abps]-[0-9A-Za-z-]{10,}|bnyn_[A-Za-z0-9_-]{32,})' /dev/null; then
    echo "something that looks like a token"
    bad=1
fi
if echo "$files" | grep -vE '^tests/' |
    xargs grep -nIEi "(password|passwd|secret|api_key)['\"]?[[:space:]]*[:=][[:space:]]*['\"][^'\"{}<>\$ ]{8,}['\"]" /dev/null |
    grep -vE '\.(c|h|ts|tsx):'; then
    echo "something that looks like a password"
    bad=1
fi
if echo "$files" | xargs grep -nIE '(^|[^A-Za-z0-9_./-])(/home/[a-z]+/|/root/)' /dev/null; then
    echo "a path of some machine"
    bad=1
fi
exit "$bad"
