#!/bin/sh
# tests/bench/bench_ui.sh: how quick the admin UI is in headless Chromium, over the demo: first screen, workbench, a list of a million
# messages scrolled. Left out when Chromium is missing (pkg/deps.sh test).
set -eu
command -v chromium >/dev/null || { echo "left out: chromium is not installed"; exit 0; }
DRIVE=measure.mjs BANYAN=${BUILD:-build}/banyan exec tests/e2e/browser.sh
