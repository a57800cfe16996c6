#include "engine/cuda/runner.h"

#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace engine::cuda {
namespace {

// A named stage for profilers.
class Range {
 public:
  explicit Range(const char* name) { nvtxRangePushA(name); }
  ~Range() { nvtxRangePop(); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

class CudaRunner final : public Runner {
 public:
  CudaRunner(std::shared_ptr<Board>, std::shared_ptr<const DeviceWeights>, const CudaProgram&);
  ~CudaRunner() override;

  void reset() override;
  bool prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token) override;
  bool prefillAll(std::span<const Token> prompts, int tokens, float* allLogits, std::stop_token) override;
  void step(int position, std::span<const Token> tokens) override;
  bool drawsTokens() const override;
  void decode(int position, int steps, std::span<Token> tokens, std::span<double> seconds) override;
  std::span<const float> logits(int sequence) const override;
  MemoryUse memory() const override;

 private:
  template <class T = char>
  T* at(const CudaPart& part) const {
    return m_memory.at<T>(part.offset);
  }
  NormView norm(const CudaWeights::Norm& norm, const Norm& host) const;
  void multiply(VectorProduct p);
  VectorProduct describe(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x, Finish finish,
                         void* y) const;
  void product(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x, Finish finish, void* y) {
    multiply(describe(rows, layer, norm, x, finish, y));
  }
  ShortView shortFilter(std::size_t block) const;
  ModalView modal(std::size_t block) const;
  BlockView blocked(std::size_t block) const;
  LazyView lazy(std::size_t block) const;
  AttentionView attention(std::size_t block) const;
  void mixStep(std::size_t block, const VectorProduct& projection);
  void mixPrompt(std::size_t block, const VectorProduct& projection, const MixerPrompt&);
  template <class Mix>
  void layers(int rows, Mix&& mix);
  void head(int rows, int first, int step, float* to);
  void embedRows(const Embedding&);
  void stepBody();
  void drawBody();
  template <class Body>
  GraphExec capture(Body&& body);
  void beginDecoding(int position);
  void setControl(int position);
  void copyRow(int from, float* to) const;
  bool prefillGroup(int first, int sequences, std::span<const Token> prompts, int tokens, float* allLogits,
                    const std::stop_token& stop);
  void useDevice() const { check(cudaSetDevice(m_board->index), "choosing the device"); }
  void wait() const { check(cudaStreamSynchronize(m_launch.stream), "waiting for the device"); }

  std::shared_ptr<Board> m_board;
  std::shared_ptr<const DeviceWeights> m_weights;
  std::shared_ptr<const Model> m_model;
  const Model::Weights& m_host;
  Workload m_workload;
  CudaSession m_plan;
  Type m_type;
  int m_vocabulary, m_vocabularySize;
  Launch m_launch;
  bool m_tuning = false;
  DeviceBuffer m_memory;
  std::vector<int> m_mostSlots;
  PinnedBuffer<Token> m_tokens;  // prompts on their way in, drawn tokens on their way out
  PinnedBuffer<Control> m_control;
  std::vector<Event> m_events;
  GraphExec m_step, m_draw;
  bool m_blocksBegin = false;  // the next step is the first after a prompt
  mutable std::vector<std::vector<float>> m_logits;  // rows that were asked for
};

CudaRunner::CudaRunner(std::shared_ptr<Board> board, std::shared_ptr<const DeviceWeights> weights,
                       const CudaProgram& program)
    : m_board(std::move(board)),
      m_weights(std::move(weights)),
      m_model(program.model),
      m_host(*program.weights),
      m_workload(program.workload),
      m_plan(program.sessionPlan),
      m_type(program.workload.precision == Precision::float32 ? Type::float32 : Type::bfloat16),
      m_vocabulary(program.shape->vocabulary),
      m_vocabularySize(program.vocabularySize),
      m_launch{m_board->stream.get(), m_board->dependentLaunch},
      m_memory(m_plan.bytes, "the session"),
      m_tokens(static_cast<std::size_t>(std::max(m_plan.rows, m_workload.batch * m_plan.keptSteps))),
      m_control(1),
      m_logits(static_cast<std::size_t>(m_workload.batch)) {
  const Range range("plan");
  // For tests: everything that is read before it is written becomes NaN.
  const int fill = std::getenv("POLECAT_CUDA_POISON") ? 0xff : 0;
  check(cudaMemsetAsync(m_memory.bytes(), fill, m_plan.bytes, m_launch.stream), "clearing memory");
  // The mixers leave the padding of their output alone; the counters of split attention start at zero.
  for (const CudaPart* part : {&m_plan.mixed, &m_plan.arrived, &m_plan.control, &m_plan.next})
    check(cudaMemsetAsync(at(*part), 0, part->bytes, m_launch.stream), "clearing memory");
  m_mostSlots = uploadTables(program, m_memory, m_launch);
  for (int i = 0; i < 9; ++i) m_events.push_back(makeEvent());
  reset();
  m_tuning = !m_workload.batchInvariant;
  stepBody();
  m_tuning = false;
  drawBody();
  wait();
  m_step = capture([&] { stepBody(); });
  m_draw = capture([&] { drawBody(); });
  reset();
}

CudaRunner::~CudaRunner() {
  cudaSetDevice(m_board->index);
  cudaStreamSynchronize(m_launch.stream);  // nothing may run on memory that goes
}

void CudaRunner::reset() {
  useDevice();
  for (const CudaSession::Block& block : m_plan.blocks)
    for (const CudaPart* part : {&block.history, &block.state})
      if (part->bytes > 0) check(cudaMemsetAsync(at(*part), 0, part->bytes, m_launch.stream), "clearing states");
  setControl(0);
}

void CudaRunner::setControl(int position) {
  wait();  // the pinned copy may still be on its way
  m_control[0] = Control{position, position, 0, 0};
  check(cudaMemcpyAsync(at(m_plan.control), m_control.data(), sizeof(Control), cudaMemcpyHostToDevice, m_launch.stream),
        "setting the position");
  for (auto& row : m_logits) row.clear();
}

NormView CudaRunner::norm(const CudaWeights::Norm& norm, const Norm& host) const {
  return {m_weights->at<float>(norm.scale), host.shift.size() > 0 ? m_weights->at<float>(norm.shift) : nullptr,
          host.eps, m_host.width};
}

// With a norm: `x` is the residual stream, whose rows are normalised on the way or beforehand.
void CudaRunner::multiply(VectorProduct p) {
  char* workspace = at(m_plan.library);
  VectorProduct plain = p;
  plain.norm = {};
  if (p.norm.scale) plain.x = at(m_plan.normed);
  if (m_tuning) m_board->gemm->tune(plain, m_type, workspace, m_plan.library.bytes, m_launch);
  if (p.norm.scale && !m_workload.batchInvariant && m_board->gemm->own(plain, m_type) && p.rows <= 8)
    return multiplyVectors(p, m_type, m_launch);
  if (p.norm.scale)
    normalizeRows(p.norm, static_cast<const float*>(p.x), p.rows, 0, 1, p.inputs, m_type, at(m_plan.normed), m_launch);
  m_board->gemm->multiply(plain, m_type, m_workload.batchInvariant, workspace, m_plan.library.bytes, m_launch);
}

VectorProduct CudaRunner::describe(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x,
                                   Finish finish, void* y) const {
  VectorProduct p{};
  p.rows = rows;
  p.inputs = layer.inputs;
  p.outputs = layer.outputs;
  p.weight = m_weights->at(layer.weight);
  p.bias = layer.bias.bytes > 0 ? m_weights->at(layer.bias) : nullptr;
  p.x = x;
  p.norm = norm;
  p.finish = finish;
  p.y = y;
  return p;
}

ShortView CudaRunner::shortFilter(std::size_t block) const {
  const CudaWeights::Block& weights = m_weights->plan().blocks[block];
  return {m_host.blocks[block].operators[0].shortFilter.taps, m_weights->at<float>(weights.shortWeight),
          m_weights->at<float>(weights.shortBias), at(m_plan.blocks[block].history)};
}

ModalView CudaRunner::modal(std::size_t block) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  ModalView view{};
  view.groups = static_cast<int>(b.groups.bytes / sizeof(GroupView));
  view.group = at<GroupView>(b.groups);
  view.order = at<std::int32_t>(b.order);
  view.direct = at<float>(b.direct);
  view.coefficients = at<float>(b.coefficients);
  view.state = at<float>(b.state);
  view.stateFloats = b.state.bytes / sizeof(float) / static_cast<std::size_t>(m_workload.batch);
  view.mostSlots = m_mostSlots[block];
  return view;
}

BlockView CudaRunner::blocked(std::size_t block) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  return {m_workload.mode.blockLength, static_cast<int>(block), at<float>(b.powers), at<float>(b.blockTaps),
          at<float>(b.responses), at(b.inputs)};
}

