#include "resident.h"

#include <utility>

namespace framewright {

Resident::Resident(std::shared_ptr<OrtEnv> env, ValueHandle value) : env_(std::move(env)), value_(std::move(value)) {
  const auto info = make<TypeAndShapeHandle>(ort().GetTensorTypeAndShape, value_.get());
  check(ort().GetTensorElementType(info.get(), &type_));
  size_t rank = 0;
  check(ort().GetDimensionsCount(info.get(), &rank));
  shape_.resize(rank);
  if (rank > 0) check(ort().GetDimensions(info.get(), shape_.data(), rank));
}

size_t Resident::bytes() const {
  size_t count = bytesOf(type_);
  for (const int64_t dim : shape_) count *= static_cast<size_t>(dim);
  return count;
}

void* Resident::data() const {
  void* data = nullptr;
  check(ort().GetTensorMutableData(value_.get(), &data));
  return data;
}

std::shared_ptr<OrtValue> borrowed(std::shared_ptr<Resident> tensor) {
  const OrtMemoryInfo* memory = nullptr;
  check(ort().GetTensorMemoryInfo(tensor->get(), &memory));
  const auto& shape = tensor->shape();
  auto view = make<ValueHandle>(ort().CreateTensorWithDataAsOrtValue, memory, tensor->data(), tensor->bytes(),
                                shape.data(), shape.size(), tensor->type());
  return {view.release(), [tensor](OrtValue* value) { ort().ReleaseValue(value); }};
}

size_t bytesOf(ElementType type) {
  switch (type) {
    case 7:   // int64
    case 11:  // double
    case 13:  // uint64
      return 8;
    case 1:   // float
    case 6:   // int32
    case 12:  // uint32
      return 4;
    case 4:   // uint16
    case 5:   // int16
    case 10:  // float16
    case 16:  // bfloat16
      return 2;
    case 2:   // uint8
    case 3:   // int8
    case 9:   // bool
    case 17:  // float8e4m3fn
    case 19:  // float8e5m2
      return 1;
    default:
      throw std::runtime_error("element type " + std::to_string(type) + " cannot cross the graph's border");
  }
}

ValueHandle hostTensor(void* data, size_t bytes, const std::vector<int64_t>& shape, ElementType type) {
  static char nothing[16];
  const auto memory = make<MemoryInfoHandle>(ort().CreateCpuMemoryInfo, deviceAllocator, defaultMemory);
  void* at = bytes == 0 ? nothing : data;
  return make<ValueHandle>(ort().CreateTensorWithDataAsOrtValue, memory.get(), at, bytes, shape.data(), shape.size(),
                           type);
}

}  // namespace framewright
