/** `kernels/library/device-code.h` for kernels that were compiled for the host: found by name, run thread by thread. */
#include "../../../kernels/library/device-code.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <ucontext.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "threads.h"

uint3 threadIdx, blockIdx, blockDim;

namespace {

constexpr size_t stackBytes = 64 << 10;

struct Thread {
  ucontext_t start;
  /** Of the threads of this index of all blocks. */
  std::unique_ptr<char[]> stack{new char[stackBytes]};
  /** Where its turn ended: jumps take no calls of the system, as swapcontext does for signals. */
  jmp_buf waiting;
  bool started, done;
};

std::vector<Thread> threads;
jmp_buf turns;
float exchanged[1024];

/** The kernel of the launch, called once a thread. */
std::function<void()> body;

void runThread() {
  body();
  threads[threadIdx.x].done = true;
  _longjmp(turns, 1);
}

/** The turn of a thread: up to its next barrier, or to its end. */
void resume(Thread& thread) {
  if (_setjmp(turns) != 0) return;
  if (thread.started) _longjmp(thread.waiting, 1);
  thread.started = true;
  setcontext(&thread.start);
}

void runBlock(unsigned count) {
  if (threads.size() < count) threads.resize(count);
  for (unsigned index = 0; index < count; ++index) {
    Thread& thread = threads[index];
    thread.started = thread.done = false;
    getcontext(&thread.start);
    thread.start.uc_stack.ss_sp = thread.stack.get();
    thread.start.uc_stack.ss_size = stackBytes;
    makecontext(&thread.start, runThread, 0);
  }
  for (unsigned done = 0; done < count;) {
    done = 0;
    for (unsigned index = 0; index < count; ++index) {
      threadIdx.x = index;
      if (!threads[index].done) resume(threads[index]);
      done += threads[index].done;
    }
  }
}

}  // namespace

void __syncthreads() {
  if (_setjmp(threads[threadIdx.x].waiting) == 0) _longjmp(turns, 1);
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
