// What counts as an error of a fit, chosen in the shown window: a drawn band, the input on a text, and back.
#include <QAction>
#include <QDialog>
#include <QDoubleSpinBox>
#include <QMessageBox>
#include <QTest>
#include <QTimer>
#include <numbers>

#include "app/analyst.h"
#include "app/banner.h"
#include "app/commandtext.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/resources.h"
#include "app/runrecord.h"
#include "app/survey.h"
#include "tests/app/shownwindow.h"
#include "widgets/spectrumplot.h"

using namespace app;

class TestFitWeight : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;

  // The fit of the selected filter at its order, once its curve is final.
  std::shared_ptr<const FitView> settledFit() {
    const bool settled = QTest::qWaitFor(
        [&] {
          const auto known = m_window->analyst().current();
          const auto fit = m_window->analyst().fit();
          return known && known->curve && known->curve->final && fit && fit->filter == known->filter &&
                 fit->fit == known->curve->fits[static_cast<std::size_t>(fit->order)];
        },
        shownwindow::kPatience);
    return settled ? m_window->analyst().fit() : nullptr;
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_fitweight");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    QVERIFY(!shownwindow::action(*m_window, "plan.weighBand")->isEnabled());
    QVERIFY(shownwindow::openSample(*m_window));
    QVERIFY(shownwindow::action(*m_window, "plan.weighBand")->isEnabled());
  }
  void cleanup() { m_window->document().restoreFitWeight({}); }
  void cleanupTestCase() { m_window.reset(); }

  void aBandIsDrawnInTheSpectrum() {
    Document& document = m_window->document();
    const auto before = settledFit();
    QVERIFY(before && !before->fit->errorWeighted);
    auto& spectrum = m_window->plots().spectrum();
    const double y = (spectrum.yRange().low + spectrum.yRange().high) / 2;
    const QPoint from = spectrum.pixelAt(2.0, y).toPoint(), to = spectrum.pixelAt(1.0, y).toPoint();
    QTest::mousePress(&spectrum, Qt::LeftButton, Qt::ControlModifier, from);
    QTest::mouseMove(&spectrum, (from + to) / 2);
    QTest::mouseRelease(&spectrum, Qt::LeftButton, Qt::ControlModifier, to);
    QVERIFY(!document.fitWeight().plain());
    QVERIFY2(std::abs(document.fitWeight().low - 1) < 0.02 && std::abs(document.fitWeight().high - 2) < 0.02,
             qPrintable(document.fitWeight().name()));
    QVERIFY(shownwindow::action(*m_window, "plan.weighBand")->isChecked());
    QVERIFY2(document.undoStack().undoText().contains(QStringLiteral("band")),
             qPrintable(document.undoStack().undoText()));
    const auto weighted = settledFit();
    QVERIFY(weighted && weighted->fit->errorWeighted);
    // In the norm that counts the new fit is better than the old one, in the plain norm it cannot be.
    const auto weight = *document.fitWeight().of(document.selection());
    const double old = analysis::errorWeighted(before->filter->taps, before->impulse, weight);
    QVERIFY2(*weighted->fit->errorWeighted < 0.9 * old,
             qPrintable(QStringLiteral("%1 %2").arg(*weighted->fit->errorWeighted).arg(old)));
    QVERIFY(weighted->quality.errorRelative >= before->quality.errorRelative);
    QVERIFY(std::abs(analysis::errorWeighted(weighted->filter->taps, weighted->impulse, weight) -
                     *weighted->fit->errorWeighted) < 1e-6);
    // The row follows; the session and the command line say the same.
    const QString named = QStringLiteral("errors by %1").arg(document.fitWeight().name());
    for (const auto& panel : m_window->plots().panels())
      QVERIFY(static_cast<widgets::Plot*>(panel.plot)->provenance().contains(named));
    const int row = document.selectedRow();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->survey().summary(row).fitted, shownwindow::kPatience);
    QCOMPARE(m_window->state().fitWeight, (SavedFitWeight{document.fitWeight().low, document.fitWeight().high, {}}));
    document.undoStack().undo();
    QVERIFY(document.fitWeight().plain());
    QVERIFY(shownwindow::action(*m_window, "plan.weighAll")->isChecked());
    const auto after = settledFit();
    QVERIFY(after && !after->fit->errorWeighted);
    QVERIFY(!spectrum.provenance().contains(QStringLiteral("errors by")));
    QVERIFY(std::abs(after->quality.errorRelative - before->quality.errorRelative) < 1e-9);
  }

  void aBandIsTyped() {
    QTimer::singleShot(0, this, [] {
      auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
      if (!dialog) return;
      dialog->findChild<QDoubleSpinBox*>(QStringLiteral("bandLow"))->setValue(0.1);
      dialog->findChild<QDoubleSpinBox*>(QStringLiteral("bandHigh"))->setValue(0.5);
      dialog->accept();
    });
    shownwindow::action(*m_window, "plan.weighBand")->trigger();
    QVERIFY(std::abs(m_window->document().fitWeight().high - std::numbers::pi / 2) < 1e-9);
    // Given up: the menu shows what still counts.
    QTimer::singleShot(0, this, [] {
      if (auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget())) dialog->reject();
    });
    m_window->document().setFitWeight({});
    shownwindow::action(*m_window, "plan.weighBand")->trigger();
    QVERIFY(shownwindow::action(*m_window, "plan.weighAll")->isChecked());
  }

  // A run keeps the name of what its models were fitted by, also when something else counts by now.
  void aRunNamesWhatCounted() {
    Document& document = m_window->document();
    document.setOrder(document.allRows(), 2);
    document.setFitWeight(bandWeight(0.5, 1.5));
    const QString named = document.fitWeight().remark();
    QVERIFY(!named.isEmpty());
    GenerationSettings few;
    few.prompt = QStringLiteral("It was");
    few.tokens = 4;
    m_window->generation().start(few);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->generation().lanes().size() == 2 && !m_window->generation().active(),
                             shownwindow::kPatience);
    QVERIFY2(m_window->generation().provenance().endsWith(named), qPrintable(m_window->generation().provenance()));
    document.setFitWeight({});
    QVERIFY(m_window->generation().provenance().endsWith(named));
    QVERIFY(QString::fromStdString(runJson(m_window->generation())).contains(named));
    document.undoStack().clear();
  }

  void aTextIsHeardAndComesBackWithTheSession() {
    SessionState state = m_window->state();
    state.fitWeight = {0, 0, QString::fromStdString(resource("sample/novels-validation.txt").string())};
    m_window->resume(state);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->document().fitWeight().plain(), shownwindow::kPatience);
    QCOMPARE(m_window->document().fitWeight().text, state.fitWeight.text);
    QVERIFY(m_window->document().fitWeight().of({0, 0}));
    QCOMPARE(m_window->state().fitWeight, state.fitWeight);
    QVERIFY(!m_window->document().undoStack().canUndo());
    const auto fit = settledFit();
    QVERIFY(fit && fit->fit->errorWeighted);
  }

  void aTextThatIsNotThereIsASentence() {
    SessionState state = m_window->state();
    state.fitWeight = {0, 0, QStringLiteral("/nowhere/novel.txt")};
    m_window->resume(state);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains(QStringLiteral("novel.txt")),
                             shownwindow::kPatience);
    QVERIFY(m_window->document().fitWeight().plain());
  }
};

QTEST_MAIN(TestFitWeight)
#include "test_fitweight.moc"
