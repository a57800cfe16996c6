#include "engine/cudadevice.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "engine/cudamodule.h"
#include "engine/error.h"

namespace engine {
namespace {

struct Loaded {
  const CudaModule* module = nullptr;
  std::string reason;  // why there is none
};

std::string lastLoadError() {
  const char* text = dlerror();
  return text ? text : "unknown reason";
}

Loaded loadFrom(const std::filesystem::path& file) {
  // Stays loaded for the life of the process: its objects may outlive any owner here.
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) return {nullptr, lastLoadError()};
  const auto function = reinterpret_cast<CudaModuleFunction>(dlsym(library, cudaModuleSymbol));
  if (!function) return {nullptr, file.string() + " is no CUDA module of this program"};
  const CudaModule* module = function();
  if (module->version != cudaModuleVersion)
    return {nullptr, file.string() + " belongs to another version of this program"};
  return {module, {}};
}

Loaded load() {
  constexpr const char* name = "libpolecat_cuda.so";
  if (const char* file = std::getenv("POLECAT_CUDA_MODULE")) return loadFrom(file);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* folder : {".", "../lib/polecat", "../app"}) {
    const auto file = program.parent_path() / folder / name;
    if (std::filesystem::exists(file, error)) return loadFrom(file);
  }
  return {nullptr, "this build has no CUDA module (" + std::string(name) + " is not beside the program)"};
}

const Loaded& loaded() {
  static const Loaded result = load();
  return result;
}

class Cuda final : public Device {
 public:
  Cuda(std::string id, std::unique_ptr<CudaBoard> board) : m_id(std::move(id)), m_board(std::move(board)) {}
  const std::string& id() const override { return m_id; }
  int threads() const override { return 1; }
  std::size_t freeBytes() const override { return m_board->freeBytes(); }
  Footprint predict(const Shape& shape, const Workload& workload) const override {
    return cudaFootprint(shape, workload);
  }
  void require(const Model&, const Workload&) const override;
  Calibration calibrate() override { return m_board->calibrate(); }
  std::unique_ptr<Runner> run(std::shared_ptr<const Model> model, const Workload& workload) override;

 private:
  std::string m_id;
  std::unique_ptr<CudaBoard> m_board;
};

[[noreturn]] void unsupported(const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::unsupported, "CUDA", problem, advice);
}

void check(const Model& model, const Workload& workload) {
  const Shape& shape = model.shape();
  const Mixer mixer = workload.mode.mixer;
  checkMode(model, workload.mode);
  const Prefill way = workload.mode.prefill;
  const bool convolves = mixer == Mixer::convolutionLazy || mixer == Mixer::convolutionTiled;
  if (way == Prefill::chunkedModal)
    unsupported("prefill by chunked modal cannot be asked of a GPU, which takes chunks wherever it can",
                "choose automatic or scan");
  if (way != Prefill::automatic && way != (convolves ? Prefill::toeplitz : Prefill::scan))
    unsupported("prefill by " + std::string(name(way)) + " runs on the CPU only",
                std::string("choose ") + (convolves ? "toeplitz" : "scan") + " or automatic");
  for (const BlockShape& block : shape.blocks) {
    const bool matrices = block.kind == BlockShape::Kind::multiHyena;
    if (matrices && recurrent(mixer) && block.keptFilters > 0)
      unsupported("a MultiHyena model has heads without a distilled filter", "distil all of its heads");
    if (block.kind != BlockShape::Kind::hyena && shape.width / shape.heads > cudaWidestHead)
      unsupported("heads wider than " + std::to_string(cudaWidestHead) + " channels run on the CPU only", "use device cpu");
  }
  if (workload.batch > 65535) unsupported("a batch is limited to 65535 sequences", "use a smaller one");
}

void Cuda::require(const Model& model, const Workload& workload) const {
  check(model, workload);
}

std::unique_ptr<Runner> Cuda::run(std::shared_ptr<const Model> model, const Workload& workload) {
  check(*model, workload);
  CudaProgram program;
  const Model::Weights& weights = model->weights();
  program.weights = &weights;
  program.shape = &model->shape();
  program.vocabularySize = model->vocabularySize();
  program.workload = workload;
  program.weightPlan = cudaWeights(*program.shape, workload);
  program.sessionPlan = cudaSession(*program.shape, workload);
  const std::size_t free = freeBytes();
  const std::size_t needed =
      program.sessionPlan.bytes + (m_board->holds(&weights, workload.precision) ? 0 : program.weightPlan.bytes);
  if (needed > free)
    throw Error(ErrorKind::memory, m_id,
                "the session needs " + std::to_string((needed >> 20) + 1) + " MiB where " +
                    std::to_string(free >> 20) + " are free",
                "use a smaller batch or capacity, or a recurrent mode", needed, free);

  const Model::Distillation* distillation = model->distillation();
  std::vector<FilterBank> responses;
  std::vector<cpu::BlockTable> blocks;
  std::vector<Buffer<float>> sections;
  Meter counted = 0;
  responses.reserve(weights.filters.size());
  blocks.reserve(weights.filters.size());
  sections.reserve(weights.filters.size());
  for (std::size_t bank = 0; bank < weights.filters.size(); ++bank) {
    if (recurrent(workload.mode.mixer)) {
      program.modal.push_back(&distillation->modal[bank]);
      if (workload.mode.mixer == Mixer::modalBlocked)
        program.blocks.push_back(&blocks.emplace_back(cpu::blockTable(
            distillation->modal[bank], distillation->banks[bank], workload.mode.blockLength, counted)));
      if (workload.mode.mixer == Mixer::companion)
        program.sections.push_back(
            &sections.emplace_back(sectionCoefficients(distillation->modal[bank], distillation->banks[bank])));
    } else if (distillation) {
      program.filters.push_back(&responses.emplace_back(
          impulseResponses(weights.filters[bank], distillation->banks[bank], workload.capacityTokens, counted)));
    } else {
      program.filters.push_back(&weights.filters[bank]);
    }
  }
  program.model = std::move(model);
  return m_board->run(program);
}

}  // namespace

std::vector<DeviceInfo> cudaDevices() {
  const Loaded& library = loaded();
  std::vector<DeviceInfo> list;
  if (library.module) list = library.module->devices();
  if (list.empty()) {
    DeviceInfo none;
    none.id = "cuda";
    none.name = "NVIDIA GPU";
    none.remark = library.module ? "the driver lists no GPU" : library.reason;
    none.usable = false;
    list.push_back(none);
  }
  return list;
}

std::shared_ptr<Device> openCuda(const std::string& id) {
  const auto list = cudaDevices();
  const auto found = std::find_if(list.begin(), list.end(), [&](const DeviceInfo& info) { return info.id == id; });
  if (found == list.end() || !found->usable)
    throw Error(ErrorKind::device, "device " + id, found == list.end() ? list.front().usable ? "there is no such device" : list.front().remark : found->remark,
                "use cpu");
  int index = 0;
  const std::string digits = id.substr(id.find(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return std::make_shared<Cuda>(id, loaded().module->open(index));
}

}  // namespace engine
