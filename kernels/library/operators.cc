/** The kernels of the library: one line a folder. */
#include "operator.h"

namespace framewright {

std::vector<Operator> gatedResidual();
std::vector<Operator> linear();
std::vector<Operator> normModulate();
std::vector<Operator> normSiluWindows();
std::vector<Operator> qkNormRope();
std::vector<Operator> residualNorm();
std::vector<Operator> roundNorm();
std::vector<Operator> roundRows();
std::vector<Operator> roundSums();

std::vector<Operator> operators() {
  std::vector<Operator> all;
  for (const auto& kernel : {gatedResidual, linear, normModulate, normSiluWindows, qkNormRope, residualNorm, roundNorm,
                             roundRows, roundSums}) {
    for (Operator& each : kernel()) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace framewright
