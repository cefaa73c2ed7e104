#!/bin/sh
# Every C source is as clang-format would write it; `make format` does it.
set -eu
find core adapters edi tests \( -name '*.c' -o -name '*.h' \) -print0 2>/dev/null | xargs -0 clang-format --dry-run -Werror
