#!/bin/sh
# The program carries the hardening that the Makefile asks for, read back from the ELF file, and stays small.
set -eu
program=build/banyan
[ -x "$program" ] || make --no-print-directory -j2 all >/dev/null
bad=0
expect() {
    if ! eval "$2" >/dev/null; then
        echo "$program: $1"
        bad=1
    fi
}
expect "is no PIE" "readelf -hW $program | grep -q 'Type:.*DYN'"
expect "has no read-only relocations" "readelf -lW $program | grep -q GNU_RELRO"
expect "binds lazily" "readelf -dW $program | grep -qE 'BIND_NOW|FLAGS_1.*NOW'"
expect "has an executable stack" "readelf -lW $program | grep GNU_STACK | grep -qv 'RWE'"
expect "has a segment that is writable and executable" "! readelf -lW $program | grep -E '^ *LOAD' | grep -q 'RWE'"
expect "has no stack protector" "readelf -sW $program | grep -q __stack_chk_fail"
expect "has no fortified calls" "readelf -sW $program | grep -qE '__(memcpy|snprintf|vsnprintf|read|fprintf)_chk'"
expect "has a library path of the builder" "! readelf -dW $program | grep -qE 'RPATH|RUNPATH'"
if [ "$(uname -m)" = x86_64 ]; then
    # Of our objects: the program as a whole cannot have it while Debian's own start-up files have not.
    expect "has no control-flow protection" "readelf -nW build/core/app/main.o | grep -q 'IBT, SHSTK'"
fi
strip -o build/lint/banyan.stripped "$program"
size=$(wc -c <build/lint/banyan.stripped)
rm -f build/lint/banyan.stripped
if [ "$size" -ge $((5 * 1024 * 1024)) ]; then
    echo "$program: has $size bytes stripped, more than 5 MiB"
    bad=1
fi
exit "$bad"
