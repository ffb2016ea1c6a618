/** Operators of the library called on arrays of this process, for the programs that run kernels on a CPU. */
#pragma once

#include "../../../kernels/library/operator.h"
#include "threads.h"

#include <cuda_fp8.h>

#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>

/** The arguments of a launch, as the parameters of a kernel. */
struct Arguments {
  void** values;
  void* pointer(int index) const { return *static_cast<void**>(values[index]); }
  int whole(int index) const { return *static_cast<int*>(values[index]); }
  float number(int index) const { return *static_cast<float*>(values[index]); }
};

namespace framewright {

using Bytes = std::vector<char>;

struct Memory {
  std::vector<Operand> inputs;
  std::vector<Bytes> outputs;
  /** Of the outputs. */
  std::vector<ElementType> types;
};

inline Memory* memory = nullptr;
/** What the node's attributes are. */
inline std::map<std::string, float> attributes;

inline size_t count(const std::vector<int64_t>& shape) {
  size_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

inline size_t bytesOf(ElementType type) { return type == f32 || type == i32 ? 4 : type == f8e4m3 ? 1 : 2; }

inline void store(void* to, ElementType type, size_t at, float value) {
  if (type == f32) static_cast<float*>(to)[at] = value;
  if (type == f16) static_cast<__half*>(to)[at] = __float2half(value);
  if (type == bf16) static_cast<__nv_bfloat16*>(to)[at] = __float2bfloat16(value);
  if (type == f8e4m3) static_cast<__nv_fp8_e4m3*>(to)[at] = __nv_fp8_e4m3(value);
  if (type == i32) static_cast<int*>(to)[at] = static_cast<int>(value);
}

inline float read(const void* from, ElementType type, size_t at) {
  if (type == f32) return static_cast<const float*>(from)[at];
  if (type == f16) return __half2float(static_cast<const __half*>(from)[at]);
  if (type == f8e4m3) return static_cast<float>(static_cast<const __nv_fp8_e4m3*>(from)[at]);
  return __bfloat162float(static_cast<const __nv_bfloat16*>(from)[at]);
}

/** Numbers of no pattern, of both signs, as the element type has them; whole numbers are 0 to 2, some more than once. */
inline Bytes filled(ElementType type, size_t count, int seed) {
  Bytes bytes(count * bytesOf(type));
  for (size_t at = 0; at < count; ++at) {
    if (type == i32) store(bytes.data(), type, at, at * 2 % 5 % 3);
    else store(bytes.data(), type, at, std::sin(at * 1.7 + seed * 0.9 + 0.3) * (1 + at % 7));
  }
  return bytes;
}

inline Bytes converted(const Bytes& from, ElementType type, ElementType to) {
  const size_t elements = from.size() / bytesOf(type);
  Bytes result(elements * bytesOf(to));
  for (size_t at = 0; at < elements; ++at) store(result.data(), to, at, read(from.data(), type, at));
  return result;
}

inline const Operator& find(const std::vector<Operator>& all, Provider provider, ElementType type) {
  for (const Operator& each : all) {
    if (each.provider == provider && each.inputs[0] == type) return each;
  }
  throw std::runtime_error("no such operator");
}

/** The operators of a name. */
inline std::vector<Operator> named(const std::vector<Operator>& all, const std::string& name) {
  std::vector<Operator> found;
  for (const Operator& each : all) {
    if (each.name == name) found.push_back(each);
  }
  return found;
}

using Shapes = std::vector<std::vector<int64_t>>;

inline std::vector<Bytes> run(const Operator& op, std::vector<Bytes> inputs, const Shapes& shapes) {
  Memory own{{}, std::vector<Bytes>(op.outputs.size()), op.outputs};
  for (size_t at = 0; at < inputs.size(); ++at) own.inputs.push_back({inputs[at].data(), shapes[at]});
  memory = &own;
  const Call call(nullptr);
  op.create(Attributes(nullptr))->compute(call);
  return own.outputs;
}

inline double relativeError(const Bytes& own, ElementType type, const Bytes& reference, ElementType wide = f32) {
  double difference = 0, norm = 0;
  for (size_t at = 0; at < reference.size() / bytesOf(wide); ++at) {
    const double expected = read(reference.data(), wide, at);
    difference += std::pow(read(own.data(), type, at) - expected, 2);
    norm += expected * expected;
  }
  return std::sqrt(difference / norm);
}

inline const char* nameOf(ElementType type) { return type == f32 ? "f32" : type == f16 ? "f16" : "bf16"; }

/** What a kernel gives, and what the operator for the CPU does in f32. */
struct Compared {
  std::vector<Bytes> own, reference;
};

inline Compared runBoth(const Operator& own, const Operator& onCpu, const Shapes& shapes) {
  std::vector<Bytes> inputs, wide;
  for (size_t at = 0; at < shapes.size(); ++at) {
    inputs.push_back(filled(own.inputs[at], count(shapes[at]), static_cast<int>(at) + 1));
    wide.push_back(own.inputs[at] == i32 ? inputs[at] : converted(inputs[at], own.inputs[at], f32));
  }
  return {run(own, inputs, shapes), run(onCpu, wide, shapes)};
}

/** Prints the errors of the outputs of a kernel beside the operator for the CPU: `<dtype> <error>…`. */
inline void compare(const std::vector<Operator>& all, ElementType type, const Shapes& shapes) {
  const Operator &own = find(all, Provider::cuda, type), &onCpu = find(all, Provider::cpu, f32);
  const auto [results, reference] = runBoth(own, onCpu, shapes);
  std::printf("%s", nameOf(type));
  for (size_t at = 0; at < results.size(); ++at) {
    std::printf(" %.3g", relativeError(results[at], own.outputs[at], reference[at], onCpu.outputs[at]));
  }
  std::printf("\n");
}

/** The share of e4m3 that are not those of the reference; 1 where one is not even the one beside it. */
inline double shareOfOthers(const Bytes& own, const Bytes& reference) {
  size_t others = 0;
  // In the order of their values: magnitudes from 0 on, in both directions.
  const auto place = [](char bits) { return bits & 0x80 ? -(bits & 0x7f) : bits & 0x7f; };
  for (size_t at = 0; at < reference.size(); ++at) {
    const int apart = std::abs(place(own[at]) - place(reference[at]));
    if (apart > 1) return 1;
    others += apart;
  }
  return static_cast<double>(others) / reference.size();
}

/**
 * Prints the errors of a kernel that gives rows in 8-bit floats, which were never rounded to its dtype:
 * `rounded-<dtype> <share of other elements> <error of the scales>`, and before them `<error>` of a further output.
 */
inline void compareRounded(const std::vector<Operator>& all, ElementType type, const Shapes& shapes) {
  const Operator &own = find(all, Provider::cuda, type), &onCpu = find(all, Provider::cpu, f32);
  const auto [results, reference] = runBoth(own, onCpu, shapes);
  const size_t elements = results.size() - 2, scales = results.size() - 1;
  std::printf("rounded-%s", nameOf(type));
  std::printf(" %.3g", shareOfOthers(results[elements], reference[elements]));
  std::printf(" %.3g", relativeError(results[scales], f32, reference[scales]));
  if (elements > 0) std::printf(" %.3g", relativeError(results[0], type, reference[0]));
  std::printf("\n");
}

/** Prints why an operator refuses operands of the shapes. */
inline void refuse(const std::vector<Operator>& all, ElementType type, const Shapes& shapes) {
  const Operator& op = find(all, Provider::cuda, type);
  std::vector<Bytes> inputs;
  for (size_t at = 0; at < shapes.size(); ++at) inputs.push_back(filled(op.inputs[at], count(shapes[at]), 1));
  try {
    run(op, inputs, shapes);
    std::printf("taken\n");
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
  }
}

Operand Call::input(size_t index) const { return memory->inputs[index]; }

void* Call::output(size_t index, const std::vector<int64_t>& shape) const {
  // Filled with bits that are no number, so that what is not written shows.
  memory->outputs[index].assign(count(shape) * bytesOf(memory->types[index]), static_cast<char>(0xff));
  return memory->outputs[index].data();
}

void* Call::allocate(size_t bytes) const { return bytes == 0 ? nullptr : new char[bytes]; }

void Call::free(void* memory) const { delete[] static_cast<char*>(memory); }

void* Call::stream() const { return nullptr; }

void Call::parallel(size_t total, const std::function<void(size_t)>& one) const {
  for (size_t index = 0; index < total; ++index) one(index);
}

float Attributes::number(const char* name) const { return attributes.at(name); }

}  // namespace framewright
