#include "copy-out.h"

#include <cstring>
#include <utility>

#include "js-value.h"

namespace framewright {
namespace {

struct CopyWork {
  std::vector<Copy> copies;
  napi_deferred deferred = nullptr;
  napi_ref answer = nullptr;
  napi_async_work work = nullptr;
};

void execute(napi_env, void* data) {
  for (const Copy& copy : static_cast<CopyWork*>(data)->copies) std::memcpy(copy.to, copy.from->data(), copy.bytes);
}

void complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<CopyWork> owned(static_cast<CopyWork*>(data));
  napi_value answer;
  napi_get_reference_value(env, owned->answer, &answer);
  napi_resolve_deferred(env, owned->deferred, answer);
  napi_delete_reference(env, owned->answer);
  napi_delete_async_work(env, owned->work);
}

}  // namespace

napi_value hostBuffer(napi_env env, std::shared_ptr<Resident> tensor, std::vector<Copy>& copies) {
  const size_t bytes = tensor->bytes();
  napi_value buffer;
  void* to = nullptr;
  expect(env, napi_create_arraybuffer(env, bytes, &to, &buffer));
  if (bytes > 0) copies.push_back({std::move(tensor), to, bytes});
  return buffer;
}

napi_value copyOut(napi_env env, napi_deferred deferred, napi_value answer, std::vector<Copy> copies) {
  if (copies.empty()) return answer;
  auto owned = std::make_unique<CopyWork>();
  owned->copies = std::move(copies);
  owned->deferred = deferred;
  expect(env, napi_create_reference(env, answer, 1, &owned->answer));
  expect(env, napi_create_async_work(env, nullptr, writeText(env, "framewright copy"), execute, complete, owned.get(),
                                     &owned->work));
  expect(env, napi_queue_async_work(env, owned->work));
  owned.release();
  return nullptr;
}

}  // namespace framewright
