// Sessions of small random models against the float64 oracle, and what a session promises its caller.
#include <QtTest>

#include <array>

#include "oracle.h"
#include "sessiontools.h"

class TestSession : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void logitsMatchTheOracle_data() {
    QTest::addColumn<int>("order");
    QTest::addColumn<int>("width");
    QTest::addColumn<int>("taps");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("prompt");
    QTest::addColumn<QString>("filters");
    for (const char* filters : {"original", "tiled", "distilled", "distilled tiled", "modal", "blocked", "companion",
                                "partly distilled", "partly modal", "partly blocked", "partly companion"})
      for (const int prompt : {1, 2, 3, 30, 90})  // filters have 48 taps: rings go round, filters end
        QTest::addRow("%s, prompt %d", filters, prompt) << 2 << 20 << 3 << 130 << prompt << QString(filters);
    QTest::newRow("one token") << 2 << 20 << 3 << 1 << 1 << "original";
    QTest::newRow("order 3") << 3 << 20 << 3 << 100 << 40 << "original";
    QTest::newRow("order 3, modal") << 3 << 20 << 3 << 100 << 40 << "modal";
    QTest::newRow("order 4, partly modal") << 4 << 20 << 3 << 60 << 5 << "partly modal";
    QTest::newRow("wide, odd") << 2 << 83 << 4 << 60 << 17 << "original";
    QTest::newRow("wide, odd, modal") << 2 << 83 << 4 << 60 << 17 << "modal";
    QTest::newRow("two taps, width 1") << 2 << 1 << 2 << 40 << 7 << "original";
    QTest::newRow("order 3, tiled") << 3 << 20 << 3 << 100 << 40 << "tiled";
    QTest::newRow("tiles by FFT") << 2 << 5 << 3 << 1100 << 30 << "distilled tiled";
    QTest::newRow("tiles by FFT beyond the filter") << 2 << 5 << 3 << 1100 << 3 << "tiled";
    QTest::newRow("order 3, blocked") << 3 << 20 << 3 << 100 << 40 << "blocked";
    QTest::newRow("wide, odd, blocked") << 2 << 83 << 4 << 60 << 17 << "blocked";
    QTest::newRow("blocks of 20") << 2 << 20 << 3 << 130 << 19 << "blocked";
    QTest::newRow("long scan") << 2 << 20 << 3 << 300 << 290 << "modal";
  }
  void logitsMatchTheOracle() {
    QFETCH(int, order);
    QFETCH(int, width);
    QFETCH(int, taps);
    QFETCH(int, tokens);
    QFETCH(int, prompt);
    QFETCH(QString, filters);
    SyntheticSizes sizes;
    sizes.hyenaOrder = order;
    sizes.width = width;
    sizes.shortFilterTaps = taps;
    sizes.tiedHead = width != 83;
    Case c = make(sizes);
    const bool distil = filters != "original" && filters != "tiled";
    const Mixer mixer = filters.endsWith("modal")       ? Mixer::modal
                        : filters.endsWith("blocked")   ? Mixer::modalBlocked
                        : filters.endsWith("companion") ? Mixer::companion
                        : filters.endsWith("tiled")     ? Mixer::convolutionTiled
                                                        : Mixer::convolutionLazy;
    const analysis::Distilled distilled = randomDistilled(*c.checkpoint, 3, 2, filters.startsWith("partly") ? 3 : 0, 5);
    if (distil) c.model = c.model->withDistilled(distilled);
    const std::vector<int> ids = randomTokens(tokens, sizes.vocabulary, 9);
    Workload w = workload(mixer, tokens + 3);
    w.mode.blockLength = 1 + prompt % 20;  // 1 token to 20, every phase
    const auto result = logits(c.model, w, ids, static_cast<std::size_t>(prompt));
    const Rows expected = oracleLogits(*c.checkpoint, ids, distil ? &distilled : nullptr);
    QCOMPARE(result.size(), expected.size() * expected[0].size());
    const double error = relativeError(result, expected);
    QVERIFY2(error < 1e-5, qPrintable(QString::number(error)));
    Session session(c.model, w);
    const auto few = fewLogits(session, ids, static_cast<std::size_t>(prompt));
    const auto same = fewOf(result, ids.size(), static_cast<std::size_t>(prompt));
    const double other = distance(few, same);
    QVERIFY2(other < 1e-6, qPrintable(QString::number(other)));
  }

  // Products are summed in a fixed order, so neither threads nor the batch change a bit.
  void bitsDoNotDependOnThreadsOrBatch() {
    Case c = make({});
    const analysis::Distilled distilled = randomDistilled(*c.checkpoint, 3, 2, 4, 5);
    const auto model = c.model->withDistilled(distilled);
    const std::vector<int> ids = randomTokens(60, c.sizes.vocabulary, 3);
    for (const Mixer mixer :
         {Mixer::convolutionLazy, Mixer::convolutionTiled, Mixer::modal, Mixer::modalBlocked, Mixer::companion}) {
      const auto one = logits(model, workload(mixer, 64), ids, 20, 1);
      QVERIFY(!one.empty());
      QCOMPARE(logits(model, workload(mixer, 64), ids, 20, 3), one);
      Session batch(model, workload(mixer, 64, 5));
      std::vector<Token> prompts, rest;
      for (int b = 0; b < 5; ++b) prompts.insert(prompts.end(), ids.begin(), ids.begin() + 20);
      for (int b = 0; b < 5; ++b) rest.insert(rest.end(), ids.begin() + 20, ids.end());
      prompts[25] = 1;  // another sequence must not matter
      batch.prefill(prompts);
      batch.force(rest);
      const auto width = static_cast<std::ptrdiff_t>(c.sizes.vocabulary);
      QCOMPARE(copy(batch.logits(4)), std::vector<float>(one.end() - width, one.end()));
      QVERIFY(copy(batch.logits(1)) != copy(batch.logits(4)));
    }
  }

  void memoryIsWhatWasPredicted_data() {
    QTest::addColumn<int>("mixer");
    QTest::addColumn<int>("keepEvery");
    QTest::addColumn<int>("capacity");
    QTest::addColumn<int>("batch");
    QTest::addColumn<int>("order");
    for (const int keepEvery : {-1, 0, 3})  // -1: not distilled
      for (const int mixer : {0, 1, 2, 3, 4})
        for (const auto& [capacity, batch, order] : {std::tuple{1, 1, 2}, {40, 3, 2}, {300, 2, 3}, {300, 200, 2}})
          if (keepEvery >= 0 || mixer == 0 || mixer == 3)
            QTest::addRow("mixer %d, keep %d, %d x %d, order %d", mixer, keepEvery, batch, capacity, order)
                << mixer << keepEvery << capacity << batch << order;
  }
  void memoryIsWhatWasPredicted() {
    QFETCH(int, mixer);
    QFETCH(int, keepEvery);
    QFETCH(int, capacity);
    QFETCH(int, batch);
    QFETCH(int, order);
    SyntheticSizes sizes;
    sizes.hyenaOrder = order;
    sizes.tiedHead = order == 2;
    Case c = make(sizes);
    if (keepEvery >= 0) c.model = c.model->withDistilled(randomDistilled(*c.checkpoint, 3, 1, keepEvery, 5));
    const Workload w = workload(
        std::array{Mixer::convolutionLazy, Mixer::modal, Mixer::modalBlocked, Mixer::convolutionTiled, Mixer::companion}
            .at(static_cast<std::size_t>(mixer)),
        capacity, batch);
    const Footprint predicted = footprint(c.model->shape(), w, 3);
    const MemoryUse used = Session(c.model, w, Device::open("cpu", 3)).memory();
    QCOMPARE(used.weightBytes, predicted.weightBytes);
    QCOMPARE(used.tableBytes, predicted.tableBytes);
    QCOMPARE(used.stateBytes, predicted.stateBytesPerSequence * static_cast<std::size_t>(batch));
    QCOMPARE(used.cacheBytes, predicted.cacheBytesPerSequence * static_cast<std::size_t>(batch));
    QCOMPARE(used.workspaceBytes, predicted.workspaceBytes);
    if (keepEvery == 0 && mixer == 1) {
      QCOMPARE(used.cacheBytes, std::size_t{0});
      // Of 20 channels 13 have 3 pairs, the others 2, and all a real pole: a group of 16 x 7 states, one of 16 x 5
      // (4 channels, padded). Two inputs of each short filter come on top.
      const int perLayer = (order - 1) * (16 * 7 + 16 * 5) + 2 * (order + 1) * 20;
      QCOMPARE(predicted.stateBytesPerSequence, static_cast<std::size_t>(4 * 2 * perLayer));
    }
  }

  void textsAgreeWhereNoiseAndFunctionDo() {
    Case c = make({});
    const auto model = c.model->withDistilled(randomDistilled(*c.checkpoint, 3, 1, 0, 5));
    Workload w = workload(Mixer::convolutionLazy, 200, 2);
    w.sampling = {0.9, 20, 0.95};
    w.seed = 11;
    const auto generate = [&](Mixer mixer, std::uint64_t seed) {
      w.mode.mixer = mixer;
      w.seed = seed;
      Session session(model, w);
      session.prefill(std::vector<Token>{1, 2, 3, 1, 2, 3});
      TokenRing ring;
      if (session.decode(60, &ring) != Outcome::finished || session.decode(90, &ring) != Outcome::finished)
        return std::vector<Token>{};
      const auto events = ring.drain();
      std::vector<Token> text(session.generated(0).begin(), session.generated(0).end());
      text.insert(text.end(), session.generated(1).begin(), session.generated(1).end());
      bool told = events.size() == text.size() && session.timings().tokenSeconds.size() == 150;
      for (const TokenEvent& event : events)
        told = told && event.stepNanoseconds > 0 && event.nanoseconds >= event.stepNanoseconds &&
               text[static_cast<std::size_t>(150 * event.sequence + event.position - 3)] == event.token;
      return told ? text : std::vector<Token>{};
    };
    const auto text = generate(Mixer::convolutionLazy, 11);
    QCOMPARE(text.size(), std::size_t{300});
    QCOMPARE(generate(Mixer::modal, 11), text);
    QCOMPARE(generate(Mixer::modalBlocked, 11), text);
    QCOMPARE(generate(Mixer::convolutionTiled, 11), text);
    QCOMPARE(generate(Mixer::companion, 11), text);
    QVERIFY(generate(Mixer::modal, 12) != text);
    QVERIFY(!std::equal(text.begin(), text.begin() + 150, text.begin() + 150));  // sequences have their own noise
    for (const Token token : text) QVERIFY(token < c.sizes.vocabularySize);
  }

  void capacityEndsAGeneration() {
    Case c = make({});
    Session session(c.model, workload(Mixer::convolutionLazy, 10));
    QCOMPARE(session.prefill(std::vector<Token>{1, 2, 3, 4}), Outcome::finished);
    QCOMPARE(session.decode(6), Outcome::finished);
    QCOMPARE(session.decode(1), Outcome::full);
    QCOMPARE(session.position(), 10);
    QCOMPARE(session.force(std::vector<Token>{1}), Outcome::full);
    // The session starts afresh with a new prompt.
    QCOMPARE(session.prefill(std::vector<Token>(10, 1)), Outcome::finished);
    QVERIFY(session.generated(0).empty());
    QCOMPARE(session.decode(1), Outcome::full);
  }

  void aStoppedSessionStaysUsable() {
    Case c = make({});
    Session session(c.model, workload(Mixer::convolutionLazy, 50)),
        fresh(c.model, workload(Mixer::convolutionLazy, 50));
    std::stop_source stopped;
    stopped.request_stop();
    QCOMPARE(session.prefill(std::vector<Token>{3, 1}, stopped.get_token()), Outcome::stopped);
    QVERIFY(errorOf([&] { session.decode(1); }).find("prefill") != std::string::npos);
    QVERIFY(errorOf([&] { session.logits(0); }).find("prefill") != std::string::npos);
    session.prefill(std::vector<Token>{1, 2, 3});
    fresh.prefill(std::vector<Token>{1, 2, 3});
    QCOMPARE(session.decode(5, nullptr, stopped.get_token()), Outcome::stopped);
    QVERIFY(session.generated(0).empty());
    session.decode(5);
    fresh.decode(5);
    QCOMPARE(copy(session.logits(0)), copy(fresh.logits(0)));
  }

  void mistakesGetOneSentence_data() {
    QTest::addColumn<int>("what");
    QTest::addColumn<QString>("words");
    QTest::newRow("empty prompt") << 0 << "empty";
    QTest::newRow("ragged prompts") << 1 << "equal rows";
    QTest::newRow("negative id") << 2 << "id -1 is outside the vocabulary";
    QTest::newRow("large id") << 3 << "id 40 is outside the vocabulary";
    QTest::newRow("long prompt") << 4 << "capacity of 8";
    QTest::newRow("no batch") << 5 << "batch of 0";
    QTest::newRow("no capacity") << 6 << "capacity of 0";
    QTest::newRow("endless capacity") << 7 << "capacity of 2000000000";
    QTest::newRow("not distilled") << 8 << "not distilled";
    QTest::newRow("no attention") << 9 << "long convolutions";
    QTest::newRow("prefill of another mode") << 10 << "prefill by scan";
    QTest::newRow("endless block") << 14 << "blocks of 65";
    QTest::newRow("no such sequence") << 11 << "no such member";
    QTest::newRow("forced id") << 12 << "id 77 is outside the vocabulary";
    QTest::newRow("too much memory") << 13 << "MiB";
  }
  void mistakesGetOneSentence() {
    QFETCH(int, what);
    QFETCH(QString, words);
    Case c = make({});
    const auto session = [&](const Workload& w) { return Session(c.model, w); };
    Workload scan = workload(Mixer::convolutionLazy, 8);
    scan.mode.prefill = Prefill::scan;
    Workload longBlocks = workload(Mixer::modalBlocked, 8);
    longBlocks.mode.blockLength = 65;
    const auto distilled = c.model->withDistilled(randomDistilled(*c.checkpoint, 1, 0, 0, 1));
    const std::string error = errorOf([&] {
      Session one = session(workload(Mixer::convolutionLazy, 8));
      switch (what) {
        case 0:
          one.prefill({});
          break;
        case 1:
          session(workload(Mixer::convolutionLazy, 8, 2)).prefill(std::vector<Token>{1, 2, 3});
          break;
        case 2:
          one.prefill(std::vector<Token>{1, -1});
          break;
        case 3:
          one.prefill(std::vector<Token>{40});
          break;
        case 4:
          one.prefill(std::vector<Token>(9, 1));
          break;
        case 5:
          session(workload(Mixer::convolutionLazy, 8, 0));
          break;
        case 6:
          session(workload(Mixer::convolutionLazy, 0));
          break;
        case 7:
          session(workload(Mixer::convolutionLazy, 2000000000));
          break;
        case 8:
          session(workload(Mixer::modal, 8));
          break;
        case 9:
          session(workload(Mixer::attention, 8));
          break;
        case 10:
          session(scan);
          break;
        case 11:
          one.prefill(std::vector<Token>{1}), one.logits(1);
          break;
        case 12:
          one.prefill(std::vector<Token>{1}), one.force(std::vector<Token>{77});
          break;
        case 14:
          Session(distilled, longBlocks);
          break;
        case 13:
          Session(c.model->withDistilled(randomDistilled(*c.checkpoint, 1, 0, 0, 1)),
                  workload(Mixer::convolutionLazy, 1 << 24, 65536));
          break;
      }
    });
    QVERIFY2(QString::fromStdString(error).contains(words), error.c_str());
    QVERIFY(QString::fromStdString(error).endsWith('.'));
  }

  void modelsRefuseWhatDoesNotFit() {
    SyntheticCheckpoint damaged({});
    damaged.values()["layers.1.mlp.fc1.weight"].pop_back();
    const auto shared = std::make_shared<SyntheticCheckpoint>(damaged);
    QVERIFY(errorOf([&] { Model::load(shared); }).find("layers.1.mlp.fc1.weight") != std::string::npos);

    Case c = make({});
    analysis::Distilled distilled = randomDistilled(*c.checkpoint, 1, 0, 0, 1);
    auto fewer = distilled;
    fewer.banks[1].filters.pop_back();
    QVERIFY(errorOf([&] { c.model->withDistilled(fewer); }).find("19 channels") != std::string::npos);
    auto renamed = distilled;
    renamed.banks[0].path = "elsewhere";
    QVERIFY(errorOf([&] { c.model->withDistilled(renamed); }).find("no such bank") != std::string::npos);
    auto more = distilled;
    more.banks.push_back({"extra", {}});
    QVERIFY(errorOf([&] { c.model->withDistilled(more); }).find("lacks") != std::string::npos);
    QVERIFY(c.model->withDistilled(distilled)->distilled() && !c.model->distilled());
    // Distilling a distilled model replaces its tables.
    const auto twice = c.model->withDistilled(randomDistilled(*c.checkpoint, 5, 1, 2, 1))->withDistilled(distilled);
    QCOMPARE(twice->shape().blocks[0].states, c.model->withDistilled(distilled)->shape().blocks[0].states);
    QCOMPARE(twice->shape().blocks[0].keptFilters, 0);
  }
};

QTEST_GUILESS_MAIN(TestSession)
#include "test_session.moc"
