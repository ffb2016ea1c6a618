/** The operator of `kernels/norm-modulate` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/norm-modulate/kernel.cu"

extern "C" const unsigned char norm_modulate_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, int, int, float, float, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.whole(4),
                                   all.whole(5), all.number(6), all.number(7), all.whole(8));
}

namespace framewright {
std::vector<Operator> normModulate();
}

int main() {
  using namespace framewright;
  const auto all = normModulate();
  const Shapes cases[] = {
      {{1, 2, 9, 1536}, {1, 2, 1, 1536}, {1, 2, 1, 1536}},  // Wan 1.3B, frames of two timesteps, no whole blocks
      {{1, 1, 5, 5120}, {1, 1, 1, 5120}, {1, 1, 1, 5120}},  // Wan 14B
      {{2, 3, 5120}, {5120}, {5120}},                       // one scale for all rows
      {{3, 2, 37}, {3, 1, 37}, {3, 1, 37}},                 // nothing that a vector divides
      {{1, 3, 16}, {1, 1, 16}, {1, 1, 16}},                 // less than a warp
      {{1, 2, 8192}, {8192}, {8192}},                       // two vectors a thread, in f32
  };
  for (const float centered : {1.f, 0.f}) {
    for (const float offset : {1.f, 0.f}) {
      attributes = {{"epsilon", 1e-6f}, {"offset", offset}, {"centered", centered}};
      for (const Shapes& shapes : cases) {
        for (const ElementType type : {f32, f16, bf16}) compare(all, type, shapes);
      }
    }
  }
  refuse(all, f32, {{1, 1, 8224}, {8224}, {8224}});
  refuse(all, bf16, {{1, 1, 8200}, {8200}, {8200}});
  refuse(all, f32, {{1, 5, 16}, {2, 16}, {2, 16}});
  refuse(all, f32, {{1, 5, 16}, {8}, {8}});
  refuse(all, f32, {{1, 5, 16}, {16}, {1, 16}});
}
