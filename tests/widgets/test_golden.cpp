// The four plots as pictures, light and dark, at 100 % and 200 %, held against tests/data/golden.
// To write new ones after a wanted change: POLECAT_WRITE_GOLDEN=1 tests/.../widgets_test_golden, then look at them.
#include <QApplication>
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest>

#include "samples.h"
#include "widgets/bankplot.h"
#include "widgets/effectplot.h"
#include "widgets/hankelplot.h"
#include "widgets/laneplot.h"
#include "widgets/poleplot.h"
#include "widgets/rooflineplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace widgets;

namespace {

const QSize size(560, 340);

using Make = std::unique_ptr<Plot> (*)();

std::unique_ptr<Plot> signalPlot() {
  auto plot = std::make_unique<SignalPlot>();
  plot->setOriginal(samples::filter());
  plot->setFit(samples::fit());
  plot->setEffectiveLength(312);
  return plot;
}

std::unique_ptr<Plot> signalLogPlot() {
  auto plot = std::make_unique<SignalPlot>();
  auto h = samples::filter();
  h[400] = 0;
  plot->setOriginal(h);
  plot->setFit(samples::fit());
  plot->setLogY(true);
  plot->setLogX(true);
  plot->setResidualLog(true);
  return plot;
}

std::unique_ptr<Plot> spectrumPlot() {
  auto plot = std::make_unique<SpectrumPlot>();
  const auto h = samples::filter();
  auto residual = samples::fit();
  for (size_t i = 0; i < h.size(); ++i) residual[i] = h[i] - residual[i];
  plot->setOriginal({samples::decibels(samples::spectrum(h, 2049)), {}, {}});
  plot->setFit({samples::decibels(samples::spectrum(samples::fit(), 2049)), {}, {}});
  plot->setResidual(samples::decibels(samples::spectrum(residual, 2049)));
  return plot;
}

std::unique_ptr<Plot> hankelPlot() {
  auto plot = std::make_unique<HankelPlot>();
  plot->setSingularValues(samples::singularValues(64));
  plot->setErrors(samples::errors(64, 1.4));
  plot->setCertificate(samples::errors(64, 1.0));
  plot->setTwiceTailSum(samples::errors(64, 30));
  plot->setSuggestedOrders({{12, "error below 1e-2"}, {24, "error below 1e-4"}});
  plot->setOrderRange(0, 48);
  plot->setOrder(16);
  return plot;
}

void givePoles(PolePlot& plot) {
  std::vector<std::complex<double>> poles, residues;
  for (const auto& mode : samples::modes()) {
    poles.push_back(mode.pole);
    residues.push_back(mode.residue);
    if (mode.pole.imag() == 0) continue;
    poles.push_back(std::conj(mode.pole));
    residues.push_back(std::conj(mode.residue));
  }
  for (int i = 0; i < 2; ++i) {  // one pole too many at the same place, to be counted
    poles.emplace_back(-0.35, 0);
    residues.emplace_back(0.08, 0);
  }
  for (const double sign : {1.0, -1.0}) {
    poles.push_back(std::polar(1.04, sign * 1.1));
    residues.emplace_back(0.03, 0);
  }
  plot.setPoles(poles, residues);
}

std::unique_ptr<Plot> polePlot() {
  auto plot = std::make_unique<PolePlot>();
  givePoles(*plot);
  return plot;
}

std::unique_ptr<Plot> rimPlot() {
  auto plot = std::make_unique<PolePlot>();
  givePoles(*plot);
  plot->setView(PolePlot::View::Rim);
  return plot;
}

std::unique_ptr<Plot> bankPlot() {
  auto plot = std::make_unique<BankPlot>();
  const size_t channels = 64;
  const size_t columns = 512;
  std::vector<double> values;
  for (size_t c = 0; c < channels; ++c) {
    const double decay = 0.004 * std::pow(1.05, static_cast<double>((c * 37) % channels));
    for (size_t t = 0; t < columns; ++t) {
      const double x = static_cast<double>(t);
      values.push_back(std::exp(-decay * x) * std::cos(0.02 * static_cast<double>(c % 9) * x));
    }
  }
  plot->setValues(std::move(values), columns, BankPlot::Quantity::ImpulseResponse);
  plot->setSelected(17);
  return plot;
}

std::unique_ptr<Plot> comparePlot() {
  auto plot = hankelPlot();
  auto& hankel = static_cast<HankelPlot&>(*plot);
  hankel.setTwiceTailSum({});
  hankel.setOverlays({{QStringLiteral("balanced"), samples::errors(48, 2.6)},
                      {QStringLiteral("Prony"), samples::errors(48, 7)},
                      {QStringLiteral("gradient descent"), samples::errors(48, 20)}});
  return plot;
}

std::unique_ptr<Plot> effectPlot() {
  auto plot = std::make_unique<EffectPlot>();
  plot->setPoints({{512, 0.62, 0.71},
                   {1024, 0.21, 0.26},
                   {2048, 0.062, 0.08},
                   {4096, 0.014, 0.021},
                   {8192, 0.004, 0.007},
                   {16384, 0.0009, 0.002}});
  plot->setTolerance(0.01);
  plot->setCurrentStates(4096);
  return plot;
}

std::unique_ptr<Plot> rooflinePlot() {
  auto plot = std::make_unique<RooflinePlot>();
  plot->setRoof({QStringLiteral("H100, fp32"), 60e12, 3.35e12});
  plot->setPoints({{QStringLiteral("Original"), Role::Original, 6.5, 7.4e12},
                   {QStringLiteral("Distilled"), Role::Distilled, 0.5, 1.31e12},
                   {QStringLiteral("Transformer"), Role::Transformer, 1.1, 0.9e12}});
  return plot;
}

std::unique_ptr<Plot> lanePlot() {
  auto plot = std::make_unique<LanePlot>(LanePlot::Quantity::MillisecondsPerToken);
  for (int t = 0; t < 700; ++t) {
    const double wobble = 0.05 * std::sin(0.9 * t) * std::cos(0.37 * t);
    plot->append(Role::Transformer, t, 2.1 + 0.006 * t + wobble);
    plot->append(Role::Original, t, 3.4 + 0.003 * t + 2 * wobble);
    plot->append(Role::Distilled, t, 0.62 + wobble);
  }
  plot->setExpectedLength(1024);
  return plot;
}

std::unique_ptr<Plot> emptyPlot() {
  return std::make_unique<SignalPlot>();
}

// Share of pixels that differ by more than a rounding of the rasteriser.
double difference(const QImage& a, const QImage& b) {
  if (a.size() != b.size()) return 1;
  qint64 differing = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) {
      const QRgb p = a.pixel(x, y);
      const QRgb q = b.pixel(x, y);
      const int apart =
          std::max({std::abs(qRed(p) - qRed(q)), std::abs(qGreen(p) - qGreen(q)), std::abs(qBlue(p) - qBlue(q))});
      if (apart > 12) ++differing;
    }
  }
  return static_cast<double>(differing) / (static_cast<double>(a.width()) * a.height());
}

}  // namespace

