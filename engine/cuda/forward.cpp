#include "engine/cuda/forward.h"

#include <cstdlib>

#include "engine/cuda/rows.h"

namespace engine::cuda {

Forward::Forward(std::shared_ptr<Board> board, std::shared_ptr<const DeviceWeights> weights, const CudaProgram& program)
    : m_board(std::move(board)),
      m_weights(std::move(weights)),
      m_model(program.model),
      m_host(*program.weights),
      m_workload(program.workload),
      m_plan(program.sessionPlan),
      m_type(program.workload.precision == Precision::float32 ? Type::float32 : Type::bfloat16),
      m_vocabularySize(program.vocabularySize),
      m_launch{m_board->stream.get(), m_board->dependentLaunch},
      m_memory(m_plan.bytes, "the session") {
  // For tests: everything that is read before it is written becomes NaN.
  const int fill = std::getenv("POLECAT_CUDA_POISON") ? 0xff : 0;
  check(cudaMemsetAsync(m_memory.bytes(), fill, m_plan.bytes, m_launch.stream), "clearing memory");
  // The mixers leave the padding of their output alone; the counters of split attention start at zero.
  for (const CudaPart* part : {&m_plan.mixed, &m_plan.arrived, &m_plan.control, &m_plan.next})
    check(cudaMemsetAsync(at(*part), 0, part->bytes, m_launch.stream), "clearing memory");
  if (m_plan.identity.bytes > 0) {
    float* weight = at<float>(m_plan.identity);
    const int columns = streamColumns(m_plan.stride);
    identityFilter(weight, weight + columns, columns, m_launch);
  }
  m_mostSlots = uploadTables(program, m_memory, m_launch);
  if (m_workload.mode.mixer == Mixer::convolutionTiled) {
    m_beside = makeStream();
    m_begun = makeEvent();
    m_added = makeEvent();
  }
  m_alone = wholeStep(program);
}

void Forward::clearStates() {
  for (const CudaSession::Block& block : m_plan.blocks)
    for (const CudaPart* part : {&block.history, &block.state, &block.cache}) {
      if (part == &block.cache && m_workload.mode.mixer != Mixer::convolutionTiled) continue;  // the sums of tiles
      if (part->bytes > 0) check(cudaMemsetAsync(at(*part), 0, part->bytes, m_launch.stream), "clearing states");
    }
}

NormView Forward::norm(const CudaWeights::Norm& norm, const Norm& host) const {
  return {m_weights->at<float>(norm.scale), host.shift.size() > 0 ? m_weights->at<float>(norm.shift) : nullptr,
          host.eps, m_host.width, host.epsOutside};
}

// With a norm: `x` is the residual stream, whose rows are normalised on the way or beforehand.
void Forward::multiply(VectorProduct p) {
  if (m_carried > 0 && p.norm.scale) {
    const float* products = p.carried.products;
    p.carried = carried(p.norm);
    p.carried.products = products;
    p.norm = {};
    p.x = at(m_plan.normed);
  }
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

VectorProduct Forward::describe(int rows, const CudaWeights::Linear& layer, const NormView& norm, const void* x,
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
  if (layer.normProducts.bytes > 0) p.carried.products = m_weights->at<float>(layer.normProducts);
  return p;
}

void Forward::add(int rows, const CudaWeights::Linear& layer, const void* x, const NormView& next) {
  VectorProduct p = describe(rows, layer, {}, x, Finish::add, at(m_plan.residual));
  if (m_carried > 0) {
    m_carried = carriedPart;
    p.carried = carried(next);
  }
  multiply(p);
}

// What the MLP makes of the residual stream, up to its second product.
void Forward::openMlp(std::size_t block, int rows) {
  const CudaWeights::Block& w = m_weights->plan().blocks[block];
  const Mlp& mlp = m_host.blocks[block].mlp;
  const bool whole = !mlp.gated && mlp.activation == Activation::geluTanh;  // the product takes it along
  char* hidden = at(m_plan.hidden);
  product(rows, w.mlpIn, mlpNorm(block), at(m_plan.residual), whole ? Finish::gelu : Finish::store, hidden);
  if (!whole)
    activateRows(hidden, rows, m_plan.innerStride, mlp.activation, mlp.gated, mlp.gated ? at(m_plan.gated) : hidden, m_type,
                 m_launch);
}

void Forward::closeMlp(std::size_t block, int rows) {
  const bool gated = m_host.blocks[block].mlp.gated;
  add(rows, m_weights->plan().blocks[block].mlpOut, at(gated ? m_plan.gated : m_plan.hidden), mixerNorm(block + 1));
}

// The last of each `tokens` rows of `mixed` and of the residual stream, one behind the other: the residual stream's at
// its beginning, the others' in memory of streams, which nobody reads any more.
const char* Forward::keepLastRows(int sequences, int tokens) {
  char *const gathered = at(m_plan.streams), *const mixed = at(m_plan.mixed), *const residual = at(m_plan.residual);
  if (tokens == 1) return mixed;
  const auto count = static_cast<std::size_t>(sequences), apart = static_cast<std::size_t>(tokens);
  const auto gather = [&](char* to, const char* from, std::size_t bytes) {
    check(cudaMemcpy2DAsync(to, bytes, from + (apart - 1) * bytes, apart * bytes, bytes, count,
                            cudaMemcpyDeviceToDevice, m_launch.stream),
          "copying rows");
  };
  const std::size_t stride = static_cast<std::size_t>(m_plan.stride), wide = stride * sizeof(float);
  const std::size_t bytes = stride * bytesOf(m_type);
  gather(gathered + count * bytes, residual, wide);
  gather(gathered, mixed, bytes);
  check(cudaMemcpyAsync(residual, gathered + count * bytes, count * wide, cudaMemcpyDeviceToDevice, m_launch.stream),
        "copying rows");
  return gathered;
}

// Residual rows through all blocks; mix(block, op, projection) takes the residual stream through the input projection
// and the mixer to `mixed`. What the last mixer has to remember is done then, and the rest takes the rows that are
// needed.
template <class Mix>
void Forward::layers(int rows, int sequences, Outputs outputs, Mix&& mix) {
  float* residual = at<float>(m_plan.residual);
  for (std::size_t i = 0; i < m_host.blocks.size(); ++i) {
    const Block& host = m_host.blocks[i];
    const std::size_t mixers = std::max<std::size_t>(1, host.operators.size());
    for (std::size_t op = 0; op < mixers; ++op) {
      const CudaWeights::Mixer& w = m_weights->plan().blocks[i].mixers[op];
      const NormView first = mixerNorm(i, op);
      mix(i, op, describe(rows, w.in, first, residual, Finish::store, at(m_plan.streams)));
      const char* mixed = at(m_plan.mixed);
      if (i + 1 == m_host.blocks.size() && op + 1 == mixers && outputs != Outputs::all) {
        if (outputs == Outputs::none) return;
        mixed = keepLastRows(sequences, rows / sequences);
        rows = sequences;
      }
      if (host.kind == BlockShape::Kind::multiHyena) {
        const NormView inner = norm(w.innerNorm, host.operators[op].innerNorm);
        finishHeads({rows, m_plan.stride, inner, first, mixed, residual, at(m_plan.normed)}, m_type, m_launch);
        mixed = at(m_plan.normed);
      }
      if (host.parallel) openMlp(i, rows);  // reads what the mixer read
      add(rows, w.out, mixed, mlpNorm(i));
    }
    if (!host.parallel) openMlp(i, rows);
    closeMlp(i, rows);
  }
}

// Logits of residual rows first, first + step ...
void Forward::head(int rows, int first, int step, float* to) {
  const CudaWeights& w = m_weights->plan();
  const CudaWeights::Linear& layer = w.head.outputs > 0 ? w.head : w.embedding;
  const NormView final = mixerNorm(m_host.blocks.size());
  if (first == 0 && step == 1) return product(rows, layer, final, at(m_plan.residual), Finish::logits, to);
  normalizeRows(final, at<float>(m_plan.residual), rows, first, step, m_plan.stride, m_type, at(m_plan.normed),
                m_launch);
  product(rows, layer, {}, at(m_plan.normed), Finish::logits, to);
}

Embedding Forward::completed(Embedding e) const {
  const CudaWeights& w = m_weights->plan();
  e.table = m_weights->at(w.embedding.weight);
  e.positions = w.positions.bytes > 0 ? m_weights->at<float>(w.positions) : nullptr;
  e.stride = m_plan.stride;
  return e;
}

Embedding Forward::nextTokens() const {
  Embedding e{};
  e.tokens = at<Token>(m_plan.next);
  e.rows = m_workload.batch;
  e.control = at<Control>(m_plan.control);
  return completed(e);
}

void Forward::step() {
  if (m_alone) return stepAlone(*m_alone, m_type, m_launch);
  Embedding tokens = nextTokens();
  if (m_plan.normSums.bytes > 0 && canMultiplyRows()) {
    m_carried = m_host.width;
    tokens.carried = carried(mixerNorm(0));
  }
  embed(tokens, m_type, at<float>(m_plan.residual), m_launch);
  layers(m_workload.batch, m_workload.batch, Outputs::all,
         [&](std::size_t block, std::size_t op, const VectorProduct& p) { mixStep(block, op, p); });
  head(m_workload.batch, 0, 1, at<float>(m_plan.logits));
  m_carried = 0;
  Launch last = m_launch;
  if (m_beside) {
    check(cudaStreamWaitEvent(m_launch.stream, m_added.get(), 0), "waiting for tiles");
    last.dependent = false;  // on two predecessors
  }
  advance(at<Control>(m_plan.control), last);
}

void Forward::prompt(int firstSequence, int sequences, int tokens, int position, Outputs outputs) {
  Embedding e{};
  e.tokens = at<Token>(m_plan.prompt);
  e.rows = sequences * tokens;
  e.position = position;
  e.tokensPerRow = tokens;
  embed(completed(e), m_type, at<float>(m_plan.residual), m_launch);
  const MixerPrompt prompt{firstSequence,        sequences,           tokens, position, m_plan.stride,
                           at(m_plan.streams), at(m_plan.mixed), {}};
  layers(e.rows, sequences, outputs,
         [&](std::size_t block, std::size_t op, const VectorProduct& p) { mixPrompt(block, op, p, prompt); });
}

void Forward::draw() {
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
  d.topK = m_workload.sampling.topK;
  d.topP = m_workload.sampling.topP;
  if (m_plan.thresholds.bytes > 0) d.thresholds = at<std::uint64_t>(m_plan.thresholds);
  engine::cuda::draw(d, m_launch);
}

void Forward::beginTiles() {
  if (!m_beside) return;
  static_assert(tileRows == cudaTileRows && tileWindow == cudaTileWindow);
  const Launch beside{m_beside.get(), false};
  check(cudaEventRecord(m_begun.get(), m_launch.stream), "starting tiles");
  check(cudaStreamWaitEvent(beside.stream, m_begun.get(), 0), "starting tiles");
  for (const BlockShape::Kind kind : {BlockShape::Kind::hyena, BlockShape::Kind::multiHyena}) {
    TiledOperators some;
    TiledView view{};
    const auto add = [&] {
      if (some.count > 0) advanceTiles(some, view, m_workload.batch, at<Control>(m_plan.control), beside);
      some.count = 0;
    };
    for (std::size_t i = 0; i < m_host.blocks.size(); ++i)
      for (std::size_t op = 0; m_host.blocks[i].kind == kind && op < operators(i); ++op) {
        view = tiled(i, op);
        some.taps[some.count] = view.taps;
        some.slots[some.count] = view.slots;
        if (++some.count == TiledOperators::most) add();
      }
    add();
  }
  check(cudaEventRecord(m_added.get(), beside.stream), "starting tiles");
}

void Forward::startAllBlocks() {
  if (m_workload.mode.mixer != Mixer::modalBlocked) return;
  const MixerStep step{m_workload.batch, m_plan.stride, nullptr, nullptr, at<Control>(m_plan.control), {}};
  for (std::size_t i = 0; i < m_host.blocks.size(); ++i) {
    if (m_host.blocks[i].kind == BlockShape::Kind::attention) continue;
    for (std::size_t op = 0; op < operators(i); ++op)
      if (m_host.blocks[i].kind == BlockShape::Kind::hyena)
        startBlocks(step, modal(i, op), blocked(i, op), m_type, m_launch);
      else
        startHeadBlocks(step, heads(i, op), headBlocks(i, op), m_launch);
  }
}

}  // namespace engine::cuda
