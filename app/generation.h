// The same prompt, seed and noise through several lanes of the engine, as the window shows it: starts the lanes, polls
// them 30 times a second, keeps text and token times of each.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <vector>

#include "app/document.h"
#include "app/jobs.h"
#include "app/roof.h"
#include "engine/footprint.h"
#include "engine/generation.h"
#include "engine/tokenizer.h"

namespace app {

struct GenerationSettings {
  QString prompt;
  int tokens = 256;
  int batch = 1;
  quint64 seed = 1;
  engine::Sampling sampling{0.8, 0, 1.0};
  QString transformer;  // a checkpoint to run beside the two; "random": random weights of the same shape; empty: none
};

// One lane as it stands.
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

  // Operations per byte that must be moved for a step of the batch, and operations per second attained: the place in
  // a roofline. 0 before the first token.
  double flopsPerByte(int batch) const;
  double flopsPerSecond(int batch) const;

  // Tokens per second of all sequences in the lane's own time: of the last half second while it runs, of the whole
  // run once it has ended; 0 before the first token.
  double rate(int batch) const;
  // State and cache in use after `position` tokens, one sequence.
  double bytesAt(int position) const;
  // Of the whole run.
  double medianSeconds() const;
  double percentileSeconds(double share) const;
};

class GenerationRun : public QObject {
  Q_OBJECT

 public:
  GenerationRun(Document&, Jobs&, QObject* parent = nullptr);
  ~GenerationRun() override;

  // Loads the model and distils the plan where that has not happened yet (jobs with progress), then starts the lanes.
  // Whatever stands in the way is told by failed().
  void start(const GenerationSettings&);
  void setPaused(bool);
  void cancel();
  // Until every lane has ended and all it said has been taken over.
  bool active() const { return m_preparing || m_poll.isActive(); }
  bool paused() const { return m_paused; }

  const GenerationSettings& settings() const { return m_settings; }
  const std::vector<Lane>& lanes() const { return m_lanes; }
  // Tokens from the start on which original and distilled agree (as far as the slower has come).
  int identicalTokens() const;
  // Bytes of those tokens in the text.
  int identicalBytes() const;
  int promptTokens() const { return m_promptTokens; }
  // Of this machine; zero before the first run.
  const MeasuredRoof& roof() const { return m_roof; }
  // How many times faster than the original the distilled lane is; 0 before both have a rate.
  double speedUp() const;
  // "cpu · float32 · batch 1 · context 30 + 256 · order 16 (mean)".
  QString provenance() const;
  // The engine's model of the open checkpoint, once loaded.
  const std::shared_ptr<const engine::Model>& model() const { return m_model; }

 Q_SIGNALS:
  void stateChanged();  // preparing, running, paused or ended
  void progressed();    // at most 30 times a second while lanes run
  void failed(const QString& sentence);

 private:
  void reset();
  void prepare();
  void launch();
  engine::Tokenizer& tokenizerOf(const Lane&) const;
  void poll();

  Document& m_document;
  Jobs& m_jobs;
  QTimer m_poll;
  GenerationSettings m_settings;
  bool m_preparing = false, m_paused = false;
  std::shared_ptr<const engine::Model> m_model;      // original
  std::shared_ptr<const engine::Model> m_distilled;  // for m_distilledOrders
  std::vector<int> m_distilledOrders;
  std::unique_ptr<engine::Tokenizer> m_tokenizer, m_transformerTokenizer;
  std::shared_ptr<const engine::Model> m_transformer;
  QString m_transformerSource;  // what m_transformer is of
  MeasuredRoof m_roof;
  int m_promptTokens = 0;
  std::unique_ptr<engine::Generation> m_generation;
  std::vector<Lane> m_lanes;
};

}  // namespace app
