// Filters of diagonal state-space layers: H3 (HazyResearch/H3), S4D and S4 versions 3 and 4 (state-spaces/s4).
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/h3language.h"
#include "analysis/checkpoint/languageframe.h"
#include "analysis/checkpoint/lowrankkernel.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array h3Families{
    KnownFamily{"H3", "layers.i.mixer.ssm_k_kernel.kernel.C", true, true, "a shift and a diagonal system a layer"}};
constexpr std::array s4Families{
    KnownFamily{"S4D", "*.kernel.log_A_real", true, false, "diagonal state spaces"},
    KnownFamily{"S4", "*.kernel.inv_dt and .A_real; *.kernel.kernel.inv_A_real", true, false,
                "diagonal, or with a low-rank part; version 3 diagonal"}};

using Complex = std::complex<double>;

enum class Discretisation { bilinear, zeroOrderHold };

// The tensors of one diagonal system bank below `kernel` ("layers.0.mixer.kernel.kernel.").
struct Diagonal {
  const TensorInfo *C = nullptr, *B = nullptr, *realPart = nullptr, *imaginaryPart = nullptr, *step = nullptr;
  const TensorInfo* skip = nullptr;
  std::size_t states = 0;   // N/2 modes
  std::size_t systems = 1;  // rows of A and B; input h uses row h mod systems
  std::size_t inputs = 1;   // H; channel c H + h is output c of input h
  double imaginarySign = 1;
  Discretisation rule = Discretisation::zeroOrderHold;
};

// h[t] = 2 Re sum c p^t (Gu et al. 2022, On the Parameterization of S4D, section 3). Bilinear: p = (1 + dt A/2) /
// (1 - dt A/2), c = C B dt / (1 - dt A/2). Zero-order hold: p = exp(dt A), c = C B (p - 1)/A.
Modes discretise(const TensorFile& file, const Diagonal& d, int channel) {
  const auto output = static_cast<std::uint64_t>(channel), h = output % d.inputs;
  const std::uint64_t row = h % d.systems * d.states;
  const double dt = std::exp(readRange(file, *d.step, h, 1).front());
  const std::vector<double> re = readRange(file, *d.realPart, row, d.states);
  const std::vector<double> im = readRange(file, *d.imaginaryPart, row, d.states);
  const std::vector<Complex> c = readComplex(file, *d.C, output * d.states, d.states);
  const std::vector<Complex> b =
      d.B != nullptr ? readComplex(file, *d.B, row, d.states) : std::vector<Complex>(d.states, 1);
  Modes modes;
  for (std::size_t n = 0; n < d.states; ++n) {
    const Complex a(-std::exp(re[n]), d.imaginarySign * im[n]);
    if (d.rule == Discretisation::bilinear) {
      const Complex down = 1. - dt / 2 * a;
      modes.poles.push_back((1. + dt / 2 * a) / down);
      modes.coefficients.push_back(2. * c[n] * b[n] * dt / down);
    } else {
      const Complex p = std::exp(dt * a);
      modes.poles.push_back(p);
      modes.coefficients.push_back(2. * c[n] * b[n] * (p - 1.) / a);
    }
  }
  if (d.skip != nullptr) modes.skip = readRange(file, *d.skip, output, 1).front();
  return modes;
}

Discretisation discretisation(Survey& survey, const char* fallback) {
  const std::string rule = survey.word("discretisation", {"disc", "kernel/disc"}, fallback, {"bilinear", "zoh"});
  if (rule != "bilinear" && rule != "zoh") {
    refuse(survey.file().path().string(), "asks for the discretisation " + rule + ", which is not supported",
           "choose bilinear or zoh");
  }
  return rule == "bilinear" ? Discretisation::bilinear : Discretisation::zeroOrderHold;
}

void addDiagonal(Survey& survey, Bank bank, const Diagonal& diagonal) {
  const int length = bank.lengthSamples;
  survey.addBank(std::move(bank), modalSource(length, [file = survey.sharedFile(), diagonal](int channel) {
                   return discretise(*file, diagonal, channel);
                 }));
}

