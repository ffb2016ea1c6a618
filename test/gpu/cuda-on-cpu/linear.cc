/** The operator of `kernels/linear` for CUDA, its products by cuBLASLt on a CPU, beside the one for the CPU. */
#include "operator-cases.h"

#include "../../../kernels/linear/kernel.cu"
#include "cublaslt.h"

extern "C" const unsigned char linear_image[1] = {};

void callKernel(void* kernel, void** arguments) {
  const Arguments all{arguments};
  using Kernel = void (*)(void*, void*, void*, void*, int, int);
  reinterpret_cast<Kernel>(kernel)(all.pointer(0), all.pointer(1), all.pointer(2), all.pointer(3), all.whole(4),
                                   all.whole(5));
}

namespace framewright {
std::vector<Operator> linear();

/** Prints how many kernels cuBLASLt is asked for, for products of these shapes by one node. */
void countChoices(const std::vector<Operator>& all, const std::vector<Shapes>& cases) {
  const auto kernel = find(all, Provider::cuda, f32).create(Attributes(nullptr));
  const int before = cublaslt::choices;
  for (const Shapes& shapes : cases) {
    std::vector<Bytes> inputs;
    for (const auto& shape : shapes) inputs.push_back(filled(f32, count(shape), 1));
    Memory own{{}, std::vector<Bytes>(1), {f32}};
    for (size_t at = 0; at < inputs.size(); ++at) own.inputs.push_back({inputs[at].data(), shapes[at]});
    memory = &own;
    kernel->compute(Call(nullptr));
  }
  std::printf("%d kernels chosen\n", cublaslt::choices - before);
}

/** Those with the dtype of a bias first: what finds an operator looks at its first input. */
const Operator& ofBias(const std::vector<Operator>& all, Provider provider, ElementType type) {
  for (const Operator& each : all) {
    if (each.provider == provider && each.inputs.back() == type) return each;
  }
  throw std::runtime_error("no such operator");
}

/** Prints the error of `LinearFloat8` for x [rows, in] and a weight [out, in], beside the operator for the CPU. */
void compareFloat8(const std::vector<Operator>& all, ElementType type, int64_t rows, int64_t in, int64_t out) {
  const Shapes shapes = {{1, rows, in}, {1, rows, 1}, {out, in}, {out, 1}, {out}};
  const Operator& own = ofBias(all, Provider::cuda, type);
  std::vector<Bytes> inputs;
  for (size_t at = 0; at < shapes.size(); ++at) inputs.push_back(filled(own.inputs[at], count(shapes[at]), at + 1));
  auto wide = inputs;
  wide.back() = converted(inputs.back(), type, f32);
  const auto result = run(own, inputs, shapes);
  const auto reference = run(ofBias(all, Provider::cpu, f32), wide, shapes);
  const char* const about = type == f32 ? "f32" : cublaslt::scalesRows ? "bf16" : "bf16-twice";
  std::printf("%s %.3g\n", about, relativeError(result[0], type, reference[0]));
}

/** Prints why `LinearFloat8` refuses operands. */
void refuseFloat8(const std::vector<Operator>& all, const Shapes& shapes) { refuse(named(all, "LinearFloat8"), f8e4m3, shapes); }
}  // namespace framewright

int main() {
  using namespace framewright;
  const auto every = linear();
  const auto all = named(every, "Linear"), float8 = named(every, "LinearFloat8");
  const Shapes cases[] = {
      {{1, 9, 64}, {48, 64}, {48}},          // wider than high
      {{2, 3, 5, 32}, {96, 32}, {96}},       // rows of several axes
      {{1, 2, 1536}, {1536, 1536}, {1536}},  // Wan 1.3B
      {{33, 7}, {35, 7}, {35}},              // nothing that a vector divides
      {{16}, {16, 16}, {16}},                // one row
  };
  for (const float gelu : {0.f, 1.f}) {
    attributes = {{"gelu", gelu}, {"scaled", 1}};
    for (const Shapes& shapes : cases) {
      for (const ElementType type : {f32, f16, bf16}) compare(all, type, shapes);
    }
  }
  for (const bool scales : {true, false}) {
    cublaslt::scalesRows = scales;
    for (const float gelu : {0.f, 1.f}) {
      attributes = {{"gelu", gelu}, {"scaled", 1}};
      for (const ElementType type : {f32, bf16}) {
        compareFloat8(float8, type, 9, 64, 48);
        compareFloat8(float8, type, 2, 1536, 1536);
      }
    }
  }
  cublaslt::scalesRows = true;
  attributes = {{"gelu", 0}, {"scaled", 0}};
  for (const ElementType type : {f32, bf16}) compareFloat8(float8, type, 9, 64, 48);  // the sums alone
  refuse(all, f32, {{1, 5, 16}, {8, 24}, {8}});
  refuse(all, f32, {{1, 5, 16}, {8, 16}, {16}});
  refuse(all, bf16, {{1, 5, 16}, {16}, {16}});
  const Shapes one = {{1, 9, 64}, {48, 64}, {48}}, other = {{1, 8, 64}, {48, 64}, {48}};
  countChoices(all, {one, other, one, one, other});
  refuseFloat8(every, {{1, 5, 16}, {1, 4, 1}, {32, 16}, {32}, {32}});
  refuseFloat8(every, {{1, 5, 16}, {1, 5, 1}, {32, 16}, {}, {32}});
  refuseFloat8(every, {{1, 5, 24}, {1, 5, 1}, {32, 24}, {32}, {32}});
  cublaslt::findsNone = true;
  refuseFloat8(every, {{1, 5, 16}, {1, 5, 1}, {32, 16}, {32}, {32}});
  refuse(all, bf16, {{1, 5, 16}, {8, 16}, {8}});
}
