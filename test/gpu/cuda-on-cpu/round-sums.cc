/** The operator of `kernels/round-sums` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/round-sums/kernel.cu"

extern "C" const unsigned char round_sums_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  using Kernel = void (*)(void*, void*, void*, void*, void*, void*, int, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.pointer(4),
                                   all.pointer(5), all.whole(6), all.whole(7));
}

namespace framewright {
std::vector<Operator> roundSums();
}

int main() {
  using namespace framewright;
  const auto all = roundSums();
  const Shapes cases[] = {
      {{1, 9, 8960}, {1, 9, 1}, {8960, 1}, {8960}},  // Wan 1.3B
      {{1, 2, 13824}, {2, 1}, {13824}, {13824}},     // Wan 14B
      {{3, 16384}, {3}, {16384}, {16384}},           // as wide as it may be
      {{2, 3, 2048}, {2, 3, 1}, {2048}, {2048}},     // one vector a thread
      {{1, 3, 16}, {3}, {16}, {16}},                 // less than a warp
  };
  for (const float gelu : {0.f, 1.f}) {
    attributes = {{"gelu", gelu}};
    for (const Shapes& shapes : cases) {
      for (const ElementType type : {f32, bf16}) compareRounded(all, type, shapes);
    }
  }
  refuse(all, bf16, {{1, 16400}, {1}, {16400}, {16400}});
  refuse(all, bf16, {{1, 20}, {1}, {20}, {20}});
  refuse(all, f32, {{2, 16}, {1}, {16}, {16}});
  refuse(all, f32, {{2, 16}, {2}, {}, {16}});
  refuse(all, f32, {{2, 16}, {2}, {16}, {2, 16}});
  refuse(all, f32, {{3, 0}, {3}, {0}, {0}});
}
