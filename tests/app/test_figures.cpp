// polecat plot: figures without a display.
#include <QFile>
#include <QImage>
#include <QTemporaryDir>
#include <QTest>
#include <climits>

#include "binary.h"

namespace {

// Pixels of two pictures that are not the same; antialiasing may differ in a handful from run to run.
int differing(const QImage& a, const QImage& b) {
  if (a.size() != b.size()) return INT_MAX;
  int count = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) count += a.pixel(x, y) != b.pixel(x, y);
  }
  return count;
}

}  // namespace

class TestFigures : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;

  QByteArray figure(const QString& name, const QStringList& options) {
    const QString path = m_folder.filePath(name);
    const Result result = polecat(QStringList{"plot", sample(), "--filter", "1.5", "-o", path} + options);
    if (result.exit != 0 || !result.err.isEmpty() || !result.out.isEmpty()) {
      qWarning("%d %s", result.exit, result.err.constData());
      return {};
    }
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }

 private Q_SLOTS:
  void initTestCase() {
    // Neither a display nor a platform: the program must see to that itself.
    for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_RUNTIME_DIR"}) qunsetenv(name);
  }

  void everyView_data() {
    QTest::addColumn<QString>("view");
    for (const char* view : {"impulse", "spectrum", "hankel", "poles", "page"}) QTest::newRow(view) << view;
  }
  void everyView() {
    QFETCH(QString, view);
    const QStringList options{"--view", view, "--order", "8", "--size", "640x400"};
    const QByteArray bytes = figure(view + ".png", options);
    const QImage image = QImage::fromData(bytes, "PNG");
    QCOMPARE(image.size(), QSize(640, 400));
    const QByteArray other = figure(view + "-other.png", {"--view", view, "--order", "12", "--size", "640x400"});
    QVERIFY(differing(image, QImage::fromData(other, "PNG")) > 20);
    QVERIFY(figure(view + ".pdf", options).startsWith("%PDF-"));
    const QByteArray drawing = figure(view + ".svg", options);
    QVERIFY(drawing.contains("<svg") && drawing.contains("filter 1.5, order "));
  }

  void theSameCommandGivesTheSameBytes() {
    for (const char* format : {"png", "svg"}) {
      const QStringList options{"--view", "impulse", "--size", "640x400"};
      const QByteArray first = figure(QString("first.") + format, options);
      QVERIFY(!first.isEmpty());
      for (int again = 0; again < 4; ++again) QCOMPARE(figure(QString("again.") + format, options), first);
    }
  }

  void otherMethodsAreLaidOver() {
    const QStringList options{"--view", "impulse", "--order", "6", "--size", "640x400"};
    const QByteArray plain = figure("own.svg", options);
    const QByteArray drawing = figure("others.svg", options + QStringList{"--method", "kung,prony", "--method", "aaa"});
    for (const char* title : {"Kung", "Prony", "AAA"}) {
      QVERIFY2(drawing.contains(title), title);
      QVERIFY(!plain.contains(title));
    }
    const QString path = m_folder.filePath("none.svg");
    const QStringList command{"plot", sample(), "--filter", "1.5", "-o", path, "--method"};
    QCOMPARE(polecat(command + QStringList{"kung"}).exit, 2);  // at which order?
    QCOMPARE(polecat(command + QStringList{"kung", "--view", "poles", "--order", "6"}).exit, 2);
    const Result unknown = polecat(command + QStringList{"kong", "--order", "6"});
    QCOMPARE(unknown.exit, 2);
    QVERIFY(unknown.err.contains("kong"));
    QVERIFY(!QFile::exists(path));
  }

  void theWholeLayerIsAMap() {
    const QImage map = QImage::fromData(figure("bank.png", {"--view", "bank", "--size", "640x400"}), "PNG");
    QCOMPARE(map.size(), QSize(640, 400));
    // Bright early lags, dark late ones: the filters decay.
    const auto brightness = [&](int x) {
      int sum = 0;
      for (int y = 80; y < 320; ++y) sum += qGray(map.pixel(x, y));
      return sum / 240;
    };
    QVERIFY2(std::abs(brightness(110) - brightness(520)) > 20,
             qPrintable(QString("%1 %2").arg(brightness(110)).arg(brightness(520))));
  }

  void sizeScaleAndTheme() {
    const QImage light = QImage::fromData(figure("l.png", {"--size", "10x5cm", "--scale", "2"}), "PNG");
    QCOMPARE(light.size(), QSize(2 * 378, 2 * 189));
    const QImage dark = QImage::fromData(figure("d.png", {"--theme", "dark"}), "PNG");
    QVERIFY(qGray(light.pixel(3, 3)) > 200 && qGray(dark.pixel(3, 3)) < 60);
  }
};

QTEST_GUILESS_MAIN(TestFigures)
#include "test_figures.moc"
