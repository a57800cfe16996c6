// What a session does with a device that draws tokens itself: some steps at a time, the next ones begun before the last
// ones are taken over. The device is a script.
#include <QtTest>

#include <deque>
#include <functional>

#include "engine/runner.h"
#include "sessiontools.h"

namespace {

struct Script {
  QString calls;                             // b: begun, e: ended
  QString mistake;                           // what a runner may not be asked
  std::function<void(int position)> ending;  // before steps from there end
};

Token tokenAt(int position, int sequence) {
  return position % 10 * 2 + sequence;
}

class ScriptedRunner final : public Runner {
 public:
  ScriptedRunner(Script& script, int batch) : m_script(script), m_batch(batch), m_logits(64) {}
  void reset() override { m_begun.clear(); }
  bool prefill(int, std::span<const Token> tokens, float*, std::stop_token) override {
    m_next = static_cast<int>(tokens.size());
    return true;
  }
  void step(int, std::span<const Token>) override { m_script.mistake = "a step"; }
  std::span<const float> logits(int) const override { return m_logits; }
  MemoryUse memory() const override { return {}; }
  bool drawsTokens() const override { return true; }
  void beginSteps(int position, int steps) override {
    m_script.calls += 'b';
    if (position != m_next) m_script.mistake = QString("steps from %1 where %2 come").arg(position).arg(m_next);
    if (steps < 1 || steps > stepsAtOnce || m_begun.size() == mostBegun) m_script.mistake = "too many steps";
    m_begun.push_back({position, steps});
    m_next = position + steps;
  }
  void endSteps(std::span<Token> tokens, std::span<double> seconds) override {
    m_script.calls += 'e';
    const auto [first, steps] = m_begun.front();
    try {
      if (m_script.ending) m_script.ending(first);
    } catch (...) {
      m_begun.clear();
      throw;
    }
    m_begun.pop_front();
    if (seconds.size() != static_cast<std::size_t>(steps)) m_script.mistake = "other steps than begun";
    for (int i = 0; i < steps; ++i) {
      seconds[static_cast<std::size_t>(i)] = 1e-3 * (first + i);
      for (int b = 0; b < m_batch; ++b) tokens[static_cast<std::size_t>(i * m_batch + b)] = tokenAt(first + i, b);
    }
  }

 private:
  struct Begun {
    int position, steps;
  };
  Script& m_script;
  int m_batch, m_next = 0;
  std::deque<Begun> m_begun;
  std::vector<float> m_logits;
};

class ScriptedDevice final : public Device {
 public:
  explicit ScriptedDevice(Script& script) : m_script(script), m_id("script"), m_cpu(Device::open("cpu", 1)) {}
  const std::string& id() const override { return m_id; }
  int threads() const override { return 1; }
  std::size_t freeBytes() const override { return m_cpu->freeBytes(); }
  Footprint predict(const Shape& shape, const Workload& w) const override { return m_cpu->predict(shape, w); }
  void require(const Model&, const Workload&) const override {}
  Calibration calibrate() override { return {}; }
  std::unique_ptr<Runner> run(std::shared_ptr<const Model>, const Workload& w) override {
    return std::make_unique<ScriptedRunner>(m_script, w.batch);
  }

 private:
  Script& m_script;
  std::string m_id;
  std::shared_ptr<Device> m_cpu;
};

constexpr int prompt = 5, capacity = 100, batch = 2;

}  // namespace

class TestDrawing : public QObject {
  Q_OBJECT

  Script m_script;

  Session prefilled() {
    m_script = {};
    Session session(make({}).model, workload(Mixer::convolutionLazy, capacity, batch),
                    std::make_shared<ScriptedDevice>(m_script));
    session.prefill(std::vector<Token>(std::size_t{batch} * prompt, 1));
    return session;
  }
  // That the first `count` tokens of every sequence are there, and nothing else.
  void verifyTokens(const Session& session, int count) {
    QCOMPARE(m_script.mistake, QString());
    QCOMPARE(session.position(), prompt + count);
    QCOMPARE(session.timings().tokenSeconds.size(), static_cast<std::size_t>(count));
    QCOMPARE(m_script.calls.count('e'), m_script.calls.count('b'));
    for (int b = 0; b < batch; ++b) {
      const auto made = session.generated(b);
      QCOMPARE(made.size(), static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) QCOMPARE(made[static_cast<std::size_t>(i)], tokenAt(prompt + i, b));
    }
    for (int i = 0; i < count; ++i)
      QCOMPARE(session.timings().tokenSeconds[static_cast<std::size_t>(i)], 1e-3 * (prompt + i));
  }

 private Q_SLOTS:
  void tokensComeInOrder_data() {
    QTest::addColumn<int>("tokens");
    QTest::addColumn<QString>("calls");
    QTest::newRow("none") << 0 << "";
    QTest::newRow("one") << 1 << "be";
    QTest::newRow("as many as at once") << 8 << "be";
    QTest::newRow("one more") << 9 << "bbee";
    QTest::newRow("always the next ones first") << 40 << "bbebebebee";
  }
  void tokensComeInOrder() {
    QFETCH(int, tokens);
    QFETCH(QString, calls);
    Session session = prefilled();
    TokenRing ring;
    QCOMPARE(session.decode(tokens, &ring), Outcome::finished);
    QCOMPARE(m_script.calls, calls);
    verifyTokens(session, tokens);
    const std::vector<TokenEvent> events = ring.drain();
    QCOMPARE(events.size(), static_cast<std::size_t>(batch * tokens));
    for (std::size_t i = 0; i < events.size(); ++i) {
      QCOMPARE(events[i].position, prompt + static_cast<int>(i) / batch);
      QCOMPARE(events[i].sequence, static_cast<int>(i) % batch);
      QVERIFY(i == 0 || events[i].nanoseconds >= events[i - 1].nanoseconds);
    }
    QCOMPARE(session.decode(3), Outcome::finished);
    verifyTokens(session, tokens + 3);
  }

  // Whatever has begun is taken over: the device's state has moved on.
  void aStopLosesNothing() {
    Session session = prefilled();
    std::stop_source stop;
    m_script.ending = [&](int) { stop.request_stop(); };
    QCOMPARE(session.decode(40, nullptr, stop.get_token()), Outcome::stopped);
    QCOMPARE(m_script.calls, QString("bbee"));
    verifyTokens(session, 16);
    m_script.ending = {};
    QCOMPARE(session.decode(4, nullptr, stop.get_token()), Outcome::stopped);
    QCOMPARE(session.decode(4), Outcome::finished);
    verifyTokens(session, 20);
  }

  void theCapacityEndsIt() {
    Session session = prefilled();
    QCOMPARE(session.decode(capacity), Outcome::full);
    verifyTokens(session, capacity - prompt);
    QCOMPARE(session.decode(1), Outcome::full);
    QCOMPARE(session.decode(0), Outcome::finished);
  }

  void anErrorEndsWhatHasBegun() {
    Session session = prefilled();
    m_script.ending = [](int) { throw Error(ErrorKind::input, "sampling", "no numbers", "look at them"); };
    QCOMPARE(errorOf([&] { session.decode(40); }), std::string("sampling: no numbers; look at them."));
    QVERIFY(!errorOf([&] { session.decode(1); }).empty());  // nothing to go on from
    m_script = {};
    session.prefill(std::vector<Token>(std::size_t{batch} * prompt, 1));
    QCOMPARE(session.decode(20), Outcome::finished);
    verifyTokens(session, 20);
  }
};

QTEST_GUILESS_MAIN(TestDrawing)
#include "test_drawing.moc"
