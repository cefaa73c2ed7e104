#!/bin/sh
# Functions that have no place in this code: unbounded copies, shells, stack allocation by size, number parsing without
# a range, clocks and randomness past our own; and promises without an issue.
set -eu
bad=0
if grep -rnE --include='*.[ch]' -- '(^|[^A-Za-z0-9_>.])(sprintf|vsprintf|strcpy|strcat|gets|system|popen|alloca|atoi|atol|atoll|atof|rand|srand|random|mktemp|tmpnam|gmtime|localtime|strtok)\(' core adapters edi; then
    echo "see STYLE.md, and core/base for what to use in place"
    bad=1
fi
if grep -rnE --include='*.[ch]' --include='*.ts' --include='*.tsx' --include='*.lua' --include='*.sh' -- '\b(TODO|FIXME|XXX)\b' core adapters edi scripts-lua ui/src 2>/dev/null | grep -v '#[0-9]'; then
    echo "a promise without an issue"
    bad=1
fi
exit "$bad"
