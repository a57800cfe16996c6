// The effect on the model in the window: measured values, the plan that is chosen, what is refused.
#include <QAction>
#include <QDoubleSpinBox>
#include <QFile>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>

#include "app/banner.h"
#include "app/effectpanel.h"
#include "app/mainwindow.h"
#include "engine/tokenizer.h"
#include "tests/app/shownwindow.h"
#include "widgets/effectplot.h"

using namespace app;

class TestEffect : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;
  template <class T>
  T* child(const char* name) {
    return m_window->findChild<T*>(QLatin1String(name));
  }
  void measure() {
    QTest::mouseClick(child<QPushButton>("effectMeasure"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->effect().active(), shownwindow::kPatience);
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_effect");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    m_window->open(shownwindow::sample());
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != nullptr, shownwindow::kPatience);
    m_window->effect().setLevels({2});
    QTest::keyClick(m_window.get(), Qt::Key_4);
    QVERIFY(child<QPushButton>("effectMeasure")->isVisible());
  }
  void cleanupTestCase() { m_window.reset(); }

  void thePlanTheLayersAndTheCurveAreMeasured() {
    m_window->document().setOrder(m_window->document().allRows(), 2);
    child<QSpinBox>("effectWindows")->setValue(1);
    measure();
    const EffectStudy& study = m_window->effect();
    // The same bits another way: token by token through a session, as generation goes.
    engine::EvaluationRequest request;
    QFile text(QStringLiteral(POLECAT_RESOURCES "/sample/novels-validation.txt"));
    QVERIFY(text.open(QIODevice::ReadOnly));
    const auto& checkpoint = m_window->document().checkpoint();
    request.tokens =
        engine::makeTokenizer(checkpoint->languageModel()->tokenizer)->encode(text.read(1 << 16).toStdString());
    request.windows = 1;
    request.stepByStep = true;
    const double bits = engine::evaluate(engine::Model::load(checkpoint), request).bitsPerToken;
    QVERIFY(study.originalBits() && std::abs(*study.originalBits() - bits) < 1e-4);
    QVERIFY(study.plan().has_value());
    QCOMPARE(study.plan()->states, 1024LL);
    QVERIFY(study.plan()->klBits > 0);
    QVERIFY(study.plan()->topOneAgreement > 0.5 && study.plan()->topOneAgreement < 1);
    QCOMPARE(study.uniform().size(), 1u);
    // The plan is the uniform order 2: two ways to one number.
    QCOMPARE(study.uniform()[0].states, 1024LL);
    QVERIFY(std::abs(study.uniform()[0].addedBits - study.plan()->addedBits) < 1e-9);
    QCOMPARE(study.layers().size(), 4u);
    long long states = 0;
    for (const engine::BankEffect& layer : study.layers()) states += layer.states;
    QCOMPARE(states, 1024LL);
    QCOMPARE(child<QTableWidget>("effectLayers")->rowCount(), 4);
    QCOMPARE(m_window->findChild<EffectPanel*>()->plot().points().size(), 1u);
    QVERIFY(study.provenance().contains("1 window"));
    QVERIFY(!study.stale());
    // The page of speeds says the same, until the plan is another.
    auto* said = child<QLabel>("generationEffect");
    QVERIFY2(said->text().contains(QString::number(study.plan()->klBits, 'f', 4)), qPrintable(said->text()));
    m_window->document().setOrder({0}, 5);
    QVERIFY(study.stale());
    QVERIFY(said->text().isEmpty());
  }

  void theSmallestPlanIsTakenInOneStep() {
    child<QSpinBox>("effectWindows")->setValue(1);
    child<QDoubleSpinBox>("effectTolerance")->setValue(10);  // everything is good enough
    m_window->document().setOrder(m_window->document().allRows(), 9);
    m_window->document().setLocked({7}, true);
    const int steps = m_window->document().undoStack().index();
    QTest::mouseClick(child<QPushButton>("effectChoose"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->effect().active(), shownwindow::kPatience);
    QCOMPARE(m_window->document().order(0), 2);
    QCOMPARE(m_window->document().order(511), 2);
    QVERIFY(m_window->document().order(7) == 9);  // locked
    QCOMPARE(m_window->document().undoStack().index(), steps + 1);
    m_window->document().undoStack().undo();
    QCOMPARE(m_window->document().order(0), 9);
  }

  void aTextThatIsTooShortIsASentence() {
    QTemporaryDir folder;
    const QString path = folder.filePath("short.txt");
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("not enough");
    file.close();
    m_window->effect().measure({path, 4, 0.01});
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().startsWith("short.txt"), shownwindow::kPatience);
    QVERIFY(!m_window->effect().originalBits());
    m_window->effect().measure({folder.filePath("none.txt"), 4, 0.01});
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().startsWith("none.txt"), shownwindow::kPatience);
  }

  void cancelAnswersAtOnce() {
    m_window->document().setOrder(m_window->document().allRows(), 16);  // takes seconds to distil
    QTest::mouseClick(child<QPushButton>("effectMeasure"), Qt::LeftButton);
    QTest::qWait(150);
    QVERIFY(m_window->effect().active());
    QElapsedTimer clock;
    clock.start();
    QTest::mouseClick(child<QPushButton>("effectCancel"), Qt::LeftButton);
    QVERIFY(!m_window->effect().active());
    QVERIFY(child<QPushButton>("effectMeasure")->isEnabled());
  }
};

QTEST_MAIN(TestEffect)
#include "test_effect.moc"
