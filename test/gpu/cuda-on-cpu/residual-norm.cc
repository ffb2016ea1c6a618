/** The operator of `kernels/residual-norm` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/residual-norm/kernel.cu"

extern "C" const unsigned char residual_norm_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, void*, void*, void*, int, int, int, float, float, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.pointer(4),
                                   all.pointer(5), all.pointer(6), all.whole(7), all.whole(8), all.whole(9),
                                   all.number(10), all.number(11), all.whole(12));
}

namespace framewright {
std::vector<Operator> residualNorm();
}

int main() {
  using namespace framewright;
  using Shape = std::vector<int64_t>;
  const auto all = residualNorm();
  const auto shapes = [](const Shape& rows, const Shape& gate, const Shape& scale) {
    return Shapes{rows, rows, gate, scale, scale};
  };
  const Shapes cases[] = {
      shapes({1, 2, 9, 1536}, {1, 2, 1, 1536}, {1, 2, 1, 1536}),  // Wan 1.3B, frames of two timesteps
      shapes({1, 2, 3, 5120}, {1, 2, 1, 5120}, {5120}),           // Wan 14B, before its cross-attention
      shapes({2, 3, 5120}, {5120}, {2, 1, 5120}),                 // one gate for all, one scale for each batch
      shapes({3, 2, 37}, {3, 1, 37}, {3, 1, 37}),                 // nothing that a vector divides
      shapes({1, 40, 16}, {1, 1, 16}, {16}),                      // less than a warp
      shapes({1, 2, 8192}, {8192}, {8192}),                       // two vectors a thread, in f32
  };
  for (const float centered : {1.f, 0.f}) {
    for (const float offset : {1.f, 0.f}) {
      attributes = {{"epsilon", 1e-6f}, {"offset", offset}, {"centered", centered}};
      for (const Shapes& each : cases) {
        for (const ElementType type : {f32, f16, bf16}) compare(all, type, each);
      }
      compare(all, bf16, shapes({1, 1, 2047}, {2047}, {2047}));  // nearly as much as single channels may be
    }
  }
  compare(all, f16, shapes({4, 2, 1288}, {4, 1, 1288}, {2, 1, 1288}));  // groups of two sizes
  compare(all, f32, shapes({5, 1, 2}, {5, 1, 2}, {2}));
  refuse(all, f32, shapes({1, 1, 8224}, {8224}, {8224}));
  refuse(all, bf16, shapes({1, 1, 8200}, {8200}, {8200}));
  refuse(all, f32, shapes({1, 5, 16}, {2, 16}, {16}));
  refuse(all, f32, shapes({1, 5, 16}, {16}, {2, 16}));
  refuse(all, f32, shapes({1, 5, 16}, {8}, {16}));
  refuse(all, f32, shapes({1, 5, 16}, {16}, {8}));
  refuse(all, f32, {{1, 5, 16}, {1, 5, 16}, {16}, {16}, {1, 16}});
  refuse(all, f32, {{1, 5, 16}, {5, 16}, {16}, {16}, {16}});
}
