// Filters of diagonal state-space layers: H3 (HazyResearch/H3), S4D and S4 version 4 (state-spaces/s4).
#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/h3language.h"
#include "analysis/checkpoint/lowrankkernel.h"
#include "analysis/checkpoint/modalsource.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array h3Families{
    KnownFamily{"H3", "layers.i.mixer.ssm_k_kernel.kernel.C", true, true, "a shift and a diagonal system a layer"}};
constexpr std::array s4Families{
    KnownFamily{"S4D", "*.kernel.log_A_real", true, false, "diagonal state spaces"},
    KnownFamily{"S4", "*.kernel.inv_dt and .A_real", true, false, "diagonal, or with a low-rank part"}};

using Complex = std::complex<double>;

enum class Discretisation { bilinear, zeroOrderHold };

// The tensors of one diagonal system bank below `kernel` ("layers.0.mixer.kernel.kernel.").
struct Diagonal {
  const TensorInfo *C = nullptr, *B = nullptr, *realPart = nullptr, *imaginaryPart = nullptr, *step = nullptr;
  const TensorInfo* skip = nullptr;
  std::size_t states = 0;   // N/2 modes
  std::size_t systems = 1;  // rows of A and B; channel h uses row h mod systems
  double imaginarySign = 1;
  Discretisation rule = Discretisation::zeroOrderHold;
};

// h[t] = 2 Re sum c p^t (Gu et al. 2022, On the Parameterization of S4D, section 3). Bilinear: p = (1 + dt A/2) /
// (1 - dt A/2), c = C B dt / (1 - dt A/2). Zero-order hold: p = exp(dt A), c = C B (p - 1)/A.
Modes discretise(const TensorFile& file, const Diagonal& d, int channel) {
  const auto h = static_cast<std::uint64_t>(channel);
  const std::uint64_t row = h % d.systems * d.states;
  const double dt = std::exp(readRange(file, *d.step, h, 1).front());
  const std::vector<double> re = readRange(file, *d.realPart, row, d.states);
  const std::vector<double> im = readRange(file, *d.imaginaryPart, row, d.states);
  const std::vector<Complex> c = readComplex(file, *d.C, h * d.states, d.states);
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
  if (d.skip != nullptr) modes.skip = readRange(file, *d.skip, h, 1).front();
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
  const int channels = survey.size(kernel + "C", 1), taps = survey.size(kernel + "C", 2);
  bool usable = survey.expect(kernel + "C", {1, -1, -1});
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
  const int channels = survey.size(kernel + "C", 1), states = survey.size(kernel + "C", 2);
  const int systems = survey.size(kernel + "A_imag", 0);
  bool usable = survey.expect(kernel + "C", {1, -1, -1, 2});
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
               static_cast<std::size_t>(states), static_cast<std::size_t>(systems), 1, rule});
}

// The kernel modules of a file: prefixes of the keys that end so.
std::vector<std::string> prefixesOf(const Survey& survey, std::string_view ending) {
  std::vector<std::string> prefixes;
  for (const auto& [key, info] : survey.keys()) {
    if (key.ends_with(ending)) prefixes.push_back(key.substr(0, key.size() - ending.size()));
  }
  return prefixes;
}

Bank kernelBank(const Survey& survey, const std::string& path, int channels, int length) {
  Bank bank;
  bank.path = path + "kernel";
  bank.layer = survey.bankCount();
  bank.channels = channels;
  bank.lengthSamples = length;
  return bank;
}

void addS4d(Survey& survey, const std::string& module, int length) {
  const std::string kernel = module + "kernel.";
  const int channels = survey.size(kernel + "C", 0), states = survey.size(kernel + "C", 1);
  bool usable = survey.expect(kernel + "C", {-1, -1, 2});
  usable = survey.expect(kernel + "log_dt", {channels}) && usable;
  usable = survey.expect(kernel + "log_A_real", {channels, states}) && usable;
  usable = survey.expect(kernel + "A_imag", {channels, states}) && usable;
  usable = survey.expect(module + "D", {channels}) && usable;
  if (!usable) return;
  addDiagonal(survey, kernelBank(survey, module, channels, length),
              {survey.find(kernel + "C"), nullptr, survey.find(kernel + "log_A_real"), survey.find(kernel + "A_imag"),
               survey.find(kernel + "log_dt"), survey.find(module + "D"), static_cast<std::size_t>(states),
               static_cast<std::size_t>(channels), 1, Discretisation::zeroOrderHold});
}