// The shift system is a FIR filter, h[t] = sum_n B[n] C[n + t] (Fu et al. 2023, Hungry Hungry Hippos, section 3.1).
void addShift(Survey& survey, const std::string& mixer, Bank bank) {
  const std::string kernel = mixer + "ssm_k_kernel.kernel.";
  const int channels = survey.size({{kernel + "C", 1}, {kernel + "B", 0}, {mixer + "ssm_k_D", 0}});
  const int taps = survey.size({{kernel + "C", 2}, {kernel + "B", 1}});
  bool usable = survey.expect(kernel + "C", {1, channels, taps});
  usable = survey.expect(kernel + "B", {channels, taps}) && usable;
  usable = survey.expect(mixer + "ssm_k_D", {channels}) && usable;
  if (!usable) return;
  bank.path = mixer + "ssm_k_kernel.kernel";
  bank.channels = channels;
  bank.lengthSamples = taps;
  survey.addBank(
      bank, tapsSource(taps, [file = survey.sharedFile(), b = survey.find(kernel + "B"), c = survey.find(kernel + "C"),
                              d = survey.find(mixer + "ssm_k_D")](int channel, std::span<double> out) {
        const std::uint64_t first = static_cast<std::uint64_t>(channel) * out.size();
        const std::vector<double> in = readRange(*file, *b, first, out.size());
        const std::vector<double> from = readRange(*file, *c, first, out.size());
        for (std::size_t t = 0; t < out.size(); ++t) {
          out[t] = 0;
          for (std::size_t n = 0; n + t < out.size(); ++n) out[t] += in[n] * from[n + t];
        }
        return readRange(*file, *d, static_cast<std::uint64_t>(channel), 1).front();
      }));
}

void addH3Diagonal(Survey& survey, const std::string& mixer, Bank bank, Discretisation rule) {
  const std::string kernel = mixer + "kernel.kernel.";
  const int channels = survey.size({{kernel + "C", 1}, {kernel + "log_dt", 0}, {mixer + "D", 0}});
  const int states = survey.size({{kernel + "C", 2}, {kernel + "B", 1}});
  const int systems = survey.size({{kernel + "A_imag", 0}, {kernel + "B", 0}});
  bool usable = survey.expect(kernel + "C", {1, channels, states, 2});
  usable = survey.expect(kernel + "B", {systems, states, 2}) && usable;
  usable = survey.expect(kernel + "inv_A_real", {systems, states}) && usable;
  usable = survey.expect(kernel + "A_imag", {systems, states}) && usable;
  usable = survey.expect(kernel + "log_dt", {channels}) && usable;
  usable = survey.expect(mixer + "D", {channels}) && usable;
  if (!usable || systems < 1) return;
  bank.path = mixer + "kernel.kernel";
  bank.channels = channels;
  addDiagonal(survey, bank,
              {survey.find(kernel + "C"), survey.find(kernel + "B"), survey.find(kernel + "inv_A_real"),
               survey.find(kernel + "A_imag"), survey.find(kernel + "log_dt"), survey.find(mixer + "D"),
               static_cast<std::size_t>(states), static_cast<std::size_t>(systems), static_cast<std::size_t>(channels),
               1, rule});
}

Bank kernelBank(const Survey& survey, const std::string& kernel, int channels, int length) {
  Bank bank;
  bank.path = kernel.substr(0, kernel.size() - 1);
  bank.layer = survey.bankCount();
  bank.channels = channels;
  bank.lengthSamples = length;
  return bank;
}

void addS4d(Survey& survey, const std::string& module, int length) {
  const std::string kernel = module + "kernel.";
  const int channels = survey.size({{kernel + "C", 0}, {kernel + "log_dt", 0}, {module + "D", 0}});
  const int states = survey.size({{kernel + "C", 1}, {kernel + "log_A_real", 1}});
  bool usable = survey.expect(kernel + "C", {channels, states, 2});
  usable = survey.expect(kernel + "log_dt", {channels}) && usable;
  usable = survey.expect(kernel + "log_A_real", {channels, states}) && usable;
  usable = survey.expect(kernel + "A_imag", {channels, states}) && usable;
  usable = survey.expect(module + "D", {channels}) && usable;
  if (!usable) return;
  addDiagonal(survey, kernelBank(survey, kernel, channels, length),
              {survey.find(kernel + "C"), nullptr, survey.find(kernel + "log_A_real"), survey.find(kernel + "A_imag"),
               survey.find(kernel + "log_dt"), survey.find(module + "D"), static_cast<std::size_t>(states),
               static_cast<std::size_t>(channels), static_cast<std::size_t>(channels), 1,
               Discretisation::zeroOrderHold});
}

