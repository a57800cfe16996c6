#include "engine/cpu/runner.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/cpu/attention.h"
#include "engine/cpu/blocked.h"
#include "engine/cpu/blockedheads.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/hyena.h"
#include "engine/cpu/matmul.h"
#include "engine/cpu/mlp.h"
#include "engine/cpu/modal.h"
#include "engine/cpu/multihyena.h"
#include "engine/cpu/parallelblock.h"
#include "engine/cpu/partialmemory.h"
#include "engine/cpu/pointwise.h"
#include "engine/cpu/prefill.h"
#include "engine/cpu/promptconvolution.h"
#include "engine/cpu/tiled.h"
#include "engine/error.h"
#include "engine/tables.h"

namespace engine::cpu {
namespace {

class CpuRunner final : public Runner {
 public:
  CpuRunner(std::shared_ptr<const Model> model, const Workload& workload, std::shared_ptr<Team> team,
            const std::vector<std::unique_ptr<InputSums>>* observed);

  void reset() override;
  bool prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token) override;
  void step(int position, std::span<const Token> tokens) override;
  std::span<const float> logits(int sequence) const override;
  bool archive(StateArchive&) override;
  MemoryUse memory() const override;

 private:
  std::unique_ptr<Sublayer> convolutionSublayer(const Block&, const ConvolutionOperator&);
  template <class Memory>
  void readPrompts(Memory&, std::size_t bank, bool sections);
  std::unique_ptr<LongMemory> longMemory(std::size_t bank);
  std::unique_ptr<HeadMemory> headMemory(int bank);
  const FilterBank& convolved(std::size_t bank) const;
  void needScratch(std::size_t floats) { m_scratchFloats = std::max(m_scratchFloats, floats); }
  void prepareTables();
  void embed(std::span<const Token> tokens, int position, bool oneSequence);
  void head(Context&, int firstRow, int rows, float* to);
  Context context(std::stop_token stop = {}) { return {*m_team, m_scratch, m_scratchFloats, std::move(stop)}; }

  std::shared_ptr<const Model> m_model;
  const Model::Weights& m_weights;
  Workload m_workload;
  std::shared_ptr<Team> m_team;
  const std::vector<std::unique_ptr<InputSums>>* m_observed;  // null: nobody looks
  MemoryUse m_memory;
  std::vector<FilterBank> m_responses;  // h^ of a distilled model that is to be convolved
  std::vector<std::unique_ptr<Sublayer>> m_sublayers;
  Workspace m_workspace;
  Buffer<float> m_residual;  // [rows, width]
  Buffer<float> m_logits;    // [batch, vocabulary]
  Buffer<float> m_scratch;
  std::size_t m_scratchFloats = 0;
  int m_pieceTokens = 0;
};

[[noreturn]] void unsupported(const std::string& mode, const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::unsupported, "mode " + mode, problem, advice);
}

