#include "engine/cuda/gemm.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "engine/cuda/rows.h"

namespace engine::cuda {
namespace {

constexpr int mostOwnRows = 16;   // more rows are never tried with our own kernel
constexpr int fewOwnRows = 4;     // untried shapes of so few rows take it
constexpr int mostInvariantRows = 64;
constexpr int candidates = 48;    // of the library
constexpr int mostDividedRows = 256;  // with more rows every multiprocessor has work without dividing the inputs
constexpr int divisions[] = {2, 3, 4, 6, 8};
constexpr int trials = 5;
constexpr std::size_t finalists = 6;  // proposals that are tried again, longer
constexpr int finalTrials = 15;
constexpr std::size_t scrubBytes = std::size_t{128} << 20;  // larger than any second-level cache

cudaDataType_t dataType(Type type) {
  return type == Type::float32 ? CUDA_R_32F : CUDA_R_16BF;
}
bool floatResult(Finish finish) {
  return finish == Finish::add || finish == Finish::logits;
}

template <class Value>
void set(const LtOperation& operation, cublasLtMatmulDescAttributes_t attribute, Value value) {
  check(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof(value)), "describing a product");
}

LtLayout layout(cudaDataType_t type, int rows, int columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns),
                                   rows),
        "describing a matrix");
  return LtLayout(made);
}

}  // namespace

struct Gemm::Plan {
  LtOperation operation;
  LtLayout weight, x, y;
  std::vector<cublasLtMatmulHeuristicResult_t> proposals;
  std::size_t chosen = 0;
  bool tuned = false, own = false;
};

Gemm::Gemm() : m_canStream(canMultiplyRows()) {
  cublasLtHandle_t handle = nullptr;
  check(cublasLtCreate(&handle), "starting the library");
  m_handle.reset(handle);
}
Gemm::~Gemm() = default;

Gemm::Key Gemm::keyOf(const VectorProduct& p, Type type) {
  return {p.rows, p.inputs, p.outputs, static_cast<int>(type), static_cast<int>(p.finish), p.bias != nullptr};
}

// Row-major y = x W^T is column-major y^T = W x^T with the same bytes: W is stored [inputs, outputs] and transposed.
Gemm::Plan& Gemm::plan(const VectorProduct& p, Type type, std::size_t workspaceBytes) {
  auto& entry = m_plans[keyOf(p, type)];
  if (entry) return *entry;
  auto made = std::make_unique<Plan>();
  cublasLtMatmulDesc_t operation = nullptr;
  check(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing a product");
  made->operation.reset(operation);
  const cudaDataType_t in = dataType(type), out = floatResult(p.finish) ? CUDA_R_32F : in;
  set(made->operation, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  const bool gelu = p.finish == Finish::gelu;
  if (p.bias) {
    set(made->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, gelu ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_BIAS);
    set(made->operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, out);
    set(made->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  } else if (gelu) {
    set(made->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU);
  }
  made->weight = layout(in, p.inputs, p.outputs);
  made->x = layout(in, p.inputs, p.rows);
  made->y = layout(out, p.outputs, p.rows);
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), "asking for a product");
  const LtPreference owner(preference);
  const std::uint64_t most = workspaceBytes;
  check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof(most)),
        "asking for a product");
  made->proposals.resize(candidates);
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      m_handle.get(), operation, made->weight.get(), made->x.get(), made->y.get(), made->y.get(), preference, candidates,
      made->proposals.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED)
    found = 0;  // our own kernel takes any shape
  else
    check(status, "choosing a product");
  made->proposals.resize(static_cast<std::size_t>(found));
  if (p.rows <= mostDividedRows) divideInputs(*made, workspaceBytes);
  made->own = found == 0 || p.rows <= fewOwnRows;
  entry = std::move(made);
  return *entry;
}

// Each proposal that takes the inputs whole, with the inputs divided and their sums added in a fixed order.
void Gemm::divideInputs(Plan& plan, std::size_t workspaceBytes) {
  for (std::size_t i = 0, found = plan.proposals.size(); i < found; ++i) {
    std::uint32_t whole = 0;
    std::size_t written = 0;
    if (cublasLtMatmulAlgoConfigGetAttribute(&plan.proposals[i].algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &whole,
                                             sizeof(whole), &written) != CUBLAS_STATUS_SUCCESS ||
        whole > 1)
      continue;
    for (const int parts : divisions) {
      cublasLtMatmulHeuristicResult_t divided = plan.proposals[i];
      const std::uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
      const bool works =
          cublasLtMatmulAlgoConfigSetAttribute(&divided.algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &parts, sizeof(parts)) ==
              CUBLAS_STATUS_SUCCESS &&
          cublasLtMatmulAlgoConfigSetAttribute(&divided.algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme,
                                               sizeof(scheme)) == CUBLAS_STATUS_SUCCESS &&
          cublasLtMatmulAlgoCheck(m_handle.get(), plan.operation.get(), plan.weight.get(), plan.x.get(), plan.y.get(),
                                  plan.y.get(), &divided.algo, &divided) == CUBLAS_STATUS_SUCCESS &&
          divided.workspaceSize <= workspaceBytes;
      if (works) plan.proposals.push_back(divided);
    }
  }
}

