/** Results on their way from ONNX Runtime's memory to JavaScript's. */
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "resident.h"

namespace framewright {

/** A tensor on the host, and the buffer of as many bytes that is to receive it. */
struct Copy {
  std::shared_ptr<Resident> from;
  void* to;
  size_t bytes;
};

/** Makes the buffer of a tensor, and notes the copy that has to be made. */
napi_value hostBuffer(napi_env env, std::shared_ptr<Resident> tensor, std::vector<Copy>& copies);

/**
 * Makes the copies on a thread of Node's pool, so that neither the event loop nor the lane waits for them, then
 * resolves the promise. The buffers are JavaScript's own: counted by its collector, and free to be transferred.
 * Gives the answer itself when there is nothing to copy.
 */
napi_value copyOut(napi_env env, napi_deferred deferred, napi_value answer, std::vector<Copy> copies);

}  // namespace framewright
