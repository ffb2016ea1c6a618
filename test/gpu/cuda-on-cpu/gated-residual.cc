/** The operator of `kernels/gated-residual` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/gated-residual/kernel.cu"

extern "C" const unsigned char gated_residual_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, int, int, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.whole(4),
                                   all.whole(5), all.whole(6));
}

namespace framewright {
std::vector<Operator> gatedResidual();
}

int main() {
  using namespace framewright;
  const auto all = gatedResidual();
  const Shapes cases[] = {
      {{1, 2, 9, 1536}, {1, 2, 9, 1536}, {1, 2, 1, 1536}},  // Wan 1.3B, frames of two timesteps, no whole blocks
      {{1, 1, 5, 5120}, {1, 1, 5, 5120}, {1, 1, 1, 5120}},  // Wan 14B
      {{3, 2, 37}, {3, 2, 37}, {3, 1, 37}},                 // nothing that a vector divides
      {{1, 3, 16}, {1, 3, 16}, {1, 1, 16}},                 // less than a warp
      {{1, 2, 8200}, {1, 2, 8200}, {1, 1, 8200}},           // more than a block has threads for, in f32
  };
  for (const Shapes& shapes : cases) {
    for (const ElementType type : {f32, f16, bf16}) compare(all, type, shapes);
  }
  refuse(all, bf16, {{1, 5, 16}, {1, 5, 16}, {2, 16}});
  refuse(all, bf16, {{1, 5, 16}, {1, 5, 16}, {8}});
  refuse(all, bf16, {{1, 5, 16}, {5, 16}, {1, 16}});
}