Q_DECLARE_METATYPE(Make)
Q_DECLARE_METATYPE(widgets::Theme)

class TestGolden : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { applyTheme(*qApp, Theme::light()); }

  void pictures_data() {
    QTest::addColumn<Make>("make");
    QTest::addColumn<Theme>("theme");
    QTest::addColumn<double>("scale");
    const auto add = [](const char* name, Make make, const Theme& theme, double scale) {
      const char* scheme = theme.scheme() == Scheme::Light ? "light" : theme.scheme() == Scheme::Dark ? "dark" : "talk";
      QTest::addRow("%s-%s-%d", name, scheme, int(scale * 100)) << make << theme << scale;
    };
    const std::vector<std::pair<const char*, Make>> plots = {
        {"signal", signalPlot}, {"spectrum", spectrumPlot}, {"hankel", hankelPlot}, {"pole", polePlot}};
    for (const auto& [name, make] : plots) {
      for (const Theme& theme : {Theme::light(), Theme::dark()}) {
        add(name, make, theme, 1);
        add(name, make, theme, 2);
      }
    }
    add("rim", rimPlot, Theme::light(), 1);
    add("signallog", signalLogPlot, Theme::light(), 1);
    add("empty", emptyPlot, Theme::light(), 1);
    add("bank", bankPlot, Theme::dark(), 1);
    add("compare", comparePlot, Theme::light(), 1);
    add("effect", effectPlot, Theme::light(), 1);
    add("roofline", rooflinePlot, Theme::light(), 1);
    add("lane", lanePlot, Theme::dark(), 1);
    add("hankel", hankelPlot, Theme::highContrast().scaled(2), 2);
  }

  void pictures() {
    QFETCH(Make, make);
    QFETCH(Theme, theme);
    QFETCH(double, scale);
    const auto plot = make();
    const QSize logical = size * theme.scale();
    plot->resize(logical);
    plot->setTheme(theme);
    plot->setProvenance(QStringLiteral("novels-hyena-1m.ckpt, layer 3, channel 17"));
    const QImage picture = plot->image({logical, theme.scale() > 1 ? 1 : scale, std::nullopt});

    const QDir folder(QStringLiteral(POLECAT_TEST_DATA "/golden"));
    const QString path = folder.filePath(QString::fromLatin1(QTest::currentDataTag()) + QStringLiteral(".png"));
    if (qEnvironmentVariableIsSet("POLECAT_WRITE_GOLDEN")) {
      QVERIFY(folder.mkpath(QStringLiteral(".")));
      QVERIFY(picture.save(path));
      QSKIP("written");
    }
    const QImage golden(path);
    QVERIFY2(!golden.isNull(), qPrintable("no picture at " + path));
    const double share = difference(picture, golden);
    if (share > 0.002) picture.save(QDir::temp().filePath(QFileInfo(path).fileName()));
    QVERIFY2(share <= 0.002, qPrintable(QStringLiteral("%1 % of the pixels differ").arg(100 * share)));
  }

  // What an export says in words and figures: title, labels, legend and provenance of the SVG, every number of the CSV.
  void wordsAndNumbers_data() {
    QTest::addColumn<Make>("make");
    QTest::newRow("signal") << Make(signalPlot);
    QTest::newRow("spectrum") << Make(spectrumPlot);
    QTest::newRow("hankel") << Make(hankelPlot);
    QTest::newRow("pole") << Make(polePlot);
    QTest::newRow("lane") << Make(lanePlot);
  }
  void wordsAndNumbers() {
    QFETCH(Make, make);
    const auto plot = make();
    plot->resize(size);
    plot->setTheme(Theme::light());
    plot->setProvenance(QStringLiteral("novels-hyena-1m.ckpt, layer 3, channel 17"));
    const QTemporaryDir scratch;
    const QString svg = scratch.filePath(QStringLiteral("plot.svg"));
    QCOMPARE(plot->exportTo(svg, {size, 1, std::nullopt}), QString());
    const auto linesOf = [](const QString& path) {
      QFile file(path);
      return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()).split(u'\n') : QStringList();
    };
    static const QRegularExpression text(QStringLiteral("<text[^>]*>([^<]*)</text>"));
    QStringList words;
    auto found = text.globalMatch(linesOf(svg).join(u'\n'));
    while (found.hasNext()) words << found.next().captured(1);
    words.sort();  // the order of drawing says nothing
    const QStringList numbers = plot->table().csv().split(u'\n');
    QVERIFY(words.contains(plot->title()));
    QVERIFY(words.contains(plot->provenance()));

    const QDir folder(QStringLiteral(POLECAT_TEST_DATA "/golden"));
    const QString wordsPath = folder.filePath(QString::fromLatin1(QTest::currentDataTag()) + QStringLiteral(".svg.txt"));
    const QString numbersPath = folder.filePath(QString::fromLatin1(QTest::currentDataTag()) + QStringLiteral(".csv"));
    if (qEnvironmentVariableIsSet("POLECAT_WRITE_GOLDEN")) {
      for (const auto& [path, lines] : {std::pair{wordsPath, words}, std::pair{numbersPath, numbers}}) {
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(lines.join(u'\n').toUtf8());
      }
      QSKIP("written");
    }
    QCOMPARE(words, linesOf(wordsPath));
    // Another compiler may round the last digit of a sample.
    const QStringList golden = linesOf(numbersPath);
    QCOMPARE(numbers.size(), golden.size());
    QCOMPARE(numbers.front(), golden.front());
    for (qsizetype line = 1; line < golden.size(); ++line) {
      const QStringList ours = numbers[line].split(u','), theirs = golden[line].split(u',');
      QCOMPARE(ours.size(), theirs.size());
      for (qsizetype i = 0; i < ours.size(); ++i) {
        const double a = ours[i].toDouble(), b = theirs[i].toDouble();
        QVERIFY2(ours[i].isEmpty() == theirs[i].isEmpty() && std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b)),
                 qPrintable(numbers[line] + QStringLiteral(" / ") + golden[line]));
      }
    }
  }

  // The comparison must notice what it is there for.
  void differenceIsSeen() {
    const auto plot = hankelPlot();
    const QImage before = plot->image({size, 1, std::nullopt});
    static_cast<HankelPlot&>(*plot).setOrder(17);
    QVERIFY(difference(before, plot->image({size, 1, std::nullopt})) > 0.002);
  }
};

QTEST_MAIN(TestGolden)
#include "test_golden.moc"
