#!/bin/sh
# clang-tidy by .clang-tidy over every C source, two at a time. A file that was clean is looked at again only when it,
# a header it includes (as the compiler noted in build/) or .clang-tidy changed.
set -eu

mkdir -p build/lint
{
    echo '#define BANYAN_VERSION "0"'
    echo '#define BANYAN_SCHEMAS "build/edi/schemas.txt"'
} >build/lint/defines.h
flags="-std=gnu17 -I. -Ibuild -D_GNU_SOURCE -include build/lint/defines.h $(pkg-config --cflags libmicrohttpd libcurl libssh2 \
    sqlite3 lua5.4 jansson yaml-0.1 libxml-2.0 libseccomp libcrypto zlib | sed 's/-I/-isystem /g')"
export flags

# shellcheck disable=SC2016 # expanded by the inner shell
find core adapters edi -name '*.c' 2>/dev/null | sort | xargs -P 2 -n 1 sh -c '
    file=$1 stamp=build/lint/$1.clean notes=build/${1%.c}.d
    if [ -e "$stamp" ] && [ -e "$notes" ]; then
        changed=
        for needed in .clang-tidy "$file" $(sed -e "s/^[^:]*://" -e "s/\\\\$//" "$notes" | tr " " "\n" | grep "\.h$"); do
            [ ! "$needed" -nt "$stamp" ] || changed=yes
        done
        [ -n "$changed" ] || exit 0
    fi
    mkdir -p "$(dirname "$stamp")"
    # shellcheck disable=SC2086
    if clang-tidy --quiet --warnings-as-errors="*" "$file" -- $flags 2>/dev/null; then
        touch "$stamp"
    else
        exit 1
    fi' tidy
