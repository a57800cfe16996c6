#include "engine/cuda/weights.h"

#include <algorithm>

namespace engine::cuda {
namespace {

constexpr std::size_t stagingFloats = std::size_t{8} << 20;

// Copies host rows through a staging area and converts them where they belong.
class Uploader {
 public:
  Uploader(char* memory, Type type, const Launch& where)
      : m_memory(memory), m_type(type), m_where(where), m_staging(stagingFloats * sizeof(float), "uploading weights") {}

  // from: host [rows, columns]; to: [rows, stride].
  void rows(const float* from, int rows, int columns, std::size_t offset, int stride, Type type) {
    const int atOnce = std::max(1, static_cast<int>(stagingFloats / static_cast<std::size_t>(std::max(columns, 1))));
    for (int row = 0; row < rows; row += atOnce) {
      const int count = std::min(atOnce, rows - row);
      const std::size_t floats = static_cast<std::size_t>(count) * static_cast<std::size_t>(columns);
      check(cudaMemcpyAsync(m_staging.bytes(), from + static_cast<std::size_t>(row) * static_cast<std::size_t>(columns),
                            floats * sizeof(float), cudaMemcpyHostToDevice, m_where.stream),
            "copying weights");
      convertRows(m_staging.at<float>(0), count, columns,
                  m_memory + offset + static_cast<std::size_t>(row) * static_cast<std::size_t>(stride) * bytesOf(type),
                  stride, type, m_where);
      // The staging area is written again: copies from pageable memory return before the conversion has read it.
      check(cudaStreamSynchronize(m_where.stream), "copying weights");
    }
  }

  // Weights that are bfloat16 on the host already.
  void halfRows(const Bfloat16* from, int rowCount, int columns, std::size_t offset, int stride) {
    std::vector<float> wide;
    const int atOnce = std::max(1, static_cast<int>(stagingFloats / static_cast<std::size_t>(std::max(columns, 1))));
    for (int row = 0; row < rowCount; row += atOnce) {
      const int count = std::min(atOnce, rowCount - row);
      const std::size_t begin = static_cast<std::size_t>(row) * static_cast<std::size_t>(columns);
      wide.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(columns));
      for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = toFloat(from[begin + i]);
      rows(wide.data(), count, columns,
           offset + static_cast<std::size_t>(row) * static_cast<std::size_t>(stride) * bytesOf(m_type), stride, m_type);
    }
  }

  void vector(const Buffer<float>& from, const CudaPart& to, int parts, int stride, Type type) {
    if (from.size() == 0) return;
    rows(from.data(), parts, static_cast<int>(from.size()) / parts, to.offset, stride, type);
  }

  // Rows come in `parts` equal parts that are padded each: the streams of a projection.
  void linear(const Linear& from, const CudaWeights::Linear& to, int parts, Type biasType) {
    const int rowsOfPart = from.outputs / parts, rowsOfPadded = to.outputs / parts;
    for (int part = 0; part < parts; ++part) {
      const std::size_t first = static_cast<std::size_t>(part) * static_cast<std::size_t>(rowsOfPart) *
                                static_cast<std::size_t>(from.inputs);
      const std::size_t offset =
          to.weight.offset + static_cast<std::size_t>(part) * static_cast<std::size_t>(rowsOfPadded) *
                                 static_cast<std::size_t>(to.inputs) * bytesOf(m_type);
      if (from.random)
        randomRows(from.random->state + first * 0x9E3779B97F4A7C15ULL, from.random->scale, 0, rowsOfPart, from.inputs,
                   m_memory + offset, to.inputs, m_type, m_where);
      else if (from.half.size() > 0)
        halfRows(from.half.data() + first, rowsOfPart, from.inputs, offset, to.inputs);
      else
        rows(from.weight.data() + first, rowsOfPart, from.inputs, offset, to.inputs, m_type);
    }
    vector(from.bias, to.bias, parts, rowsOfPadded, biasType);
  }

  void norm(const Norm& from, const CudaWeights::Norm& to, int stride) {
    vector(from.scale, to.scale, 1, stride, Type::float32);
    vector(from.shift, to.shift, 1, stride, Type::float32);
  }

 private:
  char* m_memory;
  Type m_type;
  Launch m_where;
  DeviceBuffer m_staging;
};

}  // namespace

