/*
 * A stand-in for the driver, as our own kernels use it: their code is taken as it is, and a launch is counted. The log
 * is that of the runtime's stand-in.
 */
#include <stddef.h>
#include <string.h>

void stand_in_log(const char *kind, const char *what, size_t bytes) __attribute__((weak));

int cuInit(unsigned flags) { return 0; }
int cuGetErrorString(int error, const char **text) { *text = "stand-in"; return 0; }
int cuCtxGetCurrent(void **context) { static int one; *context = &one; return 0; }
int cuLibraryLoadData(void **library, const void *image, int *options, void **values, unsigned count,
                      int *library_options, void **library_values, unsigned library_count) {
  /* What fat binaries begin with. */
  static const unsigned char magic[] = {0x50, 0xed, 0x55, 0xba};
  if (memcmp(image, magic, sizeof magic)) return 200; /* invalid image */
  *library = (void *)image;
  return 0;
}
/* A kernel is its name. */
int cuLibraryGetKernel(void **kernel, void *library, const char *name) { *kernel = strdup(name); return 0; }
int cuLaunchKernel(void *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared, void *stream, void **arguments, void **extra) {
  if (block_x == 0 || block_x > 1024 || block_x % 32 || grid_x == 0) return 1; /* invalid value */
  if (stand_in_log) stand_in_log("launch", kernel, 0);
  return 0;
}
