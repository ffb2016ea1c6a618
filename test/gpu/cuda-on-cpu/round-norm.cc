/** The operators of `kernels/round-norm` for CUDA, their kernels run on a CPU, beside those for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/round-norm/kernel.cu"

extern "C" const unsigned char round_norm_image[1] = {};

bool adds = false;

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  // Pointers to elements are passed alike, whatever the elements are.
  if (!adds) {
    using Kernel = void (*)(void*, void*, void*, void*, void*, int, int, float, float, int);
    return reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3),
                                            all.pointer(4), all.whole(5), all.whole(6), all.number(7), all.number(8),
                                            all.whole(9));
  }
  using Kernel = void (*)(void*, void*, void*, void*, void*, void*, void*, void*, int, int, int, float, float, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.pointer(4),
                                   all.pointer(5), all.pointer(6), all.pointer(7), all.whole(8), all.whole(9),
                                   all.whole(10), all.number(11), all.number(12), all.whole(13));
}

namespace framewright {
std::vector<Operator> roundNorm();
}

int main() {
  using namespace framewright;
  using Shape = std::vector<int64_t>;
  const auto every = roundNorm();
  const auto alone = named(every, "RoundNorm"), summed = named(every, "RoundResidualNorm");
  const auto shapes = [](const Shape& rows, const Shape& gate, const Shape& scale) {
    return adds ? Shapes{rows, rows, gate, scale, scale} : Shapes{rows, scale, scale};
  };
  for (const bool adding : {false, true}) {
    adds = adding;
    const auto& all = adds ? summed : alone;
    const Shapes cases[] = {
        shapes({1, 2, 9, 1536}, {1, 2, 1, 1536}, {1, 2, 1, 1536}),  // Wan 1.3B, frames of two timesteps
        shapes({1, 2, 3, 5120}, {1, 2, 1, 5120}, {5120}),           // Wan 14B, before its cross-attention
        shapes({2, 3, 5120}, {5120}, {2, 1, 5120}),                 // one gate for all, one scale for each batch
        shapes({1, 40, 16}, {1, 1, 16}, {16}),                      // less than a warp
        shapes({1, 2, 8192}, {8192}, {8192}),                       // two vectors a thread, in f32
    };
    for (const float centered : {1.f, 0.f}) {
      attributes = {{"epsilon", 1e-6f}, {"offset", 1 - centered}, {"centered", centered}};
      for (const Shapes& each : cases) {
        for (const ElementType type : {f32, bf16}) compareRounded(all, type, each);
      }
    }
  }
  for (const bool adding : {false, true}) {
    adds = adding;
    const auto& all = adds ? summed : alone;
    refuse(all, bf16, shapes({1, 1, 8208}, {8208}, {8208}));
    refuse(all, bf16, shapes({1, 1, 20}, {20}, {20}));
    refuse(all, f32, shapes({1, 5, 16}, {16}, {2, 16}));
    refuse(all, f32, shapes({1, 5, 16}, {16}, {8}));
  }
  refuse(summed, f32, shapes({1, 5, 16}, {2, 16}, {16}));
  refuse(summed, f32, {{1, 5, 16}, {1, 5, 16}, {16}, {16}, {1, 16}});
  refuse(summed, f32, {{1, 5, 16}, {5, 16}, {16}, {16}, {16}});
}