DeviceWeights::DeviceWeights(const CudaProgram& program, const Launch& where)
    : m_plan(program.weightPlan), m_memory(m_plan.bytes, "the model's weights") {
  const Model::Weights& weights = *program.weights;
  const Type type = program.workload.precision == Precision::float32 ? Type::float32 : Type::bfloat16;
  const int stride = program.sessionPlan.stride;
  check(cudaMemsetAsync(m_memory.bytes(), 0, m_plan.bytes, where.stream), "clearing memory");
  Uploader upload(m_memory.bytes(), type, where);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    const Block& block = weights.blocks[i];
    const CudaWeights::Block& to = m_plan.blocks[i];
    if (block.kind == BlockShape::Kind::attention) {
      const Attention& attention = block.attention[0];
      upload.norm(attention.norm, to.norm, stride);
      upload.linear(attention.qkv, to.in, 3, type);
      upload.linear(attention.out, to.out, 1, Type::float32);
    } else {
      const ConvolutionOperator& op = block.operators[0];
      upload.norm(op.norm, to.norm, stride);
      upload.linear(op.in, to.in, 3, type);
      upload.linear(op.out, to.out, 1, Type::float32);
      upload.vector(op.shortFilter.weight, to.shortWeight, 3 * op.shortFilter.taps, stride, Type::float32);
      upload.vector(op.shortFilter.bias, to.shortBias, 3, stride, Type::float32);
    }
    upload.norm(block.mlp.norm, to.mlpNorm, stride);
    upload.linear(block.mlp.in, to.mlpIn, 1, type);
    upload.linear(block.mlp.out, to.mlpOut, 1, Type::float32);
  }
  upload.linear(weights.embedding, m_plan.embedding, 1, type);
  if (weights.head.outputs > 0) upload.linear(weights.head, m_plan.head, 1, Type::float32);
  if (weights.positionCount > 0)
    upload.rows(weights.positions.data(), weights.positionCount, weights.width, m_plan.positions.offset, stride,
                Type::float32);
  upload.norm(weights.finalNorm, m_plan.finalNorm, stride);
  check(cudaStreamSynchronize(where.stream), "copying weights");
}

std::vector<int> uploadTables(const CudaProgram& program, const DeviceBuffer& session, const Launch& where) {
  const auto copy = [&](const auto& values, const CudaPart& to) {
    check(cudaMemcpyAsync(session.bytes() + to.offset, values.data(), values.size() * sizeof(*values.data()),
                          cudaMemcpyHostToDevice, where.stream),
          "copying tables");
  };
  std::vector<int> mostSlots(program.sessionPlan.blocks.size(), 0);
  for (std::size_t i = 0; i < program.weights->blocks.size(); ++i) {
    const Block& block = program.weights->blocks[i];
    if (block.kind == BlockShape::Kind::attention) continue;
    const CudaSession::Block& to = program.sessionPlan.blocks[i];
    const auto bank = static_cast<std::size_t>(block.operators[0].banks[0]);
    if (!program.modal.empty()) {
      const ModalTable& table = *program.modal[bank];
      std::vector<GroupView> groups;
      for (const ModalGroup& group : table.groups) {
        groups.push_back({group.pairs, group.reals, static_cast<std::uint32_t>(group.coefficients),
                          static_cast<std::uint32_t>(group.state)});
        mostSlots[i] = std::max(mostSlots[i], group.pairs + group.reals);
      }
      copy(table.order, to.order);
      copy(table.direct, to.direct);
      copy(table.coefficients, to.coefficients);
      copy(groups, to.groups);
      if (!program.blocks.empty()) {
        copy(program.blocks[bank]->powers, to.powers);
        copy(program.blocks[bank]->taps, to.blockTaps);
      }
      check(cudaStreamSynchronize(where.stream), "copying tables");  // `groups` ends here
    } else {
      const FilterBank& filters = *program.filters[bank];
      const std::size_t bytes = filters.reversed.size() * sizeof(float);
      const DeviceBuffer staging(bytes + filters.skip.size() * sizeof(float), "uploading filters");
      check(cudaMemcpyAsync(staging.bytes(), filters.reversed.data(), bytes, cudaMemcpyHostToDevice, where.stream),
            "copying filters");
      check(cudaMemcpyAsync(staging.bytes() + bytes, filters.skip.data(), filters.skip.size() * sizeof(float),
                            cudaMemcpyHostToDevice, where.stream),
            "copying filters");
      transposeTaps(staging.at<float>(0), staging.at<float>(bytes), filters.channels, filters.length,
                    program.sessionPlan.lags, session.at<float>(to.taps.offset), program.sessionPlan.stride, where);
      check(cudaStreamSynchronize(where.stream), "copying filters");
    }
  }
  return mostSlots;
}

}  // namespace engine::cuda