LazyView CudaRunner::lazy(std::size_t block) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  return {at<float>(b.taps), at(b.cache), m_plan.lags, m_plan.ring};
}

AttentionView CudaRunner::attention(std::size_t block) const {
  const CudaSession::Block& b = m_plan.blocks[block];
  AttentionView view{};
  view.heads = m_host.blocks[block].attention[0].heads;
  view.headWidth = m_host.width / view.heads;
  view.paddedHeadWidth = m_plan.paddedHeadWidth;
  view.keys = at(b.cache);
  view.values = at(b.values);
  view.capacity = m_workload.capacityTokens;
  view.splits = m_plan.splits;
  view.splitTokens = m_plan.splitTokens;
  view.partial = at<float>(m_plan.partial);
  view.arrived = at<int>(m_plan.arrived);
  return view;
}

void CudaRunner::mixStep(std::size_t block, const VectorProduct& projection) {
  MixerStep step{m_workload.batch, m_plan.stride, at(m_plan.streams), at(m_plan.mixed),
                 at<Control>(m_plan.control), {}};
  const bool attends = m_host.blocks[block].kind == BlockShape::Kind::attention;
  if (!attends) step.shortFilter = shortFilter(block);
  if (m_workload.batch == 1 && m_workload.mode.mixer == Mixer::modal && !m_workload.batchInvariant)
    return stepModalAlone(projection, step, modal(block), m_type, m_launch);
  multiply(projection);
  if (attends) return stepAttention(step, attention(block), m_type, m_launch);
  switch (m_workload.mode.mixer) {
    case Mixer::modal:
      return stepModal(step, modal(block), m_type, m_launch);
    case Mixer::modalBlocked:
      return stepBlocked(step, modal(block), blocked(block), m_type, m_launch);
    default:
      return stepLazy(step, lazy(block), m_type, m_launch);
  }
}

