#!/bin/sh
# tests/interop/run.sh: exchanges with other AS2 products, each in a process of its own, and prints a table case by case.
# pyas2lib comes from PyPI into build/interop. QUICK=1 takes a part of the cases.
set -eu

cd "$(dirname "$0")/../.."
BUILD=$(cd "${BUILD:-build}" && pwd)
BANYAN=$BUILD/banyan
peers=$BUILD/interop
export BUILD BANYAN
if [ ! -x "$peers/pyas2/bin/python" ]; then
    mkdir -p "$peers"
    python3 -m venv "$peers/pyas2"
    "$peers/pyas2/bin/pip" install --quiet --disable-pip-version-check "pyas2lib==1.4.4"
fi
PYTHON=$peers/pyas2/bin/python node tests/interop/pyas2.mjs
