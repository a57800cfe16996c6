// The engine on a GPU against the CPU and against itself. Without a usable GPU only the refusals can be tested.
#include <QtTest>

#include "cudatools.h"
#include "engine/cudaplan.h"
#include "engine/presets.h"

class TestCuda : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void anAbsentDeviceSaysWhy() {
    QVERIFY(!cudaDevices().empty());
    const QString reason = QString::fromStdString(errorOf([] { Device::open("cuda:77"); }));
    QVERIFY2(reason.startsWith("device cuda:77: "), qPrintable(reason));
    if (gpu().usable) return;
    QVERIFY(!gpu().remark.empty());
    QCOMPARE(gpu().id, std::string("cuda"));
    QVERIFY(errorOf([] { Device::open("cuda"); }).find(gpu().remark) != std::string::npos);
    QVERIFY(devices().size() == 2 && devices()[0].usable && !devices()[1].usable);
  }

  // The published 1.3B shape: figures of the engine page, section 4.
  void memoryOfPublishedShapes() {
    const auto small = randomModel("125m", 32, 1, 64, WeightType::float32, Residence::device);
    Workload w = workload(Mixer::modal, 768, 64);
    const Shape& shape = small.distilled->shape();
    const Footprint modal = cudaFootprint(shape, w);
    // 4 bytes x 32 states x 768 channels x 12 layers, and 3 streams x 2 inputs of bfloat16.
    QCOMPARE(modal.stateBytesPerSequence, std::size_t{12 * 768 * (4 * 32 + 12)});
    QCOMPARE(modal.cacheBytesPerSequence, std::size_t{0});
    w.mode.mixer = Mixer::modalBlocked;  // 6 bytes more per phase and channel
    QCOMPARE(cudaFootprint(shape, w).stateBytesPerSequence, std::size_t{12 * 768 * (4 * 32 + 12 + 6 * 16)});
    w.mode.mixer = Mixer::convolutionLazy;
    QCOMPARE(cudaFootprint(small.original->shape(), w).cacheBytesPerSequence, std::size_t{12 * 768 * 2 * 768});
    // MultiHyena has two operators in a layer, whose states are matrices of 8 x 8; rows of a block keep k and v, too.
    const auto heads = randomModel("125m", 32, 1, 64, WeightType::float32, Residence::device, 8);
    QCOMPARE(cudaFootprint(heads.original->shape(), w).cacheBytesPerSequence, std::size_t{12 * 2 * 768 * 4 * 768});
    w.mode.mixer = Mixer::modal;
    QCOMPARE(cudaFootprint(heads.distilled->shape(), w).stateBytesPerSequence,
             std::size_t{12 * 2 * 768 * (4 * 32 * 8 + 12)});
    w.mode.mixer = Mixer::modalBlocked;
    QCOMPARE(cudaFootprint(heads.distilled->shape(), w).stateBytesPerSequence,
             std::size_t{12 * 2 * 768 * (4 * 32 * 8 + 12 + 16 * (4 * 8 + 4))});
    const auto transformer = randomTransformer("125m", 1, 64, WeightType::float32, Residence::device);
    w.mode.mixer = Mixer::attention;
    QCOMPARE(cudaFootprint(transformer->shape(), w).cacheBytesPerSequence, std::size_t{12 * 2 * 768 * 2 * 768});
    QVERIFY(errorOf([&] { Session(transformer, w); }).find("made on a GPU") != std::string::npos);
  }

  void float32MatchesTheCpu_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("width");
    QTest::addColumn<int>("prompt");
    QTest::addColumn<int>("tokens");
    for (const char* kind : kinds)
      for (const int width : {20, 83, 128})
        for (const int prompt : {1, 2, 3, 15, 30, 90})
          QTest::newRow(qPrintable(QString("%1, width %2, prompt %3").arg(kind).arg(width).arg(prompt)))
              << kind << width << prompt << 130;
    // Several pieces, and a ring of inputs that goes round.
    for (const char* kind : {"convolution", "modal", "partly modal", "attention", "heads convolution", "heads modal",
                             "heads distilled tiled"})
      QTest::newRow(qPrintable(QString("%1, long").arg(kind))) << kind << 20 << 650 << 700;
    QTest::newRow("tiled, long") << "distilled tiled" << 20 << 8230 << 8270;
    QTest::newRow("tiled, large tiles") << "distilled tiled" << 20 << 5 << 1100;
  }
  void float32MatchesTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, width);
    QFETCH(int, prompt);
    QFETCH(int, tokens);
    Setting s = setting(kind, width, prompt, tokens);
    const auto ids = randomTokens(tokens, s.c.sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, static_cast<std::size_t>(prompt));
    s.w.precision = Precision::float32;
    const double error = distance(logitsOn(board(), s.model, s.w, ids, static_cast<std::size_t>(prompt)), expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
    Session session(s.model, s.w, board());
    const double few = distance(fewLogits(session, ids, static_cast<std::size_t>(prompt)),
                                fewOf(expected, ids.size(), static_cast<std::size_t>(prompt)));
    QVERIFY2(few < 1e-5, qPrintable(QString::number(few)));
  }

  // One sequence runs as one kernel a step where widths allow it, else layer by layer: both against the CPU, with more
  // modes than a channel has threads, and over many prompts and resets of one session.
  void aStepInOneKernel_data() {
    QTest::addColumn<int>("width");
    QTest::addColumn<bool>("layers");
    for (const int width : {32, 160, 512})
      for (const bool layers : {false, true}) QTest::addRow("width %d%s", width, layers ? ", layers" : "") << width << layers;
  }
  void aStepInOneKernel() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, width);
    QFETCH(bool, layers);
    Setting s = setting("modal", width, 7, 60);
    s.model = s.c.model->withDistilled(randomDistilled(*s.c.checkpoint, 19, 4, 0, 5));
    const auto ids = randomTokens(60, s.c.sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, 7);
    const auto half = [&] { return logitsOn(board(), s.model, s.w, ids, 7); };
    if (layers) qputenv("POLECAT_CUDA_LAYERS", "1");
    const double rough = distance(half(), expected);
    s.w.precision = Precision::float32;
    Session session(s.model, s.w, board());
    qunsetenv("POLECAT_CUDA_LAYERS");
    const std::span<const Token> all(ids);
    for (const std::size_t prompt : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{50}}) {
      session.prefill(all.first(prompt));
      session.force(all.subspan(prompt));
      const auto last = copy(session.logits(0));
      const double error = distance(last, std::vector<float>(expected.end() - s.c.sizes.vocabulary, expected.end()));
      QVERIFY2(error < 1e-5, qPrintable(QString("%1 after a prompt of %2").arg(error).arg(prompt)));
    }
    QVERIFY2(rough < 2e-2, qPrintable(QString::number(rough)));
  }

  void bfloat16StaysClose_data() { addKinds(); }
  void bfloat16StaysClose() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    const Setting s = setting(kind, 256, 20, 200);  // heads of 64: the tensor-core prompt
    const auto ids = randomTokens(200, s.c.sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, 150);
    const auto result = logitsOn(board(), s.model, s.w, ids, 150);
    const double error = distance(result, expected);
    const double kl = divergence(result, expected, static_cast<std::size_t>(s.c.sizes.vocabulary));
    QVERIFY2(error < 2e-2 && kl < 1e-3, qPrintable(QString("%1, KL %2").arg(error).arg(kl)));
    qInfo("%s: logits %.1e, KL %.1e nats", qPrintable(kind), error, kl);
  }

  // Batches take other kernels than one sequence: every sequence against the CPU, each with its own prompt.
  void batchesMatchTheCpu_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("batch");
    for (const char* kind : {"convolution", "tiled", "modal", "blocked", "companion", "partly modal", "partly blocked",
                             "partly companion", "attention", "heads convolution", "heads tiled", "heads modal",
                             "heads blocked", "heads companion"})
      for (const int batch : {2, 7, 21, 70})
        QTest::newRow(qPrintable(QString("%1 x %2").arg(kind).arg(batch))) << kind << batch;
  }
  void batchesMatchTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, batch);
    Setting s = setting(kind, 64, 9, 60);
    s.w.batch = batch;
    const auto ids = randomTokens(batch * 60, s.c.sizes.vocabulary, 4);
    std::vector<Token> prompts, rest;
    for (int b = 0; b < batch; ++b) {
      prompts.insert(prompts.end(), ids.begin() + b * 60, ids.begin() + b * 60 + 25);
      rest.insert(rest.end(), ids.begin() + b * 60 + 25, ids.begin() + (b + 1) * 60);
    }
    const auto last = [&](const std::shared_ptr<Device>& device) {
      Session session(s.model, s.w, device);
      session.prefill(prompts);
      session.force(rest);
      return lastLogits(session, batch);
    };
    const auto expected = last(Device::open("cpu", 2)), half = last(board());
    s.w.precision = Precision::float32;
    const double once = distance(last(board()), expected), rough = distance(half, expected);
    QVERIFY2(once < 1e-5 && rough < 2e-2, qPrintable(QString("%1, %2").arg(once).arg(rough)));
  }

  // So many sequences that a block of threads takes several of them one after the other, in blocks of the usual length
  // and of another: each as it is alone.
  void manySequencesAreAsOne_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("blockLength");
    QTest::addColumn<int>("order");
    for (const char* kind : {"modal", "companion"})
      for (const int order : {3, 12, 26, 40}) QTest::newRow(qPrintable(QString("%1, order %2").arg(kind).arg(order))) << kind << 16 << order;
    for (const int length : {16, 6, 23})
      for (const int order : {3, 12, 26})
        QTest::addRow("blocked, length %d, order %d", length, order) << "blocked" << length << order;
  }
  void manySequencesAreAsOne() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, blockLength);
    QFETCH(int, order);
    Setting s = setting(kind, 512, 5, 60);
    s.model = s.c.model->withDistilled(randomDistilled(*s.c.checkpoint, order, 2, 0, 5));
    s.w.precision = Precision::float32;
    s.w.mode.blockLength = blockLength;
    const auto ids = randomTokens(60, s.c.sizes.vocabulary, 3);
    const auto last = [&](int batch) {
      s.w.batch = batch;
      Session session(s.model, s.w, board());
      std::vector<Token> prompts, rest;
      for (int b = 0; b < batch; ++b) prompts.insert(prompts.end(), ids.begin(), ids.begin() + 7);
      for (int b = 0; b < batch; ++b) rest.insert(rest.end(), ids.begin() + 7, ids.end());
      session.prefill(prompts);
      session.force(rest);
      std::vector<std::vector<float>> rows;
      for (int b = 0; b < batch; b += 17) rows.push_back(copy(session.logits(b)));
      rows.push_back(copy(session.logits(batch - 1)));
      return rows;
    };
    const auto one = last(1).front();
    for (const auto& row : last(2503))
      QVERIFY2(distance(row, one) < 1e-5, qPrintable(QString::number(distance(row, one))));
  }

  void bitsRepeat_data() { addKinds(); }
  void bitsRepeat() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    const Setting s = setting(kind, 128, 5, 100);
    const auto ids = randomTokens(100, s.c.sizes.vocabulary, 3);
    const auto first = logitsOn(board(), s.model, s.w, ids, 40);
    for (int run = 0; run < 2; ++run) QCOMPARE(logitsOn(board(), s.model, s.w, ids, 40), first);
  }

  void bitsDoNotDependOnTheBatch_data() { addKinds(); }
  void bitsDoNotDependOnTheBatch() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    Setting s = setting(kind, 128, 5, 60);
    s.w.batchInvariant = true;
    const auto ids = randomTokens(60, s.c.sizes.vocabulary, 3);
    std::vector<float> one;
    for (const int batch : {1, 2, 3, 8, 17, 64}) {
      s.w.batch = batch;
      Session session(s.model, s.w, board());
      std::vector<Token> prompts, rest;
      for (int b = 0; b < batch; ++b) prompts.insert(prompts.end(), ids.begin(), ids.begin() + 1);
      for (int b = 0; b < batch; ++b) rest.insert(rest.end(), ids.begin() + 1, ids.end());
      if (batch > 1) prompts[0] = (ids[0] + 1) % 30;  // another sequence must not matter
      session.prefill(prompts);
      session.force(rest);
      const auto last = copy(session.logits(batch - 1));
      if (one.empty()) one = last;
      QCOMPARE(last, one);
    }
  }

  // Our own kernels alone, and few of them: what a race checker can follow to the end.
  void ownKernelsMatchTheCpu_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("batch");
    for (const char* kind : kinds)
      for (const int batch : {1, 9}) QTest::addRow("%s x %d", kind, batch) << QString(kind) << batch;
  }
  void ownKernelsMatchTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, batch);
    Setting s = setting(kind, 32, 2, 50);
    s.w.batch = batch;
    s.w.sampling = {0.8, 5, 0.9};
    s.w.precision = Precision::float32;
    s.w.batchInvariant = true;
    const auto ids = randomTokens(batch * 36, s.c.sizes.vocabularySize, 6);
    const auto last = [&](const std::shared_ptr<Device>& device, std::vector<Token>& text) {
      Session session(s.model, s.w, device);
      session.prefill(std::span<const Token>(ids).first(static_cast<std::size_t>(batch) * 2));
      session.force(std::span<const Token>(ids).subspan(static_cast<std::size_t>(batch) * 2));
      const auto row = copy(session.logits(batch - 1));
      session.decode(2);
      text.assign(session.generated(0).begin(), session.generated(0).end());
      return row;
    };
    std::vector<Token> expectedText, text;
    const auto expected = last(Device::open("cpu", 2), expectedText);
    const double error = distance(last(board(), text), expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
    QCOMPARE(text, expectedText);
  }

  // The same with a prompt in chunks, or of heads of 64 channels on tensor cores: as many tokens as our own products take.
  void ownKernelsRunChunks_data() {
    QTest::addColumn<int>("width");
    for (const int width : {32, 256}) QTest::newRow(width == 32 ? "modal" : "attention") << width;
  }
  void ownKernelsRunChunks() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, width);
    const bool modal = width == 32;
    Setting s = setting(modal ? "modal" : "attention", width, 15, 80);
    const auto ids = randomTokens(66, s.c.sizes.vocabulary, 9);
    const auto expected = logits(s.model, s.w, ids, 64);
    s.w.batchInvariant = true;
    const auto chunks = logitsOn(board(), s.model, s.w, ids, 64);
    QVERIFY2(distance(chunks, expected) < 2e-2, qPrintable(QString::number(distance(chunks, expected))));
    if (modal) s.w.mode.prefill = Prefill::scan;
    QVERIFY(logitsOn(board(), s.model, s.w, ids, modal ? 64 : 1) != chunks);  // it was another way: token after token
  }

  void textsAreThoseOfTheCpu_data() { addKinds(); }
  void textsAreThoseOfTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    Setting s = setting(kind, 20, 15, 120);
    s.w.batch = 3;
    s.w.seed = 11;
    s.w.precision = Precision::float32;
    for (const Sampling sampling : {Sampling{}, Sampling{0.9, 0, 1}, Sampling{0.9, 20, 0.95}}) {
      s.w.sampling = sampling;
      std::vector<Token> texts[2];
      for (int where = 0; where < 2; ++where) {
        Session session(s.model, s.w, where == 0 ? Device::open("cpu", 2) : board());
        session.prefill(std::vector<Token>{1, 2, 3, 4, 5, 6, 1, 2, 4});
        QCOMPARE(session.decode(13), Outcome::finished);
        QCOMPARE(session.decode(200), Outcome::full);
        for (int b = 0; b < 3; ++b)
          texts[where].insert(texts[where].end(), session.generated(b).begin(), session.generated(b).end());
      }
      QCOMPARE(texts[0].size(), std::size_t{3 * 120});
      QCOMPARE(texts[1], texts[0]);
    }
  }

  void memoryIsWhatWasPredicted_data() { addKinds(); }
  void memoryIsWhatWasPredicted() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    Setting s = setting(kind, 128, 15, 4000);
    const Session weights(s.model, s.w, board());
    s.w.batch = 64;
    const Footprint predicted = board()->predict(s.model->shape(), s.w);
    const std::size_t before = board()->freeBytes();
    const Session session(s.model, s.w, board());
    const MemoryUse use = session.memory();
    QCOMPARE(use.weightBytes, predicted.weightBytes);
    QCOMPARE(use.workspaceBytes, predicted.workspaceBytes);
    const auto bytes = static_cast<double>(use.tableBytes + use.stateBytes + use.cacheBytes + use.workspaceBytes);
    const auto delta = static_cast<double>(before - board()->freeBytes());
    // The driver hands out whole pages of 2 MiB and keeps something for graphs.
    QVERIFY2(std::abs(delta - bytes) < 0.01 * bytes + (8 << 20), qPrintable(QString("%1, %2").arg(delta).arg(bytes)));
  }

  void tooMuchIsRefusedWithBytes() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    Setting s = setting("attention", 128, 15, 4000);
    s.w.batch = 60000;
    try {
      Session(s.model, s.w, board());
      QFAIL("it fitted");
    } catch (const Error& error) {
      QCOMPARE(error.kind(), ErrorKind::memory);
      QVERIFY(error.neededBytes() > error.availableBytes() && error.availableBytes() > 0);
    }
    s.w.batch = 2;  // the device is still there
    Session small(s.model, s.w, board());
    QCOMPARE(small.prefill(std::vector<Token>{1, 2}), Outcome::finished);
  }

  // A model whose matrices are made on the device is the model made on the host.
  void randomMatricesAreTheSameNumbers_data() {
    QTest::addColumn<int>("headWidth");
    for (const int headWidth : {1, 8}) QTest::addRow("heads of %d", headWidth) << headWidth;
  }
  void randomMatricesAreTheSameNumbers() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, headWidth);
    const auto made = [&](WeightType type, Residence residence) {
      return randomModel("125m", 8, 3, 64, type, residence, headWidth).distilled;
    };
    const auto ids = randomTokens(20, 64, 2);
    Workload w = workload(Mixer::modal, 32);
    w.precision = Precision::float32;
    const auto device = made(WeightType::float32, Residence::device);
    QCOMPARE(logitsOn(board(), device, w, ids, 10),
             logitsOn(board(), made(WeightType::float32, Residence::host), w, ids, 10));
    // Matrices that are bfloat16 on the host already are rounded once, not twice.
    w.precision = Precision::automatic;
    const auto half = made(WeightType::bfloat16, Residence::host);
    QCOMPARE(logitsOn(board(), half, w, ids, 10), logitsOn(board(), device, w, ids, 10));
  }
};

QTEST_GUILESS_MAIN(TestCuda)
#include "test_cuda.moc"
