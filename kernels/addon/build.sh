#!/usr/bin/env bash
# Builds the native session backend: build/framewright_native.node, with a C++17 compiler and Node's headers.
# With --check it only says whether both are there.
#   CXX           the compiler (g++)
#   NODE_HEADERS  the folder of node_api.h, when it is not where Node's installers put it
#   SANITIZE      address, undefined or thread: builds with that sanitizer (README.md says how to run it)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

compiler=${CXX:-g++}
if ! command -v "$compiler" >/dev/null; then
  echo "build:native: expected a C++ compiler, got no $compiler. Install g++, or set CXX." >&2
  exit 1
fi

headers() {
  local prefix version
  prefix=$(dirname "$(dirname "$(node -p process.execPath)")")
  version=$(node -p process.versions.node)
  for folder in "${NODE_HEADERS:-}" "$prefix/include/node" "${npm_config_nodedir:+$npm_config_nodedir/include/node}" \
    "$HOME/.cache/node-gyp/$version/include/node" ../../node_modules/node-api-headers/include; do
    if [ -n "$folder" ] && [ -f "$folder/node_api.h" ]; then echo "$folder" && return; fi
  done
  echo "build:native: expected Node's headers, got none." \
    "Run npm install --no-save node-api-headers, or set NODE_HEADERS to the folder of node_api.h." >&2
  return 1
}

headers=$(headers)
if [ "${1:-}" = --check ]; then exit; fi
flags=(-std=c++17 -O2 -fPIC -fvisibility=hidden -pthread -Wall -Wextra -DNAPI_VERSION=8 -I "$headers")
if [ -n "${SANITIZE:-}" ]; then flags+=(-g -O1 -fno-omit-frame-pointer "-fsanitize=$SANITIZE"); fi
sources=(addon.cc copy-out.cc jobs.cc js-value.cc lane.cc ort-handle.cc request.cc resident.cc session-options.cc session.cc)

. ../build-step.sh
result=build/framewright_native.node
command="$compiler ${flags[*]} -shared ${sources[*]}"
build_once "$result" "$command" . -maxdepth 1 \( -name '*.cc' -o -name '*.h' \)
$command -o "build/$$.part" -ldl
built "$result" "$command"
