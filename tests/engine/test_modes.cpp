// Every mode computes the same function: pairwise over 2,048 tokens, through impulses, over long generations, and when
// one continues what another began.
// Before Qt, whose keyword `slots` is a name of theirs.
#include "engine/cpu/blocked.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/tiled.h"
#include "engine/load.h"
#include "engine/tables.h"

#include <QtTest>
#include <cmath>
#include <numbers>

#include "oracle.h"
#include "sessiontools.h"

namespace {

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
    norm += b[i] * static_cast<double>(b[i]);
  }
  return std::sqrt(error / norm);
}

SyntheticSizes smallSizes(int headWidth, int length) {
  SyntheticSizes sizes;
  sizes.layers = 1;
  sizes.vocabulary = sizes.vocabularySize = 24;
  sizes.innerWidth = 16;
  sizes.filterLength = length;
  sizes.width = 16;
  if (headWidth > 1) {
    sizes.mixer = analysis::MixerKind::multiHyena;
    sizes.heads = 16 / headWidth;
  }
  return sizes;
}

}  // namespace

class TestModes : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void modesAgree_data() {
    QTest::addColumn<int>("order");
    QTest::addColumn<int>("headWidth");
    QTest::addColumn<int>("batch");
    QTest::addColumn<int>("prompt");
    const int prompts[] = {1, 2, 63, 512, 1000, 2047};
    int next = 0;
    for (const int headWidth : {1, 8})
      for (const int order : {2, 3, 8, 16, 33, 64})
        QTest::addRow("order %d, heads of %d", order, headWidth)
            << order << headWidth << 1 + next % 8 << prompts[next % 6],
            ++next;
  }
  void modesAgree() {
    QFETCH(int, order);
    QFETCH(int, headWidth);
    QFETCH(int, batch);
    QFETCH(int, prompt);
    const int length = 2048;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(headWidth, length));
    const auto distilled = randomDistilled(*checkpoint, order / 2, order % 2, 0, 5);
    checkpoint->adopt(distilled);
    const auto original = Model::load(checkpoint), model = original->withDistilled(distilled);
    const auto ids = randomTokens(length, 24, 9);
    std::vector<std::pair<Mixer, std::shared_ptr<const Model>>> modes{{Mixer::convolutionLazy, original},
                                                                      {Mixer::convolutionLazy, model},
                                                                      {Mixer::modal, model},
                                                                      {Mixer::modalBlocked, model},
                                                                      {Mixer::companion, model}};
    modes.emplace_back(Mixer::convolutionTiled, original);
    // By FFT (or in pieces) all at once; then every mode with the split of this row.
    std::vector<std::vector<float>> results{
        logits(original, workload(Mixer::convolutionLazy, length), ids, static_cast<std::size_t>(length))};
    const auto split = static_cast<std::size_t>(prompt);
    for (const auto& [mixer, one] : modes) {
      Session session(one, workload(mixer, length, batch), Device::open("cpu", 2));
      session.keepAllLogits(true);
      std::vector<Token> prompts, rest;
      for (int b = 0; b < batch; ++b) {
        prompts.insert(prompts.end(), ids.begin(), ids.begin() + prompt);
        rest.insert(rest.end(), ids.begin() + prompt, ids.end());
      }
      session.prefill(prompts);
      std::vector<float> all = copy(session.allLogits());
      session.force(rest, {}, [&](int) {
        const auto row = copy(session.logits(batch - 1));
        all.insert(all.end(), row.begin(), row.end());
      });
      QCOMPARE(all.size(), std::size_t{24} * length);
      results.push_back(std::move(all));
    }
    double worst = 0;
    for (std::size_t i = 0; i < results.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) worst = std::max(worst, difference(results[i], results[j]));
    QVERIFY2(worst < 1e-5, qPrintable(QString("%1, split %2").arg(worst).arg(split)));
  }

  // One impulse through the memory of each mode, token by token: the filter, tap by tap, and the skip. Sections round
  // twice where the others round once.
  void impulsesComeBackAsFilters() {
    const int length = 300;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(1, length));
    const auto distilled = randomDistilled(*checkpoint, 4, 1, 0, 5);
    checkpoint->adopt(distilled);
    const auto weights = loadWeights(*checkpoint, *checkpoint->languageModel(), {});
    const FilterBank& bank = weights->filters[0];
    const ModalTable table = modalTable(bank, distilled.banks[0]);
    Meter meter = 0;
    std::vector<std::unique_ptr<cpu::LongMemory>> memories;
    memories.push_back(std::make_unique<cpu::ConvolutionMemory>(bank, 1, length, meter));
    memories.push_back(std::make_unique<cpu::TiledMemory>(bank, 1, length, meter));
    memories.push_back(std::make_unique<cpu::ModalMemory>(table, 1, meter));
    memories.push_back(
        std::make_unique<cpu::ModalMemory>(table, sectionCoefficients(table, distilled.banks[0]), 1, meter));
    memories.push_back(std::make_unique<cpu::BlockedMemory>(
        table, cpu::blockTable(table, distilled.banks[0], 16, meter), 3, 1, meter));
    cpu::Team team(1);
    const std::size_t floats = cpu::Tiles::scratchFloats(length, length);
    Buffer<float> scratch(floats, meter);
    cpu::Context context{team, scratch, floats, {}};
    for (auto& memory : memories)
      for (int t = 0; t < length; ++t) {
        std::vector<float> u(16, t == 0 ? 1.0F : 0.0F);
        memory->step(context, t, u.data(), u.data());
        for (int c = 0; c < 16; ++c) {
          const auto filter = checkpoint->filter({0, c});
          double largest = 0;
          for (const double tap : filter->taps) largest = std::max(largest, std::abs(tap));
          const double expected = filter->taps[static_cast<std::size_t>(t)] + (t == 0 ? filter->skip : 0);
          const double gap = std::abs(u[static_cast<std::size_t>(c)] - expected) / largest;
          // A recurrence rounds the states of all modes at each step: 1e-6 with fused multiply-add, 2.2e-6 without.
          QVERIFY2(gap <= (&memory >= &memories[2] ? 5e-6 : 1e-6),
                   qPrintable(QString("memory %1, tap %2: %3").arg(&memory - &memories[0]).arg(t).arg(gap)));
        }
      }
  }

  // The output of a distilled filter strays no further than sum |h - h^| max |u|.
  void gapsStayWithinTheirBound() {
    const int length = 400;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(1, length));
    const auto exact = randomDistilled(*checkpoint, 4, 1, 0, 5);
    checkpoint->adopt(exact);
    auto rough = exact;
    for (auto& filter : rough.banks[0].filters) filter->model.modes.resize(2);
    const auto weights = loadWeights(*checkpoint, *checkpoint->languageModel(), {});
    const ModalTable table = modalTable(weights->filters[0], rough.banks[0]);
    Meter meter = 0;
    cpu::ConvolutionMemory original(weights->filters[0], 1, length, meter);
    cpu::ModalMemory modal(table, 1, meter);
    cpu::Team team(1);
    Buffer<float> scratch;
    cpu::Context context{team, scratch, 0, {}};
    const auto random = randomTokens(16 * length, 2001, 3);
    std::vector<double> worst(16);
    for (int t = 0; t < length; ++t) {
      std::vector<float> u(16), y(16), z(16);
      for (std::size_t c = 0; c < 16; ++c)
        u[c] = static_cast<float>(random[static_cast<std::size_t>(t) * 16 + c] - 1000) / 1000;
      original.step(context, t, u.data(), y.data());
      modal.step(context, t, u.data(), z.data());
      for (std::size_t c = 0; c < 16; ++c) worst[c] = std::max(worst[c], std::abs(static_cast<double>(y[c]) - z[c]));
    }
    for (std::size_t c = 0; c < 16; ++c) {
      const auto taps = checkpoint->filter({0, static_cast<int>(c)})->taps;
      const auto fitted = rough.banks[0].filters[c]->model.impulseResponse(length);
      double bound = 0;
      for (std::size_t t = 0; t < taps.size(); ++t) bound += std::abs(taps[t] - fitted[t]);
      QVERIFY2(worst[c] <= bound * (1 + 1e-5) && worst[c] > 0.02 * bound,
               qPrintable(QString("%1 of %2").arg(worst[c]).arg(bound)));
    }
  }

  // Rounding does not add up: the error around token 4,096 is at most twice that around token 64.
  void driftStays_data() {
    QTest::addColumn<int>("mixer");
    for (const Mixer mixer :
         {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked, Mixer::companion})
      QTest::newRow(name(mixer).data()) << static_cast<int>(mixer);
  }
  void driftStays() {
    QFETCH(int, mixer);
    auto sizes = smallSizes(1, 4096);
    sizes.width = 8;
    sizes.innerWidth = 8;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(sizes);
    auto distilled = randomDistilled(*checkpoint, 4, 1, 0, 5);
    for (auto& filter : distilled.banks[0].filters)  // memories that token 64 has filled
      for (auto& mode : filter->model.modes) mode.logPole.real(std::min(mode.logPole.real(), -0.02));
    checkpoint->adopt(distilled);
    const auto model = Model::load(checkpoint)->withDistilled(distilled);
    const auto ids = randomTokens(4096, 24, 9);
    static const Rows expected = oracleLogits(*checkpoint, ids, &distilled);
    const auto result = logits(model, workload(static_cast<Mixer>(mixer), 4096), ids, 1);
    const auto error = [&](std::size_t first) {
      const std::vector<float> part(result.begin() + static_cast<std::ptrdiff_t>(first * 24),
                                    result.begin() + static_cast<std::ptrdiff_t>((first + 64) * 24));
      return relativeError(part, expected, first, 64);
    };
    const double early = error(32), late = error(4032);
    QVERIFY2(late <= 2 * early && late < 1e-5, qPrintable(QString("%1 then %2").arg(early).arg(late)));
  }

  void snapshotsContinue_data() {
    QTest::addColumn<int>("headWidth");
    for (const int headWidth : {1, 8}) QTest::addRow("heads of %d", headWidth) << headWidth;
  }
  void snapshotsContinue() {
    QFETCH(int, headWidth);
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(headWidth, 128));
    const auto distilled = randomDistilled(*checkpoint, 3, 1, 0, 5);
    checkpoint->adopt(distilled);
    const auto model = Model::load(checkpoint)->withDistilled(distilled);
    std::vector<Mixer> mixers{Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked,
                              Mixer::companion};
    Workload w = workload(Mixer::modal, 128, 2);
    w.sampling.temperature = 1;
    w.seed = 4;
    const std::vector<Token> prompt{1, 2, 3, 4, 5, 6};
    Session whole(model, w);
    whole.prefill(prompt);
    whole.decode(100);
    for (const Mixer from : mixers) {
      w.mode.mixer = from;
      Session first(model, w);
      QVERIFY(errorOf([&] { (void)first.snapshot(); }).find("prefill") != std::string::npos);
      first.prefill(prompt);
      first.decode(37);
      const Snapshot snapshot = first.snapshot();
      QCOMPARE(snapshot.position, 40);
      first.decode(63);
      for (const Mixer to : mixers) {
        w.mode.mixer = to;
        Session second(model, w);
        second.prefill(std::vector<Token>{9, 9});  // something else first
        QCOMPARE(second.restore(snapshot), Outcome::finished);
        QCOMPARE(second.position(), 40);
        QCOMPARE(second.decode(63), Outcome::finished);
        for (const int b : {0, 1}) QVERIFY(std::ranges::equal(second.generated(b), whole.generated(b)));
        if (from == to)
          for (const int b : {0, 1}) QCOMPARE(copy(second.logits(b)), copy(first.logits(b)));
      }
      Session other(model, workload(Mixer::modal, 128, 3));
      QVERIFY(errorOf([&] { other.restore(snapshot); }).find("2 sequences") != std::string::npos);
      Session small(model, workload(Mixer::modal, 20, 2));
      QVERIFY(errorOf([&] { small.restore(snapshot); }).find("capacity") != std::string::npos);
    }
  }

  // A large tile at the end of the capacity, of filters that reach beyond it: as the direct sum, with no more memory than
  // the capacity asks for.
  void tilesOfFiltersBeyondTheCapacity_data() {
    QTest::addColumn<int>("heads");
    QTest::addColumn<int>("prompt");
    for (const int heads : {0, 6})
      for (const int prompt : {1, 40})
        QTest::newRow(qPrintable(QString("%1 heads, prompt %2").arg(heads).arg(prompt))) << heads << prompt;
  }
  void tilesOfFiltersBeyondTheCapacity() {
    QFETCH(int, heads);
    QFETCH(int, prompt);
    SyntheticSizes sizes;
    sizes.width = 12;
    sizes.filterLength = 3000;
    sizes.heads = heads;
    if (heads > 0) sizes.mixer = analysis::MixerKind::multiHyena;
    const Case c = make(sizes);
    const auto ids = randomTokens(1100, sizes.vocabulary, 9);
    const auto direct = logits(c.model, workload(Mixer::convolutionLazy, 1110), ids, static_cast<std::size_t>(prompt));
    const auto tiled = logits(c.model, workload(Mixer::convolutionTiled, 1110), ids, static_cast<std::size_t>(prompt));
    QCOMPARE(tiled.size(), direct.size());
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < direct.size(); ++i) {
      error += std::pow(tiled[i] - direct[i], 2);
      norm += std::pow(direct[i], 2);
    }
    QVERIFY2(std::sqrt(error / norm) < 1e-5, qPrintable(QString::number(std::sqrt(error / norm))));
  }

  // Where plain sections cancel away all digits: slow poles close to 1 and to -1.
  void sectionsKeepSlowPoles() {
    const int length = 2000;
    auto checkpoint = std::make_shared<SyntheticCheckpoint>(smallSizes(1, length));
    auto distilled = randomDistilled(*checkpoint, 1, 0, 0, 5);
    for (std::size_t c = 0; c < 16; ++c) {
      auto& modes = distilled.banks[0].filters[c]->model.modes;
      modes.assign(1, {{-1e-5, c % 2 ? 1e-3 : std::numbers::pi - 1e-3}, {0.1, 0.05}, true});
    }
    const auto weights = loadWeights(*checkpoint, *checkpoint->languageModel(), {});
    const ModalTable table = modalTable(weights->filters[0], distilled.banks[0]);
    Meter meter = 0;
    cpu::ModalMemory sections(table, sectionCoefficients(table, distilled.banks[0]), 1, meter);
    cpu::Team team(1);
    Buffer<float> scratch;
    cpu::Context context{team, scratch, 0, {}};
    const auto random = randomTokens(length, 2001, 3);
    std::vector<double> u(length);
    for (std::size_t t = 0; t < u.size(); ++t) u[t] = static_cast<float>(random[t] - 1000) / 1000;
    std::vector<std::vector<float>> y;
    for (std::size_t t = 0; t < u.size(); ++t) {
      y.emplace_back(16, static_cast<float>(u[t]));
      sections.step(context, static_cast<int>(t), y.back().data(), y.back().data());
    }
    for (std::size_t c = 0; c < 2; ++c) {
      auto h = distilled.banks[0].filters[c]->model.impulseResponse(length);
      h[0] += distilled.banks[0].filters[c]->skip;
      double error = 0, norm = 0;
      for (std::size_t t = 0; t < u.size(); ++t) {
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s) sum += h[t - s] * u[s];
        error += std::pow(y[t][c] - sum, 2);
        norm += sum * sum;
      }
      QVERIFY2(std::sqrt(error / norm) < 1e-5, qPrintable(QString::number(std::sqrt(error / norm))));
    }
  }
};

QTEST_GUILESS_MAIN(TestModes)
#include "test_modes.moc"