// A layer with a low-rank part; always bilinear. P [rank, systems, N/2, 2]; l_kernel, a scalar, says for which length
// C was stored multiplied by (I - dA^length).
void addLowRank(Survey& survey, const std::string& kernel, const Diagonal& diagonal, Bank bank) {
  const int rank = survey.size(kernel + "P", 0), systems = static_cast<int>(diagonal.systems);
  bool usable = survey.expect(kernel + "P", {-1, systems, static_cast<std::int64_t>(diagonal.states), 2});
  int stored = 0;
  if (survey.has(kernel + "l_kernel")) {
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
                   const auto h = static_cast<std::uint64_t>(channel);
                   const std::uint64_t row = h % d.systems * d.states;
                   LowRankSystem system;
                   const std::vector<double> re = readRange(*file, *d.realPart, row, d.states);
                   const std::vector<double> im = readRange(*file, *d.imaginaryPart, row, d.states);
                   for (std::size_t n = 0; n < d.states; ++n)
                     system.a.emplace_back(-std::exp(re[n]), d.imaginarySign * im[n]);
                   system.b = readComplex(*file, *d.B, row, d.states);
                   system.c = readComplex(*file, *d.C, h * d.states, d.states);
                   for (int r = 0; r < rank; ++r) {
                     const std::uint64_t at = static_cast<std::uint64_t>(r) * d.systems * d.states + row;
                     system.p.push_back(readComplex(*file, *p, at, d.states));
                   }
                   system.step = std::exp(readRange(*file, *d.step, h, 1).front());
                   system.storedLength = stored;
                   lowRankResponse(system, out);
                   return d.skip == nullptr ? 0 : readRange(*file, *d.skip, h, 1).front();
                 }));
}

void addS4(Survey& survey, const std::string& module, int length, Discretisation rule) {
  const std::string kernel = module + "kernel.";
  const int channels = survey.size(kernel + "C", 1), states = survey.size(kernel + "C", 2);
  const int systems = survey.size(kernel + "A_real", 0);
  bool usable = survey.expect(kernel + "C", {1, -1, -1, 2});
  usable = survey.expect(kernel + "B", {1, systems, states, 2}) && usable;
  usable = survey.expect(kernel + "A_real", {systems, states}) && usable;
  usable = survey.expect(kernel + "A_imag", {systems, states}) && usable;
  usable = survey.expect(kernel + "inv_dt", {channels, 1}) && usable;
  usable = survey.expect(module + "D", {1, channels}) && usable;
  if (!usable || systems < 1) return;
  const Diagonal diagonal{survey.find(kernel + "C"),
                          survey.find(kernel + "B"),
                          survey.find(kernel + "A_real"),
                          survey.find(kernel + "A_imag"),
                          survey.find(kernel + "inv_dt"),
                          survey.find(module + "D"),
                          static_cast<std::size_t>(states),
                          static_cast<std::size_t>(systems),
                          -1,
                          rule};
  const Bank bank = kernelBank(survey, module, channels, length);
  if (survey.has(kernel + "P")) return addLowRank(survey, kernel, diagonal, bank);
  survey.allow(kernel + "l_kernel");
  addDiagonal(survey, bank, diagonal);
}

bool readH3(Survey& survey) {
  const int layers = survey.countLayers("layers.");
  const auto mixer = [](int layer) { return "layers." + std::to_string(layer) + ".mixer."; };
  bool found = false;
  for (int layer = 0; layer < layers; ++layer) found = found || survey.has(mixer(layer) + "ssm_k_kernel.kernel.C");
  if (!found) return false;
  survey.recognise(h3Families[0], "layers.*.mixer.ssm_k_kernel.kernel.C");
  survey.fromShape("layers", layers, {"n_layer"});
  const Discretisation rule = discretisation(survey, "bilinear");
  const int length = evaluatedLength(survey, {"l_max"});
  for (int layer = 0; layer < layers; ++layer) {
    if (!survey.has(mixer(layer) + "ssm_k_kernel.kernel.C")) continue;
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
    const bool kernel = key.find("kernel.") != std::string::npos;
    if (!kernel && (key.starts_with("layers.") || key.starts_with("embeddings.") || key.starts_with("ln_f."))) {
      survey.allow(key);
    }
  }
  return true;
}

bool readS4(Survey& survey) {
  const std::vector<std::string> s4d = prefixesOf(survey, "kernel.log_A_real"),
                                 s4 = prefixesOf(survey, "kernel.inv_dt");
  if (s4d.empty() && s4.empty()) return false;
  survey.recognise(s4Families[s4d.empty() ? 1 : 0], s4d.empty() ? "*.kernel.inv_dt, .A_real" : "*.kernel.log_A_real");
  const int length = evaluatedLength(survey, {"l_max"});
  for (const std::string& module : s4d) addS4d(survey, module, length);
  if (!s4.empty()) {
    const bool diagonal = std::any_of(s4.begin(), s4.end(), [&](const auto& m) { return !survey.has(m + "kernel.P"); });
    const Discretisation rule = diagonal ? discretisation(survey, "zoh") : Discretisation::bilinear;
    for (const std::string& module : s4) addS4(survey, module, length, rule);
  }
  return true;
}

}  // namespace

const FamilyReader h3Reader{readH3, h3Families};
const FamilyReader s4Reader{readS4, s4Families};

}  // namespace analysis
