#!/usr/bin/env bash
# Builds the kernels of every kernels/<op>/ into one library of custom operators: build/framewright_kernels.so, and
# beside it build/kernels, the names of the folders it was made of. It needs nvcc 13 and a C++17 compiler, but neither a
# GPU nor CUDA's libraries; nor does the library to be loaded: the driver is opened when a kernel is first used.
# With --check it only says whether both compilers are there.
#   NVCC  CUDA's compiler (nvcc)
#   CXX   the compiler (g++)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

nvcc=${NVCC:-nvcc}
compiler=${CXX:-g++}
release=$("$nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p' || true)
if [ -z "$release" ]; then
  echo "build:kernels: expected CUDA's compiler, got no $nvcc. Install the CUDA toolkit 13, or set NVCC." \
    "Without the kernels everything runs on ONNX Runtime's own." >&2
  exit 1
fi
if [ "$release" -lt 13 ]; then
  echo "build:kernels: expected nvcc 13 or later, got $release. Install the CUDA toolkit 13, or set NVCC." >&2
  exit 1
fi
if ! command -v "$compiler" >/dev/null; then
  echo "build:kernels: expected a C++ compiler, got no $compiler. Install g++, or set CXX." >&2
  exit 1
fi
if [ "${1:-}" = --check ]; then exit; fi

# Machine code for Hopper and both kinds of Blackwell; other GPUs translate the PTX when they load it.
targets=()
for target in 90a 100a 120a; do targets+=(-gencode "arch=compute_$target,code=sm_$target"); done
targets+=(-gencode arch=compute_75,code=compute_75)
device=("$nvcc" -std=c++17 -O3 -fatbin -ccbin "$compiler" "${targets[@]}")
host=("$compiler" -std=c++17 -O2 -fPIC -fvisibility=hidden -Wall -Wextra)

. ../build-step.sh
result=build/framewright_kernels.so
command="${device[*]} ${host[*]}"
build_once "$result" "$command" .. -maxdepth 2 \( -name '*.cc' -o -name '*.h' -o -name '*.cu' \)
rm -f build/*.fatbin build/*.S
names=()
for source in ../*/operator.cc; do names+=("$(basename "$(dirname "$source")")"); done
images=()
for source in ../*/kernel.cu; do
  name=$(basename "$(dirname "$source")")
  symbol=${name//-/_}_image
  "${device[@]}" -o "build/$name.fatbin" "$source"
  cat >"build/$name.S" <<ASSEMBLY
.section .rodata
.balign 64
.globl $symbol
.hidden $symbol
$symbol: .incbin "build/$name.fatbin"
.section .note.GNU-stack,"",@progbits
ASSEMBLY
  images+=("build/$name.S")
done

"${host[@]}" -shared -Wl,-z,nodelete ./*.cc ../*/operator.cc "${images[@]}" -o "build/$$.part" -ldl
printf '%s\n' "${names[@]}" >build/kernels
built "$result" "$command"
