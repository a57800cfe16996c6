// What the tests of distilled models share.
#pragma once

#include <cstring>
#include <memory>

#include "analysis/reduction/distilled.h"

namespace distilledhelpers {

using namespace analysis;

inline std::shared_ptr<const Checkpoint> sample() {
  static const auto checkpoint = Checkpoint::open(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
  return checkpoint;
}

inline bool sameBits(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// Bit for bit, metadata aside.
inline bool same(const Distilled& a, const Distilled& b) {
  if (a.banks.size() != b.banks.size()) return false;
  for (std::size_t k = 0; k < a.banks.size(); ++k) {
    if (a.banks[k].path != b.banks[k].path || a.banks[k].filters.size() != b.banks[k].filters.size()) return false;
    for (std::size_t c = 0; c < a.banks[k].filters.size(); ++c) {
      const auto &x = a.banks[k].filters[c], &y = b.banks[k].filters[c];
      if (x.has_value() != y.has_value()) return false;
      if (!x) continue;
      if (!sameBits(x->skip, y->skip) || !sameBits(x->errorRelative, y->errorRelative)) return false;
      if (!sameBits(x->certificate, y->certificate) || x->poleSet != y->poleSet) return false;
      if (!sameBits(x->model.feedthrough, y->model.feedthrough)) return false;
      if (x->model.modes.size() != y->model.modes.size()) return false;
      for (std::size_t m = 0; m < x->model.modes.size(); ++m) {
        const Mode &p = x->model.modes[m], &q = y->model.modes[m];
        if (p.pair != q.pair || p.logPole != q.logPole || p.residue != q.residue) return false;
      }
    }
  }
  return true;
}

}  // namespace distilledhelpers
