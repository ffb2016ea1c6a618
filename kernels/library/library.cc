/** The library as ONNX Runtime sees it: one function, which adds the operators to the options of a session. */
#include <atomic>
#include <climits>
#include <stdexcept>
#include <string>
#include <vector>

#include "operator.h"

namespace framewright {
namespace {

OrtOperatorFunctions functions;

void load(const void* const* table) {
#define FRAMEWRIGHT_FIND(place, result, name, ...) \
  functions.name = reinterpret_cast<result (*)(__VA_ARGS__)>(const_cast<void*>(table[place]));
  FRAMEWRIGHT_ORT_OPERATOR_FUNCTIONS(FRAMEWRIGHT_FIND)
#undef FRAMEWRIGHT_FIND
}

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = functions.GetErrorMessage(status);
  functions.ReleaseStatus(status);
  throw std::runtime_error(message);
}

/** No exception may reach ONNX Runtime. */
template <class Body>
OrtStatus* guarded(Body body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    return functions.CreateStatus(failed, error.what());
  }
}

struct InfoDeleter {
  void operator()(OrtTensorTypeAndShapeInfo* info) const { functions.ReleaseTensorTypeAndShapeInfo(info); }
};
using Info = std::unique_ptr<OrtTensorTypeAndShapeInfo, InfoDeleter>;

struct Registered : OperatorTable {
  explicit Registered(Operator made);
  const Operator about;
};

const Operator& about(const OperatorTable* table) { return static_cast<const Registered*>(table)->about; }

OrtStatus* createKernel(const OperatorTable* table, const void*, const OrtKernelInfo* info, void** kernel) {
  return guarded([&] { *kernel = about(table).create(Attributes(info)).release(); });
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) {
  return guarded([&] { static_cast<const Kernel*>(kernel)->compute(Call(context)); });
}

/**
 * Gives every dimension of which nothing is known a name that no other one has: ONNX Runtime takes one without for a
 * size of -1.
 */
void nameUnknown(OrtTensorTypeAndShapeInfo* info) {
  static std::atomic<unsigned> made = 0;
  size_t rank = 0;
  check(functions.GetDimensionsCount(info, &rank));
  std::vector<int64_t> sizes(rank);
  std::vector<const char*> names(rank);
  check(functions.GetDimensions(info, sizes.data(), rank));
  check(functions.GetSymbolicDimensions(info, names.data(), rank));
  std::vector<std::string> own(rank);
  for (size_t axis = 0; axis < rank; ++axis) {
    own[axis] = names[axis];
    if (own[axis].empty() && sizes[axis] < 0) own[axis] = "framewright." + std::to_string(++made);
    names[axis] = own[axis].c_str();
  }
  check(functions.SetSymbolicDimensions(info, names.data(), rank));
}

std::vector<int64_t> dimensionsOf(const OrtTensorTypeAndShapeInfo* info) {
  size_t rank = 0;
  check(functions.GetDimensionsCount(info, &rank));
  std::vector<int64_t> sizes(rank);
  check(functions.GetDimensions(info, sizes.data(), rank));
  return sizes;
}

/** The dtype that an output has among the kernels of an operator: a shape brings that of its input along. */
ElementType typeOf(OrtShapeInferContext* context, const ResultShape& result) {
  if (result.type != 0) return result.type;
  OrtTensorTypeAndShapeInfo* of = nullptr;
  check(functions.ShapeInferContext_GetInputTypeShape(context, result.typeOf, &of));
  ElementType type = 0;
  check(functions.GetTensorElementType(of, &type));
  return type;
}

/** The rows of an input: a weight has a number of them. */
int64_t rowsOf(OrtShapeInferContext* context, size_t input) {
  OrtTensorTypeAndShapeInfo* of = nullptr;
  check(functions.ShapeInferContext_GetInputTypeShape(context, input, &of));
  const auto sizes = dimensionsOf(of);
  if (sizes.empty() || sizes[0] < 0) throw std::runtime_error("expected a weight of a known shape");
  return sizes[0];
}

void setColumns(OrtTensorTypeAndShapeInfo* info, int64_t columns) {
  auto sizes = dimensionsOf(info);
  if (sizes.empty()) throw std::runtime_error("expected rows");
  sizes.back() = columns;
  check(functions.SetDimensions(info, sizes.data(), sizes.size()));
}

OrtStatus* inferShapes(const OperatorTable* table, OrtShapeInferContext* context) {
  return guarded([&] {
    const auto& shapes = about(table).shapes;
    for (size_t output = 0; output < shapes.size(); ++output) {
      OrtTensorTypeAndShapeInfo* info = nullptr;
      check(functions.ShapeInferContext_GetInputTypeShape(context, shapes[output].like, &info));
      check(functions.SetTensorElementType(info, typeOf(context, shapes[output])));
      const int columnsOf = shapes[output].columnsOf;
      if (columnsOf == ResultShape::oneColumn) setColumns(info, 1);
      if (columnsOf >= 0) setColumns(info, rowsOf(context, columnsOf));
      nameUnknown(info);
      check(functions.ShapeInferContext_SetOutputTypeShape(context, output, info));
    }
  });
}

