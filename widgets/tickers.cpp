#include <algorithm>
#include <cmath>
#include <numbers>

#include "widgets/format.h"
#include "widgets/plotparts.h"

namespace widgets {
namespace {

// tick / pi as a short fraction, or as a decimal where there is none.
QString fractionOfPi(double tick) {
  const QString sign = tick < 0 ? QString(QChar(0x2212)) : QString();
  const double share = std::abs(tick) / std::numbers::pi;
  if (share < 1e-9) return QStringLiteral("0");
  for (const int denominator : {1, 2, 4, 8, 16, 32, 64}) {
    const double numerator = share * denominator;
    if (std::abs(numerator - std::round(numerator)) > 1e-6) continue;
    const int n = static_cast<int>(std::round(numerator));
    const QString above = n == 1 ? QStringLiteral("π") : QString::number(n) + QStringLiteral("π");
    return sign + above + (denominator == 1 ? QString() : u'/' + QString::number(denominator));
  }
  return sign + QString::number(share, 'g', 4) + QStringLiteral("π");
}

QString countOrPower(double tick) {
  return tick >= 1 && tick < 0.99e5 ? count(qRound64(tick))
                                    : powerOfTen(static_cast<int>(std::lround(std::log10(tick))));
}

// Leaves every label, every second, every third and so on, the first choice in which none touches the next. Of equal
// strides the one that shows most wins, then the one that shows zero.
void keepApart(const QCPAxis& axis, const QVector<double>& ticks, QVector<QString>& labels) {
  const QFontMetricsF font(axis.tickLabelFont());
  const bool across = axis.orientation() == Qt::Horizontal;
  const auto half = [&](qsizetype i) { return across ? font.horizontalAdvance(labels[i]) / 2 : font.ascent() / 2; };
  const auto touch = [&](qsizetype a, qsizetype b) {
    return std::abs(axis.coordToPixel(ticks[b]) - axis.coordToPixel(ticks[a])) <
           half(a) + half(b) + font.averageCharWidth() / 2;
  };
  for (qsizetype stride = 1; stride <= ticks.size(); ++stride) {
    qsizetype best = 0, from = 0;
    for (qsizetype start = 0; start < stride; ++start) {
      qsizetype shown = 0, last = -1;
      bool zero = false, apart = true;
      for (qsizetype i = start; i < ticks.size() && apart; i += stride) {
        if (labels[i].isEmpty()) continue;
        apart = last < 0 || !touch(last, i);
        last = i;
        zero = zero || std::abs(ticks[i]) < 1e-300;
        ++shown;
      }
      const qsizetype worth = apart ? 2 * shown + (zero ? 1 : 0) : 0;
      if (worth > best) best = worth, from = start;
    }
    if (best == 0) continue;
    for (qsizetype i = 0; i < ticks.size(); ++i)
      if (i % stride != from) labels[i].clear();
    return;
  }
}

}  // namespace

PiTicker::PiTicker() : NumberTicker(fractionOfPi) {}

double PiTicker::getTickStep(const QCPRange& range) {
  const double wanted = range.size() / std::numbers::pi / std::max(1, mTickCount);
  return std::numbers::pi * std::pow(2.0, std::round(std::log2(wanted)));
}

void NumberTicker::generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision,
                            QVector<double>& ticks, QVector<double>* subTicks, QVector<QString>* tickLabels) {
  const int wanted = mTickCount;
  if (m_axis && m_axis->orientation() == Qt::Vertical) {
    const double line = QFontMetricsF(m_axis->tickLabelFont()).height();
    setTickCount(std::clamp(static_cast<int>(m_axis->axisRect()->height() / line), std::min(3, wanted), wanted));
  }
  QCPAxisTicker::generate(range, locale, formatChar, precision, ticks, subTicks, tickLabels);
  setTickCount(wanted);
  if (m_axis && tickLabels) keepApart(*m_axis, ticks, *tickLabels);
}

QString NumberTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
  if (m_label) return m_label(tick);
  static const QRegularExpression zeros(QStringLiteral("(\\.\\d*?)0+$")), point(QStringLiteral("\\.$"));
  // A step of 0.1 makes 0.30000000000000004: show no more digits than ticks can differ in.
  return number(std::abs(tick) < 1e-12 ? 0.0 : QString::number(tick, 'g', 6).toDouble(), 6)
      .replace(zeros, QStringLiteral("\\1"))
      .replace(point, QString());
}

int NumberTicker::getSubTickCount(double) {
  return 0;
}

double IntegerTicker::getTickStep(const QCPRange& range) {
  return std::max(1.0, NumberTicker::getTickStep(range));
}

double LogTicker::getTickStep(const QCPRange& range) {
  if (range.lower <= 0 || range.upper <= range.lower) return 1;
  return std::log10(range.upper / range.lower) < 1 ? NumberTicker::getTickStep(range) : 1;
}

QVector<double> LogTicker::createTickVector(double tickStep, const QCPRange& range) {
  if (range.lower <= 0 || range.upper <= range.lower) return {};
  const double decades = std::log10(range.upper / range.lower);
  if (decades < 1) return NumberTicker::createTickVector(tickStep, range);
  const int first = static_cast<int>(std::floor(std::log10(range.lower)));
  const int last = static_cast<int>(std::ceil(std::log10(range.upper)));
  // Keep to about as many ticks as a linear axis would have; steps of 3 and 6 read well in powers of ten.
  int stride = 1;
  for (const int candidate : {1, 2, 3, 5, 10, 20, 50, 100}) {
    stride = candidate;
    if (decades / candidate <= mTickCount + 1.5) break;
  }
  QVector<double> ticks;
  for (int exponent = first; exponent <= last; ++exponent) {
    if (((exponent % stride) + stride) % stride != 0) continue;
    ticks.append(std::pow(10.0, exponent));
    if (decades < 2.2) {
      ticks.append(2 * ticks.back());
      ticks.append(2.5 * ticks.back());
    }
  }
  return ticks;
}

QString LogTicker::getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) {
  if (!m_label && tick > 0 && (tick < 0.99e-2 || tick > 0.99e5)) {
    const double exponent = std::log10(tick);
    if (std::abs(exponent - std::round(exponent)) < 1e-9) return powerOfTen(static_cast<int>(std::round(exponent)));
  }
  return NumberTicker::getTickLabel(tick, locale, formatChar, precision);
}

QVector<double> DoublingTicker::createTickVector(double, const QCPRange& range) {
  QVector<double> ticks;
  if (range.lower <= 0 || range.upper <= range.lower) return ticks;
  const int last = std::min(static_cast<int>(std::floor(std::log2(range.upper))), 60);
  for (int exponent = std::max(static_cast<int>(std::ceil(std::log2(range.lower))), -60); exponent <= last; ++exponent)
    ticks.append(std::pow(2.0, exponent));
  return ticks;
}

void useTicker(QCPAxis* axis, Ticks kind, int ticks) {
  QSharedPointer<NumberTicker> ticker;
  if (axis->scaleType() == QCPAxis::stLogarithmic) {
    if (kind == Ticks::Doublings)
      ticker.reset(new DoublingTicker([](double tick) { return number(tick, 6); }));
    else
      ticker.reset(kind == Ticks::Integers ? new LogTicker(countOrPower) : new LogTicker);
  } else if (kind != Ticks::Numbers) {
    ticker.reset(new IntegerTicker([](double tick) { return count(qRound64(tick)); }));
  } else {
    ticker.reset(new NumberTicker);
  }
  ticker->setTickCount(ticks);
  ticker->setAxis(axis);
  axis->setTicker(ticker);
}

}  // namespace widgets
