// Whole models on a GPU: published outputs, blocks of other families against the CPU (which test_frames.cpp holds to an
// oracle), and drawing against the sampler.
#include <QtTest>

#include <filesystem>

#include "analysis/tensors/tensorfile.h"
#include "cudatools.h"
#include "engine/sampling.h"
#include "frametools.h"

class TestCudaModels : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void framesMatchTheCpu_data() {
    QTest::addColumn<QString>("frame");
    QTest::addColumn<QString>("filters");
    QTest::addColumn<int>("prompt");
    for (const char* frame : {"evo", "striped", "evo2", "h3", "neox", "neox serial"})
      for (const char* filters : {"original", "tiled", "distilled", "modal", "blocked", "companion", "all modal"}) {
        if (QString(frame).startsWith("neox") && QString(filters) != "original") continue;
        for (const int prompt : {1, 2, 30})
          QTest::addRow("%s, %s, prompt %d", frame, filters, prompt) << QString(frame) << QString(filters) << prompt;
      }
  }
  void framesMatchTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, frame);
    QFETCH(QString, filters);
    QFETCH(int, prompt);
    QTemporaryDir folder;
    const OpenedFrame opened = openFrame(frame, folder);
    auto model = Model::load(opened.checkpoint);
    if (filters != "original" && filters != "tiled")  // every third filter keeps its taps
      model = model->withDistilled(randomDistilled(*opened.checkpoint, 2, 1, filters.startsWith("all") ? 0 : 3, 7));
    const Mixer mixer = frame.startsWith("neox")     ? Mixer::attention
                        : filters == "tiled"         ? Mixer::convolutionTiled
                        : filters.endsWith("modal")  ? Mixer::modal
                        : filters == "blocked"       ? Mixer::modalBlocked
                        : filters == "companion"     ? Mixer::companion
                                                     : Mixer::convolutionLazy;
    constexpr int tokens = 90;  // filters have ended by then
    Workload w = workload(mixer, tokens + 2);
    w.precision = Precision::float32;
    const std::vector<int> ids = randomTokens(tokens, opened.file.vocabulary, 9);
    const auto expected = logits(model, w, ids, static_cast<std::size_t>(prompt));
    const double error = distance(logitsOn(board(), model, w, ids, static_cast<std::size_t>(prompt)), expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));

    // Several sequences with prompts of their own, after which every one goes on; and the bytes that were predicted.
    w.batch = 9;
    const auto last = [&](const std::shared_ptr<Device>& device) {
      Session session(model, w, device);
      session.prefill(std::span<const Token>(ids).first(9 * 7));
      for (int t = 0; t < 3; ++t) session.force(std::span<const Token>(ids).subspan(static_cast<std::size_t>(9 * t), 9));
      std::vector<float> rows;
      for (int b = 0; b < w.batch; ++b) {
        const auto row = copy(session.logits(b));
        rows.insert(rows.end(), row.begin(), row.end());
      }
      if (device == board()) {
        const Footprint predicted = device->predict(model->shape(), w);
        const MemoryUse used = session.memory();
        const auto bytes = used.weightBytes + used.tableBytes + used.stateBytes + used.cacheBytes + used.workspaceBytes;
        const auto sequences = predicted.stateBytesPerSequence + predicted.cacheBytesPerSequence;
        const auto sum = predicted.weightBytes + predicted.tableBytes + predicted.workspaceBytes + 9 * sequences;
        if (sum < bytes || sum > bytes + 18) rows.clear();  // per sequence: rounded up
      }
      return rows;
    };
    const double many = distance(last(board()), last(Device::open("cpu", 2)));
    QVERIFY2(many < 1e-5, qPrintable(QString::number(many)));
  }

  // The widths of real models, where bfloat16 takes the kernels of tensor cores: grouped keys and rotary positions.
  void wideFramesInBfloat16() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    for (const char* frame : {"striped", "evo2", "h3", "neox"}) {
      QTemporaryDir folder;
      const OpenedFrame opened = openFrame(frame, folder, 256, 512);
      const auto model = Model::load(opened.checkpoint);
      const Mixer mixer = QString(frame) == "neox" ? Mixer::attention : Mixer::convolutionLazy;
      const Workload w = workload(mixer, 200);
      const std::vector<int> ids = randomTokens(190, opened.file.vocabulary, 3);
      const auto expected = logits(model, w, ids, 150);
      const auto result = logitsOn(board(), model, w, ids, 150);
      const double error = distance(result, expected);
      const double kl = divergence(result, expected, static_cast<std::size_t>(opened.file.vocabulary));
      QVERIFY2(error < 2e-2 && kl < 1e-3, qPrintable(QString("%1: %2, KL %3").arg(frame).arg(error).arg(kl)));
      qInfo("%s: logits %.1e, KL %.1e nats", frame, error, kl);
    }
  }

  // Long prompts in bfloat16, which take tensor cores: attention with heads of 64 and 128 channels, one or several tiles of
  // queries and keys, a second piece; convolutions with one or several windows, filters that end before the prompt (then
  // in pieces), and some channels alone.
  void promptsOnTensorCores_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<int>("width");
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("prompt");
    for (const int width : {256, 512})
      for (const int prompt : {3, 64, 193, 700})
        QTest::addRow("attention, width %d, prompt %d", width, prompt) << "attention" << width << 0 << prompt;
    QTest::addRow("attention, two pieces") << "attention" << 256 << 0 << 8300;
    for (const char* kind : {"convolution", "distilled", "partly distilled", "partly modal"})
      for (const int length : {100, 700, 2000})
        for (const int prompt : {3, 65, 512, 1300})
          QTest::addRow("%s, %d taps, prompt %d", kind, length, prompt) << kind << 83 << length << prompt;
  }
  void promptsOnTensorCores() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    QFETCH(int, width);
    QFETCH(int, length);
    QFETCH(int, prompt);
    SyntheticSizes sizes;
    sizes.width = width;
    sizes.innerWidth = 2 * width;
    sizes.layers = prompt > 8000 ? 1 : 2;
    if (kind == "attention") {
      sizes.mixer = analysis::MixerKind::attention;
      sizes.heads = 4;
      sizes.positions = prompt + 20;
    } else {
      sizes.filterLength = length;
    }
    const Case c = make(sizes);
    auto model = c.model;
    if (kind != "attention" && kind != "convolution")
      model = model->withDistilled(randomDistilled(*c.checkpoint, 3, 2, kind.startsWith("partly") ? 3 : 0, 5));
    Workload w = workload(mixerOf(kind), prompt + 12);
    const auto ids = randomTokens(prompt + 9, sizes.vocabulary, 9);
    const auto first = static_cast<std::size_t>(prompt);
    const auto expected = logits(model, w, ids, first), result = logitsOn(board(), model, w, ids, first);
    const double error = distance(result, expected);
    const double kl = divergence(result, expected, static_cast<std::size_t>(sizes.vocabulary));
    QVERIFY2(error < 1e-2 && kl < 1e-3, qPrintable(QString("%1, KL %2").arg(error).arg(kl)));

    // Several sequences at once, an odd number: the last one as it is alone.
    if (prompt > 700) return;
    w.batch = 3;
    Session session(model, w, board());
    std::vector<Token> prompts;
    for (int b = 0; b < 3; ++b) prompts.insert(prompts.end(), ids.begin(), ids.begin() + prompt);
    prompts[1] = (ids[1] + 1) % sizes.vocabulary;
    session.prefill(prompts);
    const auto row = static_cast<std::ptrdiff_t>(sizes.vocabulary) * (prompt - 1);
    const std::vector<float> alone(expected.begin() + row, expected.begin() + row + sizes.vocabulary);
    const double third = distance(copy(session.logits(2)), alone);
    QVERIFY2(third < 2e-2, qPrintable(QString::number(third)));
  }

  // What a session remembers, saved and copied back: the same bits from there on, in the session and in a new one; on the
  // CPU it is computed again from the tokens.
  void snapshotsGoOn_data() { addKinds(); }
  void snapshotsGoOn() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, kind);
    for (const int batch : {1, 3}) {
      Setting s = setting(kind, 64, 7, 120);
      s.w.batch = batch;
      s.w.seed = 5;
      s.w.sampling = {0.9, 0, 1};
      const auto ids = randomTokens(batch * 9, s.c.sizes.vocabularySize, 3);
      Session session(s.model, s.w, board()), other(s.model, s.w, board());
      session.prefill(ids);
      QCOMPARE(session.decode(21), Outcome::finished);
      const Snapshot snapshot = session.snapshot();
      const auto goOn = [&](Session& from) {
        from.decode(35);
        auto result = copy(from.logits(batch - 1));
        for (const Token token : from.generated(0)) result.push_back(static_cast<float>(token));
        return result;
      };
      const auto expected = goOn(session);
      QVERIFY(!snapshot.state.empty());
      for (Session* to : {&session, &other}) {
        QCOMPARE(to->restore(snapshot), Outcome::finished);
        QCOMPARE(goOn(*to), expected);
      }
      s.w.precision = Precision::float32;
      Session exact(s.model, s.w, board()), onCpu(s.model, s.w, Device::open("cpu", 2));
      exact.restore(snapshot);  // of another precision
      onCpu.restore(snapshot);
      QVERIFY(distance(copy(exact.logits(0)), copy(onCpu.logits(0))) < 1e-5);
    }
  }

  // Several long convolutions in one operator: steps, prompts in one and in several pieces, and batches.
  void higherOrdersMatchTheCpu_data() {
    QTest::addColumn<int>("order");
    QTest::addColumn<QString>("filters");
    QTest::addColumn<int>("prompt");
    for (const int order : {3, 4})
      for (const char* filters : {"original", "tiled", "distilled", "modal", "blocked", "companion", "partly modal",
                                  "partly blocked", "partly companion"})
        for (const int prompt : {1, 2, 30, 650})
          QTest::newRow(qPrintable(QString("order %1, %2, prompt %3").arg(order).arg(filters).arg(prompt)))
              << order << QString(filters) << prompt;
  }
  void higherOrdersMatchTheCpu() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, order);
    QFETCH(QString, filters);
    QFETCH(int, prompt);
    SyntheticSizes sizes;
    sizes.width = order == 3 ? 83 : 24;
    sizes.innerWidth = 50;
    sizes.hyenaOrder = order;
    const Case c = make(sizes);
    auto model = c.model;
    const int kept = filters.startsWith("partly") ? 3 : 0;
    if (filters != "original" && filters != "tiled")
      model = model->withDistilled(randomDistilled(*c.checkpoint, 3, 2, kept, 5));
    Workload w = workload(mixerOf(filters == "original" || filters == "distilled" ? "convolution" : filters), prompt + 50);
    w.precision = Precision::float32;
    const std::vector<int> ids = randomTokens(prompt + 45, sizes.vocabulary, 9);
    const auto expected = logits(model, w, ids, static_cast<std::size_t>(prompt));
    const double once = distance(logitsOn(board(), model, w, ids, static_cast<std::size_t>(prompt)), expected);
    w.precision = Precision::automatic;
    const double half = distance(logitsOn(board(), model, w, ids, static_cast<std::size_t>(prompt)), expected);
    QVERIFY2(once < 1e-5 && half < 2e-2, qPrintable(QString("%1, %2").arg(once).arg(half)));

    w.batch = 9;
    const auto last = [&](const std::shared_ptr<Device>& device) {
      Session session(model, w, device);
      session.prefill(std::span<const Token>(ids).first(9 * 4));
      session.force(std::span<const Token>(ids).subspan(9, 9));
      session.force(std::span<const Token>(ids).first(9));
      return copy(session.logits(8));
    };
    w.precision = Precision::float32;
    const double many = distance(last(board()), last(Device::open("cpu", 2)));
    QVERIFY2(many < 1e-5, qPrintable(QString::number(many)));
  }

  // Products of some dozens of rows: sums so long that their stages go round, shared by a cluster or not.
  void longSumsOfManyRows_data() {
    QTest::addColumn<int>("batch");
    for (const int batch : {5, 16, 17, 33, 64, 65, 128}) QTest::addRow("batch %d", batch) << batch;
  }
  void longSumsOfManyRows() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, batch);
    SyntheticSizes sizes;
    sizes.width = 128;
    sizes.innerWidth = 6003;
    const Case c = make(sizes);
    Workload w = workload(Mixer::convolutionLazy, 12, batch);
    const auto ids = randomTokens(batch * 3, sizes.vocabulary, 4);
    const auto last = [&](const std::shared_ptr<Device>& device) {
      Session session(c.model, w, device);
      session.prefill(std::span<const Token>(ids).first(static_cast<std::size_t>(batch) * 2));
      session.force(std::span<const Token>(ids).subspan(static_cast<std::size_t>(batch) * 2));
      return lastLogits(session, batch);
    };
    const auto expected = last(Device::open("cpu", 2)), half = last(board());
    const double error = distance(half, expected);
    const double kl = divergence(half, expected, static_cast<std::size_t>(sizes.vocabulary));
    QVERIFY2(error < 1e-2 && kl < 1e-3, qPrintable(QString("%1, KL %2").arg(error).arg(kl)));
  }

  // The logits are read back and drawn from by engine/sampling.cpp: the same tokens. Half of the vocabulary has the logits
  // of the other half, so that thresholds fall among equal ones. Top-p of one half is left out: with two equal logits above
  // all others rounding decides whether one of them is enough.
  void tokensAreThoseOfTheSampler_data() {
    QTest::addColumn<int>("topK");
    QTest::addColumn<double>("topP");
    for (const int k : {0, 1, 2, 7, 100, 1500, 2989, 2990, 5000})
      for (const double p : {1.0, 0.999, 0.9, 0.45, 0.03}) QTest::addRow("top-k %d, top-p %g", k, p) << k << p;
  }
  void tokensAreThoseOfTheSampler() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(int, topK);
    QFETCH(double, topP);
    SyntheticSizes sizes;
    sizes.vocabulary = 3001;
    sizes.vocabularySize = 2990;
    SyntheticCheckpoint* checkpoint = new SyntheticCheckpoint(sizes);
    const std::shared_ptr<const SyntheticCheckpoint> owner(checkpoint);
    auto& table = checkpoint->values()["embeddings.word_embeddings.weight"];
    std::copy_n(table.begin(), 1500 * sizes.width, table.begin() + 1490 * sizes.width);
    const auto model = Model::load(owner);
    Workload w = workload(Mixer::convolutionLazy, 64, 5);
    w.seed = 3;
    for (const double temperature : {0.3, 1.0, 40.0}) {
      w.sampling = {temperature, topK, topP};
      Session session(model, w, board());
      session.prefill(randomTokens(15, 2990, 8));
      for (int step = 0; step < 12; ++step) {
        std::vector<Token> expected;
        for (int b = 0; b < w.batch; ++b)
          expected.push_back(sample(session.logits(b), sizes.vocabularySize, w.sampling, w.seed, b, 3 + step));
        QCOMPARE(session.decode(1), Outcome::finished);
        for (int b = 0; b < w.batch; ++b) QCOMPARE(session.generated(b).back(), expected[static_cast<std::size_t>(b)]);
      }
    }
  }

  void publishedOutputs_data() {
    QTest::addColumn<QString>("checkpoint");
    QTest::addColumn<QString>("outputs");
    QTest::newRow("hyena") << POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt"
                           << POLECAT_TEST_DATA "/novels-hyena-1m.reference.safetensors";
    QTest::newRow("rtf") << POLECAT_TEST_DATA "/novels-hyena-rtf-1m.ckpt"
                         << POLECAT_TEST_DATA "/novels-hyena-rtf-1m.outputs.safetensors";
    QTest::newRow("multihyena") << POLECAT_TEST_DATA "/novels-multihyena-1m.ckpt"
                                << POLECAT_TEST_DATA "/novels-multihyena-1m.outputs.safetensors";
    const auto gpt = std::filesystem::path(qEnvironmentVariable("POLECAT_MODELS").toStdString()) /
                     "novels-gpt-7m.safetensors";
    if (std::filesystem::exists(gpt))
      QTest::newRow("gpt") << QString::fromStdString(gpt.string())
                           << POLECAT_TEST_DATA "/novels-gpt-7m.outputs.safetensors";
  }
  void publishedOutputs() {
    if (!gpu().usable) QSKIP(gpu().remark.c_str());
    QFETCH(QString, checkpoint);
    QFETCH(QString, outputs);
    const auto model = Model::load(analysis::Checkpoint::open(checkpoint.toStdString()));
    const auto reference = analysis::openTensorFile(outputs.toStdString());
    const auto tokensOf = [&](const char* name) {
      const std::vector<double> values = reference->doubles(name);
      return std::vector<Token>(values.begin(), values.end());
    };
    const auto prompt = tokensOf("prompt_tokens"), greedy = tokensOf("greedy_tokens");
    const std::vector<float> expected = reference->floats("prompt_logits");
    const bool attends = model->shape().blocks[0].kind == BlockShape::Kind::attention;
    Workload w = workload(attends ? Mixer::attention : Mixer::convolutionLazy, static_cast<int>(greedy.size()));
    const double half = distance(logitsOn(board(), model, w, prompt, prompt.size()), expected);
    w.precision = Precision::float32;
    const double once = distance(logitsOn(board(), model, w, prompt, prompt.size()), expected);
    const double steps = distance(logitsOn(board(), model, w, prompt, 1), expected);
    QVERIFY2(once < 1e-5 && steps < 1e-5, qPrintable(QString("%1, %2").arg(once).arg(steps)));
    QVERIFY2(half < 2e-2, qPrintable(QString::number(half)));
    Session session(model, w, board());
    session.prefill(prompt);
    QCOMPARE(session.decode(static_cast<int>(greedy.size() - prompt.size())), Outcome::finished);
    const std::vector<Token> text(session.generated(0).begin(), session.generated(0).end());
    QCOMPARE(text, std::vector<Token>(greedy.begin() + static_cast<std::ptrdiff_t>(prompt.size()), greedy.end()));
    qInfo("float32: prompt %.1e, steps %.1e; bfloat16 %.1e; %d greedy tokens", once, steps, half,
          static_cast<int>(text.size()));
  }
};

QTEST_GUILESS_MAIN(TestCudaModels)
#include "test_cudamodels.moc"
