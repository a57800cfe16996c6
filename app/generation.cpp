#include "app/generation.h"

#include <QFileInfo>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/reduction/distilled.h"
#include "engine/device.h"
#include "engine/error.h"
#include "engine/footprint.h"
#include "engine/randomtransformer.h"

namespace app {

double Lane::rate(int batch) const {
  const bool ended = phase == Phase::finished || phase == Phase::stopped;
  const double window = ended ? std::numeric_limits<double>::infinity() : 0.5;
  double seconds = 0;
  std::size_t count = 0;
  for (auto it = tokenSeconds.rbegin(); it != tokenSeconds.rend() && seconds < window; ++it, ++count) seconds += *it;
  return seconds > 0 ? static_cast<double>(batch) * static_cast<double>(count) / seconds : 0;
}

double Lane::bytesAt(int position) const {
  const double share = capacityTokens > 0 ? static_cast<double>(position) / capacityTokens : 0;
  return static_cast<double>(stateBytes) + static_cast<double>(cacheBytes) * share;
}

double Lane::percentileSeconds(double share) const {
  if (tokenSeconds.empty()) return 0;
  std::vector<double> sorted = tokenSeconds;
  const auto at = static_cast<std::ptrdiff_t>(std::llround(share * static_cast<double>(sorted.size() - 1)));
  std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
  return sorted[static_cast<std::size_t>(at)];
}

double Lane::flopsPerByte(int batch) const {
  const double bytes = static_cast<double>(footprint.weightBytes) + batch * footprint.movedBytesPerToken;
  return bytes > 0 ? batch * footprint.flopsPerToken / bytes : 0;
}

double Lane::flopsPerSecond(int batch) const {
  return rate(batch) * footprint.flopsPerToken;
}

double Lane::medianSeconds() const {
  return percentileSeconds(0.5);
}

GenerationRun::GenerationRun(Document& document, Jobs& jobs, QObject* parent)
    : QObject(parent), m_document(document), m_jobs(jobs) {
  m_poll.setInterval(33);
  connect(&m_poll, &QTimer::timeout, this, &GenerationRun::poll);
  connect(&document, &Document::opened, this, &GenerationRun::reset);
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

void GenerationRun::start(const GenerationSettings& settings) {
  if (!m_document.checkpoint()) return;
  cancel();
  m_settings = settings;
  prepare();
}

void GenerationRun::prepare() {
  m_preparing = true;
  m_paused = false;
  Q_EMIT stateChanged();
  const auto checkpoint = m_document.checkpoint();
  const std::vector<int> orders = m_document.orders();
  m_jobs.start(
      QStringLiteral("prepare generation"), tr("Distilling %1 filters").arg(m_document.filterCount()),
      Jobs::Priority::batch,
      [this, checkpoint, orders, model = m_model, distilled = m_distilledOrders == orders ? m_distilled : nullptr,
       source = m_settings.transformer, roof = m_roof,
       transformer = m_transformerSource == m_settings.transformer ? m_transformer : nullptr](
          const analysis::Task& task, const Jobs::Post& post) mutable {
        if (!model) model = engine::Model::load(checkpoint, task);
        if (!distilled) {
          analysis::DistilRequest request;
          request.orders = orders;
          distilled = model->withDistilled(analysis::distil(*checkpoint, request, task));
        }
        std::shared_ptr<const analysis::Checkpoint> other;
        if (!transformer && source == QLatin1String("random")) {
          transformer = engine::randomTransformer(*model);
        } else if (!transformer && !source.isEmpty()) {
          other = analysis::Checkpoint::open(source.toStdString(), task);
          transformer = engine::Model::load(other, task);
          if (transformer->shape().blocks.front().kind != engine::BlockShape::Kind::attention)
            throw engine::Error(engine::ErrorKind::input, source.toStdString(), "it is no Transformer",
                                "choose a GPT checkpoint, or random weights");
        }
        if (roof.flopsPerSecond == 0) roof = measureRoof(task);
        post([this, model, distilled, orders, transformer, source, roof, other] {
          if (other) m_transformerTokenizer = engine::makeTokenizer(other->languageModel()->tokenizer);
          if (source == QLatin1String("random")) m_transformerTokenizer.reset();
          m_transformer = transformer;
          m_transformerSource = source;
          m_roof = roof;
          m_model = model;
          m_distilled = distilled;
          m_distilledOrders = orders;
          m_preparing = false;
          launch();
        });
      },
      [this](const QString& sentence) {
        m_preparing = false;
        Q_EMIT failed(sentence);
        Q_EMIT stateChanged();
      });
}

void GenerationRun::launch() {
  try {
    const analysis::LanguageModel* description = m_document.checkpoint()->languageModel();
    if (!m_tokenizer) m_tokenizer = engine::makeTokenizer(description->tokenizer);
    const std::vector<engine::Token> prompt = m_tokenizer->encode(m_settings.prompt.toStdString());
    m_promptTokens = static_cast<int>(prompt.size());
    if (prompt.empty())
      throw engine::Error(engine::ErrorKind::input, "Prompt", "it is empty", "type at least one character");
    std::vector<engine::LaneRequest> requests;
    m_lanes.clear();
    const auto addLane = [&](Lane::Kind kind, const QString& name, const QString& remark,
                             const std::shared_ptr<const engine::Model>& model, engine::Mixer mixer,
                             const std::vector<engine::Token>& begin) {
      engine::Workload workload;
      workload.batch = m_settings.batch;
      workload.capacityTokens = static_cast<int>(begin.size()) + m_settings.tokens;
      workload.mode.mixer = mixer;
      workload.sampling = m_settings.sampling;
      workload.seed = m_settings.seed;
      const engine::Footprint print = engine::footprint(model->shape(), workload);
      Lane lane;
      lane.kind = kind;
      lane.name = name;
      lane.remark = remark;
      lane.stateBytes = print.stateBytesPerSequence;
      lane.cacheBytes = print.cacheBytesPerSequence;
      lane.capacityTokens = workload.capacityTokens;
      lane.footprint = print;
      m_lanes.push_back(lane);
      requests.push_back({name.toStdString(), model, workload, begin, m_settings.tokens});
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
    m_generation = std::make_unique<engine::Generation>(std::move(requests));
    m_poll.start();
    Q_EMIT stateChanged();
  } catch (const std::exception& error) {
    m_lanes.clear();
    Q_EMIT failed(QString::fromUtf8(error.what()));
    Q_EMIT stateChanged();
  }
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
  const double original = m_lanes[0].rate(m_settings.batch), distilled = m_lanes[1].rate(m_settings.batch);
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

QString GenerationRun::provenance() const {
  if (m_lanes.empty()) return {};
  const double mean = m_distilledOrders.empty()
                          ? 0
                          : std::accumulate(m_distilledOrders.begin(), m_distilledOrders.end(), 0.0) /
                                static_cast<double>(m_distilledOrders.size());
  const bool uniform = std::adjacent_find(m_distilledOrders.begin(), m_distilledOrders.end(), std::not_equal_to<>()) ==
                       m_distilledOrders.end();
  const QString order = uniform ? QString::number(mean, 'f', 0) : tr("%1 (mean)").arg(mean, 0, 'f', 1);
  return tr("%1 · float32 · batch %2 · context %3 + %4 tokens · order %5")
      .arg(QString::fromStdString(engine::devices().front().name).simplified())
      .arg(m_settings.batch)
      .arg(m_promptTokens)
      .arg(m_settings.tokens)
      .arg(order);
}

}  // namespace app
