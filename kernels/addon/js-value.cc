#include "js-value.h"

#include <stdexcept>

namespace framewright {

void expect(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  const char* message = info != nullptr ? info->error_message : nullptr;
  throw std::runtime_error(message != nullptr ? message : "a call of Node-API failed");
}

napi_value errorOf(napi_env env, const std::string& code, const std::string& message) {
  napi_value error;
  expect(env, napi_create_error(env, writeText(env, code), writeText(env, message), &error));
  return error;
}

std::string readText(napi_env env, napi_value value) {
  size_t length = 0;
  expect(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length));
  std::string text(length, '\0');
  expect(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

int64_t readInteger(napi_env env, napi_value value) {
  int64_t number = 0;
  expect(env, napi_get_value_int64(env, value, &number));
  return number;
}

bool readFlag(napi_env env, napi_value value) {
  bool flag = false;
  expect(env, napi_get_value_bool(env, value, &flag));
  return flag;
}

bool isMissing(napi_env env, napi_value value) {
  napi_valuetype type;
  expect(env, napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

std::vector<napi_value> readArray(napi_env env, napi_value value) {
  uint32_t length = 0;
  expect(env, napi_get_array_length(env, value, &length));
  std::vector<napi_value> elements(length);
  for (uint32_t index = 0; index < length; ++index) expect(env, napi_get_element(env, value, index, &elements[index]));
  return elements;
}

std::vector<int64_t> readShape(napi_env env, napi_value value) {
  std::vector<int64_t> shape;
  for (napi_value dim : readArray(env, value)) shape.push_back(readInteger(env, dim));
  return shape;
}

std::vector<std::pair<std::string, napi_value>> readEntries(napi_env env, napi_value object) {
  napi_value keys;
  expect(env, napi_get_property_names(env, object, &keys));
  std::vector<std::pair<std::string, napi_value>> entries;
  for (napi_value key : readArray(env, keys)) {
    napi_value value;
    expect(env, napi_get_property(env, object, key, &value));
    entries.emplace_back(readText(env, key), value);
  }
  return entries;
}

std::vector<std::pair<std::string, std::string>> readTextEntries(napi_env env, napi_value object) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto& [key, value] : readEntries(env, object)) entries.emplace_back(key, readText(env, value));
  return entries;
}

napi_value readProperty(napi_env env, napi_value object, const char* name) {
  napi_value value;
  expect(env, napi_get_named_property(env, object, name, &value));
  return value;
}

Bytes readBytes(napi_env env, napi_value typedArray) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  expect(env, napi_get_typedarray_info(env, typedArray, &type, &length, &data, nullptr, nullptr));
  switch (type) {
    case napi_int16_array:
    case napi_uint16_array:
      return {data, length * 2};
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return {data, length * 4};
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return {data, length * 8};
    default:
      return {data, length};
  }
}

napi_value writeText(napi_env env, const std::string& text) {
  napi_value value;
  expect(env, napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

napi_value writeNumber(napi_env env, double number) {
  napi_value value;
  expect(env, napi_create_double(env, number, &value));
  return value;
}

napi_value writeTexts(napi_env env, const std::vector<std::string>& texts) {
  napi_value array;
  expect(env, napi_create_array_with_length(env, texts.size(), &array));
  for (uint32_t index = 0; index < texts.size(); ++index) {
    expect(env, napi_set_element(env, array, index, writeText(env, texts[index])));
  }
  return array;
}

napi_value writeShape(napi_env env, const std::vector<int64_t>& shape) {
  napi_value array;
  expect(env, napi_create_array_with_length(env, shape.size(), &array));
  for (uint32_t axis = 0; axis < shape.size(); ++axis) {
    expect(env, napi_set_element(env, array, axis, writeNumber(env, static_cast<double>(shape[axis]))));
  }
  return array;
}

void writeProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  expect(env, napi_set_named_property(env, object, name, value));
}

}  // namespace framewright
