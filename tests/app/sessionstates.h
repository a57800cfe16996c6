// Session states with every field at random, for the tests of the session file.
#pragma once
#include <QString>
#include <cmath>
#include <random>

#include "app/sessionfile.h"

namespace sessionstates {

class Random {
 public:
  explicit Random(unsigned seed) : m_engine(seed) {}
  int below(int limit) { return static_cast<int>(m_engine() % static_cast<unsigned>(limit)); }
  bool coin() { return below(2) == 1; }
  double real() {
    const double exponent = below(40) - 20;
    return (coin() ? 1 : -1) * std::ldexp(static_cast<double>(m_engine()) / 4294967296.0, static_cast<int>(exponent));
  }
  QString words() {
    static const QString letters = QStringLiteral("abcXYZ 019\"\\/{}\n\täσ≤…日本😀");
    QString out;
    for (int i = below(12); i > 0; --i) out += letters.mid(below(static_cast<int>(letters.size()) - 2), 1);
    return QString::fromUtf8(out.toUtf8());  // halves of surrogate pairs become replacement characters
  }

 private:
  std::mt19937 m_engine;
};

inline app::SessionState randomState(Random& random, const QString& checkpoint) {
  app::SessionState s;
  s.checkpoint = checkpoint;
  s.fingerprint = random.words();
  for (int i = random.below(3); i > 0; --i) s.choices[random.words().toStdString()] = random.words().toStdString();
  for (int b = random.below(4); b > 0; --b) {
    app::SavedBank bank;
    bank.path = random.words().toStdString();
    for (int i = random.below(60); i > 0; --i)
      bank.orders.push_back(random.coin() && !bank.orders.empty() ? bank.orders.back() : random.below(65));
    for (int i = 0; i < static_cast<int>(bank.orders.size()); ++i)
      if (random.below(4) == 0) bank.locked.push_back(i);
    s.banks.push_back(bank);
  }
  s.selection = random.words().toStdString();
  s.tolerancePercent = random.real();
  s.scope = random.below(4);
  s.fitWeight = {random.real(), random.real(), random.words()};
  for (int i = random.below(3); i > 0; --i) s.methods.push_back(random.words().toStdString());
  s.preset = random.below(3);
  s.search = random.words();
  s.sortColumn = random.below(9);
  s.sortDescending = random.coin();
  for (int i = random.below(3); i > 0; --i) s.switches.push_back(random.words().toStdString());
  s.spectrumQuantity = random.below(3);
  for (int i = random.below(4); i > 0; --i) {
    app::SavedPlot plot;
    plot.name = random.words().toStdString();
    plot.logX = random.coin();
    plot.logY = random.coin();
    if (random.coin()) plot.ranges = {random.real(), random.real(), random.real(), random.real()};
    for (int m = random.below(3); m > 0; --m) plot.marks.emplace_back(random.real(), random.real());
    s.plots.push_back(plot);
  }
  for (int i = random.below(50); i > 0; --i) s.layout.append(static_cast<char>(random.below(256)));
  s.generation = {random.words(),   random.below(9999), random.below(99), random.below(1 << 30), random.real(),
                  random.below(99), random.real(),      random.words(),   random.words()};
  s.effect = {random.words(), random.below(99), random.real()};
  s.reference = {random.words().toStdString(), random.words()};
  return s;
}

}  // namespace sessionstates
