#include "engine/cuda/runner.h"

#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/cuda/forward.h"

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
  bool drawsTokens() const override { return true; }
  void beginSteps(int position, int steps) override;
  void endSteps(std::span<Token> tokens, std::span<double> seconds) override;
  std::span<const float> logits(int sequence) const override;
  bool archive(StateArchive&) override;
  MemoryUse memory() const override;

 private:
  template <class Body>
  GraphExec capture(Body&& body);
  void beginDecoding();
  void setControl(int position);
  void copyRow(int from, float* to) const;
  bool finishPrefill(int tokens, const std::stop_token& stop);
  bool prefillGroup(int first, int sequences, std::span<const Token> prompts, int tokens, float* allLogits,
                    const std::stop_token& stop);
  void useDevice() const { check(cudaSetDevice(m_board->index), "choosing the device"); }
  cudaStream_t stream() const { return m_forward.where().stream; }
  void wait() const { check(cudaStreamSynchronize(stream()), "waiting for the device"); }
  template <class T = char>
  T* at(const CudaPart& part) const {
    return m_forward.at<T>(part);
  }

  std::shared_ptr<Board> m_board;
  std::size_t m_weightBytes;
  Workload m_workload;
  int m_vocabulary;
  Forward m_forward;
  const CudaSession& m_plan;
  // Steps on their way, and what comes back.
  struct Begun {
    int position = 0, steps = 0;
    std::vector<Event> clocks;  // before the steps, after each
    Event copied;
    PinnedBuffer<Token> tokens;
    PinnedBuffer<Control> control;
  };

  PinnedBuffer<Token> m_tokens;  // on their way in: of prompts, those of two pieces
  PinnedBuffer<Control> m_control;
  std::array<Event, 2> m_pieceDone;  // of the last two
  std::array<Begun, mostBegun> m_begun;  // the oldest first, from m_oldest on
  std::size_t m_oldest = 0, m_count = 0, m_pieces = 0;
  GraphExec m_step, m_draw;
  bool m_blocksBegin = false;  // the next step is the first after a prompt
  mutable std::vector<std::vector<float>> m_logits;  // rows that were asked for
};

CudaRunner::CudaRunner(std::shared_ptr<Board> board, std::shared_ptr<const DeviceWeights> weights,
                       const CudaProgram& program)
    : m_board(std::move(board)),
      m_weightBytes(weights->plan().bytes),
      m_workload(program.workload),
      m_vocabulary(program.shape->vocabulary),
      m_forward(m_board, std::move(weights), program),
      m_plan(m_forward.plan()),
      m_tokens(2 * static_cast<std::size_t>(std::max(m_plan.rows, m_workload.batch))),
      m_control(1),
      m_logits(static_cast<std::size_t>(m_workload.batch)) {
  const Range range("plan");
  for (Event& done : m_pieceDone) done = makeEvent();
  for (Begun& begun : m_begun) {
    for (int i = 0; i <= stepsAtOnce; ++i) begun.clocks.push_back(makeEvent());
    begun.copied = makeEvent();
    begun.tokens =
        PinnedBuffer<Token>(static_cast<std::size_t>(m_workload.batch) * static_cast<std::size_t>(m_plan.keptSteps));
    begun.control = PinnedBuffer<Control>(1);
  }
  reset();
  m_forward.tune(true);
  m_forward.beginTiles();
  m_forward.step();
  m_forward.tune(false);
  m_forward.draw();
  wait();
  m_step = capture([&] {
    m_forward.beginTiles();
    m_forward.step();
  });
  m_draw = capture([&] {
    m_forward.beginTiles();
    m_forward.draw();
    m_forward.step();
  });
  reset();
}

CudaRunner::~CudaRunner() {
  cudaSetDevice(m_board->index);
  cudaStreamSynchronize(stream());  // nothing may run on memory that goes
}

void CudaRunner::reset() {
  useDevice();
  m_forward.clearStates();
  setControl(0);
  m_count = 0;
}

void CudaRunner::setControl(int position) {
  wait();  // the pinned copy may still be on its way
  m_control[0] = Control{position, position, 0, 0};
  check(cudaMemcpyAsync(at(m_plan.control), m_control.data(), sizeof(Control), cudaMemcpyHostToDevice, stream()),
        "setting the position");
  for (auto& row : m_logits) row.clear();
}

