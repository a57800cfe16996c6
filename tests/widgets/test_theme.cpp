#include <QApplication>
#include <QFontInfo>
#include <QLineEdit>
#include <QtTest>
#include <array>
#include <cmath>

#include "widgets/signalplot.h"
#include "widgets/theme.h"

using namespace widgets;

namespace {

using Rgb = std::array<double, 3>;

double linear(double channel) {
  return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

Rgb linear(const QColor& colour) {
  return {linear(colour.redF()), linear(colour.greenF()), linear(colour.blueF())};
}

// WCAG 2.1, 1.4.3.
double contrast(const QColor& a, const QColor& b) {
  const auto luminance = [](const QColor& colour) {
    const Rgb c = linear(colour);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  };
  const double x = luminance(a);
  const double y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

// Machado, Oliveira and Fernandes (2009), full deficiency, on linear RGB.
Rgb seen(const QColor& colour, const std::array<double, 9>& m) {
  const Rgb c = linear(colour);
  Rgb result{};
  for (size_t i = 0; i < 3; ++i) result[i] = m[3 * i] * c[0] + m[3 * i + 1] * c[1] + m[3 * i + 2] * c[2];
  return result;
}

// CIE 1976 colour difference.
double apart(const Rgb& a, const Rgb& b) {
  const auto lab = [](const Rgb& c) {
    const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
    const double x = f(std::max(0.0, 0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.9505);
    const double y = f(std::max(0.0, 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]));
    const double z = f(std::max(0.0, 0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.089);
    return Rgb{116 * y - 16, 500 * (x - y), 200 * (y - z)};
  };
  const Rgb p = lab(a);
  const Rgb q = lab(b);
  return std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

}  // namespace

class TestTheme : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { applyTheme(*qApp, Theme::light()); }

  void schemes_data() {
    QTest::addColumn<int>("scheme");
    QTest::newRow("light") << int(Scheme::Light);
    QTest::newRow("dark") << int(Scheme::Dark);
    QTest::newRow("high contrast") << int(Scheme::HighContrast);
  }

  void schemes() {
    QFETCH(int, scheme);
    const Theme theme = Theme::named(static_cast<Scheme>(scheme), QPalette());
    for (const Role ground : {Role::Surface, Role::Panel, Role::Raised, Role::Selection}) {
      QVERIFY(contrast(theme.colour(Role::Text), theme.colour(ground)) >= 7);
    }
    for (const Role ground : {Role::Surface, Role::Panel, Role::Raised}) {
      QVERIFY(contrast(theme.colour(Role::MutedText), theme.colour(ground)) >= 4.5);
    }
    for (const Role role : {Role::Accent, Role::Original, Role::Distilled, Role::Transformer, Role::Residual,
                            Role::Bound, Role::Certificate, Role::Unstable, Role::Overlay1, Role::Overlay2,
                            Role::Overlay3, Role::Overlay4, Role::Overlay5, Role::Overlay6, Role::Overlay7}) {
      const double value = contrast(theme.colour(role), theme.colour(Role::Surface));
      QVERIFY2(value >= 3, qPrintable(QStringLiteral("role %1: %2").arg(int(role)).arg(value)));
    }
  }

  void lanesDifferToEveryEye_data() { schemes_data(); }

  void lanesDifferToEveryEye() {
    QFETCH(int, scheme);
    const Theme theme = Theme::named(static_cast<Scheme>(scheme), QPalette());
    const std::array<double, 9> protan = {0.152286, 1.052583,  -0.204868, 0.114503, 0.786281,
                                          0.099216, -0.003882, -0.048116, 1.051998};
    const std::array<double, 9> deutan = {0.367322, 0.860646,  -0.227968, 0.280085, 0.672501,
                                          0.047413, -0.011820, 0.042940,  0.968881};
    const std::array<Role, 3> lanes = {Role::Original, Role::Distilled, Role::Transformer};
    for (size_t i = 0; i < lanes.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        for (const auto& eye : {protan, deutan}) {
          const double value = apart(seen(theme.colour(lanes[i]), eye), seen(theme.colour(lanes[j]), eye));
          QVERIFY2(value >= 20, qPrintable(QStringLiteral("%1 and %2: %3").arg(i).arg(j).arg(value)));
        }
        QVERIFY(theme.pen(lanes[i]).dashPattern() != theme.pen(lanes[j]).dashPattern());
        QVERIFY(theme.marker(lanes[i]) != theme.marker(lanes[j]));
      }
    }
  }

  void bundledFontsAreUsed() {
    QCOMPARE(QFontInfo(qApp->font()).family(), QStringLiteral("Inter"));
    QCOMPARE(QFontInfo(Theme::light().figures(TextSize::Body)).family(), QStringLiteral("JetBrains Mono"));
    QCOMPARE(QFontInfo(Theme::light().font(TextSize::Title, QFont::DemiBold)).weight(), int(QFont::DemiBold));
  }

  void systemFollowsThePalette() {
    QPalette system;
    system.setColor(QPalette::Window, QColor(30, 30, 30));
    QCOMPARE(Theme::named(Scheme::System, system).scheme(), Scheme::Dark);
    system.setColor(QPalette::Window, QColor(240, 240, 240));
    QCOMPARE(Theme::named(Scheme::System, system).scheme(), Scheme::Light);
  }

  void changesLive() {
    SignalPlot plot;
    QLineEdit edit;
    edit.show();
    QCOMPARE(plot.theme(), Theme::light());
    applyTheme(*qApp, Theme::dark().scaled(2));
    QCOMPARE(plot.theme(), Theme::dark().scaled(2));
    QCOMPARE(applicationTheme().scale(), 2.0);
    QCOMPARE(qApp->palette().color(QPalette::Window), Theme::dark().colour(Role::Panel));
    QCOMPARE(edit.font().pixelSize(), 26);
    SignalPlot later;
    QCOMPARE(later.theme(), Theme::dark().scaled(2));
  }

  void talkModeHasNoSmallPrint() {
    const Theme talk = Theme::highContrast().scaled(2.2);
    QVERIFY(talk.font(TextSize::Caption).pixelSize() >= 24);  // 18 pt at 96 dpi
    QCOMPARE(Theme::light().scaled(100).scale(), 4.0);
    QCOMPARE(Theme::light().scaled(std::nan("")).scale(), 1.0);
  }
};

QTEST_MAIN(TestTheme)
#include "test_theme.moc"
