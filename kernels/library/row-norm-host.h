/** What the operators of a norm of rows have in common beside their kernels: options, threads, the norm on a CPU. */
#pragma once

#include <cmath>

#include "float-kernels.h"

namespace framewright {

/** As `row-norm.h` has them. */
struct NormOptions {
  float epsilon, offset;
  int centered;
};

inline NormOptions normOptions(const Attributes& attributes) {
  return {attributes.number("epsilon"), attributes.number("offset"), attributes.number("centered") != 0};
}

/** Threads of a block that holds a row, as `row-norm.h` shares it out. */
inline unsigned threadsOfRow(int width, int perThread) {
  return threadsHolding(width, perThread, perThread == 8 ? 1 : 2);
}

/** total = x + update · gate */
inline void addRow(const float* x, const float* update, const float* gate, float* total, size_t width) {
  for (size_t channel = 0; channel < width; ++channel) total[channel] = x[channel] + update[channel] * gate[channel];
}

/** y = (x - mean) / √(mean of squares + epsilon) · (offset + scale) + shift */
inline void normalizeRow(const float* x, const float* scale, const float* shift, float* y, size_t width,
                         const NormOptions& options) {
  double sum = 0, squares = 0;
  for (size_t channel = 0; channel < width; ++channel) sum += x[channel];
  const double mean = options.centered != 0 ? sum / static_cast<double>(width) : 0;
  for (size_t channel = 0; channel < width; ++channel) squares += (x[channel] - mean) * (x[channel] - mean);
  const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + options.epsilon);
  for (size_t channel = 0; channel < width; ++channel) {
    const double unit = (x[channel] - mean) * inverse;
    y[channel] = static_cast<float>(unit * (options.offset + scale[channel]) + shift[channel]);
  }
}

}  // namespace framewright
