/** `kernels/library/device-code.h` for kernels that were compiled for the host: found by name, run thread by thread. */
#include "../../../kernels/library/device-code.h"

#include <dlfcn.h>
#include <ucontext.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "threads.h"

uint3 threadIdx, blockIdx, blockDim;

namespace {

struct Thread {
  ucontext_t context;
  std::vector<char> stack;
  bool done = false;
};

std::vector<Thread> threads;
ucontext_t turns;
float exchanged[1024];

/** The kernel of the launch, called once a thread. */
std::function<void()> body;

void runThread() {
  body();
  threads[threadIdx.x].done = true;
  swapcontext(&threads[threadIdx.x].context, &turns);
}

void runBlock(unsigned count) {
  threads.assign(count, {});
  for (Thread& thread : threads) {
    thread.stack.resize(64 << 10);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.data();
    thread.context.uc_stack.ss_size = thread.stack.size();
    makecontext(&thread.context, runThread, 0);
  }
  for (unsigned done = 0; done < count;) {
    done = 0;
    for (unsigned index = 0; index < count; ++index) {
      threadIdx.x = index;
      if (!threads[index].done) swapcontext(&turns, &threads[index].context);
      done += threads[index].done;
    }
  }
}

}  // namespace

void __syncthreads() {
  const unsigned self = threadIdx.x;
  swapcontext(&threads[self].context, &turns);
}

float __shfl_xor_sync(unsigned, float value, int other) {
  const unsigned self = threadIdx.x;
  exchanged[self] = value;
  __syncthreads();
  const float received = exchanged[self ^ other];
  __syncthreads();
  return received;
}

namespace framewright {

DeviceCode::DeviceCode(const unsigned char*) : library_(dlopen(nullptr, RTLD_NOW)) {}

DeviceFunction DeviceCode::find(const char* name) const {
  void* found = dlsym(library_, name);
  if (found == nullptr) throw std::runtime_error(std::string("no kernel ") + name);
  return {found};
}

void launch(DeviceFunction function, const Launch& how, void** arguments) {
  if (how.threads == 0 || how.threads > 1024 || how.threads % 32 != 0) {
    throw std::runtime_error("expected whole warps of at most 1024 threads, got " + std::to_string(how.threads));
  }
  body = [=] { callKernel(function.handle, arguments); };
  blockDim = {how.threads, 1, 1};
  for (unsigned block = 0; block < how.blocks; ++block) {
    blockIdx = {block, 0, 0};
    runBlock(how.threads);
  }
}

}  // namespace framewright
