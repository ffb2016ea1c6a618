/**
 * Holds `ort-api.h` and `../library/ort-operator-api.h` to ONNX Runtime's own header: compiles exactly if every function
 * is at its place in its table and has its signature. README.md says how to run it.
 */

#include <onnxruntime_c_api.h>

#include <type_traits>

#include "../library/ort-operator-api.h"
#include "ort-api.h"

namespace {

/** Equal types, up to enums as int and pointers to them. */
template <class Theirs, class Ours>
struct Same
    : std::bool_constant<std::is_same_v<Theirs, Ours> || (std::is_enum_v<Theirs> && std::is_same_v<Ours, int>)> {};

template <class Theirs, class Ours>
struct Same<Theirs*, Ours*> : Same<Theirs, Ours> {};

// The table of an operator under our name; and the API, which our operators have from elsewhere.
template <>
struct Same<const OrtCustomOp, const framewright::OperatorTable> : std::true_type {};

template <>
struct Same<const OrtApi, const void> : std::true_type {};

template <class Theirs, class... TheirParameters, class Ours, class... OurParameters>
struct Same<Theirs (*)(TheirParameters...) noexcept, Ours (*)(OurParameters...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(TheirParameters) != sizeof...(OurParameters)) return false;
    else return Same<Theirs, Ours>::value && (Same<TheirParameters, OurParameters>::value && ...);
  }();
};

template <class Theirs, class... TheirParameters, class Ours, class... OurParameters>
struct Same<Theirs (*)(TheirParameters...), Ours (*)(OurParameters...)>
    : Same<Theirs (*)(TheirParameters...) noexcept, Ours (*)(OurParameters...)> {};

using framewright::OperatorTable;
using framewright::OrtEntry;
using framewright::OrtFunctions;
using framewright::OrtOperatorFunctions;

#define CHECK_FUNCTION(functions, place, name)                                             \
  static_assert(offsetof(OrtApi, name) == place * sizeof(void*), #name ": another place"); \
  static_assert(Same<decltype(OrtApi::name), decltype(functions::name)>::value, #name ": another signature");
#define CHECK(place, result, name, ...) CHECK_FUNCTION(OrtFunctions, place, name)
FRAMEWRIGHT_ORT_FUNCTIONS(CHECK)
#define CHECK_OPERATOR(place, result, name, ...) CHECK_FUNCTION(OrtOperatorFunctions, place, name)
FRAMEWRIGHT_ORT_OPERATOR_FUNCTIONS(CHECK_OPERATOR)

#define CHECK_MEMBER(name)                                                                            \
  static_assert(offsetof(OrtCustomOp, name) == offsetof(OperatorTable, name), #name ": another place"); \
  static_assert(Same<decltype(OrtCustomOp::name), decltype(OperatorTable::name)>::value, #name ": another signature");
CHECK_MEMBER(CreateKernel)
CHECK_MEMBER(GetName)
CHECK_MEMBER(GetExecutionProviderType)
CHECK_MEMBER(GetInputType)
CHECK_MEMBER(GetInputTypeCount)
CHECK_MEMBER(GetOutputType)
CHECK_MEMBER(GetOutputTypeCount)
CHECK_MEMBER(KernelCompute)
CHECK_MEMBER(KernelDestroy)
CHECK_MEMBER(GetInputCharacteristic)
CHECK_MEMBER(GetOutputCharacteristic)
CHECK_MEMBER(GetInputMemoryType)
CHECK_MEMBER(GetVariadicInputMinArity)
CHECK_MEMBER(GetVariadicInputHomogeneity)
CHECK_MEMBER(GetVariadicOutputMinArity)
CHECK_MEMBER(GetVariadicOutputHomogeneity)
CHECK_MEMBER(CreateKernelV2)
CHECK_MEMBER(KernelComputeV2)
CHECK_MEMBER(InferOutputShapeFn)
CHECK_MEMBER(GetStartVersion)
CHECK_MEMBER(GetEndVersion)
CHECK_MEMBER(GetMayInplace)
CHECK_MEMBER(ReleaseMayInplace)
CHECK_MEMBER(GetAliasMap)
CHECK_MEMBER(ReleaseAliasMap)

static_assert(offsetof(OrtApiBase, GetApi) == offsetof(OrtEntry, GetApi));
static_assert(offsetof(OrtApiBase, GetVersionString) == offsetof(OrtEntry, GetVersionString));
static_assert(framewright::logWarning == ORT_LOGGING_LEVEL_WARNING);
static_assert(framewright::deviceAllocator == OrtDeviceAllocator);
static_assert(framewright::defaultMemory == OrtMemTypeDefault);
static_assert(framewright::failed == ORT_FAIL);
static_assert(INPUT_OUTPUT_REQUIRED == 0);
static_assert(ORT_API_VERSION >= framewright::ortApiVersion);

}  // namespace
