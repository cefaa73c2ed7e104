#!/bin/sh
# pkg/build/embed.sh FOLDER TABLE OUT.c: the files under FOLDER as `const embedded_file TABLE[]` (core/base/embedded.h).
#
# Called by the Makefile on every make. OUT.c holds each file's digest and is left alone when nothing changed, so that
# make compiles again exactly when a file was added, removed or edited. The bytes come in by .incbin: no large source is
# written or parsed. A folder that does not exist gives an empty table. Hidden files and README.md stay out.
set -eu

folder=${1%/} table=$2 out=$3
fresh=$out.tmp.$$
trap 'rm -f "$fresh" "$fresh.list"' EXIT
mkdir -p "$(dirname "$out")"

if [ -d "$folder" ]; then
    (cd "$folder" && find . -type f ! -path '*/.*' ! -name README.md | LC_ALL=C sort | sed 's|^\./||') >"$fresh.list"
else
    : >"$fresh.list"
fi
if LC_ALL=C grep -q '[^A-Za-z0-9._/+@-]' "$fresh.list"; then
    echo "embed.sh: $folder: a file name holds a character other than A-Z a-z 0-9 . _ / + @ -" >&2
    exit 1
fi

# One line a file: digest, size, path.
describe() {
    while IFS= read -r path; do
        digest=$(sha256sum <"$folder/$path")
        printf '%s %s %s\n' "${digest%% *}" "$(wc -c <"$folder/$path")" "$path"
    done
}

describe <"$fresh.list" | awk -v folder="$folder" -v table="$table" '
    BEGIN { print "/* Made by pkg/build/embed.sh from " folder ". */\n#include \"core/base/embedded.h\"\n" }
    {
        name = table "_" NR
        printf "__asm__(\".pushsection .rodata,\\\"a\\\",@progbits\\n.balign 16\\n%s:\\n", name
        printf ".incbin \\\"%s/%s\\\"\\n.byte 0\\n.popsection\\n\");\n", folder, $3
        printf "extern const char %s[] __attribute__((visibility(\"hidden\")));\n", name
        rows = rows sprintf("    {\"%s\", %s, %s, \"%s\"},\n", $3, name, $2, $1)
    }
    END {
        print "\nextern const embedded_file " table "[];\nconst embedded_file " table "[] = {"
        print rows "    {NULL, NULL, 0, NULL},\n};"
    }' >"$fresh"

cmp -s "$fresh" "$out" || mv "$fresh" "$out"