// A layer with a low-rank part; always bilinear. P [rank, systems, N/2, 2]; l_kernel, a scalar, says for which length
// C was stored multiplied by (I - dA^length).
void addLowRank(Survey& survey, const std::string& kernel, const Diagonal& diagonal, Bank bank) {
  const int rank = survey.size(kernel + "P", 0), systems = static_cast<int>(diagonal.systems);
  bool usable = survey.expect(kernel + "P", {-1, systems, static_cast<std::int64_t>(diagonal.states), 2});
  int stored = 0;
  if (!survey.has(kernel + "l_kernel")) {
    survey.note(kernel + "l_kernel", "0", Origin::fallback, "not in the file: C is taken as it stands");
  } else {
    usable = survey.expect(kernel + "l_kernel", {}) && usable;
    const double said = usable ? survey.file().doubles(survey.find(kernel + "l_kernel")->name).front() : 0;
    if (!(said >= 0 && said <= (1 << 26))) {
      survey.report.shapeMismatch.push_back(kernel + "l_kernel: is no kernel length");
      return;
    }
    stored = static_cast<int>(said);
  }
  if (!usable || rank < 1) return;
  const int length = bank.lengthSamples;
  survey.addBank(std::move(bank),
                 tapsSource(length, [file = survey.sharedFile(), d = diagonal, p = survey.find(kernel + "P"), rank,
                                     stored](int channel, std::span<double> out) {
                   const auto output = static_cast<std::uint64_t>(channel), h = output % d.inputs;
                   const std::uint64_t row = h % d.systems * d.states;
                   LowRankSystem system;
                   const std::vector<double> re = readRange(*file, *d.realPart, row, d.states);
                   const std::vector<double> im = readRange(*file, *d.imaginaryPart, row, d.states);
                   for (std::size_t n = 0; n < d.states; ++n)
                     system.a.emplace_back(-std::exp(re[n]), d.imaginarySign * im[n]);
                   system.b = readComplex(*file, *d.B, row, d.states);
                   system.c = readComplex(*file, *d.C, output * d.states, d.states);
                   for (int r = 0; r < rank; ++r) {
                     const std::uint64_t at = static_cast<std::uint64_t>(r) * d.systems * d.states + row;
                     system.p.push_back(readComplex(*file, *p, at, d.states));
                   }
                   system.step = std::exp(readRange(*file, *d.step, h, 1).front());
                   system.storedLength = stored;
                   lowRankResponse(system, out);
                   return d.skip == nullptr ? 0 : readRange(*file, *d.skip, output, 1).front();
                 }));
}

// Where a version of S4 keeps what: version 4 lies flat and has a leading axis in B and a trailing one in dt.
struct S4Layout {
  std::string module, kernel;  // prefixes
  const char *realPart, *step;
  std::vector<std::int64_t> leading, trailing;  // axes of size 1
  double imaginarySign;
};

