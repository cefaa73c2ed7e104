#!/bin/sh
# luacheck by .luacheckrc over every Lua file we ship or test with.
set -eu
files=$(git ls-files -co --exclude-standard -- '*.lua')
[ -n "$files" ] || exit 0
# shellcheck disable=SC2086 # our file names hold no blanks
luacheck --quiet --no-color $files