template <class Body>
GraphExec CudaRunner::capture(Body&& body) {
  check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "recording a step");
  cudaGraph_t recorded = nullptr;
  try {
    body();
  } catch (...) {
    cudaStreamEndCapture(stream(), &recorded);
    if (recorded) cudaGraphDestroy(recorded);
    throw;
  }
  check(cudaStreamEndCapture(stream(), &recorded), "recording a step");
  const Graph graph(recorded);
  cudaGraphExec_t made = nullptr;
  check(cudaGraphInstantiate(&made, graph.get(), 0), "recording a step");
  return GraphExec(made);
}

void CudaRunner::beginDecoding() {
  for (auto& row : m_logits) row.clear();
  if (m_blocksBegin) m_forward.startAllBlocks();
  m_blocksBegin = false;
}

bool CudaRunner::prefill(int sequence, std::span<const Token> tokens, float* allLogits, std::stop_token stop) {
  useDevice();
  const int count = static_cast<int>(tokens.size());
  return prefillGroup(sequence, 1, tokens, count, allLogits, stop) && finishPrefill(count, stop);
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
  return finishPrefill(tokens, stop);
}

bool CudaRunner::finishPrefill(int tokens, const std::stop_token& stop) {
  setControl(tokens);
  m_blocksBegin = true;
  wait();
  return !stop.stop_requested();
}

// Two pieces may be on their way: the device has the next one when one is done, and a stop need not wait for many.
bool CudaRunner::prefillGroup(int first, int sequences, std::span<const Token> prompts, int tokens, float* allLogits,
                              const std::stop_token& stop) {
  const auto all = static_cast<std::size_t>(tokens);
  for (int position = 0; position < tokens; position += m_plan.pieceTokens) {
    if (stop.stop_requested()) return false;
    const int count = std::min(m_plan.pieceTokens, tokens - position), rows = sequences * count;
    const std::size_t turn = m_pieces++ % m_pieceDone.size();
    check(cudaEventSynchronize(m_pieceDone[turn].get()), "waiting for the device");  // its tokens have been read
    Token* const own = m_tokens.data() + turn * static_cast<std::size_t>(m_plan.rows);
    for (int s = 0; s < sequences; ++s)
      std::copy_n(prompts.data() + static_cast<std::size_t>(s) * all + static_cast<std::size_t>(position), count,
                  own + static_cast<std::ptrdiff_t>(s) * count);
    check(cudaMemcpyAsync(at(m_plan.prompt), own, static_cast<std::size_t>(rows) * sizeof(Token),
                          cudaMemcpyHostToDevice, stream()),
          "copying a prompt");
    const bool last = position + count == tokens;
    using Outputs = Forward::Outputs;
    m_forward.prompt(first, sequences, count, position,
                     allLogits ? Outputs::all
                     : last    ? Outputs::last
                               : Outputs::none);
    if (allLogits) {
      const int atOnce = m_workload.batch;
      for (int row = 0; row < count; row += atOnce) {
        const int some = std::min(atOnce, count - row);
        m_forward.head(some, row, 1, at<float>(m_plan.logits));
        for (int r = 0; r < some; ++r)
          copyRow(r, allLogits + static_cast<std::size_t>(position + row + r) * static_cast<std::size_t>(m_vocabulary));
      }
    }
    if (last) {
      float* const logits = at<float>(m_plan.logits) +
                            static_cast<std::size_t>(first) * static_cast<std::size_t>(m_plan.vocabularyStride);
      m_forward.head(sequences, allLogits ? count - 1 : 0, allLogits ? count : 1, logits);
    }
    check(cudaEventRecord(m_pieceDone[turn].get(), stream()), "starting a prompt");
  }
  return true;
}

void CudaRunner::step(int, std::span<const Token> tokens) {
  useDevice();
  beginDecoding();
  wait();
  std::copy(tokens.begin(), tokens.end(), m_tokens.data());
  check(cudaMemcpyAsync(at(m_plan.next), m_tokens.data(), tokens.size() * sizeof(Token), cudaMemcpyHostToDevice,
                        stream()),
        "copying tokens");
  check(cudaGraphLaunch(m_step.get(), stream()), "starting a step");
  wait();
}