CpuRunner::CpuRunner(std::shared_ptr<const Model> model, const Workload& workload, std::shared_ptr<Team> team,
                     const std::vector<std::unique_ptr<InputSums>>* observed)
    : m_model(std::move(model)),
      m_weights(m_model->weights()),
      m_workload(workload),
      m_team(std::move(team)),
      m_observed(observed) {
  checkMode(*m_model, workload.mode);
  if (m_weights.embedding.random)
    unsupported(std::string(name(workload.mode.mixer)), "this model's weights are made on a GPU",
                "make them on the host to use the CPU");
  m_memory.weightBytes = m_weights.weightBytes;
  prepareTables();

  int widestProjection = 0, widestMlp = 0;
  bool parallel = false;
  for (const Block& block : m_weights.blocks) {
    for (const ConvolutionOperator& op : block.operators) {
      widestProjection = std::max(widestProjection, op.in.outputs);
      m_sublayers.push_back(convolutionSublayer(block, op));
    }
    for (const Attention& attention : block.attention) {
      widestProjection = std::max(widestProjection, attention.qkv.outputs);
      needScratch(AttentionSublayer::scratchFloats(workload.capacityTokens));
      auto layer = std::make_unique<AttentionSublayer>(attention, workload.batch, workload.capacityTokens, m_workspace,
                                                       m_memory.cacheBytes);
      if (block.parallel)
        m_sublayers.push_back(std::make_unique<ParallelSublayer>(
            std::move(layer), std::make_unique<MlpSublayer>(block.mlp, m_workspace), m_weights.width, m_workspace));
      else
        m_sublayers.push_back(std::move(layer));
    }
    widestMlp = std::max(widestMlp, block.mlp.in.outputs);
    parallel = parallel || block.parallel;
    if (!block.parallel) m_sublayers.push_back(std::make_unique<MlpSublayer>(block.mlp, m_workspace));
  }
  const bool incremental =
      std::all_of(m_sublayers.begin(), m_sublayers.end(), [](const auto& layer) { return layer->incremental(); });
  m_pieceTokens = incremental ? std::min(prefillPieceTokens, workload.capacityTokens) : workload.capacityTokens;

  const int rows = std::max(workload.batch, m_pieceTokens);
  m_workspace.pieceRows = std::max(workload.batch, std::min(prefillPieceTokens, m_pieceTokens));
  Meter& bytes = m_memory.workspaceBytes;
  const auto floats = [&](int count, int size) {
    return Buffer<float>(static_cast<std::size_t>(count) * static_cast<std::size_t>(size), bytes);
  };
  m_workspace.normed = floats(m_workspace.pieceRows, m_weights.width);
  m_workspace.streams = floats(rows, widestProjection);
  m_workspace.mixed = floats(rows, m_weights.width);
  m_workspace.hidden = floats(m_workspace.pieceRows, widestMlp);
  if (parallel) m_workspace.input = floats(rows, m_weights.width);
  m_residual = floats(rows, m_weights.width);
  m_logits = floats(workload.batch, m_weights.vocabulary);
  m_scratch = Buffer<float>(static_cast<std::size_t>(m_team->size()) * m_scratchFloats, bytes);
}

// What the mode reads besides weights: counted for the session although the model may share it.
void CpuRunner::prepareTables() {
  const Model::Distillation* distillation = m_model->distillation();
  for (std::size_t bank = 0; bank < m_weights.filters.size(); ++bank) {
    const FilterBank& filters = m_weights.filters[bank];
    if (recurrent(m_workload.mode.mixer))
      m_memory.tableBytes += distillation->modal[bank].bytes;
    else if (distillation)
      m_responses.push_back(
          impulseResponses(filters, distillation->banks[bank], m_workload.capacityTokens, m_memory.tableBytes));
    else
      m_memory.tableBytes += (filters.reversed.size() + filters.skip.size()) * sizeof(float);
  }
}

std::unique_ptr<Sublayer> CpuRunner::convolutionSublayer(const Block& block, const ConvolutionOperator& op) {
  const auto sums = [&](int bank) -> InputSums& { return *m_observed->at(static_cast<std::size_t>(bank)); };
  if (block.kind == BlockShape::Kind::multiHyena) {
    auto memory = headMemory(op.banks[0]);
    if (m_observed)
      memory = std::make_unique<ObservedHeads>(std::move(memory), m_weights.heads, m_weights.width / m_weights.heads,
                                               sums(op.banks[0]));
    return std::make_unique<MultiHyenaSublayer>(op, m_weights.heads, std::move(memory), m_workload.batch, m_workspace,
                                                m_memory.stateBytes);
  }
  std::vector<std::unique_ptr<LongMemory>> memories;
  for (const int bank : op.banks) {
    auto& memory = memories.emplace_back(longMemory(static_cast<std::size_t>(bank)));
    if (m_observed) memory = std::make_unique<ObservedMemory>(std::move(memory), sums(bank));
  }
  return std::make_unique<HyenaSublayer>(op, std::move(memories), m_workload.batch, m_workspace, m_memory.stateBytes);
}

const FilterBank& CpuRunner::convolved(std::size_t bank) const {
  return m_responses.empty() ? m_weights.filters[bank] : m_responses[bank];
}