cublasStatus_t Gemm::run(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, const VectorProduct& p,
                         void* workspace, std::size_t workspaceBytes, const Launch& where) {
  if (p.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  const float one = 1, add = p.finish == Finish::add ? 1 : 0;
  return cublasLtMatmul(m_handle.get(), plan.operation.get(), &one, p.weight, plan.weight.get(), p.x, plan.x.get(), &add,
                        p.y, plan.y.get(), p.y, plan.y.get(), &algorithm, workspace, workspaceBytes, where.stream);
}

// No trial: the library, alone, is as fast at 64 rows, but the kernels around rows.h overlap with it.
bool Gemm::streams(const VectorProduct& p, Type type) const {
  return m_canStream && type == Type::bfloat16 && p.rows <= mostStreamedRows;
}

bool Gemm::own(const VectorProduct& p, Type type) const {
  if (streams(p, type)) return false;
  const auto found = m_plans.find(keyOf(p, type));
  return found == m_plans.end() ? p.rows <= fewOwnRows : found->second->own;
}

void Gemm::multiply(const VectorProduct& p, Type type, bool batchInvariant, void* workspace, std::size_t workspaceBytes,
                    const Launch& where) {
  const bool invariant = batchInvariant && p.rows <= mostInvariantRows;
  if (streams(p, type) || (invariant && m_canStream && type == Type::bfloat16)) return multiplyRows(p, where);
  if (invariant) return multiplyVectors(p, type, where);
  const Plan& chosen = plan(p, type, workspaceBytes);
  if (chosen.own) return multiplyVectors(p, type, where);
  check(run(chosen, chosen.proposals[chosen.chosen].algo, p, workspace, workspaceBytes, where), "multiplying");
}

void Gemm::tune(const VectorProduct& p, Type type, void* workspace, std::size_t workspaceBytes, const Launch& where) {
  if (p.rows == 1 || streams(p, type)) return;
  Plan& chosen = plan(p, type, workspaceBytes);
  if (chosen.tuned) return;
  chosen.tuned = true;
  // Weights that lie in the cache from the last trial would favour whoever comes next.
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  const DeviceBuffer scrub(free > 2 * scrubBytes ? scrubBytes : 0, "tuning");
  const Event start = makeEvent(), end = makeEvent();
  const auto time = [&](int count, auto&& work) {
    std::vector<double> seconds;
    for (int trial = 0; trial <= count; ++trial) {
      if (scrub.bytes()) check(cudaMemsetAsync(scrub.bytes(), trial, scrubBytes, where.stream), "clearing a cache");
      check(cudaEventRecord(start.get(), where.stream), "reading a clock");
      work();
      check(cudaEventRecord(end.get(), where.stream), "reading a clock");
      check(cudaStreamSynchronize(where.stream), "waiting");
      if (trial > 0) seconds.push_back(secondsBetween(start, end));  // the first one loads the kernel
    }
    std::nth_element(seconds.begin(), seconds.begin() + count / 2, seconds.end());
    return seconds[static_cast<std::size_t>(count) / 2];
  };
  double best = 0;
  bool any = false;
  // All of them, then the best few once more, longer: near-ties are many and noise shall not decide.
  std::vector<std::pair<double, std::size_t>> order;
  const auto timed = [&](std::size_t i, int count) {
    bool works = true;  // for very many rows some proposals cannot be launched
    const double seconds = time(count, [&] {
      if (!works) return;
      works = run(chosen, chosen.proposals[i].algo, p, workspace, workspaceBytes, where) == CUBLAS_STATUS_SUCCESS;
      if (!works) cudaGetLastError();
    });
    return works ? seconds : std::numeric_limits<double>::infinity();
  };
  for (std::size_t i = 0; i < chosen.proposals.size(); ++i) order.emplace_back(timed(i, trials), i);
  std::sort(order.begin(), order.end());
  for (std::size_t rank = 0; rank < order.size() && rank < finalists; ++rank) {
    if (!(order[rank].first < std::numeric_limits<double>::infinity())) break;
    const double seconds = timed(order[rank].second, finalTrials);
    if (!any || seconds < best) best = seconds, chosen.chosen = order[rank].second;
    any = true;
  }
  if (p.rows <= mostOwnRows) {
    const double seconds = time(finalTrials, [&] { multiplyVectors(p, type, {where.stream, false}); });
    chosen.own = !any || seconds < best;
  } else if (!any) {
    chosen.own = true;
  }
}

}  // namespace engine::cuda
