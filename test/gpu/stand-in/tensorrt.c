/*
 * Stand-ins for TensorRT's two libraries. Their objects answer every call with 0: the registry has no plugins and the
 * parser knows no network. With them ONNX Runtime's provider opens sessions, reads its options, and asks the parser
 * about a graph; it gets no node, so that all of them go to CUDA, and no engine is built. The builder alone answers with
 * an object, the network that it is to make.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* An object of TensorRT has a table of virtual functions, and a second object that its inline functions call. */
enum { functions = 256 };
typedef struct Object {
  void **table;
  struct Object *implementation;
} Object;

static void *nothing(void) { return NULL; }

static Object *object_of(void **table, void *(*function)(void)) {
  static Object made[8];
  static int count;
  for (int index = 0; index < functions; ++index) table[index] = (void *)function;
  made[count] = (Object){table, &made[count]};
  return &made[count++];
}

#define EMPTY(name)                                     \
  static Object *name(void) {                           \
    static void *table[functions];                      \
    static Object *object;                              \
    if (!object) object = object_of(table, nothing);    \
    return object;                                      \
  }

/* The log of the CUDA runtime's stand-in, which is not visible from here. */
static void *log_of(const char *what, void *object) {
  const char *path = getenv("CUDA_STAND_IN_LOG");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return object;
  fprintf(file, "tensorrt %s\n", what);
  fclose(file);
  return object;
}

#ifdef INFER
EMPTY(network)
EMPTY(runtime)
EMPTY(registry)
static void *make_network(void) { return network(); }
static Object *builder(void) {
  static void *table[functions];
  static Object *object;
  if (!object) object = object_of(table, make_network);
  return object;
}
void *createInferBuilder_INTERNAL(void *logger, int version) { return log_of("builder", builder()); }
void *createInferRuntime_INTERNAL(void *logger, int version) { return log_of("runtime", runtime()); }
void *createInferRefitter_INTERNAL(void *engine, void *logger, int version) { return NULL; }
void *getPluginRegistry(void) { return registry(); }
int getInferLibVersion(void) { return 101300; }
#else
EMPTY(parser)
void *createNvOnnxParser_INTERNAL(void *network, void *logger, int version) { return log_of("parser", parser()); }
void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *logger, int version) { return NULL; }
#endif
