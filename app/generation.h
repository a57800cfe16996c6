// The same prompt, seed and noise through several lanes of the engine, as the window shows it: starts the lanes, polls
// them 30 times a second, keeps text and token times of each.
#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <map>
#include <memory>
#include <vector>

#include "app/document.h"
#include "app/jobs.h"
#include "app/lane.h"
#include "app/lanedevice.h"
#include "app/roof.h"
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
  QString device;       // of engine::devices(); empty: automatic
};

class GenerationRun : public QObject {
  Q_OBJECT

 public:
  GenerationRun(Document&, Jobs&, QObject* parent = nullptr);
  ~GenerationRun() override;

  // Loads the model and distils the plan where that has not happened yet (jobs with progress), then starts the lanes.
  // Whatever stands in the way is told by failed().
  void start(const GenerationSettings&);
  // The throughput of the same lanes over the batch, in place of text: see sweepBatches. Replaces the lanes there are.
  void sweep(const GenerationSettings&);
  void setPaused(bool);
  void cancel();
  // Until every lane has ended and all it said has been taken over.
  bool active() const { return m_preparing || m_sweeping || m_poll.isActive(); }
  bool sweeping() const { return m_sweeping; }
  bool paused() const { return m_paused; }

  const GenerationSettings& settings() const { return m_settings; }
  const std::vector<Lane>& lanes() const { return m_lanes; }
  // Grows whenever the lanes are those of another run or sweep.
  int number() const { return m_number; }
  // Tokens from the start on which original and distilled agree (as far as the slower has come).
  int identicalTokens() const;
  // Bytes of those tokens in the text.
  int identicalBytes() const;
  int promptTokens() const { return m_promptTokens; }
  // What can be computed on; the processor alone until the driver was asked, which devicesFound() tells.
  const std::vector<engine::DeviceInfo>& devices() const { return m_devices; }
  // Of the last run.
  const LaneDevice& device() const { return m_device; }
  // Of that device; zero before the first run.
  const MeasuredRoof& roof() const { return m_roof; }
  // How many times faster than the original the distilled lane is (a sweep: each at its best batch); 0 before both have
  // a rate.
  double speedUp() const;
  // "Intel Xeon Processor · float32 · batch 1 · context 30 + 256 tokens · order 16", and what counted in the fits.
  QString provenance() const;
  // The engine's model of the open checkpoint, once loaded.
  const std::shared_ptr<const engine::Model>& model() const { return m_model; }

 Q_SIGNALS:
  void stateChanged();  // preparing, running, paused or ended
  void progressed();    // at most 30 times a second while lanes run
  void devicesFound();
  void failed(const QString& sentence);

 private:
  // What a job brings back for the lanes to start.
  struct Prepared;

  void reset();
  void findDevices();
  void prepare(const GenerationSettings&, void (GenerationRun::*then)());
  void adopt(const Prepared&);
  void launch();
  void launchSweep();
  void makeLanes(std::vector<engine::LaneRequest>* requests);
  engine::Tokenizer& tokenizerOf(const Lane&) const;
  void poll();

  Document& m_document;
  Jobs& m_jobs;
  QTimer m_poll;
  GenerationSettings m_settings;
  bool m_preparing = false, m_paused = false, m_sweeping = false;
  std::vector<engine::DeviceInfo> m_devices;
  LaneDevice m_device;
  std::shared_ptr<const engine::Model> m_model;      // original
  std::shared_ptr<const engine::Model> m_distilled;  // for m_distilledOrders
  std::vector<int> m_distilledOrders;
  QString m_weightRemark;  // by what m_distilled was fitted, as FitWeight::remark() says it
  std::unique_ptr<engine::Tokenizer> m_tokenizer, m_transformerTokenizer;
  std::shared_ptr<const engine::Model> m_transformer;
  QString m_transformerSource;  // what m_transformer is of
  MeasuredRoof m_roof;
  std::map<std::string, MeasuredRoof> m_roofs;  // of the devices used so far
  int m_promptTokens = 0, m_number = 0;
  std::unique_ptr<engine::Generation> m_generation;
  std::vector<Lane> m_lanes;
};

}  // namespace app