// Gives a recurrence what it needs to read prompts as was asked.
template <class Memory>
void CpuRunner::readPrompts(Memory& memory, std::size_t bank, bool sections) {
  const ModalTable& table = m_model->distillation()->modal[bank];
  const analysis::DistilledBank& models = m_model->distillation()->banks[bank];
  const Prefill way = recurrenceWay(m_model->shape(), m_workload);
  if (way == Prefill::scan) return;
  PromptTables tables{chunkTable(table, models, sections, m_memory.tableBytes), {}};
  if (way == Prefill::stateFree) {
    const int capacity = m_workload.capacityTokens;
    tables.responses = impulseResponses(m_weights.filters[bank], models, capacity, m_memory.tableBytes);
    needScratch(PromptConvolution::scratchFloats(capacity, capacity));
  }
  memory.readPromptsBy(std::move(tables));
}

std::unique_ptr<LongMemory> CpuRunner::longMemory(std::size_t bank) {
  const int batch = m_workload.batch, capacity = m_workload.capacityTokens;
  if (recurrent(m_workload.mode.mixer)) {
    const ModalTable& table = m_model->distillation()->modal[bank];
    const analysis::DistilledBank& models = m_model->distillation()->banks[bank];
    const bool sections = m_workload.mode.mixer == Mixer::companion;
    std::unique_ptr<LongMemory> modelled;
    if (m_workload.mode.mixer == Mixer::modalBlocked) {
      auto blocked = std::make_unique<BlockedMemory>(
          table, blockTable(table, models, m_workload.mode.blockLength, m_memory.tableBytes), static_cast<int>(bank),
          batch, m_memory.stateBytes);
      readPrompts(*blocked, bank, sections);
      modelled = std::move(blocked);
    } else {
      auto modal = std::make_unique<ModalMemory>(table, sections ? sectionCoefficients(table, models) : Buffer<float>(),
                                                 batch, m_memory.stateBytes);
      readPrompts(*modal, bank, sections);
      modelled = std::move(modal);
    }
    if (table.kept.empty()) return modelled;
    needScratch(ConvolutionMemory::scratchFloats(table.keptFilters.length, capacity));
    return std::make_unique<PartialMemory>(std::move(modelled), table, batch, capacity, m_memory.cacheBytes,
                                           m_memory.workspaceBytes);
  }
  const FilterBank& filters = convolved(bank);
  if (m_workload.mode.mixer == Mixer::convolutionTiled) {
    needScratch(Tiles::scratchFloats(filters.length, capacity));
    return std::make_unique<TiledMemory>(filters, batch, capacity, m_memory.cacheBytes, m_workload.mode.prefill);
  }
  needScratch(ConvolutionMemory::scratchFloats(filters.length, capacity));
  return std::make_unique<ConvolutionMemory>(filters, batch, capacity, m_memory.cacheBytes, m_workload.mode.prefill);
}

std::unique_ptr<HeadMemory> CpuRunner::headMemory(int bank) {
  const auto index = static_cast<std::size_t>(bank);
  const int batch = m_workload.batch, capacity = m_workload.capacityTokens;
  const int headWidth = m_weights.width / m_weights.heads;
  if (recurrent(m_workload.mode.mixer)) {
    const ModalTable& table = m_model->distillation()->modal[index];
    if (!table.kept.empty())
      unsupported("modal", "a MultiHyena model has heads without a distilled filter", "distil all of its heads");
    const analysis::DistilledBank& models = m_model->distillation()->banks[index];
    if (m_workload.mode.mixer == Mixer::modalBlocked)
      return std::make_unique<BlockedHeads>(table, models, m_workload.mode.blockLength, headWidth, batch,
                                            m_memory.stateBytes, m_memory.tableBytes);
    needScratch(HeadRecurrence::scratchFloats(headWidth));
    const bool sections = m_workload.mode.mixer == Mixer::companion;
    return std::make_unique<HeadRecurrence>(table, sections ? sectionCoefficients(table, models) : Buffer<float>(),
                                            headWidth, batch, m_memory.stateBytes);
  }
  const FilterBank& filters = convolved(index);
  if (m_workload.mode.mixer == Mixer::convolutionTiled) {
    needScratch(Tiles::scratchFloats(filters.length, capacity));
    return std::make_unique<HeadTiles>(filters, m_weights.heads, headWidth, batch, capacity, m_memory.cacheBytes,
                                       m_workload.mode.prefill);
  }
  needScratch(HeadConvolution::scratchFloats(capacity));
  return std::make_unique<HeadConvolution>(filters, m_weights.heads, headWidth, batch, capacity, m_memory.cacheBytes);
}

