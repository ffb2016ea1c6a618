/** 8-bit floats on the host: e4m3 with 4 bits of exponent and 3 of fraction, no infinities (OCP 8-bit Floating Point). */
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace framewright {

/** The largest magnitude. */
constexpr float largestE4m3 = 448;

/** The least scale of a row: one of zeros has one all the same. */
constexpr float leastScale = 1e-30f;

inline float fromE4m3(uint8_t bits) {
  const int exponent = bits >> 3 & 15, fraction = bits & 7;
  if ((bits & 127) == 127) return NAN;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                        : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
  return bits & 128 ? -magnitude : magnitude;
}

/** To nearest, halves to even; what is larger than the largest becomes that. */
inline uint8_t toE4m3(float value) {
  const uint8_t sign = std::signbit(value) ? 128 : 0;
  if (std::isnan(value)) return sign | 127;
  const float magnitude = std::fmin(std::fabs(value), largestE4m3);
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // in [2^(exponent − 1), 2^exponent)
  const int unit = magnitude >= 0x1p-6f ? exponent - 4 : -9;
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -unit)));  // at most 16
  // Exponent and fraction follow each other: a step past the last fraction is the next exponent.
  return sign | static_cast<uint8_t>(unit == -9 ? steps : (unit + 9) * 8 + steps);
}

/** Rounds a row, with a scale that brings its largest magnitude to the largest e4m3. Gives the scale. */
inline float toE4m3Row(const float* x, uint8_t* elements, size_t width) {
  float largest = 0;
  for (size_t channel = 0; channel < width; ++channel) largest = std::fmax(largest, std::fabs(x[channel]));
  const float scale = std::fmax(largest * (1 / largestE4m3), leastScale);
  for (size_t channel = 0; channel < width; ++channel) elements[channel] = toE4m3(x[channel] / scale);
  return scale;
}

}  // namespace framewright
