#include "app/generation.h"

#include <QFileInfo>
#include <algorithm>
#include <numeric>
#include <utility>

#include "analysis/reduction/distilled.h"
#include "engine/device.h"
#include "engine/error.h"
#include "engine/footprint.h"
#include "engine/randomtransformer.h"

namespace app {

GenerationRun::GenerationRun(Document& document, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_jobs(jobs) {
  m_poll.setInterval(33);
  connect(&m_poll, &QTimer::timeout, this, &GenerationRun::poll);
  connect(&document, &Document::opened, this, &GenerationRun::reset);
  connect(&document, &Document::fitWeightChanged, this, [this] {  // the next run fits anew; this one goes on
    if (m_preparing) cancel();
    m_distilled.reset();
  });
  findDevices();
}

GenerationRun::~GenerationRun() = default;

void GenerationRun::reset() {
  cancel();
  m_poll.stop();
  m_generation.reset();
  m_model.reset();
  m_distilled.reset();
  m_distilledOrders.clear();
  m_tokenizer.reset();
  m_transformerTokenizer.reset();
  m_transformer.reset();
  m_transformerSource.clear();
  m_lanes.clear();
  Q_EMIT stateChanged();
}

struct GenerationRun::Prepared {
  std::shared_ptr<const engine::Model> model, distilled, transformer;
  std::shared_ptr<const analysis::Checkpoint> otherCheckpoint;  // of the Transformer, where it was read just now
  std::vector<int> orders;
  QString transformerSource, deviceAsked, weightRemark;
  LaneDevice device;
  MeasuredRoof roof;
};

void GenerationRun::findDevices() {
  m_jobs.start(QStringLiteral("find devices"), tr("Looking for GPUs"), Jobs::Priority::batch,
               [this](const analysis::Task&, const Jobs::Post& post) {
                 post([this, devices = engine::devices()] {
                   m_devices = devices;
                   Q_EMIT devicesFound();
                 });
               });
}

void GenerationRun::start(const GenerationSettings& settings) {
  prepare(settings, &GenerationRun::launch);
}

void GenerationRun::sweep(const GenerationSettings& settings) {
  prepare(settings, &GenerationRun::launchSweep);
}

void GenerationRun::prepare(const GenerationSettings& settings, void (GenerationRun::*then)()) {
  if (!m_document.checkpoint()) return;
  cancel();
  m_settings = settings;
  m_preparing = true;
  m_paused = false;
  Q_EMIT stateChanged();
  Prepared known;
  known.model = m_model;
  known.orders = m_document.orders();
  if (m_distilledOrders == known.orders) known.distilled = m_distilled;
  if (m_transformerSource == m_settings.transformer) known.transformer = m_transformer;
  known.transformerSource = m_settings.transformer;
  known.deviceAsked = m_settings.device;
  known.weightRemark = m_document.fitWeight().remark();
  // A device that failed a lane is opened anew.
  const bool laneFailed = std::any_of(m_lanes.begin(), m_lanes.end(),
                                  [](const Lane& lane) { return lane.phase == Lane::Phase::failed; });
  if (!laneFailed) known.device = m_device;
  m_jobs.start(
      QStringLiteral("prepare generation"), tr("Distilling %1 filters").arg(m_document.filterCount()),
      Jobs::Priority::batch,
      [this, then, known, checkpoint = m_document.checkpoint(), fitWeight = m_document.fitWeight(), roofs = m_roofs](
          const analysis::Task& task, const Jobs::Post& post) {
        Prepared made = known;
        if (!made.model) made.model = engine::Model::load(checkpoint, task);
        if (!made.distilled) {
          analysis::DistilRequest request;
          request.orders = made.orders;
          request.weight = fitWeight.weight;
          made.distilled = made.model->withDistilled(analysis::distil(*checkpoint, request, task));
        }
        if (!made.transformer && made.transformerSource == QLatin1String("random")) {
          made.transformer = engine::randomTransformer(*made.model);
        } else if (!made.transformer && !made.transformerSource.isEmpty()) {
          const std::string source = made.transformerSource.toStdString();
          made.otherCheckpoint = analysis::Checkpoint::open(source, task);
          made.transformer = engine::Model::load(made.otherCheckpoint, task);
          if (made.transformer->shape().blocks.front().kind != engine::BlockShape::Kind::attention)
            throw engine::Error(engine::ErrorKind::input, source, "it is no Transformer",
                                "choose a GPT checkpoint, or random weights");
        }
        LaneModels lanes{{made.model, engine::Mixer::convolutionLazy}, {made.distilled, engine::Mixer::modal}};
        if (made.transformer) lanes.emplace_back(made.transformer, engine::Mixer::attention);
        made.device = chooseDevice(made.deviceAsked, lanes, known.device);
        if (const auto roof = roofs.find(made.device.info.id); roof != roofs.end()) {
          made.roof = roof->second;
        } else if (made.device.gpu()) {
          const engine::Calibration measured = made.device.device->calibrate();
          made.roof = {measured.matmulFlopsPerSecond, measured.copyBytesPerSecond};
        } else {
          made.roof = measureRoof(task);
        }
        post([this, then, made] {
          adopt(made);
          (this->*then)();
        });
      },
      [this](const QString& sentence) {
        m_preparing = false;
        Q_EMIT failed(sentence);
        Q_EMIT stateChanged();
      });
}

void GenerationRun::adopt(const Prepared& made) {
  if (made.otherCheckpoint)
    m_transformerTokenizer = engine::makeTokenizer(made.otherCheckpoint->languageModel()->tokenizer);
  if (made.transformerSource == QLatin1String("random")) m_transformerTokenizer.reset();
  m_transformer = made.transformer;
  m_transformerSource = made.transformerSource;
  if (m_device.device && m_device.device != made.device.device)  // a driver may take its time to let go
    m_jobs.start(QStringLiteral("close device"), tr("Closing the device"), Jobs::Priority::batch,
                 [old = std::exchange(m_device.device, nullptr)](const analysis::Task&, const Jobs::Post&) {});
  m_device = made.device;
  m_roof = m_roofs[made.device.info.id] = made.roof;
  m_model = made.model;
  m_distilled = made.distilled;
  m_distilledOrders = made.orders;
  m_weightRemark = made.weightRemark;
  m_preparing = false;
}

// Throws engine::Error for a prompt that cannot be used.
void GenerationRun::makeLanes(std::vector<engine::LaneRequest>* requests) {
  const analysis::LanguageModel* description = m_document.checkpoint()->languageModel();
  if (!m_tokenizer) m_tokenizer = engine::makeTokenizer(description->tokenizer);
  const std::vector<engine::Token> prompt = m_tokenizer->encode(m_settings.prompt.toStdString());
  m_promptTokens = static_cast<int>(prompt.size());
  if (prompt.empty())
    throw engine::Error(engine::ErrorKind::input, "Prompt", "it is empty", "type at least one character");
  m_lanes.clear();
  ++m_number;
  const auto addLane = [&](Lane::Kind kind, const QString& name, const QString& remark,
                           const std::shared_ptr<const engine::Model>& model, engine::Mixer mixer,
                           const std::vector<engine::Token>& begin) {
    engine::Workload workload;
    workload.batch = m_settings.batch;
    workload.capacityTokens = static_cast<int>(begin.size()) + m_settings.tokens;
    workload.mode.mixer = mixer;
    workload.sampling = m_settings.sampling;
    workload.seed = m_settings.seed;
    const engine::Footprint print = m_device.device->predict(model->shape(), workload);
    Lane lane;
    lane.kind = kind;
    lane.name = name;
    lane.remark = remark;
    lane.stateBytes = print.stateBytesPerSequence;
    lane.cacheBytes = print.cacheBytesPerSequence;
    lane.capacityTokens = workload.capacityTokens;
    lane.footprint = print;
    m_lanes.push_back(lane);
    requests->push_back({name.toStdString(), model, workload, begin, m_settings.tokens, m_device.info.id});
  };
  addLane(Lane::Kind::original, tr("Original"), tr("cached convolution"), m_model, engine::Mixer::convolutionLazy,
          prompt);
  addLane(Lane::Kind::distilled, tr("Distilled"), tr("modal recurrence"), m_distilled, engine::Mixer::modal, prompt);
  if (m_transformer) {
    const bool random = m_transformerSource == QLatin1String("random");
    addLane(Lane::Kind::transformer, tr("Transformer"),
            random ? tr("random weights, same shape") : QFileInfo(m_transformerSource).fileName(), m_transformer,
            engine::Mixer::attention,
            m_transformerTokenizer ? m_transformerTokenizer->encode(m_settings.prompt.toStdString()) : prompt);
  }
}

void GenerationRun::launch() {
  try {
    std::vector<engine::LaneRequest> requests;
    makeLanes(&requests);
    m_generation = std::make_unique<engine::Generation>(std::move(requests));
    m_poll.start();
  } catch (const std::exception& error) {
    m_lanes.clear();
    Q_EMIT failed(QString::fromUtf8(error.what()));
  }
  Q_EMIT stateChanged();
}

void GenerationRun::launchSweep() {
  SweepRequest request;
  m_settings.tokens = request.newTokens = std::min(m_settings.tokens, request.newTokens);
  try {
    std::vector<engine::LaneRequest> lanes;
    makeLanes(&lanes);
    for (const engine::LaneRequest& lane : lanes) request.lanes.push_back({lane.model, lane.workload.mode.mixer});
  } catch (const std::exception& error) {
    m_lanes.clear();
    Q_EMIT failed(QString::fromUtf8(error.what()));
    Q_EMIT stateChanged();
    return;
  }
  m_generation.reset();
  request.device = m_device.info.id;
  request.promptTokens = m_promptTokens;
  m_sweeping = true;
  const auto ended = [this] {
    m_sweeping = false;
    Q_EMIT stateChanged();
  };
  m_jobs.start(
      QStringLiteral("sweep batches"), tr("Sweeping batches"), Jobs::Priority::batch,
      [this, request, ended](const analysis::Task& task, const Jobs::Post& post) {
        sweepBatches(
            request, task,
            [&](int lane, SweepPoint point) {
              post([this, lane, point] {
                m_lanes[static_cast<std::size_t>(lane)].sweep.push_back(point);
                Q_EMIT progressed();
              });
            },
            [&](int lane, const QString& why) {
              post([this, lane, why] { m_lanes[static_cast<std::size_t>(lane)].sweepEnd = why; });
            });
        post(ended);
      },
      [this, ended](const QString& sentence) {
        Q_EMIT failed(sentence);
        ended();
      });
  Q_EMIT stateChanged();
}

void GenerationRun::poll() {
  if (!m_generation) return m_poll.stop();
  const bool ended = m_generation->finished();  // asked first, so that the last events are not missed
  for (std::size_t i = 0; i < m_lanes.size(); ++i) {
    Lane& lane = m_lanes[i];
    const engine::LaneState state = m_generation->poll(static_cast<int>(i));
    lane.phase = state.phase;
    lane.prefillSeconds = state.prefillSeconds;
    lane.memory = state.memory;
    lane.error = QString::fromStdString(state.error);
    for (const engine::TokenEvent& event : state.events) {
      if (event.sequence != 0) continue;
      lane.tokens.push_back(event.token);
      lane.text += QByteArray::fromStdString(tokenizerOf(lane).decode(event.token));
      lane.tokenSeconds.push_back(static_cast<double>(event.stepNanoseconds) * 1e-9);
    }
  }
  if (ended) m_poll.stop();
  Q_EMIT progressed();
  if (ended) Q_EMIT stateChanged();
}

void GenerationRun::setPaused(bool paused) {
  if (!m_generation || m_paused == paused) return;
  m_paused = paused;
  m_generation->pause(paused);
  Q_EMIT stateChanged();
}

void GenerationRun::cancel() {
  if (m_preparing) {
    m_preparing = false;
    m_jobs.cancel(QStringLiteral("prepare generation"));
    Q_EMIT stateChanged();
  }
  if (m_sweeping) {  // what was measured stays
    m_sweeping = false;
    m_jobs.cancel(QStringLiteral("sweep batches"));
    Q_EMIT stateChanged();
  }
  if (m_generation && !m_generation->finished()) {
    m_generation->cancel();
    m_paused = false;
  }
}

int GenerationRun::identicalTokens() const {
  if (m_lanes.size() < 2) return 0;
  const auto &first = m_lanes[0].tokens, &second = m_lanes[1].tokens;
  const auto both = static_cast<std::ptrdiff_t>(std::min(first.size(), second.size()));
  return static_cast<int>(std::mismatch(first.begin(), first.begin() + both, second.begin()).first - first.begin());
}

double GenerationRun::speedUp() const {
  if (m_lanes.size() < 2) return 0;
  double original = m_lanes[0].rate(m_settings.batch), distilled = m_lanes[1].rate(m_settings.batch);
  if (m_lanes[0].bestBatch() && m_lanes[1].bestBatch()) {
    original = m_lanes[0].bestBatch()->tokensPerSecond;
    distilled = m_lanes[1].bestBatch()->tokensPerSecond;
  }
  return original > 0 ? distilled / original : 0;
}

engine::Tokenizer& GenerationRun::tokenizerOf(const Lane& lane) const {
  return lane.kind == Lane::Kind::transformer && m_transformerTokenizer ? *m_transformerTokenizer : *m_tokenizer;
}

int GenerationRun::identicalBytes() const {
  int count = 0;
  for (int i = 0, same = identicalTokens(); i < same; ++i)
    count += static_cast<int>(m_tokenizer->decode(m_lanes.front().tokens[static_cast<std::size_t>(i)]).size());
  return count;
}

// The name of the device without what its maker wants to have said: "Intel Xeon Processor".
static QString deviceName(const engine::DeviceInfo& info) {
  QString name = QString::fromStdString(info.name);
  for (const char* mark : {"(R)", "(TM)", "(r)", "(tm)"}) name.remove(QLatin1String(mark));
  return name.simplified();
}

QString GenerationRun::provenance() const {
  if (m_lanes.empty()) return {};
  const double mean = m_distilledOrders.empty()
                          ? 0
                          : std::accumulate(m_distilledOrders.begin(), m_distilledOrders.end(), 0.0) /
                                static_cast<double>(m_distilledOrders.size());
  const bool uniform = std::adjacent_find(m_distilledOrders.begin(), m_distilledOrders.end(), std::not_equal_to<>()) ==
                       m_distilledOrders.end();
  const QString order = uniform ? QString::number(mean, 'f', 0) : tr("%1 (mean)").arg(mean, 0, 'f', 1);
  const bool swept = m_sweeping || !m_lanes.front().sweep.empty();
  return tr("%1 · %2 · batch %3 · context %4 + %5 tokens · order %6")
      .arg(deviceName(m_device.info), m_device.type(), swept ? tr("1, 2, 4 …") : QString::number(m_settings.batch))
      .arg(m_promptTokens)
      .arg(m_settings.tokens)
      .arg(order) + m_weightRemark;
}

}  // namespace app
