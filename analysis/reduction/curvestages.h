// The default algorithm, stage by stage (reduction page, sections 4 and 5): each makes the curve better and shows it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/reduction/curvebuilder.h"
#include "analysis/reduction/curvejournal.h"
#include "analysis/reduction/pairsearch.h"
#include "analysis/reduction/starts.h"

namespace analysis {

// The arguments must outlive it. Every stage throws Stopped when the task is stopped.
class CurveStages {
 public:
  CurveStages(const Target&, const SpectralStarts&, CurveBuilder&, int startOrder, const Task&, CurveJournal&);

  void hear(const SpectralStarts& more) { m_heard = &more; }  // starts in addition

  void balanced();                             // least-squares residues of the balanced poles: the first whole curve
  void multiscale();                           // the same of the multi-scale starts of a long filter; nothing for others
  void descend();                              // variable projection from there, startOrder first, then outwards
  void moreStarts();                           // the other spectra, and greedy growth where the filter is not long
  void exchange();                             // the path exchange with finishing touches, until nothing changes
  std::shared_ptr<const OrderCurve> finish();  // publishes the final curve

 private:
  void spectral(const SpectralStarts&, bool withBalanced);
  Candidate polished(const PoleSet&, const std::string& name);
  void sometimes(const std::string& stage) {
    if (!m_journal.repeating()) m_curve.publishSometimes(stage);
  }

  const Target& m_target;
  const SpectralStarts& m_starts;
  const SpectralStarts* m_heard = nullptr;
  CurveBuilder& m_curve;
  const Task& m_task;
  CurveJournal& m_journal;
  int m_useful;
  std::vector<int> m_outwards;  // startOrder first
  std::vector<PoleSet> m_balanced, m_multiscale;  // one for each order, if there is one
  std::vector<int> m_finished;  // version of the model that was finished last
  std::shared_ptr<const PairSearch> m_search;
};

}  // namespace analysis
