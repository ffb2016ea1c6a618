/*
 * The part of a stand-in for the CUDA runtime that answers. It is one device of compute capability 9.0 whose memory is
 * untouched pages of the host and whose kernels do nothing. stand-in.ts adds a function that returns 0 for every other
 * one that the provider imports.
 *
 * The file that CUDA_STAND_IN_LOG names gets a line for everything that is counted:
 *   alloc <bytes>    copy <kind> <bytes>    launch <mangled name>
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { success = 0, out_of_memory = 2, host_to_device = 1, device_to_host = 2 };
static const size_t device_bytes = 80ull << 30;

void stand_in_log(const char *kind, const char *what, size_t bytes) {
  static FILE *file;
  static int opened;
  if (!opened) {
    const char *path = getenv("CUDA_STAND_IN_LOG");
    opened = 1;
    if (path && (file = fopen(path, "a"))) setvbuf(file, NULL, _IOLBF, 1 << 16);
  }
  if (!file) return;
  if (what) fprintf(file, "%s %s\n", kind, what);
  else fprintf(file, "%s %zu\n", kind, bytes);
}

/* The device. Properties are written at their offsets in CUDA 13's cudaDeviceProp, so that no header is needed. */
static void put_int(void *properties, size_t offset, int value) { memcpy((char *)properties + offset, &value, 4); }
static void put_size(void *properties, size_t offset, size_t value) { memcpy((char *)properties + offset, &value, 8); }

int cudaGetDeviceCount(int *count) { *count = 1; return success; }
int cudaGetDevice(int *device) { *device = 0; return success; }
int cudaDriverGetVersion(int *version) { *version = 13000; return success; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return success; }
int cudaMemGetInfo(size_t *free, size_t *total) { *free = *total = device_bytes; return success; }

int cudaGetDeviceProperties(void *properties, int device) {
  memset(properties, 0, 1008);
  strcpy(properties, "stand-in for compute capability 9.0");
  put_size(properties, 288, device_bytes);
  put_size(properties, 296, 48 << 10); /* shared memory of a block */
  put_int(properties, 304, 65536);     /* registers of a block */
  put_int(properties, 308, 32);        /* warp */
  put_int(properties, 320, 1024);      /* threads of a block, and along each axis */
  put_int(properties, 324, 1024);
  put_int(properties, 328, 1024);
  put_int(properties, 332, 64);
  put_int(properties, 336, 2147483647); /* blocks along each axis */
  put_int(properties, 340, 65535);
  put_int(properties, 344, 65535);
  put_int(properties, 360, 9); /* compute capability */
  put_int(properties, 364, 0);
  put_int(properties, 384, 132); /* multiprocessors */
  put_int(properties, 596, 50 << 20);
  put_int(properties, 604, 2048);
  put_size(properties, 624, 228 << 10);
  put_int(properties, 632, 65536);
  put_size(properties, 672, 227 << 10);
  return success;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 1: *value = 1024; break;
    case 16: *value = 132; break;
    case 39: *value = 2048; break;
    case 75: *value = 9; break;
    case 76: *value = 0; break;
    case 81: *value = 228 << 10; break;
    case 82: *value = 65536; break;
    case 97: *value = 227 << 10; break;
    default: *value = 1;
  }
  return success;
}

/* Memory. The size of a block is kept in the page before it. Pages that nobody writes to cost nothing. */
enum { page = 4096 };

static int device_alloc(void **pointer, size_t bytes) {
  char *block = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) return out_of_memory;
  *(size_t *)block = bytes + page;
  *pointer = block + page;
  stand_in_log("alloc", NULL, bytes);
  return success;
}
static int device_free(void *pointer) {
  if (!pointer) return success;
  char *block = (char *)pointer - page;
  munmap(block, *(size_t *)block);
  return success;
}
int cudaMalloc(void **pointer, size_t bytes) { return device_alloc(pointer, bytes); }
int cudaFree(void *pointer) { return device_free(pointer); }
int cudaMallocFromPoolAsync(void **pointer, size_t bytes, void *pool, void *stream) { return device_alloc(pointer, bytes); }
int cudaFreeAsync(void *pointer, void *stream) { return device_free(pointer); }
int cudaHostAlloc(void **pointer, size_t bytes, unsigned flags) { return (*pointer = malloc(bytes)) ? success : out_of_memory; }
int cudaMallocHost(void **pointer, size_t bytes) { return cudaHostAlloc(pointer, bytes, 0); }
int cudaFreeHost(void *pointer) { free(pointer); return success; }
int cudaMemPoolCreate(void **pool, const void *properties) { static int one; *pool = &one; return success; }

/* Small things are copied: sizes and indices count. Large ones are weights and activations, whose values do not. */
static int copy(void *to, const void *from, size_t bytes, int kind) {
  char line[64];
  snprintf(line, sizeof line, "%d %zu", kind, bytes);
  stand_in_log("copy", line, 0);
  if (bytes <= 1 << 20 || kind == device_to_host) memmove(to, from, bytes);
  return success;
}
int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) { return copy(to, from, bytes, kind); }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) { return copy(to, from, bytes, kind); }
int cudaMemset(void *pointer, int value, size_t bytes) { if (bytes <= 1 << 20) memset(pointer, value, bytes); return success; }
int cudaMemsetAsync(void *pointer, int value, size_t bytes, void *stream) { return cudaMemset(pointer, value, bytes); }

/* Streams and events */
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { static int one; *stream = &one; return success; }
int cudaStreamCreate(void **stream) { return cudaStreamCreateWithFlags(stream, 0); }
int cudaStreamIsCapturing(void *stream, int *capturing) { *capturing = 0; return success; }
int cudaEventCreateWithFlags(void **event, unsigned flags) { static int one; *event = &one; return success; }
int cudaEventCreate(void **event) { return cudaEventCreateWithFlags(event, 0); }
int cudaEventElapsedTime(float *milliseconds, void *start, void *end) { *milliseconds = 1; return success; }

/* Kernels: names by the address of their host function, in a table with open addressing. */
enum { slots = 1 << 18 };
static struct { const void *function; const char *name; } kernels[slots];

static size_t slot_of(const void *function) {
  size_t slot = ((uintptr_t)function >> 4) * 0x9E3779B97F4A7C15ull >> 46;
  while (kernels[slot].function && kernels[slot].function != function) slot = (slot + 1) % slots;
  return slot;
}
void **__cudaRegisterFatBinary(void *binary) { static void *one[4]; return one; }
void __cudaRegisterFunction(void **binary, const char *function, char *device_function, const char *name, int limit,
                            void *thread, void *block, void *block_size, void *grid_size, int *warp) {
  size_t slot = slot_of(function);
  kernels[slot].function = function;
  kernels[slot].name = strdup(name);
}
static int launched(const void *function) {
  const char *name = kernels[slot_of(function)].name;
  stand_in_log("launch", name ? name : "unknown", 0);
  return success;
}
typedef struct { unsigned x, y, z; } Dim3;
int __cudaGetKernel(void **kernel, const void *function) { *kernel = (void *)function; return success; }
int __cudaLaunchKernel(void *kernel, Dim3 grid, Dim3 block, void **arguments, size_t shared, void *stream) { return launched(kernel); }
int cudaLaunchKernel(const void *function, Dim3 grid, Dim3 block, void **arguments, size_t shared, void *stream) { return launched(function); }
int cudaLaunchKernelExC(const void *config, const void *function, void **arguments) { return launched(function); }
int cudaFuncGetAttributes(void *attributes, const void *function) { memset(attributes, 0, 144); return success; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function, int threads, size_t shared, unsigned flags) { *blocks = 1; return success; }
