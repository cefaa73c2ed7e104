#!/bin/sh
# tests/interop/run.sh: exchanges with other AS2 products, each in a process of its own, and prints a table case by case.
# pyas2lib comes from PyPI, OpenAS2 from Maven Central, into build/interop. QUICK=1 takes a part of the cases; CAPTURES
# names a directory of captures to play besides (captures.mjs says of which form).
set -eu

cd "$(dirname "$0")/../.."
BUILD=$(cd "${BUILD:-build}" && pwd)
BANYAN=$BUILD/banyan
peers=$BUILD/interop
export BUILD BANYAN
mkdir -p "$peers"
if [ ! -x "$peers/pyas2/bin/python" ]; then
    python3 -m venv "$peers/pyas2"
    "$peers/pyas2/bin/pip" install --quiet --disable-pip-version-check "pyas2lib==1.4.4"
fi
if [ ! -f "$peers/openas2/.complete" ]; then
    mvn -q -B -f tests/interop/openas2.pom.xml dependency:copy-dependencies "-DoutputDirectory=$peers/openas2"
    touch "$peers/openas2/.complete"
fi

failed=0
PYTHON=$peers/pyas2/bin/python node tests/interop/pyas2.mjs || failed=1
OPENAS2=$peers/openas2 node tests/interop/openas2.mjs || failed=1
if [ -n "${CAPTURES:-}" ]; then node tests/interop/captures.mjs "$CAPTURES" || failed=1; fi
exit $failed
