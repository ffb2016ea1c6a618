/** The operator of `kernels/round-rows` for CUDA, its kernel run on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include <cstring>

#include "../../../kernels/library/float8.h"
#include "../../../kernels/round-rows/kernel.cu"

extern "C" const unsigned char round_rows_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  using Kernel = void (*)(void*, void*, void*, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.whole(3));
}

namespace framewright {
std::vector<Operator> roundRows();

/** Prints how many numbers of 16 bits the host rounds to another e4m3 than CUDA, and decodes to another value. */
void compareRounding() {
  int rounded = 0, decoded = 0;
  for (int bits = 0; bits < 1 << 16; ++bits) {
    const auto pattern = static_cast<unsigned short>(bits);
    __half half;
    __nv_bfloat16 wide;
    std::memcpy(&half, &pattern, 2);
    std::memcpy(&wide, &pattern, 2);
    for (const float value : {__half2float(half), __bfloat162float(wide)}) {
      const uint8_t own = toE4m3(value), cuda = __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
      rounded += std::isnan(value) ? (own & 127) != (cuda & 127) : own != cuda;
    }
  }
  for (int bits = 0; bits < 256; ++bits) {
    const auto pattern = static_cast<unsigned char>(bits);
    const float own = fromE4m3(pattern), cuda = read(&pattern, f8e4m3, 0);
    decoded += std::isnan(own) ? !std::isnan(cuda) : own != cuda;
  }
  std::printf("%d rounded and %d decoded otherwise\n", rounded, decoded);
}

/** Prints how many quotients are not what a division rounds to. */
void compareDivision() {
  int divided = 0;
  unsigned state = 1;
  const auto next = [&state] { return (state = state * 1664525 + 1013904223) / 4294967296.f; };
  for (int at = 0; at < 1 << 20; ++at) {
    const float largest = std::ldexp(1 + next(), static_cast<int>(next() * 180) - 80), x = largest * (2 * next() - 1);
    const RowScale scale(largest);
    divided += scale.divide(x) != x / scale.value();
  }
  std::printf("%d divided otherwise\n", divided);
}
}  // namespace framewright

int main() {
  using namespace framewright;
  const auto all = roundRows();
  const Shapes cases[] = {
      {{1, 9, 1536}},   // Wan 1.3B
      {{1, 2, 13824}},  // more vectors than a block has threads
      {{2, 3, 37}},     // nothing that a vector divides
      {{1, 3, 16}},     // less than a warp
      {{5, 1}},         // one channel
  };
  for (const Shapes& shapes : cases) {
    for (const ElementType type : {f32, f16, bf16}) compare(all, type, shapes);
  }
  refuse(all, f32, {{3, 0}});
  compareRounding();
  compareDivision();
}
