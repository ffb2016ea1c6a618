/** Rows of an operand, of which as many as follow each other share one row of another one. */
#pragma once

#include <stdexcept>
#include <string>

#include "operator.h"

namespace framewright {

inline size_t elementsOf(const std::vector<int64_t>& shape) {
  size_t product = 1;
  for (const int64_t size : shape) product *= static_cast<size_t>(size);
  return product;
}

struct RowGroups {
  size_t groups = 0;
  /** Of a group. */
  int rows = 0;
  int width = 0;
};

/** Rows of `x` [..., width] by those of `of` [..., width]; throws where they do not divide. */
inline RowGroups rowGroups(const Operand& x, const Operand& of, const char* name) {
  if (x.shape.empty() || of.shape.empty() || of.shape.back() != x.shape.back() || x.shape.back() < 1) {
    throw std::runtime_error(std::string("expected a ") + name + " of the rows' width");
  }
  RowGroups found;
  found.width = static_cast<int>(x.shape.back());
  const size_t all = elementsOf(x.shape) / found.width;
  found.groups = elementsOf(of.shape) / found.width;
  if (all == 0) return found;
  if (found.groups == 0 || all % found.groups != 0) {
    throw std::runtime_error(std::string("expected rows of the ") + name + " that divide those of the operand");
  }
  found.rows = static_cast<int>(all / found.groups);
  return found;
}

/** Rows that a block does one after the other: what it holds for its group is read once for all of them. */
constexpr int rowsPerBlock = 4;

inline unsigned blocksOf(const RowGroups& about) {
  const size_t ofGroup = (about.rows + rowsPerBlock - 1) / rowsPerBlock;
  return static_cast<unsigned>(about.groups * ofGroup);
}

}  // namespace framewright
