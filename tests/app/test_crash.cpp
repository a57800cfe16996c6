// A program killed at a random moment of editing loses at most ten seconds of work, and leaves no unreadable file.
// POLECAT_KILLS sets how often (3).
#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QRandomGenerator>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <csignal>

#include "app/appearance.h"
#include "app/mainwindow.h"
#include "app/sessionfile.h"

using namespace app;

namespace {

const QString sample = QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");

qint64 now() {
  return QDateTime::currentMSecsSinceEpoch();
}

// The victim: changes an order every 20 ms, and writes down what it is about to do.
int editForEver(const QString& logPath) {
  MainWindow window;
  window.resize(1000, 700);
  window.show();
  window.open(sample);
  QFile log(logPath);
  if (!log.open(QIODevice::WriteOnly)) return 1;
  QTimer hand;
  hand.setInterval(20);
  QObject::connect(&hand, &QTimer::timeout, [&] {
    if (!window.document().checkpoint()) return;
    const int row = QRandomGenerator::global()->bounded(window.document().filterCount());
    const int order = QRandomGenerator::global()->bounded(65);
    log.write(QStringLiteral("%1 %2 %3\n").arg(now()).arg(row).arg(order).toUtf8());
    log.flush();
    window.document().setOrder({row}, order);
  });
  hand.start();
  return QApplication::exec();
}

}  // namespace

class TestCrash : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void killedWhileEditing() {
    const int kills =
        qEnvironmentVariableIntValue("POLECAT_KILLS") > 0 ? qEnvironmentVariableIntValue("POLECAT_KILLS") : 3;
    qint64 worstLossMs = 0;
    int restored = 0;
    for (int kill = 0; kill < kills; ++kill) {
      QTemporaryDir home;
      QProcess victim;
      QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
      environment.insert(QStringLiteral("XDG_DATA_HOME"), home.path());
      environment.insert(QStringLiteral("XDG_CONFIG_HOME"), home.path());
      victim.setProcessEnvironment(environment);
      const QString log = home.filePath("edits.log");
      victim.setProcessChannelMode(QProcess::ForwardedErrorChannel);
      victim.start(QCoreApplication::applicationFilePath(), {QStringLiteral("--edit"), log});
      QVERIFY(victim.waitForStarted());
      QTRY_VERIFY_WITH_TIMEOUT(QFileInfo(log).size() > 0, 120000);
      QTest::qWait(kill == 0 ? 4500 : QRandomGenerator::global()->bounded(5000));
      ::kill(static_cast<pid_t>(victim.processId()), SIGKILL);
      const qint64 killed = now();
      QVERIFY(victim.waitForFinished());

      QFile edits(log);
      QVERIFY(edits.open(QIODevice::ReadOnly));
      const QStringList lines = QString::fromUtf8(edits.readAll()).split('\n', Qt::SkipEmptyParts);
      const qint64 begun = lines.front().section(' ', 0, 0).toLongLong();
      const QStringList journals = QDir(home.path()).entryList({"*"}, QDir::Dirs | QDir::NoDotAndDotDot);
      QStringList files;
      for (const QString& top : journals)
        for (const QString& folder : {home.filePath(top + "/crash/journal"), home.filePath(top + "/journal")})
          for (const QString& name : QDir(folder).entryList({"*.json"}, QDir::Files)) files << folder + '/' + name;
      if (files.isEmpty()) {
        QVERIFY2(killed - begun < 10000, "ten seconds of editing and no journal");
        continue;
      }
      QCOMPARE(files.size(), 1);
      const SessionState state = readSession(files.front());  // throws when it cannot be read
      std::vector<int> found;
      for (const SavedBank& bank : state.banks) found.insert(found.end(), bank.orders.begin(), bank.orders.end());
      // Which moment is it? The first edit that is missing tells how much was lost.
      std::vector<int> orders(found.size(), Document::defaultOrder);
      qint64 missingFrom = -1;
      bool matches = orders == found;
      for (const QString& line : lines) {
        if (matches) {
          missingFrom = line.section(' ', 0, 0).toLongLong();
          matches = false;
        }
        orders[line.section(' ', 1, 1).toULongLong()] = line.section(' ', 2, 2).toInt();
        if (orders == found) {
          matches = true;
          missingFrom = -1;
        }
      }
      QVERIFY2(matches || missingFrom >= 0, "the journal is of no moment that ever was");
      const qint64 loss = matches ? 0 : killed - missingFrom;
      worstLossMs = std::max(worstLossMs, loss);
      QVERIFY2(loss <= 10000, qPrintable(QStringLiteral("lost %1 ms").arg(loss)));
      ++restored;
    }
    QVERIFY(restored > 0);
    qInfo("killed %d times, %d journals restored, at most %lld ms of work lost", kills, restored, worstLossMs);
  }
};

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName(QStringLiteral("polecat-test"));
  QCoreApplication::setApplicationName(QStringLiteral("crash"));
  appearance::apply(widgets::Scheme::Light);
  if (argc == 3 && QByteArray(argv[1]) == "--edit") return editForEver(QString::fromLocal8Bit(argv[2]));
  TestCrash test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_crash.moc"