void CudaRunner::mixPrompt(std::size_t block, const VectorProduct& projection, const MixerPrompt& given) {
  multiply(projection);
  MixerPrompt prompt = given;
  if (m_host.blocks[block].kind == BlockShape::Kind::attention)
    return promptAttention(prompt, attention(block), m_type, m_launch);
  prompt.shortFilter = shortFilter(block);
  if (recurrent(m_workload.mode.mixer))
    promptModal(prompt, modal(block), m_type, m_launch);
  else
    promptLazy(prompt, lazy(block), m_type, m_launch);
  keepHistory(prompt, m_type, m_launch);
}

// Residual rows through all blocks; mix(block, projection) takes the residual stream through the input projection and
// the mixer to `mixed`.
template <class Mix>
void CudaRunner::layers(int rows, Mix&& mix) {
  float* residual = at<float>(m_plan.residual);
  for (std::size_t i = 0; i < m_host.blocks.size(); ++i) {
    const CudaWeights::Block& w = m_weights->plan().blocks[i];
    const Block& host = m_host.blocks[i];
    const Norm& first = host.attention.empty() ? host.operators[0].norm : host.attention[0].norm;
    mix(i, describe(rows, w.in, norm(w.norm, first), residual, Finish::store, at(m_plan.streams)));
    product(rows, w.out, {}, at(m_plan.mixed), Finish::add, residual);
    product(rows, w.mlpIn, norm(w.mlpNorm, host.mlp.norm), residual, Finish::gelu, at(m_plan.hidden));
    product(rows, w.mlpOut, {}, at(m_plan.hidden), Finish::add, residual);
  }
}

// Logits of residual rows first, first + step ...
void CudaRunner::head(int rows, int first, int step, float* to) {
  const CudaWeights& w = m_weights->plan();
  const CudaWeights::Linear& layer = w.head.outputs > 0 ? w.head : w.embedding;
  const NormView final = norm(w.finalNorm, m_host.finalNorm);
  if (first == 0 && step == 1) return product(rows, layer, final, at(m_plan.residual), Finish::logits, to);
  normalizeRows(final, at<float>(m_plan.residual), rows, first, step, m_plan.stride, m_type, at(m_plan.normed),
                m_launch);
  product(rows, layer, {}, at(m_plan.normed), Finish::logits, to);
}

void CudaRunner::embedRows(const Embedding& rows) {
  Embedding e = rows;
  const CudaWeights& w = m_weights->plan();
  e.table = m_weights->at(w.embedding.weight);
  e.positions = w.positions.bytes > 0 ? m_weights->at<float>(w.positions) : nullptr;
  e.stride = m_plan.stride;
  embed(e, m_type, at<float>(m_plan.residual), m_launch);
}

