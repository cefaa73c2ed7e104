#!/bin/sh
# Every shell script is clean under shellcheck.
set -eu
git ls-files -co --exclude-standard | while IFS= read -r file; do
    [ -f "$file" ] || continue
    case $file in
    *.sh) echo "$file" ;;
    *) if head -c 64 "$file" | head -n 1 | grep -aq '^#!.*sh$'; then echo "$file"; fi ;;
    esac
done | xargs shellcheck
