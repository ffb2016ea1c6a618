/** How cuBLASLt answers in the programs that run operators on a CPU. */
#pragma once

namespace framewright::cublaslt {

/** Kernels that were asked for so far. */
inline int choices = 0;
/** Whether it takes a scale for every row: not in a search, but when it is run, as cuBLASLt may say it. */
inline bool scalesRows = true;
/** Whether there is none for any product. */
inline bool findsNone = false;

}  // namespace framewright::cublaslt
