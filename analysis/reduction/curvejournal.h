// What a curve has computed so far, in order: a stopped curve is taken up again by walking the same way with the results
// at hand, so that it ends exactly as an uninterrupted one. The algorithm is deterministic; only its order of service
// depends on where it started, and that is kept, too.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "analysis/reduction/candidate.h"

namespace analysis {

// For one Reducer; one curve at a time. A few hundred kilobytes.
class CurveJournal {
 public:
  // Back to the beginning. The order to serve first: the one of the first call.
  int rewind(int startOrder) {
    if (m_entries.empty()) m_startOrder = startOrder;
    m_next = 0;
    return m_startOrder;
  }
  // The next result: from the journal as long as it lasts, then computed and kept. Nothing is kept when that throws.
  template <typename Compute>
  Candidate once(Compute&& compute) {
    if (m_next == m_entries.size()) m_entries.push_back(compute());
    return m_entries[m_next++];
  }
  // Results are still being repeated: there is nothing new to show.
  bool repeating() const { return m_next < m_entries.size(); }
  std::size_t size() const { return m_entries.size(); }

 private:
  int m_startOrder = 1;
  std::size_t m_next = 0;
  std::vector<Candidate> m_entries;
};

}  // namespace analysis