// D [c, H] and C [c, H, N/2, 2]; a convolution that looks both ways has C [2 c, ..], of which the first half looks back.
void addS4(Survey& survey, const S4Layout& layout, int length, Discretisation rule) {
  const std::string &kernel = layout.kernel, D = layout.module + "D", C = kernel + "C", B = kernel + "B";
  const std::size_t rows = layout.leading.size();
  const std::string re = kernel + layout.realPart, im = kernel + "A_imag", dt = kernel + layout.step;
  const int inputs = survey.size({{C, 1}, {dt, 0}, {D, 1}}), states = survey.size({{C, 2}, {re, 1}});
  const int systems = survey.size({{re, 0}, {im, 0}, {B, rows}});
  const int outputs = survey.size({{D, 0}, {C, 0}}), stored = survey.size({{C, 0}, {D, 0}});
  const auto shape = [](std::vector<std::int64_t> all, std::initializer_list<std::int64_t> more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  std::vector<std::int64_t> steps{inputs};
  steps.insert(steps.end(), layout.trailing.begin(), layout.trailing.end());
  bool usable = survey.expect(C, {stored == 2 * outputs ? stored : outputs, inputs, states, 2});
  usable = survey.expect(B, shape(layout.leading, {systems, states, 2})) && usable;
  usable = survey.expect(re, {systems, states}) && usable;
  usable = survey.expect(im, {systems, states}) && usable;
  usable = survey.expect(dt, steps) && usable;
  usable = survey.expect(D, {outputs, inputs}) && usable;
  for (const char* part : {"output_linear.0.weight", "output_linear.0.bias"}) survey.allow(layout.module + part);
  for (const char* part : {"P", "l_kernel"}) survey.allow(kernel + part);
  // A low-rank part is told by either of its tensors.
  const bool lowRank = survey.has(kernel + "P") || survey.has(kernel + "l_kernel");
  if (lowRank && !survey.has(kernel + "P")) usable = survey.expect(kernel + "P", {-1, systems, states, 2}) && usable;
  if (!usable || systems < 1 || inputs < 1) return;
  if (std::int64_t(outputs) * inputs > (1 << 22)) {
    survey.report.shapeMismatch.push_back(C + ": describes more filters than any layer has");
    return;
  }
  if (stored == 2 * outputs) survey.note(kernel + "C", "both ways", Origin::shapes, "the half that looks back is shown");
  const Diagonal diagonal{survey.find(C),
                          survey.find(B),
                          survey.find(re),
                          survey.find(im),
                          survey.find(dt),
                          survey.find(D),
                          static_cast<std::size_t>(states),
                          static_cast<std::size_t>(systems),
                          static_cast<std::size_t>(inputs),
                          layout.imaginarySign,
                          rule};
  const Bank bank = kernelBank(survey, kernel, outputs * inputs, length);
  if (lowRank) return addLowRank(survey, kernel, diagonal, bank);
  addDiagonal(survey, bank, diagonal);
}

bool readH3(Survey& survey) {
  const int layers = survey.countLayers("layers.");
  const auto mixer = [](int layer) { return "layers." + std::to_string(layer) + ".mixer."; };
  const auto hasShift = [&](int layer) {
    return survey.hasBelow(mixer(layer) + "ssm_k_kernel.") || survey.has(mixer(layer) + "ssm_k_D");
  };
  bool found = false;
  for (int layer = 0; layer < layers; ++layer) found = found || hasShift(layer);
  if (!found) return false;
  survey.recognise(h3Families[0], "layers.*.mixer.ssm_k_kernel.kernel.C");
  survey.fromShape("layers", layers, {"n_layer"});
  const Discretisation rule = discretisation(survey, "bilinear");
  const int length = evaluatedLength(survey, {"l_max"});
  for (int layer = 0; layer < layers; ++layer) {
    if (!hasShift(layer) && !survey.hasBelow(mixer(layer) + "kernel.kernel.")) continue;
    Bank bank;
    bank.layer = layer;
    bank.operatorsInLayer = 2;
    addShift(survey, mixer(layer), bank);
    bank.operatorIndex = 1;
    bank.lengthSamples = length;
    addH3Diagonal(survey, mixer(layer), bank, rule);
  }
  surveyH3Language(survey, layers, length);
  for (const auto& [key, info] : survey.keys()) {
    if (isFrameKey(key)) survey.allow(key);
  }
  return true;
}

bool readS4(Survey& survey) {
  // Either of two names tells, so that the other one can be missed.
  Modules s4d = modulesWith(survey, "kernel.log_A_real"), s4 = modulesWith(survey, "kernel.inv_dt"),
                        third = modulesWith(survey, "kernel.kernel.inv_A_real");
  for (const std::string& module : modulesWith(survey, "kernel.log_dt")) {
    const TensorInfo* c = survey.find(module + "kernel.C");
    if (c != nullptr && c->shape.size() == 3) s4d.insert(module);
  }
  s4.merge(modulesWith(survey, "kernel.A_real"));
  for (const std::string& module : modulesWith(survey, "kernel.kernel.log_dt")) {
    const TensorInfo* c = survey.find(module + "kernel.kernel.C");
    if (c != nullptr && c->shape.size() == 4) third.insert(module);
  }
  if (s4d.empty() && s4.empty() && third.empty()) return false;
  survey.recognise(s4Families[s4d.empty() ? 1 : 0], !s4d.empty()  ? "*.kernel.log_A_real"
                                                    : !s4.empty() ? "*.kernel.inv_dt, .A_real"
                                                                  : "*.kernel.kernel.inv_A_real");
  const int length = evaluatedLength(survey, {"l_max"});
  for (const std::string& module : s4d) {
    addS4d(survey, module, length);
    for (const char* part : {"output_linear.0.weight", "output_linear.0.bias"}) survey.allow(module + part);
  }
  const bool diagonal = std::any_of(s4.begin(), s4.end(), [&](const std::string& module) {
    return !survey.has(module + "kernel.P") && !survey.has(module + "kernel.l_kernel");
  });
  Discretisation rule = Discretisation::bilinear;
  if (diagonal || !third.empty()) rule = discretisation(survey, diagonal ? "zoh" : "bilinear");
  for (const std::string& module : s4)
    addS4(survey, {module, module + "kernel.", "A_real", "inv_dt", {1}, {1}, -1}, length, rule);
  for (const std::string& module : third)
    addS4(survey, {module, module + "kernel.kernel.", "inv_A_real", "log_dt", {}, {}, 1}, length, rule);
  return true;
}

}  // namespace

const FamilyReader h3Reader{readH3, h3Families};
const FamilyReader s4Reader{readS4, s4Families};

}  // namespace analysis
