/*
 * Stand-ins for TensorRT's two libraries: what ONNX Runtime's provider is linked to, so that it loads. They know none of
 * TensorRT's classes, so nothing can be built with them.
 */
#include <stddef.h>

#ifdef INFER
void *createInferBuilder_INTERNAL() { return NULL; }
void *createInferRuntime_INTERNAL() { return NULL; }
void *createInferRefitter_INTERNAL() { return NULL; }
void *getPluginRegistry() { return NULL; }
int getInferLibVersion() { return 101300; }
#else
void *createNvOnnxParser_INTERNAL() { return NULL; }
void *createNvOnnxParserRefitter_INTERNAL() { return NULL; }
#endif
