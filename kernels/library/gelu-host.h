/** The Gaussian error linear unit in its form with the hyperbolic tangent, on the host. */
#pragma once

#include <cmath>

namespace framewright {

inline double gelu(double x) {
  constexpr double rootOfTwoOverPi = 0.7978845608028654;
  return 0.5 * x * (1 + std::tanh(rootOfTwoOverPi * (x + 0.044715 * x * x * x)));
}

}  // namespace framewright
