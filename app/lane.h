// One lane of a generation as it stands: its text so far, the time of every token, its memory, its sweep over the batch.
#pragma once

#include <QByteArray>
#include <QString>
#include <vector>

#include "app/batchsweep.h"
#include "engine/footprint.h"
#include "engine/generation.h"

namespace app {

struct Lane {
  using Phase = engine::LaneState::Phase;
  enum class Kind { original, distilled, transformer } kind = Kind::original;
  QString name;    // "Original"
  QString remark;  // "cached convolution, fp32"
  Phase phase = Phase::waiting;
  QByteArray text;                    // bytes generated so far, first sequence
  std::vector<engine::Token> tokens;  // first sequence
  std::vector<double> tokenSeconds;   // own time of each step, other lanes' turns not counted
  double prefillSeconds = 0;
  engine::MemoryUse memory;
  std::size_t stateBytes = 0;  // of one sequence, constant
  std::size_t cacheBytes = 0;  // of one sequence when `capacityTokens` are used; grows with the position
  int capacityTokens = 0;
  engine::Footprint footprint;
  QString error;
  std::vector<SweepPoint> sweep;  // throughput over the batch
  QString sweepEnd;               // why the sweep of this lane went no further; empty: nothing stood in the way

  // Operations per byte that must be moved for a step of the batch, and operations per second attained: the place in
  // a roofline. 0 before the first token.
  double flopsPerByte(int batch) const;
  double flopsPerSecond(int batch) const;

  // Of the sweep; null before its first point.
  const SweepPoint* bestBatch() const;
  // Tokens per second of all sequences in the lane's own time: of the last half second while it runs, of the whole
  // run once it has ended; 0 before the first token.
  double rate(int batch) const;
  // State and cache in use after `position` tokens, one sequence.
  double bytesAt(int position) const;
  // Of the whole run.
  double medianSeconds() const;
  double percentileSeconds(double share) const;
};

}  // namespace app
