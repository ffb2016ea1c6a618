/** The operator of `kernels/qk-norm-rope` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/qk-norm-rope/kernel.cu"

extern "C" const unsigned char qk_norm_rope_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, void*, void*, void*, void*, int, int, float);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.pointer(4),
                                   all.pointer(5), all.pointer(6), all.pointer(7), all.whole(8), all.whole(9),
                                   all.number(10));
}

namespace framewright {
std::vector<Operator> qkNormRope();
}

int main() {
  using namespace framewright;
  const auto all = qkNormRope();
  attributes = {{"epsilon", 1e-6f}};
  const auto shapes = [](int64_t batch, int64_t tokens, int64_t width, int64_t pairs) {
    const std::vector<int64_t> rows = {batch, tokens, width}, table = {batch, tokens, pairs};
    return Shapes{rows, rows, {width}, {width}, table, table};
  };
  const Shapes cases[] = {
      shapes(2, 3, 1536, 64),    // Wan 1.3B
      shapes(1, 2, 5120, 64),    // Wan 14B
      shapes(1, 2, 4096, 2048),  // LTX-Video 13B, other angles in every head
      shapes(1, 2, 36, 3),       // nothing that a vector divides
      shapes(2, 2, 16, 4),       // less than a warp
      shapes(1, 2, 4096, 1024),  // two vectors a thread, in f32
  };
  for (const Shapes& each : cases) {
    for (const ElementType type : {f32, f16, bf16}) compare(all, type, each);
  }
  // The widest row in f32, and one that is too wide.
  compare(all, f32, shapes(1, 1, 8192, 32));
  refuse(all, f32, shapes(1, 1, 8224, 16));
  refuse(all, bf16, shapes(1, 1, 8224, 16));
}
