/** The operators of `kernels/norm-silu-windows` for CUDA, their kernels run on a CPU, beside those for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/norm-silu-windows/kernel.cu"

extern "C" const unsigned char norm_silu_windows_image[1] = {};

/** What the node of the next launch is. */
bool byPlace = false;

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  if (byPlace) {
    using Kernel = void (*)(void*, void*, void*, void*, void*, int, int, int, float);
    reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.pointer(4),
                                     all.whole(5), all.whole(6), all.whole(7), all.number(8));
    return;
  }
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, int, int, int, int, float);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.whole(4),
                                   all.whole(5), all.whole(6), all.whole(7), all.number(8));
}

namespace framewright {
std::vector<Operator> normSiluWindows();
}

int main() {
  using namespace framewright;
  std::vector<Operator> all, placed;
  for (const Operator& each : normSiluWindows()) {
    (std::string(each.name) == "NormSiluPlaces" ? placed : all).push_back(each);
  }
  const auto shapes = [](int64_t frames, int64_t channels, int64_t height, int64_t width) {
    return Shapes{{frames, channels, height, width}, {2, channels, height, width}, {channels}};
  };
  const Shapes cases[] = {
      shapes(1, 384, 4, 8),   // the first latent frame of a clip, fewer pixels than a block has
      shapes(2, 192, 5, 16),  // fewer frames than a window, a last tile that is not full
      shapes(4, 96, 6, 16),   // a chunk
      shapes(5, 40, 9, 13),   // pixels that no vector divides, channels that no block divides
      shapes(3, 3, 1, 1),     // one pixel
      shapes(3, 1, 7, 24),    // one channel
      shapes(3, 640, 2, 12),  // the width of Wan 2.2's encoder
  };
  attributes = {{"epsilon", 1e-6f}};
  for (const Shapes& each : cases) {
    for (const ElementType type : {f32, f16, bf16}) compare(all, type, each);
  }
  attributes = {{"epsilon", 2.6e-27f}};
  compare(all, f16, shapes(2, 384, 3, 8));
  byPlace = true;
  attributes = {{"epsilon", 1e-8f}};
  const auto places = [](int64_t frames, int64_t channels, int64_t height, int64_t width, int64_t count) {
    return Shapes{{frames, channels, height, width}, {channels}, {channels}, {count}};
  };
  const Shapes placedCases[] = {
      places(3, 128, 6, 16, 3),  // one window
      places(5, 256, 5, 16, 9),  // a last tile that is not full
      places(4, 40, 9, 13, 6),   // pixels that no vector divides, channels that no block divides
      places(3, 3, 1, 1, 3),     // one pixel
      places(3, 1024, 2, 8, 3),  // the widest level of LTX-Video
  };
  for (const Shapes& each : placedCases) {
    for (const ElementType type : {f32, f16, bf16}) compare(placed, type, each);
  }
  refuse(all, f16, {{4, 8, 2, 2}, {1, 8, 2, 2}, {8}});
  refuse(all, f16, {{4, 8, 2, 2}, {2, 8, 2, 3}, {8}});
  refuse(all, f16, {{4, 8, 2, 2}, {2, 8, 2, 2}, {4}});
  refuse(all, f16, {{4, 8, 4}, {2, 8, 2, 2}, {8}});
  refuse(placed, f16, {{4, 8, 2, 2}, {8}, {4}, {3}});
  refuse(placed, f16, {{4, 8, 2, 2}, {8}, {8}, {3, 1}});
  refuse(placed, f16, {{4, 8, 4}, {8}, {8}, {3}});
}
