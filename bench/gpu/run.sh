#!/usr/bin/env bash
# Measures a GPU box in one go, within 8 minutes: the references in bf16, a step of Wan 2.1 1.3B and 14B beside diffusers'
# (its attention by torch and by cuDNN, eager and compiled), decoding, a prompt, and loading. Everything with random
# weights, which it makes; a part that fails or has no time left is named as such and the others go on.
#
#   npm ci && npm run build && npx framewright setup cuda
#   bench/gpu/run.sh [FILE]      bench/results/<gpu>.json unless given, such as bench/results/h200.json
#
# Environment, with what it is unless given:
#   DEVICE=cuda  PYTHON=python3  MODELS="wan-t2v-1.3b wan-t2v-14b"  SIZE=832x480  FRAMES=81  REPEAT=3  LAYERS= (all)
#   LIMIT=480    seconds for all of it
#   SKIP=""      parts to leave out, by the words of their names: "goldens peer compiled vae text load"
#   WORK=        a folder for 45 GB of weights: /dev/shm where it has the room, else a temporary one
set -uo pipefail
cd "$(dirname "$0")/../.."

device=${DEVICE:-cuda} python=${PYTHON:-python3} models=${MODELS:-wan-t2v-1.3b wan-t2v-14b}
size=${SIZE:-832x480} frames=${FRAMES:-81} repeat=${REPEAT:-3} limit=${LIMIT:-480} skip=" ${SKIP:-} "
layers=${LAYERS:+--layers $LAYERS}
framewright="node dist/src/cli/main.js"

out=${1:-}
if [ -z "$out" ]; then
  gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1)
  if [ -z "$gpu" ]; then
    echo "run.sh: expected a GPU that nvidia-smi lists, got none. Name the file to write, or run it on a GPU box." >&2
    exit 2
  fi
  slug=$(echo "${gpu#NVIDIA }" | tr 'A-Z' 'a-z' | tr -cs 'a-z0-9' '-' | sed 's/-*$//')
  out=bench/results/$slug.json
fi

free_kb=$(df -k --output=avail /dev/shm 2>/dev/null | tail -1)
base=${WORK:-$([ "${free_kb:-0}" -gt 60000000 ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")}
work=$(mktemp -d "$base/framewright-gpu-XXXXXX")
parts=$work/parts
mkdir -p "$parts"
trap 'rm -rf "$work"' EXIT

# part NAME COMMAND…: runs a part in the time that is left; its report is $parts/NAME.json, its end in $parts/NAME.end.
part() {
  local name=$1 word left status
  shift
  for word in ${name//-/ }; do
    case "$skip" in *" $word "*) echo "$name: left out" && echo skipped >"$parts/$name.end" && return ;; esac
  done
  left=$((limit - SECONDS))
  if [ "$left" -lt 5 ]; then
    echo "$name: no time left" && echo "no time left" >"$parts/$name.end"
    return
  fi
  echo "== $name (after $SECONDS s)"
  timeout --signal=INT --kill-after=10 "$left" "$@" 2>"$parts/$name.log"
  status=$?
  if [ "$status" -eq 0 ]; then
    echo ok >"$parts/$name.end"
  elif [ "$status" -eq 124 ]; then
    echo "out of time after $left s" >"$parts/$name.end"
  else
    tail -3 "$parts/$name.log"
    echo "failed ($status): $(tail -1 "$parts/$name.log")" >"$parts/$name.end"
  fi
}

bench() {
  local name=$1 what=$2
  shift 2
  # shellcheck disable=SC2086
  part "$name" $framewright bench "$what" --device "$device" --size "$size" --frames "$frames" --repeat "$repeat" \
    --json "$parts/$name.json" "$@"
}

peer() {
  local name=$1 model=$2
  shift 2
  part "$name" bash -c 'out=$1; shift; "$@" >"$out.part" && mv "$out.part" "$out"' _ "$parts/$name.json" \
    "$python" bench/peers/diffusers_step.py "$work/$model" --name "$model" --device "$device" --size "$size" \
    --frames "$frames" --repeat "$repeat" "$@"
}

# The same test as everywhere, but on the device and in its own arithmetic: bf16 within 2e-2 in every step.
part goldens env FRAMEWRIGHT_TEST_DEVICE="$device" npx vitest run test/parity/precision.test.ts \
  --reporter=json --outputFile="$parts/goldens.json"

# Ours first: a peer that compiles for long must not take their time.
for model in $models; do
  # shellcheck disable=SC2086
  bench "$model-step" step --synthetic "$model" --stored bf16 --folder "$work/$model" $layers
  # shellcheck disable=SC2086
  bench "$model-load" load --synthetic "$model" --stored bf16 --folder "$work/$model" $layers
done
first=${models%% *}
# shellcheck disable=SC2086
bench vae vae --synthetic "$first" $layers
# shellcheck disable=SC2086
bench text text --synthetic "$first" $layers

# Then diffusers on the same weights: as it comes, then at its best, then what is between.
for model in $models; do peer "$model-peer-sdpa" "$model"; done
if [ "$device" != cpu ]; then
  for model in $models; do peer "$model-peer-cudnn-compiled" "$model" --attention cudnn --compile; done
  for model in $models; do peer "$model-peer-cudnn" "$model" --attention cudnn; done
fi
for model in $models; do peer "$model-peer-compiled" "$model" --compile; done

for model in $models; do
  for other in "$parts/$model"-peer-*.json; do
    [ -f "$other" ] && [ -f "$parts/$model-step.json" ] && $framewright bench compare "$other" "$parts/$model-step.json"
  done
done
node bench/gpu/gather.mjs "$parts" "$out" && echo "written to $out after $SECONDS s"
