/** Reading and writing JavaScript values through Node-API; a refused call becomes an exception. */
#pragma once

#include <node_api.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace framewright {

/** Throws when a call of Node-API failed. */
void expect(napi_env env, napi_status status);

/** Makes the object with which a failed operation is answered. */
napi_value errorOf(napi_env env, const std::string& code, const std::string& message);

std::string readText(napi_env env, napi_value value);
int64_t readInteger(napi_env env, napi_value value);
bool readFlag(napi_env env, napi_value value);
bool isMissing(napi_env env, napi_value value);
std::vector<napi_value> readArray(napi_env env, napi_value value);
std::vector<int64_t> readShape(napi_env env, napi_value value);
/** The properties of a plain object, in their order. */
std::vector<std::pair<std::string, napi_value>> readEntries(napi_env env, napi_value object);
std::vector<std::pair<std::string, std::string>> readTextEntries(napi_env env, napi_value object);
napi_value readProperty(napi_env env, napi_value object, const char* name);

struct Bytes {
  void* data;
  size_t size;
};

/** The memory under a typed array. */
Bytes readBytes(napi_env env, napi_value typedArray);

napi_value writeText(napi_env env, const std::string& text);
napi_value writeNumber(napi_env env, double number);
napi_value writeTexts(napi_env env, const std::vector<std::string>& texts);
napi_value writeShape(napi_env env, const std::vector<int64_t>& shape);
void writeProperty(napi_env env, napi_value object, const char* name, napi_value value);

/** Tells the opaque values of one C++ type from those of others: `tag` and `name`. */
template <class T>
struct Kind;

/** A C++ object in JavaScript's hands: an opaque value, shared with it until it is collected. */
template <class T>
napi_value writeShared(napi_env env, std::shared_ptr<T> object) {
  auto box = std::make_unique<std::shared_ptr<T>>(std::move(object));
  const auto drop = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<T>*>(data); };
  napi_value value;
  expect(env, napi_create_external(env, box.get(), drop, nullptr, &value));
  box.release();
  expect(env, napi_type_tag_object(env, value, &Kind<T>::tag));
  return value;
}

/** Where an opaque value keeps its object; throws for values of another kind. */
template <class T>
std::shared_ptr<T>& readShared(napi_env env, napi_value value) {
  bool right = false;
  napi_valuetype type;
  expect(env, napi_typeof(env, value, &type));
  if (type == napi_external) expect(env, napi_check_object_type_tag(env, value, &Kind<T>::tag, &right));
  if (!right) throw std::runtime_error(std::string("expected a ") + Kind<T>::name);
  void* data = nullptr;
  expect(env, napi_get_value_external(env, value, &data));
  auto& object = *static_cast<std::shared_ptr<T>*>(data);
  if (!object) throw std::runtime_error(std::string("the ") + Kind<T>::name + " was released");
  return object;
}

}  // namespace framewright
