// Modes on a GPU at sizes that need other kernels: wide heads, prompts in chunks, lags shared among blocks of threads, long
// tiles, norms between products of few rows; and what is refused.
#include <QtTest>

#include "cudatools.h"
#include "engine/cudaplan.h"
#include "frametools.h"

class TestCudaModes : public QObject {
  Q_OBJECT

  // Sequences with prompts of their own, then token after token: the last logits of all.
  static std::vector<float> lastOn(const std::shared_ptr<Device>& device, const Setting& s, const std::vector<int>& ids,
                                   int prompt) {
    Session session(s.model, s.w, device);
    const auto first = static_cast<std::size_t>(s.w.batch) * static_cast<std::size_t>(prompt);
    session.prefill(std::span<const Token>(ids).first(first));
    session.force(std::span<const Token>(ids).subspan(first));
    std::vector<float> rows;
    for (int b = 0; b < s.w.batch; ++b) {
      const auto row = copy(session.logits(b));
      rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
  }

 private Q_SLOTS:
  // One head of the whole width: 300 channels; 600, where a block of threads has one sequence and, blocked, no room for
  // the inputs of a block.
  void wideHeads_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("width");
    for (const char* kind :
         {"heads convolution", "heads tiled", "heads modal", "heads blocked", "heads companion", "attention"})
      for (const int width : {300, 600})
        QTest::newRow(qPrintable(QString("%1, %2 channels").arg(kind).arg(width))) << QString(kind) << width;
  }
  void wideHeads() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, width);
    SyntheticSizes sizes;
    sizes.layers = 1;
    sizes.width = width;
    sizes.innerWidth = 50;
    sizes.heads = 1;
    sizes.mixer = kind == "attention" ? analysis::MixerKind::attention : analysis::MixerKind::multiHyena;
    if (kind == "attention") sizes.positions = 90;
    Setting s{make(sizes), nullptr, workload(mixerOf(kind), 80)};
    s.model = s.c.model;
    s.w.mode.blockLength = width > 512 ? 40 : 23;
    if (recurrent(s.w.mode.mixer)) s.model = s.model->withDistilled(randomDistilled(*s.c.checkpoint, 2, 1, 0, 5));
    const auto ids = randomTokens(70, sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, 12);
    const double half = distance(logitsOn(board(), s.model, s.w, ids, 12), expected);
    s.w.precision = Precision::float32;
    const double once = distance(logitsOn(board(), s.model, s.w, ids, 12), expected);
    QVERIFY2(once < 1e-5 && half < 2e-2, qPrintable(QString("%1, %2").arg(once).arg(half)));

    const auto predicted = board()->predict(s.model->shape(), s.w);
    {
      const MemoryUse used = Session(s.model, s.w, board()).memory();
      QCOMPARE(used.tableBytes, predicted.tableBytes);
      QCOMPARE(used.stateBytes, predicted.stateBytesPerSequence);
      QCOMPARE(used.cacheBytes, predicted.cacheBytesPerSequence);
      QCOMPARE(used.workspaceBytes, predicted.workspaceBytes);
    }
    s.w.batchInvariant = true;
    const std::vector<int> some(ids.begin(), ids.begin() + 10);
    const auto alone = lastOn(board(), s, some, 6);
    s.w.batch = 5;
    const auto many = randomTokens(50, sizes.vocabulary, 2);
    const double five = distance(lastOn(board(), s, many, 6), lastOn(Device::open("cpu", 2), s, many, 6));
    QVERIFY2(five < 1e-5, qPrintable(QString::number(five)));
    std::vector<int> equal;  // the last of five as it is alone
    for (int b = 0; b < 5; ++b) equal.insert(equal.end(), some.begin(), some.begin() + 6);
    for (int b = 0; b < 5; ++b) equal.insert(equal.end(), some.begin() + 6, some.end());
    const auto rows = lastOn(board(), s, equal, 6);
    QCOMPARE(std::vector<float>(rows.end() - static_cast<std::ptrdiff_t>(alone.size()), rows.end()), alone);
  }

  // Many sequences of a blocked recurrence, whose blocks end on tensor cores: no further from exact matrices than with
  // blocks that end on lanes, and like the CPU; a first block cut short, groups with fewer modes or none of their
  // pairs, channels that are neighbours in the model and that are not.
  void blocksEndOnTensorCores_data() {
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("pairs");
    QTest::addColumn<bool>("equal");
    for (const int length : {7, 16, 23, 32})
      for (const int pairs : {1, 12, 29, 60})
        for (const bool equal : {true, false})
          QTest::addRow("length %d, %d pairs, %s orders", length, pairs, equal ? "equal" : "unequal")
              << length << pairs << equal;
  }
  void blocksEndOnTensorCores() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, length);
    QFETCH(int, pairs);
    QFETCH(bool, equal);
    constexpr int prompt = 5, tokens = 75;
    Setting s = setting("blocked", 112, prompt, tokens);
    analysis::Distilled distilled = randomDistilled(*s.c.checkpoint, pairs, 3, 0, 5);
    for (analysis::DistilledBank& bank : distilled.banks)  // every third filter has a pair less
      for (std::size_t c = 0; equal && c < bank.filters.size(); ++c)
        if (c % 3 != 0) bank.filters[c]->model.modes.erase(bank.filters[c]->model.modes.begin());
    s.model = s.c.model->withDistilled(std::move(distilled));
    s.w.mode.blockLength = length;
    s.w.batch = 2;
    const auto few = randomTokens(2 * tokens, s.c.sizes.vocabulary, 4);
    const auto expected = lastOn(Device::open("cpu", 2), s, few, prompt);
    s.w.batch = 131;
    // The two sequences by turns, one more of the first.
    std::vector<int> ids;
    for (int b = 0; b < s.w.batch; ++b)
      ids.insert(ids.end(), few.begin() + b % 2 * prompt, few.begin() + (b % 2 + 1) * prompt);
    for (int b = 0; b < s.w.batch; ++b) {
      const auto rest = few.begin() + 2 * prompt + b % 2 * (tokens - prompt);
      ids.insert(ids.end(), rest, rest + tokens - prompt);
    }
    const auto error = [&] {
      const auto rows = lastOn(board(), s, ids, prompt);
      const auto width = static_cast<std::ptrdiff_t>(s.c.sizes.vocabulary);
      double worst = 0;
      for (std::ptrdiff_t b = 0; b < s.w.batch; ++b)
        worst = std::max(worst, distance({rows.begin() + b * width, rows.begin() + (b + 1) * width},
                                         {expected.begin() + b % 2 * width, expected.begin() + (b % 2 + 1) * width}));
      return worst;
    };
    const double tiles = error();
    s.w.batchInvariant = true;
    const double lanes = error();
    s.w.precision = Precision::float32;
    const double exact = error();
    QVERIFY2(exact < 1e-5, qPrintable(QString::number(exact)));
    QVERIFY2(tiles < 2e-2 && tiles < 1.5 * lanes, qPrintable(QString("%1, lanes %2").arg(tiles).arg(lanes)));
  }

  // Long prompts of recurrences in chunks on tensor cores, against token after token: several rows of chunks, a rest, a
  // second piece; and more modes than chunks take.
  void promptsInChunks_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("pairs");
    QTest::addColumn<int>("prompt");
    for (const char* kind : {"modal", "blocked", "partly modal"})
      for (const int pairs : {3, 11, 14})
        for (const int prompt : {64, 79, 130, 256, 300, 650})
          QTest::newRow(qPrintable(QString("%1, %2 pairs, prompt %3").arg(kind).arg(pairs).arg(prompt)))
              << QString(kind) << pairs << prompt;
  }
  void promptsInChunks() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, pairs);
    QFETCH(int, prompt);
    Setting s = setting(kind, 83, 15, prompt + 20);
    s.model = s.c.model->withDistilled(randomDistilled(*s.c.checkpoint, pairs, 5, kind.startsWith("partly") ? 3 : 0, 5));
    const auto ids = randomTokens(prompt + 20, s.c.sizes.vocabulary, 9);
    const auto chunks = logitsOn(board(), s.model, s.w, ids, static_cast<std::size_t>(prompt));
    s.w.mode.prefill = Prefill::scan;
    const auto scan = logitsOn(board(), s.model, s.w, ids, static_cast<std::size_t>(prompt));
    const double error = distance(chunks, scan);
    QVERIFY2(error < 5e-3, qPrintable(QString::number(error)));
    if (pairs <= 11 && prompt >= 256) QVERIFY(chunks != scan);  // it was another way
  }

  // A convolution so long that several blocks of threads share its lags: few tokens, for a race checker.
  void ownKernelsShareLags_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("batch");
    for (const char* kind : {"convolution", "partly modal"})
      for (const int batch : {1, 2, 9})
        QTest::newRow(qPrintable(QString("%1 x %2").arg(kind).arg(batch))) << QString(kind) << batch;
  }
  void ownKernelsShareLags() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, batch);
    SyntheticSizes sizes;
    sizes.width = 96;
    sizes.filterLength = 1600;
    Setting s{make(sizes), nullptr, workload(mixerOf(kind), 2000, batch)};
    s.model = s.c.model;
    if (kind != "convolution") s.model = s.model->withDistilled(randomDistilled(*s.c.checkpoint, 3, 2, 3, 5));
    s.w.precision = Precision::float32;
    s.w.batchInvariant = true;
    const int splits = cudaSession(s.model->shape(), s.w).blocks[0].lazy.splits;
    QVERIFY2(splits == 3, qPrintable(QString::number(splits)));
    const auto ids = randomTokens(batch * 44, sizes.vocabulary, 6);
    const double error = distance(lastOn(board(), s, ids, 2), lastOn(Device::open("cpu", 2), s, ids, 2));
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
  }

  // Steps of 2 to 64 sequences in bfloat16, where products carry the norms: layer and RMS norms, epsilon in the root and
  // outside, one part or several, padded or not, heads that are tied or not, and parallel blocks, whose norms stay kernels.
  void carriedNorms_data() {
    QTest::addColumn<QString>("frame");
    QTest::addColumn<int>("width");
    for (const char* frame : {"modal", "attention", "evo", "striped", "evo2", "h3", "neox", "neox serial"})
      for (const int width : {72, 83, 256})
        if (width != 83 || QString(frame) == "modal")  // odd, and a head of its own
          QTest::newRow(qPrintable(QString("%1, width %2").arg(frame).arg(width))) << QString(frame) << width;
  }
  void carriedNorms() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, frame);
    QFETCH(int, width);
    Setting s{};
    if (frame == "modal" || frame == "attention") {
      s = setting(frame, width, 9, 60);
    } else {
      QTemporaryDir folder;
      const OpenedFrame opened = openFrame(frame, folder, width, 2 * width);
      s.model = Model::load(opened.checkpoint);
      s.w = workload(frame.startsWith("neox") ? Mixer::attention : Mixer::convolutionLazy, 60);
    }
    const int vocabulary = s.model->shape().vocabulary;
    for (const int batch : {2, 9, 33, 64}) {
      s.w.batch = batch;
      s.w.batchInvariant = false;
      QCOMPARE(cudaSession(s.model->shape(), s.w).normSums.bytes > 0, frame != "neox");
      const auto ids = randomTokens(batch * 9, vocabulary, 3);
      const auto expected = lastOn(Device::open("cpu", 2), s, ids, 5), result = lastOn(board(), s, ids, 5);
      s.w.batchInvariant = true;  // each norm by a kernel
      const auto apart = lastOn(board(), s, ids, 5);
      const double carried = distance(result, expected), own = distance(apart, expected);
      QVERIFY2(carried < 2e-2 && carried < 2 * own, qPrintable(QString("batch %1: %2, %3").arg(batch).arg(carried).arg(own)));
      if (frame != "neox") QVERIFY(result != apart);  // it was another way
    }
  }

  // Rows whose mean is many times their deviation, from the first layer on, or that move far in every layer.
  void carriedNormsOfFarRows_data() {
    QTest::addColumn<float>("far");
    QTest::addColumn<float>("step");
    QTest::newRow("far from the start") << 40.0F << 0.0F;
    QTest::newRow("a step in every layer") << 0.0F << 2.0F;
    QTest::newRow("both") << -40.0F << 2.0F;
  }
  void carriedNormsOfFarRows() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(float, far);
    QFETCH(float, step);
    SyntheticSizes sizes;
    sizes.mixer = analysis::MixerKind::attention;
    sizes.layers = 4;
    sizes.width = 256;
    sizes.innerWidth = 512;
    sizes.heads = 4;
    sizes.positions = 40;
    auto* checkpoint = new SyntheticCheckpoint(sizes);
    const std::shared_ptr<const SyntheticCheckpoint> owner(checkpoint);
    int moved = 0;
    for (auto& [key, values] : checkpoint->values()) {
      const bool positions = key.find("position_embeddings") != std::string::npos;
      if (!positions && key.find(".out_proj.bias") == std::string::npos && key.find(".fc2.bias") == std::string::npos)
        continue;
      for (float& value : values) value += positions ? far : step;
      ++moved;
    }
    QCOMPARE(moved, 1 + 2 * sizes.layers);
    Setting s{{}, Model::load(owner), workload(Mixer::attention, 40, 19)};
    const auto ids = randomTokens(19 * 12, sizes.vocabulary, 3);
    const auto expected = lastOn(Device::open("cpu", 2), s, ids, 4);
    const double carried = distance(lastOn(board(), s, ids, 4), expected);
    s.w.batchInvariant = true;
    const double own = distance(lastOn(board(), s, ids, 4), expected);
    QVERIFY2(carried < 2e-2 && carried < (step > 0 ? 2 : 1.25) * own, qPrintable(QString("%1, %2").arg(carried).arg(own)));
  }

  // Tiles of both sizes, over several windows; filters that end before, within and after them.
  void longTiles_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("taps");
    QTest::addColumn<int>("prompt");
    for (const char* kind : {"tiled", "heads tiled"})
      for (const int taps : {1, 17, 700, 3000})
        for (const int prompt : {1, 77})
          QTest::newRow(qPrintable(QString("%1, %2 taps, prompt %3").arg(kind).arg(taps).arg(prompt)))
              << QString(kind) << taps << prompt;
  }
  void longTiles() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, taps);
    QFETCH(int, prompt);
    SyntheticSizes sizes;
    sizes.width = 12;
    sizes.filterLength = taps;
    if (kind.startsWith("heads")) {
      sizes.mixer = analysis::MixerKind::multiHyena;
      sizes.heads = 4;
    }
    Setting s{make(sizes), nullptr, workload(Mixer::convolutionTiled, 2110)};
    s.model = s.c.model;
    s.w.precision = Precision::float32;
    const auto ids = randomTokens(2100, sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, static_cast<std::size_t>(prompt));
    const double error = distance(logitsOn(board(), s.model, s.w, ids, static_cast<std::size_t>(prompt)), expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
  }

  // The way of reading a prompt that was asked for, or a sentence.
  void promptsByChoice() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    for (const char* kind :
         {"convolution", "tiled", "modal", "blocked", "companion", "heads convolution", "heads tiled"}) {
      Setting s = setting(kind, 64, 15, 120);
      const Prefill own = recurrent(s.w.mode.mixer) ? Prefill::scan : Prefill::toeplitz;
      const auto ids = randomTokens(110, s.c.sizes.vocabulary, 9);
      const auto expected = logits(s.model, s.w, ids, 100);
      for (const Prefill way : prefillWays(s.w.mode.mixer, QString(kind).startsWith("heads"))) {
        s.w.mode.prefill = way;
        if (way == own) {
          QVERIFY(distance(logitsOn(board(), s.model, s.w, ids, 100), expected) < 2e-2);
        } else {
          const auto refusal = errorOf([&] { Session(s.model, s.w, board()); });
          QVERIFY2(refusal.find(way == Prefill::chunkedModal ? "takes chunks wherever it can"
                                                             : "runs on the CPU only") != std::string::npos,
                   refusal.c_str());
        }
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestCudaModes)
#include "test_cudamodes.moc"