void CudaRunner::stepBody() {
  Embedding e{};
  e.tokens = at<Token>(m_plan.next);
  e.rows = m_workload.batch;
  e.control = at<Control>(m_plan.control);
  embedRows(e);
  layers(m_workload.batch, [&](std::size_t block, const VectorProduct& p) { mixStep(block, p); });
  head(m_workload.batch, 0, 1, at<float>(m_plan.logits));
  advance(at<Control>(m_plan.control), m_launch);
}

void CudaRunner::drawBody() {
  Drawing d{};
  d.logits = at<float>(m_plan.logits);
  d.batch = m_workload.batch;
  d.stride = m_plan.vocabularyStride;
  d.vocabulary = m_vocabularySize;
  d.temperature = m_workload.sampling.temperature;
  d.seed = m_workload.seed;
  d.next = at<Token>(m_plan.next);
  d.kept = at<Token>(m_plan.kept);
  d.row = m_plan.keptSteps;
  d.scores = at<float>(m_plan.scores);
  d.best = at<std::int32_t>(m_plan.best);
  d.control = at<Control>(m_plan.control);
  draw(d, m_launch);
  stepBody();
}

template <class Body>
GraphExec CudaRunner::capture(Body&& body) {
  check(cudaStreamBeginCapture(m_launch.stream, cudaStreamCaptureModeThreadLocal), "recording a step");
  cudaGraph_t recorded = nullptr;
  try {
    body();
  } catch (...) {
    cudaStreamEndCapture(m_launch.stream, &recorded);
    if (recorded) cudaGraphDestroy(recorded);
    throw;
  }
  check(cudaStreamEndCapture(m_launch.stream, &recorded), "recording a step");
  const Graph graph(recorded);
  cudaGraphExec_t made = nullptr;
  check(cudaGraphInstantiate(&made, graph.get(), 0), "recording a step");
  return GraphExec(made);
}

void CudaRunner::beginDecoding(int) {
  for (auto& row : m_logits) row.clear();
  if (!m_blocksBegin) return;
  m_blocksBegin = false;
  if (m_workload.mode.mixer != Mixer::modalBlocked) return;
  const MixerStep step{m_workload.batch, m_plan.stride, nullptr, nullptr, at<Control>(m_plan.control), {}};
  for (std::size_t i = 0; i < m_host.blocks.size(); ++i) startBlocks(step, modal(i), blocked(i), m_type, m_launch);
}

bool CudaRunner::prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token stop) {
  useDevice();
  return prefillGroup(sequence, 1, tokens, static_cast<int>(tokens.size()), allLogits, stop);
}

bool CudaRunner::prefillAll(std::span<const Token> prompts, int tokens, float* allLogits, std::stop_token stop) {
  const Range range("prefill");
  useDevice();
  const auto count = static_cast<std::size_t>(tokens);
  const int atOnce = std::max(1, m_plan.rows / std::min(tokens, m_plan.pieceTokens));
  for (int first = 0; first < m_workload.batch; first += atOnce) {
    const int sequences = std::min(atOnce, m_workload.batch - first);
    const auto own = prompts.subspan(static_cast<std::size_t>(first) * count, static_cast<std::size_t>(sequences) * count);
    if (!prefillGroup(first, sequences, own, tokens, first == 0 ? allLogits : nullptr, stop)) return false;
  }
  return true;
}

bool CudaRunner::prefillGroup(int first, int sequences, std::span<const Token> prompts, int tokens, float* allLogits,
                              const std::stop_token& stop) {
  const auto all = static_cast<std::size_t>(tokens);
  for (int position = 0; position < tokens; position += m_plan.pieceTokens) {
    if (stop.stop_requested()) return false;
    const int count = std::min(m_plan.pieceTokens, tokens - position), rows = sequences * count;
    wait();  // the pinned tokens of the last piece have been read
    for (int s = 0; s < sequences; ++s)
      std::copy_n(prompts.data() + static_cast<std::size_t>(s) * all + static_cast<std::size_t>(position), count,
                  m_tokens.data() + static_cast<std::ptrdiff_t>(s) * count);
    check(cudaMemcpyAsync(at(m_plan.prompt), m_tokens.data(), static_cast<std::size_t>(rows) * sizeof(Token),
                          cudaMemcpyHostToDevice, m_launch.stream),
          "copying a prompt");
    Embedding e{};
    e.tokens = at<Token>(m_plan.prompt);
    e.rows = rows;
    e.position = position;
    e.tokensPerRow = count;
    embedRows(e);
    const MixerPrompt prompt{first, sequences, count, position, m_plan.stride, at(m_plan.streams), at(m_plan.mixed), {}};
    layers(rows, [&](std::size_t block, const VectorProduct& p) { mixPrompt(block, p, prompt); });
    if (allLogits) {
      const int atOnce = m_workload.batch;
      for (int row = 0; row < count; row += atOnce) {
        const int some = std::min(atOnce, count - row);
        head(some, row, 1, at<float>(m_plan.logits));
        for (int r = 0; r < some; ++r)
          copyRow(r, allLogits + static_cast<std::size_t>(position + row + r) * static_cast<std::size_t>(m_vocabulary));
      }
    }
    if (position + count == tokens)
      head(sequences, count - 1, count,
           at<float>(m_plan.logits) + static_cast<std::size_t>(first) * static_cast<std::size_t>(m_plan.vocabularyStride));
  }
  setControl(tokens);
  m_blocksBegin = true;
  wait();
  return !stop.stop_requested();
}

