/**
 * The operator of `kernels/qk-norm-rope` for CUDA, its kernel run on a CPU, beside the one for the CPU. Prints a line a
 * case: `<dtype> <batch> <tokens> <width> <pairs> <‖difference‖ / ‖result‖ of queries> <of keys>`.
 */
#include "../../../kernels/library/operator.h"
#include "threads.h"

#include "../../../kernels/qk-norm-rope/kernel.cu"

#include <cmath>
#include <cstdio>
#include <stdexcept>

extern "C" const unsigned char qk_norm_rope_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  // Pointers to elements are passed alike, whatever the elements are.
  using Kernel = void (*)(void*, void*, void*, void*, void*, void*, void*, void*, int, int, float);
  const auto pointer = [&](int index) { return *static_cast<void**>(arguments[index]); };
  const auto whole = [&](int index) { return *static_cast<int*>(arguments[index]); };
  reinterpret_cast<Kernel>(kernel)(pointer(0), pointer(1), pointer(2), pointer(3), pointer(4), pointer(5), pointer(6),
                                   pointer(7), whole(8), whole(9), *static_cast<float*>(arguments[10]));
}

namespace framewright {

std::vector<Operator> qkNormRope();

namespace {

using Bytes = std::vector<char>;

struct Memory {
  std::vector<Operand> inputs;
  std::vector<Bytes> outputs;
  size_t elementBytes;
};

Memory* memory = nullptr;

size_t count(const std::vector<int64_t>& shape) {
  size_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

size_t bytesOf(ElementType type) { return type == f32 ? 4 : 2; }

void store(void* to, ElementType type, size_t at, float value) {
  if (type == f32) static_cast<float*>(to)[at] = value;
  if (type == f16) static_cast<__half*>(to)[at] = __float2half(value);
  if (type == bf16) static_cast<__nv_bfloat16*>(to)[at] = __float2bfloat16(value);
}

float load(const void* from, ElementType type, size_t at) {
  if (type == f32) return static_cast<const float*>(from)[at];
  if (type == f16) return __half2float(static_cast<const __half*>(from)[at]);
  return __bfloat162float(static_cast<const __nv_bfloat16*>(from)[at]);
}

/** Numbers of no pattern, of both signs, as the element type has them. */
Bytes filled(ElementType type, size_t count, int seed) {
  Bytes bytes(count * bytesOf(type));
  for (size_t at = 0; at < count; ++at) {
    store(bytes.data(), type, at, std::sin(at * 1.7 + seed * 0.9 + 0.3) * (1 + at % 7));
  }
  return bytes;
}

Bytes converted(const Bytes& from, ElementType type, ElementType to) {
  const size_t elements = from.size() / bytesOf(type);
  Bytes result(elements * bytesOf(to));
  for (size_t at = 0; at < elements; ++at) store(result.data(), to, at, load(from.data(), type, at));
  return result;
}

const Operator& find(const std::vector<Operator>& all, Provider provider, ElementType type) {
  for (const Operator& each : all) {
    if (each.provider == provider && each.inputs[0] == type) return each;
  }
  throw std::runtime_error("no such operator");
}

struct Sizes {
  int64_t batch, tokens, width, pairs;
};

std::vector<Bytes> run(const Operator& op, std::vector<Bytes> inputs, const Sizes& sizes) {
  const std::vector<int64_t> rows = {sizes.batch, sizes.tokens, sizes.width}, scale = {sizes.width},
                             table = {sizes.batch, sizes.tokens, sizes.pairs};
  const std::vector<int64_t> shapes[] = {rows, rows, scale, scale, table, table};
  Memory own{{}, std::vector<Bytes>(2), bytesOf(op.inputs[0])};
  for (size_t at = 0; at < inputs.size(); ++at) own.inputs.push_back({inputs[at].data(), shapes[at]});
  memory = &own;
  const Call call(nullptr);
  op.create(Attributes(nullptr))->compute(call);
  return own.outputs;
}

double relativeError(const Bytes& own, ElementType type, const Bytes& reference) {
  double difference = 0, norm = 0;
  for (size_t at = 0; at < reference.size() / 4; ++at) {
    const double expected = load(reference.data(), f32, at);
    difference += std::pow(load(own.data(), type, at) - expected, 2);
    norm += expected * expected;
  }
  return std::sqrt(difference / norm);
}

void compare(ElementType type, const char* name, const Sizes& sizes) {
  const auto all = qkNormRope();
  const size_t rows = sizes.batch * sizes.tokens * sizes.width, angles = sizes.batch * sizes.tokens * sizes.pairs;
  const std::vector<Bytes> inputs = {filled(type, rows, 1),        filled(type, rows, 2), filled(type, sizes.width, 3),
                                     filled(type, sizes.width, 4), filled(f32, angles, 5), filled(f32, angles, 6)};
  std::vector<Bytes> wide;
  for (size_t at = 0; at < inputs.size(); ++at) wide.push_back(converted(inputs[at], at < 4 ? type : f32, f32));
  const auto own = run(find(all, Provider::cuda, type), inputs, sizes);
  const auto reference = run(find(all, Provider::cpu, f32), wide, sizes);
  std::printf("%s %ld %ld %ld %ld %.3g %.3g\n", name, sizes.batch, sizes.tokens, sizes.width, sizes.pairs,
              relativeError(own[0], type, reference[0]), relativeError(own[1], type, reference[1]));
}

}  // namespace

Operand Call::input(size_t index) const { return memory->inputs[index]; }

void* Call::output(size_t index, const std::vector<int64_t>& shape) const {
  // Filled with bits that are no number, so that what is not written shows.
  memory->outputs[index].assign(count(shape) * memory->elementBytes, static_cast<char>(0xff));
  return memory->outputs[index].data();
}

void* Call::stream() const { return nullptr; }

void Call::parallel(size_t total, const std::function<void(size_t)>& one) const {
  for (size_t index = 0; index < total; ++index) one(index);
}

float Attributes::number(const char*) const { return 1e-6f; }

}  // namespace framewright

int main() {
  using namespace framewright;
  const Sizes cases[] = {
      {2, 3, 1536, 64},    // Wan 1.3B
      {1, 2, 5120, 64},    // Wan 14B
      {1, 2, 4096, 2048},  // LTX-Video 13B, other angles in every head
      {1, 2, 36, 3},       // nothing that a vector divides
      {2, 2, 16, 4},       // less than a warp
      {1, 2, 4096, 1024},  // two vectors a thread, in f32
  };
  for (const Sizes& sizes : cases) {
    compare(f32, "f32", sizes);
    compare(f16, "f16", sizes);
    compare(bf16, "bf16", sizes);
  }
  // The widest row in f32, and one that is too wide.
  compare(f32, "f32", {1, 1, 8192, 32});
  try {
    compare(f32, "f32", {1, 1, 8224, 16});
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
  }
}
