/** How cuBLASLt answers in the programs that run operators on a CPU. */
#pragma once

namespace framewright::cublaslt {

/** Kernels that were asked for so far. */
inline int choices = 0;
/** Whether there is none for any product. */
inline bool findsNone = false;

}  // namespace framewright::cublaslt
