#!/usr/bin/env bash
# Runs the native backend under AddressSanitizer and LeakSanitizer: its contract suite for memory errors, then
# cycles of opening, running and releasing for leaks. Needs a compiled package (npm run build).
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export SANITIZE=address
trap 'SANITIZE= kernels/addon/build.sh' EXIT
kernels/addon/build.sh || exit
runtime=$("${CXX:-g++}" -print-file-name=libasan.so)

# Node ends test workers without freeing everything, so leaks are looked for in the program below.
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 npx vitest run test/e2e/backend-native.test.ts || exit

# ONNX Runtime allocates 14 bytes once and never frees them, with onnxruntime-node alone too.
report=$(LSAN_OPTIONS=suppressions=kernels/addon/lsan.supp LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=1 \
  node kernels/addon/cycles.mjs 100 2>&1)
echo "$report"
grep -q 'SUMMARY: AddressSanitizer: 14 byte(s) leaked in 1 allocation(s)' <<<"$report"
