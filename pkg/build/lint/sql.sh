#!/bin/sh
# SQL lives in core/store, and never has a value formatted into it: statements are literals, values are bound.
set -eu
bad=0
statement='"[[:space:]]*(select .* from |insert (or [a-z]+ )?into |update [a-z_]+ set |delete from |create (table|index|trigger) |drop table )'

if grep -rnEi --include='*.[ch]' -- "$statement" core adapters edi 2>/dev/null | grep -v '^core/store/'; then
    echo "SQL outside core/store"
    bad=1
fi
# A call that formats text, with the start of a statement or a piece of one in its arguments.
if grep -rnEi --include='*.c' -- '(printf|buf_add|strcat|strncat|stpcpy)[a-z_]*\([^;]*"[^"]*\b(select|insert into|update|delete from|where|values|order by)\b[^"]*%' core/store 2>/dev/null; then
    echo "SQL that is put together by formatting: bind the value"
    bad=1
fi
exit "$bad"