Registered::Registered(Operator made) : about(std::move(made)) {
  GetName = [](const OperatorTable* table) { return framewright::about(table).name; };
  GetExecutionProviderType = [](const OperatorTable* table) -> const char* {
    return framewright::about(table).provider == Provider::cuda ? "CUDAExecutionProvider" : nullptr;
  };
  GetInputType = [](const OperatorTable* table, size_t index) { return framewright::about(table).inputs[index]; };
  GetInputTypeCount = [](const OperatorTable* table) { return framewright::about(table).inputs.size(); };
  GetOutputType = [](const OperatorTable* table, size_t index) { return framewright::about(table).outputs[index]; };
  GetOutputTypeCount = [](const OperatorTable* table) { return framewright::about(table).outputs.size(); };
  // All inputs and outputs are required, in the provider's own memory.
  GetInputCharacteristic = GetOutputCharacteristic = [](const OperatorTable*, size_t) { return 0; };
  GetInputMemoryType = [](const OperatorTable*, size_t) { return defaultMemory; };
  CreateKernelV2 = createKernel;
  KernelComputeV2 = compute;
  KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  InferOutputShapeFn = inferShapes;
  GetStartVersion = [](const OperatorTable*) { return 1; };
  GetEndVersion = [](const OperatorTable*) { return INT_MAX; };
}

/** Made once and never freed: sessions refer to it, and the library stays loaded (-z nodelete). */
OrtCustomOpDomain* domain() {
  static OrtCustomOpDomain* const made = [] {
    OrtCustomOpDomain* domain = nullptr;
    check(functions.CreateCustomOpDomain("framewright", &domain));
    for (Operator& each : operators()) {
      const OperatorTable* table = new Registered(std::move(each));
      check(functions.CustomOpDomain_Add(domain, reinterpret_cast<const OrtCustomOp*>(table)));
    }
    return domain;
  }();
  return made;
}

}  // namespace

Operand Call::input(size_t index) const {
  const OrtValue* value = nullptr;
  check(functions.KernelContext_GetInput(context_, index, &value));
  Operand operand;
  check(functions.GetTensorMutableData(const_cast<OrtValue*>(value), &operand.data));
  OrtTensorTypeAndShapeInfo* found = nullptr;
  check(functions.GetTensorTypeAndShape(value, &found));
  const Info info(found);
  operand.shape = dimensionsOf(info.get());
  return operand;
}

void* Call::output(size_t index, const std::vector<int64_t>& shape) const {
  OrtValue* value = nullptr;
  check(functions.KernelContext_GetOutput(context_, index, shape.data(), shape.size(), &value));
  void* data = nullptr;
  check(functions.GetTensorMutableData(value, &data));
  return data;
}

namespace {

/** Where the first input is, and so what the node works on. */
const OrtMemoryInfo* memoryOf(const OrtKernelContext* context) {
  const OrtValue* value = nullptr;
  check(functions.KernelContext_GetInput(context, 0, &value));
  const OrtMemoryInfo* memory = nullptr;
  check(functions.GetTensorMemoryInfo(value, &memory));
  return memory;
}

}  // namespace

void* Call::allocate(size_t bytes) const {
  void* memory = nullptr;
  if (bytes > 0) check(functions.KernelContext_GetScratchBuffer(context_, memoryOf(context_), bytes, &memory));
  return memory;
}

void Call::free(void* memory) const {
  OrtAllocator* allocator = nullptr;
  check(functions.KernelContext_GetAllocator(context_, memoryOf(context_), &allocator));
  check(functions.AllocatorFree(allocator, memory));
  functions.ReleaseAllocator(allocator);
}

void* Call::stream() const {
  void* stream = nullptr;
  check(functions.KernelContext_GetGPUComputeStream(context_, &stream));
  return stream;
}

void Call::parallel(size_t total, const std::function<void(size_t)>& one) const {
  const auto call = [](void* data, size_t index) { (*static_cast<const std::function<void(size_t)>*>(data))(index); };
  void* const data = const_cast<void*>(static_cast<const void*>(&one));
  check(functions.KernelContext_ParallelFor(context_, call, total, 0, data));
}

float Attributes::number(const char* name) const {
  float value = 0;
  check(functions.KernelInfoGetAttribute_float(info_, name, &value));
  return value;
}

}  // namespace framewright

/** What ONNX Runtime looks for in a library of custom operators. */
extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(OrtSessionOptions* options,
                                                                               const framewright::OrtEntry* entry) {
  using namespace framewright;
  const auto* table = static_cast<const void* const*>(entry->GetApi(ortApiVersion));
  if (table == nullptr) return nullptr;  // older than what the addon takes, which has said so
  load(table);
  return guarded([&] { check(functions.AddCustomOpDomain(options, domain())); });
}
