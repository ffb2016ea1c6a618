/** Tensors that stay where a session made them. */
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "ort-handle.h"

namespace framewright {

/** Counts the objects of one kind that are alive, for the tests of leaks. */
template <class T>
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  static inline std::atomic<int> alive{0};
};

/** A tensor of ONNX Runtime, in the memory of the device that holds it. */
class Resident : Counted<Resident> {
 public:
  Resident(std::shared_ptr<OrtEnv> env, ValueHandle value);

  OrtValue* get() const { return value_.get(); }
  ElementType type() const { return type_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  /** Size of the data. */
  size_t bytes() const;
  /** The data; on the host only if it was bound there. */
  void* data() const;

  using Counted<Resident>::alive;

 private:
  // Released after the value: a value's memory belongs to an allocator of the environment.
  std::shared_ptr<OrtEnv> env_;
  ValueHandle value_;
  ElementType type_ = 0;
  std::vector<int64_t> shape_;
};

/** Another name for a tensor's memory, which it keeps alive: ONNX Runtime takes initializers only from such. */
std::shared_ptr<OrtValue> borrowed(std::shared_ptr<Resident> tensor);

/** Bytes of one element; throws for strings and types that are not a whole number of bytes. */
size_t bytesOf(ElementType type);

/** A view of host memory, which has to outlive it. */
ValueHandle hostTensor(void* data, size_t bytes, const std::vector<int64_t>& shape, ElementType type);

}  // namespace framewright
