/**
 * Holds `ort-api.h` to ONNX Runtime's own header: compiles exactly if every function is at its place in the table
 * and has its signature. README.md says how to run it.
 */

#include <onnxruntime_c_api.h>

#include <type_traits>

#include "ort-api.h"

namespace {

/** Equal types, up to enums as int and pointers to them. */
template <class Theirs, class Ours>
struct Same
    : std::bool_constant<std::is_same_v<Theirs, Ours> || (std::is_enum_v<Theirs> && std::is_same_v<Ours, int>)> {};

template <class Theirs, class Ours>
struct Same<Theirs*, Ours*> : Same<Theirs, Ours> {};

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

using framewright::OrtEntry;
using framewright::OrtFunctions;

#define CHECK(place, result, name, ...)                                                   \
  static_assert(offsetof(OrtApi, name) == place * sizeof(void*), #name ": another place"); \
  static_assert(Same<decltype(OrtApi::name), decltype(OrtFunctions::name)>::value, #name ": another signature");
FRAMEWRIGHT_ORT_FUNCTIONS(CHECK)

static_assert(offsetof(OrtApiBase, GetApi) == offsetof(OrtEntry, GetApi));
static_assert(offsetof(OrtApiBase, GetVersionString) == offsetof(OrtEntry, GetVersionString));
static_assert(framewright::logWarning == ORT_LOGGING_LEVEL_WARNING);
static_assert(framewright::deviceAllocator == OrtDeviceAllocator);
static_assert(framewright::defaultMemory == OrtMemTypeDefault);
static_assert(ORT_API_VERSION >= framewright::ortApiVersion);

}  // namespace
