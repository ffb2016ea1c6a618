/** What the operators of our kernels have in common: f32, f16 and bf16 on CUDA, f32 on a CPU, vectors of 16 bytes. */
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "device-code.h"
#include "operator.h"

namespace framewright {

/** The kernels for one dtype: `<name>_<dtype>_<channels>`, by the channels that a thread takes at a time. */
class FloatKernels {
 public:
  /** @param narrow channels where the rows are not whole vectors of 16 bytes */
  FloatKernels(const DeviceCode& code, const char* name, ElementType type, int narrow)
      : vector(type == f32 ? 4 : 8), narrow_(narrow) {
    const std::string prefix = std::string(name) + (type == f32 ? "_f32_" : type == f16 ? "_f16_" : "_bf16_");
    wideKernel_ = code.find((prefix + std::to_string(vector)).c_str());
    narrowKernel_ = code.find((prefix + std::to_string(narrow)).c_str());
  }

  DeviceFunction kernel(bool wide) const { return wide ? wideKernel_ : narrowKernel_; }
  int perThread(bool wide) const { return wide ? vector : narrow_; }

  /** Channels of 16 bytes. */
  const int vector;

 private:
  int narrow_;
  DeviceFunction wideKernel_, narrowKernel_;
};

constexpr int mostThreads = 1024;  // of a block

/** The least whole warps, of at most `mostThreads` threads, for so many vectors. */
inline unsigned threadsFor(int vectors) {
  return static_cast<unsigned>(((vectors > mostThreads ? mostThreads : vectors) + 31) / 32 * 32);
}

/**
 * Whole warps that hold a row in registers, with a vector a thread, or up to `held` where a block has no more threads.
 * Throws for wider rows.
 */
inline unsigned threadsHolding(int width, int perThread, int held) {
  const int vectors = width / perThread;
  const int threads = vectors > mostThreads ? (vectors + held - 1) / held : vectors;
  if (threads > mostThreads) {
    throw std::runtime_error("expected a width of at most " + std::to_string(mostThreads * held * perThread) +
                             ", got " + std::to_string(width));
  }
  return threadsFor(threads);
}

/** Inputs and outputs of an operator, as `Operator` has them. */
struct Signature {
  std::vector<ElementType> inputs, outputs;
  std::vector<ResultShape> shapes;
};

/**
 * An operator on a CPU in f32 and on CUDA in f32, f16 and bf16.
 * @param signature by dtype
 * @param onCpu makes the kernel from the attributes
 * @param onCuda makes it from a dtype and the attributes
 */
template <class OnCpu, class OnCuda>
std::vector<Operator> forFloats(const char* name, Signature (*signature)(ElementType), OnCpu onCpu, OnCuda onCuda) {
  const auto operatorOf = [=](Provider provider, ElementType type, auto create) {
    const auto [inputs, outputs, shapes] = signature(type);
    return Operator{name, provider, inputs, outputs, shapes, create};
  };
  std::vector<Operator> all = {operatorOf(Provider::cpu, f32, onCpu)};
  for (const ElementType type : {f32, f16, bf16}) {
    all.push_back(operatorOf(Provider::cuda, type,
                             [=](const Attributes& attributes) { return onCuda(type, attributes); }));
  }
  return all;
}

}  // namespace framewright
