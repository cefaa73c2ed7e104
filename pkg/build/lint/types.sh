#!/bin/sh
# The UI's TypeScript is strict and clean.
set -eu
[ -f ui/package-lock.json ] || exit 0
make --no-print-directory ui/node_modules/.package-lock.json
cd ui
npm run --silent check