void CudaRunner::step(int position, std::span<const Token> tokens) {
  useDevice();
  beginDecoding(position);
  wait();
  std::copy(tokens.begin(), tokens.end(), m_tokens.data());
  check(cudaMemcpyAsync(at(m_plan.next), m_tokens.data(), tokens.size() * sizeof(Token), cudaMemcpyHostToDevice,
                        m_launch.stream),
        "copying tokens");
  check(cudaGraphLaunch(m_step.get(), m_launch.stream), "starting a step");
  wait();
}

bool CudaRunner::drawsTokens() const {
  const Sampling& sampling = m_workload.sampling;
  return sampling.temperature == 0 || (sampling.topK == 0 && sampling.topP >= 1);
}

void CudaRunner::decode(int position, int steps, std::span<Token> tokens, std::span<double> seconds) {
  const Range range("decode");
  useDevice();
  beginDecoding(position);
  const auto batch = static_cast<std::size_t>(m_workload.batch);
  check(cudaEventRecord(m_events[0].get(), m_launch.stream), "reading a clock");
  for (int i = 0; i < steps; ++i) {
    check(cudaGraphLaunch(m_draw.get(), m_launch.stream), "starting a step");
    check(cudaEventRecord(m_events[static_cast<std::size_t>(i) + 1].get(), m_launch.stream), "reading a clock");
  }
  check(cudaMemcpyAsync(m_tokens.data(), at(m_plan.kept), m_plan.kept.bytes, cudaMemcpyDeviceToHost, m_launch.stream),
        "copying tokens");
  check(cudaMemcpyAsync(m_control.data(), at(m_plan.control), sizeof(Control), cudaMemcpyDeviceToHost,
                        m_launch.stream),
        "copying tokens");
  wait();
  if (const int bad = m_control[0].nonFinite; bad > 0)
    throw Error(ErrorKind::input, "sampling",
                "the model's logits of sequence " + std::to_string(bad - 1) + " are not finite after position " +
                    std::to_string(position),
                "check the weights and the distilled filters for NaN, Inf or unstable poles");
  for (int i = 0; i < steps; ++i) {
    const auto step = static_cast<std::size_t>(i);
    const auto row = static_cast<std::size_t>((position + i) % m_plan.keptSteps);
    std::copy_n(m_tokens.data() + row * batch, batch, tokens.begin() + static_cast<std::ptrdiff_t>(step * batch));
    seconds[step] = secondsBetween(m_events[step], m_events[step + 1]);
  }
}

void CudaRunner::copyRow(int from, float* to) const {
  check(cudaMemcpyAsync(to,
                        at<float>(m_plan.logits) +
                            static_cast<std::size_t>(from) * static_cast<std::size_t>(m_plan.vocabularyStride),
                        static_cast<std::size_t>(m_vocabulary) * sizeof(float), cudaMemcpyDeviceToHost,
                        m_launch.stream),
        "copying logits");
  wait();
}

std::span<const float> CudaRunner::logits(int sequence) const {
  useDevice();
  auto& row = m_logits[static_cast<std::size_t>(sequence)];
  if (row.empty()) {
    row.resize(static_cast<std::size_t>(m_vocabulary));
    copyRow(sequence, row.data());
  }
  return row;
}

MemoryUse CudaRunner::memory() const {
  return {m_weights->plan().bytes, m_plan.tableBytes, m_plan.stateBytes, m_plan.cacheBytes, m_plan.workspaceBytes};
}

}  // namespace

std::unique_ptr<Runner> makeRunner(std::shared_ptr<Board> board, std::shared_ptr<const DeviceWeights> weights,
                                   const CudaProgram& program) {
  return std::make_unique<CudaRunner>(std::move(board), std::move(weights), program);
}

}  // namespace engine::cuda
