/** The operator of `kernels/linear` for CUDA, its products by cuBLASLt on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include <stdexcept>

#include "cublaslt.h"

void callKernel(void*, void**) { throw std::logic_error("no kernel is launched"); }

namespace framewright {
std::vector<Operator> linear();

/** Prints how many kernels cuBLASLt is asked for, for products of these shapes by one node. */
void countChoices(const std::vector<Operator>& all, const std::vector<Shapes>& cases) {
  const auto kernel = find(all, Provider::cuda, f32).create(Attributes(nullptr));
  const int before = cublaslt::choices;
  for (const Shapes& shapes : cases) {
    std::vector<Bytes> inputs;
    for (const auto& shape : shapes) inputs.push_back(filled(f32, count(shape), 1));
    Memory own{{}, std::vector<Bytes>(1), 4};
    for (size_t at = 0; at < inputs.size(); ++at) own.inputs.push_back({inputs[at].data(), shapes[at]});
    memory = &own;
    kernel->compute(Call(nullptr));
  }
  std::printf("%d kernels chosen\n", cublaslt::choices - before);
}
}  // namespace framewright

int main() {
  using namespace framewright;
  const auto all = linear();
  const Shapes cases[] = {
      {{1, 9, 64}, {48, 64}, {48}},          // wider than high
      {{2, 3, 5, 32}, {96, 32}, {96}},       // rows of several axes
      {{1, 2, 1536}, {1536, 1536}, {1536}},  // Wan 1.3B
      {{33, 7}, {35, 7}, {35}},              // nothing that a vector divides
      {{16}, {16, 16}, {16}},                // one row
  };
  for (const float gelu : {0.f, 1.f}) {
    attributes = {{"gelu", gelu}};
    for (const Shapes& shapes : cases) {
      for (const ElementType type : {f32, f16, bf16}) compare(all, type, shapes);
    }
  }
  refuse(all, f32, {{1, 5, 16}, {8, 24}, {8}});
  refuse(all, f32, {{1, 5, 16}, {8, 16}, {16}});
  refuse(all, bf16, {{1, 5, 16}, {16}, {16}});
  const Shapes one = {{1, 9, 64}, {48, 64}, {48}}, other = {{1, 8, 64}, {48, 64}, {48}};
  countChoices(all, {one, other, one, one, other});
  cublaslt::findsNone = true;
  refuse(all, bf16, {{1, 5, 16}, {8, 16}, {8}});
}