void CudaRunner::beginSteps(int position, int steps) {
  const Range range("decode");
  useDevice();
  if (m_count == 0) beginDecoding();
  Begun& now = m_begun[(m_oldest + m_count) % m_begun.size()];
  now.position = position;
  now.steps = steps;
  check(cudaEventRecord(now.clocks[0].get(), stream()), "reading a clock");
  for (int i = 0; i < steps; ++i) {
    check(cudaGraphLaunch(m_draw.get(), stream()), "starting a step");
    check(cudaEventRecord(now.clocks[static_cast<std::size_t>(i) + 1].get(), stream()), "reading a clock");
  }
  check(cudaMemcpyAsync(now.tokens.data(), at(m_plan.kept), m_plan.kept.bytes, cudaMemcpyDeviceToHost, stream()),
        "copying tokens");
  check(cudaMemcpyAsync(now.control.data(), at(m_plan.control), sizeof(Control), cudaMemcpyDeviceToHost, stream()),
        "copying tokens");
  check(cudaEventRecord(now.copied.get(), stream()), "copying tokens");
  ++m_count;
}

void CudaRunner::endSteps(std::span<Token> tokens, std::span<double> seconds) {
  useDevice();
  const Begun& done = m_begun[m_oldest];
  check(cudaEventSynchronize(done.copied.get()), "waiting for the device");
  m_oldest = (m_oldest + 1) % m_begun.size();
  --m_count;
  if (const int bad = done.control[0].nonFinite; bad > 0) {
    m_count = 0;  // nobody will ask for what came after
    throw Error(ErrorKind::input, "sampling",
                "the model's logits of sequence " + std::to_string(bad - 1) + " are not finite after position " +
                    std::to_string(done.position),
                "check the weights and the distilled filters for NaN, Inf or unstable poles");
  }
  const auto batch = static_cast<std::size_t>(m_workload.batch);
  for (int i = 0; i < done.steps; ++i) {
    const auto step = static_cast<std::size_t>(i);
    const auto row = static_cast<std::size_t>((done.position + i) % m_plan.keptSteps);
    std::copy_n(done.tokens.data() + row * batch, batch, tokens.begin() + static_cast<std::ptrdiff_t>(step * batch));
    seconds[step] = secondsBetween(done.clocks[step], done.clocks[step + 1]);
  }
}

void CudaRunner::copyRow(int from, float* to) const {
  check(cudaMemcpyAsync(to,
                        at<float>(m_plan.logits) +
                            static_cast<std::size_t>(from) * static_cast<std::size_t>(m_plan.vocabularyStride),
                        static_cast<std::size_t>(m_vocabulary) * sizeof(float), cudaMemcpyDeviceToHost,
                        stream()),
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

bool CudaRunner::archive(StateArchive& state) {
  useDevice();
  const auto move = [&](const CudaPart& part) {
    state.elsewhere(part.bytes, [&](std::byte* host) {
      void *to = host, *from = at(part);
      if (state.restoring()) std::swap(to, from);
      check(cudaMemcpyAsync(to, from, part.bytes, cudaMemcpyDefault, stream()), "copying states");
    });
    wait();  // the archive grows: its bytes move
  };
  for (const CudaSession::Block& block : m_plan.blocks)
    for (const CudaPart* part : {&block.history, &block.state, &block.responses, &block.inputs, &block.cache, &block.values})
      if (part->bytes > 0) move(*part);
  move(m_plan.control);
  move(m_plan.logits);
  int begin = m_blocksBegin;
  state.value(begin);
  m_blocksBegin = begin != 0;
  if (state.restoring())
    for (auto& row : m_logits) row.clear();
  return true;
}

MemoryUse CudaRunner::memory() const {
  return {m_weightBytes, m_plan.tableBytes, m_plan.stateBytes, m_plan.cacheBytes, m_plan.workspaceBytes};
}

}  // namespace

std::unique_ptr<Runner> makeRunner(std::shared_ptr<Board> board, std::shared_ptr<const DeviceWeights> weights,
                                   const CudaProgram& program) {
  return std::make_unique<CudaRunner>(std::move(board), std::move(weights), program);
}

}  // namespace engine::cuda
