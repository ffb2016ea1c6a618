/** What an operator of the library is: its inputs and outputs for one provider and dtype, and what computes it. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ort-operator-api.h"

namespace framewright {

constexpr ElementType f32 = 1, i32 = 6, f16 = 10, bf16 = 16, f8e4m3 = 17;

enum class Provider { cpu, cuda };

/** A tensor in the provider's memory. */
struct Operand {
  void* data;
  std::vector<int64_t> shape;
};

/** One call of a kernel. Everything throws std::runtime_error with ONNX Runtime's message. */
class Call {
 public:
  explicit Call(OrtKernelContext* context) : context_(context) {}
  Operand input(size_t index) const;
  void* output(size_t index, const std::vector<int64_t>& shape) const;
  /** Memory of the provider for the work of this call, in the order of its stream; null for no bytes. */
  void* allocate(size_t bytes) const;
  void free(void* memory) const;
  /** CUDA's stream that the provider computes on. */
  void* stream() const;
  /** Does `one` for every number below `total`, on the session's threads. It must not throw. */
  void parallel(size_t total, const std::function<void(size_t)>& one) const;

 private:
  OrtKernelContext* context_;
};

/** Memory for the work of one call. */
class Scratch {
 public:
  Scratch(const Call& call, size_t bytes) : call_(call), data_(call.allocate(bytes)) {}
  ~Scratch() {
    if (data_ != nullptr) call_.free(data_);
  }
  Scratch(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  const Call& call_;
  void* data_;
};

/** A node of a session. It is called by one thread at a time or by several, as runs are. */
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(const Call& call) const = 0;
};

/** The attributes of a node. */
class Attributes {
 public:
  explicit Attributes(const OrtKernelInfo* info) : info_(info) {}
  float number(const char* name) const;

 private:
  const OrtKernelInfo* info_;
};

/** The shape of an output: that of an input, with as many columns as another input has rows, or with one. */
struct ResultShape {
  static constexpr int sameColumns = -1, oneColumn = -2;
  ResultShape(size_t like, int columnsOf = sameColumns) : like(like), columnsOf(columnsOf), typeOf(like) {}
  /** With a dtype that no input has. */
  ResultShape(size_t like, int columnsOf, ElementType type) : like(like), columnsOf(columnsOf), type(type) {}
  /** With the dtype of another input. */
  ResultShape withTypeOf(size_t input) const {
    ResultShape other = *this;
    other.typeOf = input;
    return other;
  }
  size_t like;
  int columnsOf;
  size_t typeOf = 0;
  /** 0 for that of the input. */
  ElementType type = 0;
};

struct Operator {
  /** Of the node, in the domain `framewright`. */
  const char* name;
  Provider provider;
  std::vector<ElementType> inputs;
  std::vector<ElementType> outputs;
  /** For every output; of those beyond them nothing is said before a run. */
  std::vector<ResultShape> shapes;
  std::function<std::unique_ptr<Kernel>(const Attributes&)> create;
};

/** The operators of every kernel, for the providers and dtypes that have one. */
std::vector<Operator> operators();

}  // namespace framewright
