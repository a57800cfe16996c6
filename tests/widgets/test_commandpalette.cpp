#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QSignalSpy>
#include <QtTest>

#include "widgets/commandpalette.h"
#include "widgets/theme.h"

using namespace widgets;

class TestCommandPalette : public QObject {
  Q_OBJECT

 private:
  QWidget m_window;
  QList<QAction*> m_actions;

  QAction* action(const QString& name) const {
    for (QAction* action : m_actions) {
      if (actionName(*action) == name) return action;
    }
    return nullptr;
  }

  static QStringList shown(const CommandPalette& palette) {
    QStringList names;
    const auto* list = palette.findChild<QListWidget*>();
    for (int i = 0; i < list->count(); ++i) names << list->item(i)->text();
    return names;
  }

 private Q_SLOTS:
  void initTestCase() {
    applyTheme(*qApp, Theme::light());
    const auto add = [this](const char* text, const char* category, const QKeySequence& key) {
      auto* action = new QAction(QString::fromUtf8(text), &m_window);
      action->setProperty("category", QString::fromUtf8(category));
      action->setShortcut(key);
      m_actions << action;
    };
    add("&Open…", "File", QKeySequence::Open);
    add("Export figure...", "File", QKeySequence(Qt::CTRL | Qt::Key_E));
    add("Logarithmic y", "Plot", Qt::Key_Y);
    add("Distil all filters", "Plan", {});
    add("Talk mode", "View", Qt::Key_F11);
    add("", "View", Qt::Key_F10);
    add("Undo", "Edit", QKeySequence::Undo);
    action(QStringLiteral("Undo"))->setEnabled(false);
    auto* separator = new QAction(&m_window);
    separator->setSeparator(true);
    m_actions << separator << nullptr;
    m_window.resize(900, 600);
    m_window.show();
  }

  void scores_data() {
    QTest::addColumn<QString>("typed");
    QTest::addColumn<QString>("better");
    QTest::addColumn<QString>("worse");
    QTest::newRow("starts of words") << "tm"
                                     << "Talk mode"
                                     << "Automatic";
    QTest::newRow("runs") << "log"
                          << "Logarithmic y"
                          << "Load original";
    QTest::newRow("word over middle") << "fig"
                                      << "Export figure"
                                      << "Configure";
    QTest::newRow("shorter name") << "open"
                                  << "Open"
                                  << "Open the sample checkpoint again";
  }

  void scores() {
    QFETCH(QString, typed);
    QFETCH(QString, better);
    QFETCH(QString, worse);
    const auto good = matchScore(typed, better);
    const auto bad = matchScore(typed, worse);
    QVERIFY(good && bad);
    QVERIFY2(*good > *bad, qPrintable(QStringLiteral("%1 %2").arg(*good).arg(*bad)));
  }

  void lettersMustOccurInOrder() {
    QVERIFY(!matchScore(QStringLiteral("zoom"), QStringLiteral("Open")));
    QVERIFY(!matchScore(QStringLiteral("nepo"), QStringLiteral("Open")));
    QVERIFY(!matchScore(QStringLiteral("oo"), QStringLiteral("Open")));
    QVERIFY(matchScore({}, QStringLiteral("Open")).has_value());
    QVERIFY(!matchScore(QStringLiteral("a"), {}));
  }

  void findsAndRuns() {
    CommandPalette palette(&m_window);
    palette.setActions(m_actions);
    palette.popUp();
    QVERIFY(QTest::qWaitForWindowExposed(&palette));
    QCOMPARE(shown(palette).size(), 6);
    auto* line = palette.findChild<QLineEdit*>();
    QTest::keyClicks(line, QStringLiteral("dist"));
    QCOMPARE(shown(palette).first(), QStringLiteral("Distil all filters"));
    QSignalSpy triggered(action(QStringLiteral("Distil all filters")), &QAction::triggered);
    QSignalSpy chosen(&palette, &CommandPalette::actionChosen);
    QTest::keyClick(line, Qt::Key_Return);
    QCOMPARE(triggered.size(), 1);
    QCOMPARE(chosen.size(), 1);
    QVERIFY(!palette.isVisible());
    palette.popUp();
    QCOMPARE(shown(palette).first(), QStringLiteral("Distil all filters"));  // the last one is at hand
  }

  void keysWalkTheList() {
    CommandPalette palette(&m_window);
    palette.setActions(m_actions);
    palette.popUp();
    auto* line = palette.findChild<QLineEdit*>();
    const auto* list = palette.findChild<QListWidget*>();
    QTest::keyClick(line, Qt::Key_Up);
    QCOMPARE(list->currentRow(), list->count() - 1);
    QTest::keyClick(line, Qt::Key_Down);
    QCOMPARE(list->currentRow(), 0);
    QTest::keyClick(line, Qt::Key_Escape);
    QVERIFY(!palette.isVisible());
  }

  void disabledAndDeletedActionsDoNotRun() {
    auto* gone = new QAction(QStringLiteral("Gone tomorrow"), &m_window);
    CommandPalette palette(&m_window);
    palette.setActions(m_actions + QList<QAction*>{gone});
    palette.popUp();
    auto* line = palette.findChild<QLineEdit*>();
    QSignalSpy chosen(&palette, &CommandPalette::actionChosen);
    QTest::keyClicks(line, QStringLiteral("undo"));
    QTest::keyClick(line, Qt::Key_Return);
    line->setText(QStringLiteral("gone"));
    QCOMPARE(shown(palette), QStringList{QStringLiteral("Gone tomorrow")});
    delete gone;
    QTest::keyClick(line, Qt::Key_Return);
    line->setText(QStringLiteral("no such thing"));
    QTest::keyClick(line, Qt::Key_Return);
    QCOMPARE(chosen.size(), 0);
    QVERIFY(palette.isVisible());
  }

  void sheetListsEveryKey() {
    const KeySheet sheet(m_actions);
    QStringList texts;
    for (const auto* label : sheet.findChildren<QLabel*>()) texts << label->text();
    for (const char* text : {"File", "Open", "Ctrl+O", "F11", "Talk mode", "Logarithmic y", "Y"}) {
      QVERIFY2(texts.contains(QLatin1String(text)), text);
    }
    QVERIFY(!texts.contains(QStringLiteral("Distil all filters")));  // has no key
    QVERIFY(!texts.contains(QStringLiteral("F10")));                 // has no name
  }
};

QTEST_MAIN(TestCommandPalette)
#include "test_commandpalette.moc"