void CpuRunner::reset() {
  for (auto& layer : m_sublayers) layer->reset();
}

void CpuRunner::embed(std::span<const Token> tokens, int position, bool oneSequence) {
  const auto width = static_cast<std::size_t>(m_weights.width);
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    float* to = m_residual.data() + row * width;
    m_weights.embedding.row(tokens[row], to);
    if (m_weights.positionCount == 0) continue;
    const std::size_t at = static_cast<std::size_t>(position) + (oneSequence ? row : 0);
    const float* shift = m_weights.positions.data() + at * width;
    for (std::size_t i = 0; i < width; ++i) to[i] += shift[i];
  }
}

// Logits of residual rows [firstRow, firstRow + rows), rows <= pieceRows.
void CpuRunner::head(Context& context, int firstRow, int rows, float* to) {
  const auto width = static_cast<std::size_t>(m_weights.width);
  const float* residual = m_residual.data() + static_cast<std::size_t>(firstRow) * width;
  normalize(context.team, m_weights.finalNorm, residual, rows, m_weights.width, m_workspace.normed.data());
  linear(context, m_weights.logitLayer(), m_workspace.normed.data(), width, rows, to,
         static_cast<std::size_t>(m_weights.vocabulary));
}

bool CpuRunner::prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token stop) {
  Context forward = context(std::move(stop));
  const auto vocabulary = static_cast<std::size_t>(m_weights.vocabulary);
  const int total = static_cast<int>(tokens.size());
  for (int position = 0; position < total; position += m_pieceTokens) {
    const int count = std::min(m_pieceTokens, total - position);
    const bool last = position + count == total;
    embed(tokens.subspan(static_cast<std::size_t>(position), static_cast<std::size_t>(count)), position, true);
    for (auto& layer : m_sublayers) {
      if (forward.stopped()) return false;
      // An MLP remembers nothing, and of what the last one makes the logits need one row.
      const bool oneRow = &layer == &m_sublayers.back() && !m_weights.blocks.back().parallel && !allLogits;
      const int first = !oneRow ? 0 : last ? count - 1 : count;
      if (first < count)
        layer->prefill(forward, sequence, position + first, count - first,
                       m_residual.data() + static_cast<std::size_t>(first) * static_cast<std::size_t>(m_weights.width));
    }
    for (int row = 0; allLogits && row < count; row += m_workspace.pieceRows)
      head(forward, row, std::min(m_workspace.pieceRows, count - row),
           allLogits + static_cast<std::size_t>(position + row) * vocabulary);
    if (last) head(forward, count - 1, 1, m_logits.data() + static_cast<std::size_t>(sequence) * vocabulary);
  }
  return !forward.stopped();
}

void CpuRunner::step(int position, std::span<const Token> tokens) {
  Context forward = context();
  embed(tokens, position, false);
  for (auto& layer : m_sublayers) layer->step(forward, position, m_workload.batch, m_residual.data());
  head(forward, 0, m_workload.batch, m_logits.data());
}

std::span<const float> CpuRunner::logits(int sequence) const {
  const auto vocabulary = static_cast<std::size_t>(m_weights.vocabulary);
  return {m_logits.data() + static_cast<std::size_t>(sequence) * vocabulary, vocabulary};
}

bool CpuRunner::archive(StateArchive& state) {
  for (auto& layer : m_sublayers) layer->archive(state);
  state.value(m_logits);
  return true;
}

MemoryUse CpuRunner::memory() const {
  return m_memory;
}

}  // namespace

std::unique_ptr<Runner> makeRunner(std::shared_ptr<const Model> model, const Workload& workload,
                                   std::shared_ptr<Team> team,
                                   const std::vector<std::unique_ptr<InputSums>>* observed) {
  return std::make_unique<CpuRunner>(std::move(model), workload, std::move(team), observed);
}

}  // namespace engine::cpu
