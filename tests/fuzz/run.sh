#!/bin/sh
# tests/fuzz/run.sh PROGRAM: runs one libFuzzer program for FUZZ_SECONDS (30) on its seeds, tests/fuzz/seeds/NAME/, and
# what earlier runs found, build/fuzz/NAME/. What crashes it is kept in build/fuzz/ and fails the run.
set -eu

program=$1
name=$(basename "$program")
found=build/fuzz/$name
mkdir -p "$found" build/fuzz/faults
set -- "$found"
[ ! -d "tests/fuzz/seeds/$name" ] || set -- "$@" "tests/fuzz/seeds/$name"
dictionary=tests/fuzz/$name.dict
[ ! -f "$dictionary" ] || set -- "-dict=$dictionary" "$@"
echo "fuzzing $name"
if ! "$program" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/faults/$name-" "$@" >"build/fuzz/$name.log" 2>&1; then
    tail -n 60 "build/fuzz/$name.log"
    echo "$name failed; the input is in build/fuzz/faults"
    exit 1
fi
grep -E 'stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "build/fuzz/$name.log"
